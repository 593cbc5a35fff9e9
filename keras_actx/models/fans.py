"""How many inputs each output of a kernel is a sum of, and what that makes of the size of a signal."""

import math
from typing import Any

import keras
import numpy as np

from keras_actx.models.draw import DEPTHWISE, TRANSPOSED, kernel_of

L = keras.layers


def squared_gain(layer: Any) -> float | None:
    """fan_in E[w^2] of a dense or convolutional layer: the second moment of z for an input of second moment 1."""
    if not layer.built or getattr(layer.dtype_policy, "quantization_mode", None) is not None:
        return None
    kernels = [layer.depthwise_kernel, layer.pointwise_kernel] if hasattr(layer, "pointwise_kernel") else [layer.kernel]
    squares = [float(np.mean(np.square(as_numpy(kernel)))) for kernel in kernels]
    return math.prod(fan * square for fan, square in zip(fans_of(layer), squares, strict=True))


def fans_of(layer: Any) -> list[float]:
    """How many inputs each output of a kernel is a sum of; for a separable layer, of its two kernels."""
    if hasattr(layer, "pointwise_kernel"):
        return [math.prod(layer.depthwise_kernel.shape[:-2]), layer.pointwise_kernel.shape[-2]]
    shape = layer.kernel.shape
    if isinstance(layer, L.EinsumDense):
        return [math.prod(size for letter, size in _by_letter(layer) if letter not in _letters(layer)[1])]
    if isinstance(layer, DEPTHWISE):
        return [math.prod(shape[:-2])]
    if isinstance(layer, TRANSPOSED):  # each output is in the reach of one in strides taps
        return [math.prod(shape[:-2]) * shape[-1] / math.prod(layer.strides)]
    return [math.prod(shape[:-1])]


def fan_out_of(layer: Any) -> float:
    """How many outputs each input of a kernel is a term of, without the effect of strides; Keras's fan_out."""
    shape = kernel_of(layer).shape
    if isinstance(layer, L.EinsumDense):
        return math.prod(size for letter, size in _by_letter(layer) if letter in _letters(layer)[1])
    return math.prod(shape[:-2]) * (shape[-2] if isinstance(layer, TRANSPOSED) else shape[-1])


def _letters(layer: Any) -> list[str]:
    """The letters of the kernel and of the output in the equation of an `EinsumDense`."""
    return layer.equation.replace("->", ",").replace("...", "").split(",")[1:]


def _by_letter(layer: Any) -> Any:
    return zip(_letters(layer)[0], layer.kernel.shape, strict=True)


def part_in_input(layer: Any, shape: Any) -> float:
    """The part of a convolution's kernel, by its squares, that is not over the padding, for an input of this shape."""
    padding = getattr(layer, "padding", "valid")
    if padding == "valid" or isinstance(layer, TRANSPOSED):
        return 1.0
    sizes = shape[2:] if layer.data_format == "channels_first" else shape[1:-1]
    kernel = layer.depthwise_kernel if hasattr(layer, "depthwise_kernel") else layer.kernel
    squares = np.square(as_numpy(kernel)).mean(axis=(-2, -1))
    total = squares.sum()
    places = zip(sizes, squares.shape, layer.strides, layer.dilation_rate, strict=True)
    for size, taps, stride, dilation in reversed(list(places)):  # the last axis first
        squares = squares @ _in_input(size, taps, stride, dilation, causal=padding == "causal")
    return float(squares / total) if total else 1.0


def _in_input(size: int | None, taps: int, stride: int, dilation: int, causal: bool) -> np.ndarray:
    """For each tap along one axis, the part of the outputs for which it is not over the padding."""
    if size is None:
        return np.ones(taps)
    count = -(-size // stride)
    reach = (taps - 1) * dilation
    before = reach if causal else max((count - 1) * stride + reach + 1 - size, 0) // 2
    places = stride * np.arange(count)[:, None] - before + dilation * np.arange(taps)
    return ((places >= 0) & (places < size)).mean(axis=0)


def stride_factor(layer: Any, mode: str) -> float:
    """What the kernel of a transposed convolution is multiplied by, since strides make its fan_in smaller.

    Args:
        layer: any layer with a kernel; the factor of others is 1.
        mode: of the pairing: what its gain is divided by.
    """
    if not isinstance(layer, TRANSPOSED):
        return 1.0
    fan_in, strides = math.prod(fans_of(layer)), math.prod(layer.strides)
    if mode == "fan_avg":
        fan_out = fan_out_of(layer)
        return math.sqrt((strides * fan_in + fan_out) / (fan_in + fan_out))
    return float(strides) if mode == "fan_in_squared" else math.sqrt(strides)


def as_numpy(variable: Any) -> np.ndarray:
    """The values in float64."""
    return np.asarray(keras.ops.convert_to_numpy(variable), dtype="float64")
