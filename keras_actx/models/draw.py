"""The weights of a layer, drawn again from other initializers."""

from typing import Any

import keras

from keras_actx.models.instances import replaced
from keras_actx.models.weights import own_weights

L = keras.layers
DEPTHWISE = (L.DepthwiseConv1D, L.DepthwiseConv2D)
_SEPARABLE = (L.SeparableConv1D, L.SeparableConv2D)
TRANSPOSED = (L.Conv1DTranspose, L.Conv2DTranspose, L.Conv3DTranspose)


def kernel_arguments(layer: Any) -> tuple[str, dict[str, Any]]:
    """The argument of a layer that initializes the kernel before its activation, and the axes of it for `Paired`."""
    if isinstance(layer, DEPTHWISE):
        return "depthwise_initializer", {"depthwise": True}
    if isinstance(layer, _SEPARABLE):
        return "pointwise_initializer", {}
    if isinstance(layer, TRANSPOSED):
        return "kernel_initializer", {"input_axes": (-1,), "output_axes": (-2,)}
    return "kernel_initializer", {}


def kernel_of(layer: Any) -> Any:
    """The kernel of a layer before its activation."""
    return layer.pointwise_kernel if hasattr(layer, "pointwise_kernel") else layer.kernel


def has_depthwise_part(layer: Any) -> bool:
    """Whether the kernel before the activation follows one of each channel."""
    return isinstance(layer, _SEPARABLE)


def drawn(layer: Any, initializers: dict[str, Any]) -> list[tuple[Any, Any]]:
    """The weights of a built layer, without those of its sublayers, each beside a fresh one of these initializers."""
    # Keras passes an initializer what it has to know about the kernel, when it builds a layer.
    with replaced(layer, "activation", keras.activations.linear):  # which is saved without a warning
        fresh = type(layer).from_config({**layer.get_config(), **initializers})
    fresh.build_from_config(layer.get_build_config())
    return list(zip(own_weights(layer), own_weights(fresh), strict=True))
