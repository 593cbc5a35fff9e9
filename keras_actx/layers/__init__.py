"""The layers: what has weights, randomness or another output shape than its input."""

from keras_actx.layers.dense_block import DenseBlock as DenseBlock
from keras_actx.layers.gated_linear_unit import GatedLinearUnit as GatedLinearUnit
from keras_actx.layers.learnable_activation import LearnableActivation as LearnableActivation
from keras_actx.layers.stochastic_activation import StochasticActivation as StochasticActivation
