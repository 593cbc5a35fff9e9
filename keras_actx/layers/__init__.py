"""The layers: activations with weights, with randomness, or with a change of shape, and dense blocks."""

from keras_actx.layers.adaptive_activation import AdaptiveActivation as AdaptiveActivation
from keras_actx.layers.crelu import CReLU as CReLU
from keras_actx.layers.dense_block import DenseBlock as DenseBlock
from keras_actx.layers.dense_stack import DenseStack as DenseStack
from keras_actx.layers.dice import Dice as Dice
from keras_actx.layers.dynamic_relu import DynamicReLU as DynamicReLU
from keras_actx.layers.funnel_relu import FunnelReLU as FunnelReLU
from keras_actx.layers.gated_linear_unit import GatedLinearUnit as GatedLinearUnit
from keras_actx.layers.group_sort import GroupSort as GroupSort
from keras_actx.layers.learnable_activation import LearnableActivation as LearnableActivation
from keras_actx.layers.maxout import Maxout as Maxout
from keras_actx.layers.meta_acon import MetaACON as MetaACON
from keras_actx.layers.poly_norm import PolyNorm as PolyNorm
from keras_actx.layers.stochastic_activation import StochasticActivation as StochasticActivation

__all__ = [
    "AdaptiveActivation",
    "CReLU",
    "DenseBlock",
    "DenseStack",
    "Dice",
    "DynamicReLU",
    "FunnelReLU",
    "GatedLinearUnit",
    "GroupSort",
    "LearnableActivation",
    "Maxout",
    "MetaACON",
    "PolyNorm",
    "StochasticActivation",
]


def __dir__() -> list[str]:
    """The names of the layers, without the modules."""
    return __all__
