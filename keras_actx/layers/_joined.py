"""Blocks in sequence that save one tensor each: f(z) is computed again for the gradient of the next kernel."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import keras

from keras_actx import backend, config
from keras_actx.declaration.activation import Activation
from keras_actx.declaration.evaluation import Projection, as_function
from keras_actx.layers.dense_block import DenseBlock
from keras_actx.layers.gated_linear_unit import GatedLinearUnit
from keras_actx.layers.learnable_activation import LearnableActivation


def call_in_order(blocks: Sequence[DenseBlock], x: Any, training: bool | None) -> Any:
    """Call the blocks in order.

    A block saves its pre-activation z for f'(z), and the next saves f(z) for the gradient of its kernel. Where nothing
    else needs f(z), the two are called as one function of z and the kernel, which saves these alone.
    """
    joins = [False] * len(blocks)
    # Its layouts are those of the blocks' outputs.
    split = isinstance(keras.distribution.distribution(), keras.distribution.ModelParallel)
    if config.memory_efficient() and not config.portable() and not split and backend.rematerializes(x):
        joins = [_is_plain(one, training) and _takes(other) for one, other in pairwise(blocks)] + [False]
    after = None
    for block, joins_next in zip(blocks, joins, strict=True):
        if after is None and not joins_next:
            x = block(x, training=training)
            continue
        z = block.dense(x) if after is None else _dense_of(block.dense, *after)
        after = _projection(block, z) if joins_next else None
        x = z if joins_next else block.activate(z)
    return x


def _dense_of(dense: Any, projection: Projection, tensors: tuple[Any, ...]) -> Any:
    """What `dense` returns for the result of the activation in `projection`."""
    z, *parameters = tensors
    kernel = keras.ops.cast(dense.kernel, z.dtype)
    y = backend.rematerialize(projection, (z, kernel, *parameters))
    return y if dense.bias is None else keras.ops.add(y, dense.bias)


def _projection(block: DenseBlock, z: Any) -> tuple[Projection, tuple[Any, ...]]:
    """The product of the block's output with a kernel, as a function of `z` and the parameters of the activation."""
    layer, activation = block.activation_layer, _function(block)
    inner, tensors = activation, (z,)
    if isinstance(activation, Activation):
        settings = dict(activation.params)
        if isinstance(layer, LearnableActivation):
            settings |= layer._learned_for(z)
        inner, tensors = as_function(activation.declaration, z, settings)
    return Projection(inner, block._output_moments, block.dense.units != block.units), tensors


def _function(block: DenseBlock) -> Any:
    """The activation of a block, if a call of the layer that applies it does nothing else; otherwise None."""
    layer = block.activation_layer
    if type(layer) is LearnableActivation:
        return layer.declared if _has_own_call(layer) else None
    if type(layer) is GatedLinearUnit:
        return layer.declared if _has_own_call(layer) and layer.gate == "last" and not layer.interleaved else None
    if not block._is_function(layer):
        return None
    function = layer.activation
    if isinstance(function, Activation):
        return function if function.declaration.kind == "elementwise" and not function.declaration.stochastic else None
    # Functions of a user may draw random numbers, or read variables.
    return function if getattr(keras.activations, getattr(function, "__name__", ""), None) is function else None


def _is_plain(block: DenseBlock, training: bool | None) -> bool:
    """Whether a call of the block is its kernel, its bias and an activation that may be computed twice."""
    return _takes(block) and (block.dropout_layer is None or training is False) and _function(block) is not None


def _takes(block: DenseBlock) -> bool:
    """Whether the block uses its input for a plain product with its kernel only."""
    dense = block.dense
    return (
        type(block) is DenseBlock
        and type(dense) is keras.layers.Dense
        and _has_own_call(block)
        and _has_own_call(dense)
        and dense.activation is keras.activations.linear
        and not dense.lora_enabled
        and dense.dtype_policy.quantization_mode is None
        and dense.compute_dtype == block.compute_dtype
        and block.normalization is None
        and not block.residual
    )


def _has_own_call(layer: Any) -> bool:
    """Whether a call of a built layer is its class's `call` and nothing else."""
    return (
        layer.built
        and "call" not in vars(layer)
        and layer.activity_regularizer is None
        and getattr(layer, "_remat_mode", None) is None
        and not any(getattr(layer, hooks, None) for hooks in _HOOKS)
    )


#: Those of a torch module.
_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
