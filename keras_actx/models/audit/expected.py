r"""The signal and the gradient that the weights of a model let expect at each kernel, before any data.

For z = W x + b with independent terms: E[z^2] = fan_in E[w^2] Var(x) + E[(sum of w)^2] E[x]^2 + E[b^2]; behind an
activation, E[x^2] = E[f(z)^2] for a normal z; behind a normalization, that of its scale and offset; the terms of a sum
are added.
Backward, the squared norm of the gradient of a row is multiplied by fan_in E[w^2] at a kernel, by E[f'(z)^2] at an
activation, and by (scale^2 / variance) at a normalization; the gradients of several consumers are added. That is the
mean-field theory of Poole et al. 2016, arXiv:1606.05340, and Schoenholz et al. 2017, arXiv:1611.01232, at the weights
as they are now. What has no rule, such as a product or a layer of the user, is unknown, and so is what depends on it.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import keras
import numpy as np

from keras_actx.expectation.functions import elementwise_function, kind_of
from keras_actx.expectation.moments import moments
from keras_actx.layers._applied import as_named
from keras_actx.layers._place import KERNELS, MOVING, NORMALIZATIONS, TRANSPARENT
from keras_actx.models.draw import DEPTHWISE, TRANSPOSED
from keras_actx.models.graph import Call, graph_of
from keras_actx.models.kernels import BLOCKS, LINEAR, activation_of, applied_layer, blocks_of, is_sum
from keras_actx.names.resolve import resolve

L = keras.layers
#: Layers that select or repeat values.
_SELECTING = (
    *(L.ZeroPadding1D, L.ZeroPadding2D, L.ZeroPadding3D, L.Cropping1D, L.Cropping2D, L.Cropping3D),
    *(L.UpSampling1D, L.UpSampling2D, L.UpSampling3D),
    *(L.MaxPooling1D, L.MaxPooling2D, L.MaxPooling3D),
    *(L.GlobalMaxPooling1D, L.GlobalMaxPooling2D, L.GlobalMaxPooling3D),
)
#: For the mean of a function of a normal number. Kinks leave an error of a few percent.
_POINTS, _WEIGHTS = np.polynomial.hermite_e.hermegauss(41)
_WEIGHTS = _WEIGHTS / _WEIGHTS.sum()
_AVERAGING = (L.AveragePooling1D, L.AveragePooling2D, L.AveragePooling3D)
_AVERAGING_ALL = (L.GlobalAveragePooling1D, L.GlobalAveragePooling2D, L.GlobalAveragePooling3D)


class Signal(NamedTuple):
    """The mean and the second moment of the elements of a tensor, and the part of it that is variance across rows."""

    mean: float
    second: float
    across: float

    @property
    def variance(self) -> float:
        return max(self.second - self.mean**2, 0.0)

    def scaled(self, factor: float, offset: float = 0.0) -> "Signal":
        """The signal of factor x + offset."""
        mean = factor * self.mean + offset
        return Signal(mean, factor**2 * self.variance + mean**2, factor**2 * self.across)


@dataclass(frozen=True)
class Expected:
    """What is expected at a kernel; None for what is unknown.

    Args:
        z: its result.
        gradient: the squared norm of the gradient of a row with respect to z, for one of norm 1 at every output.
    """

    z: Signal | None = None
    gradient: float | None = None


@dataclass(frozen=True)
class _Step:
    """A part of a call: its output, and the factor of the gradient from there to its input.

    Of a kernel with what follows in its layer: z, the factor from the output to z and that from z to the input, and
    whether the input is added to the output.
    """

    output: Signal | None
    back: float | None
    kernel: Any = None
    z: Signal | None = None
    slope: float | None = None
    is_residual: bool = False

    def at_z(self, gradient: float | None, ends: bool) -> float | None:
        """The gradient at z from that at the output. At the end, an activation without a factor (softmax) passes it."""
        return gradient if ends and self.slope is None else _times(gradient, self.slope)

    def at_input(self, gradient: float | None, ends: bool) -> float | None:
        """The gradient at the input from that at the output."""
        if self.kernel is None:
            return gradient if ends and self.back is None else _times(gradient, self.back)
        passed = _times(self.at_z(gradient, ends), self.back)
        return _sum([gradient, passed]) if self.is_residual else passed


def expected_of(model: Any) -> dict[int, Expected]:
    """What is expected at each dense and convolutional layer of a graph, by the id of the layer.

    For a layer that is called several times, at its first call.
    """
    graph = graph_of(model)
    signals: dict[int, Signal | None] = dict.fromkeys(graph.inputs, Signal(0.0, 1.0, 1.0))
    steps: list[tuple[Call, list[_Step]]] = []
    for call in graph.calls:
        given = [signals.get(one) for one in call.inputs]
        found = _steps(call, given)
        steps.append((call, found))
        signals.update(dict.fromkeys(call.outputs, found[-1].output))
    consumed = {one for call in graph.calls for one in call.inputs}
    gradients: dict[int, float | None] = {}
    results: dict[int, Expected] = {}
    for call, found in reversed(steps):
        ends = not any(one in consumed for one in call.outputs)
        gradient = 1.0 if ends else _sum([gradients[one] for one in call.outputs if one in gradients])
        for step in reversed(found):
            if step.kernel is not None:
                results[id(step.kernel)] = Expected(step.z, step.at_z(gradient, ends))
            gradient = step.at_input(gradient, ends)
        for one in dict.fromkeys(call.inputs):
            gradients[one] = gradient if one not in gradients else _sum([gradients[one], gradient])
    return results


def _steps(call: Call, given: list[Signal | None]) -> list[_Step]:
    """What a call does, one after the other."""
    layer = applied_layer(call.operation)
    if isinstance(layer, BLOCKS):
        steps: list[_Step] = []
        for block in blocks_of(layer):
            steps.append(_of_block(block, steps[-1].output if steps else given[0]))
        return steps
    if is_sum(call):
        return [_Step(_sum_of_signals(given), 1.0)]
    if type(layer).__name__ == "Concatenate":
        return [_Step(_joined(given), 1.0)]
    if len(given) != 1:
        return [_Step(None, None)]
    rule = next((rule for kinds, rule in _RULES if isinstance(layer, kinds)), None)
    if rule is None and type(layer).__name__ in ("LayerScale", "StochasticDepth"):  # of keras.applications
        rule = _scaled
    if rule is not None:
        return [rule(layer, given[0])]
    subject = activation_of(layer)
    return [_Step(None, None) if subject is None else _through(subject, given[0])]


def _of_kernel(layer: Any, signal: Signal | None) -> _Step:
    factor = squared_gain(layer)
    z = None
    if signal is not None and factor is not None:
        bias = _numpy(layer.bias) if getattr(layer, "bias", None) is not None else np.zeros(1)
        sums = _column_sums(layer)
        of_mean = factor if sums is None else float(np.mean(sums**2))  # 0 for columns of mean 0
        second = factor * signal.variance + of_mean * signal.mean**2 + float(np.mean(bias**2))
        z = Signal(float(bias.mean()), second, factor * signal.across)
    after = _through(as_named(resolve(layer.activation).subject), z)
    return _Step(after.output, factor, layer, z, after.back)


def _column_sums(layer: Any) -> np.ndarray | None:
    """The sum of the kernel for each unit, which multiplies the mean of the input; None for random columns."""
    if type(layer) not in (L.Dense, L.Conv1D, L.Conv2D, L.Conv3D) or getattr(layer, "groups", 1) != 1:
        return None
    kernel = _numpy(layer.kernel)
    return kernel.sum(axis=tuple(range(kernel.ndim - 1)))


def _of_block(block: Any, signal: Signal | None) -> _Step:
    first = _of_kernel(block.dense, signal)
    inner = [] if block.normalization is None else [_normalized(block.normalization, first.output)]
    inner.append(_through(block.paired_with, inner[-1].output if inner else first.output))
    output = inner[-1].output
    if block._output_moments is not None and output is not None:
        mean, deviation = block._output_moments
        output = output.scaled(1.0 / deviation, -mean / deviation)
        inner.append(_Step(output, 1.0 / deviation**2))
    slope = first.slope
    for one in inner:
        slope = _times(slope, one.back)
    if block.residual:
        output = _sum_of_signals([output, signal])
    return _Step(output, first.back, block.dense, first.z, slope, block.residual)


def _through(subject: Any, signal: Signal | None) -> _Step:
    """An activation of z."""
    if subject == LINEAR:
        return _Step(signal, 1.0)
    if signal is None:
        return _Step(None, None)
    try:
        # The derivative at a constant is that at its value.
        found = moments(subject, mean=signal.mean, variance=max(signal.variance, 1e-12 * (1.0 + signal.mean**2)))
    except (ValueError, TypeError, ArithmeticError):  # an activation that mixes an axis, or numbers beyond its range
        return _Step(None, None)
    slope = found.derivative_second_moment
    across = found.variance if signal.across >= signal.variance else _across(subject, signal, found.variance)
    return _Step(Signal(found.mean, found.second_moment, across), slope if math.isfinite(slope) else None)


def _across(subject: Any, signal: Signal, variance: float) -> float:
    """The variance of f(z) across the rows: E[f(z)^2] - E[f(z) f(z')], for z and z' of two rows of one unit."""
    if kind_of(subject) != "elementwise":  # as if it were linear
        return variance * signal.across / signal.variance
    function, _ = elementwise_function(subject)
    common, own = (math.sqrt(one) for one in (signal.variance - signal.across, signal.across))
    points = signal.mean + common * _POINTS[:, None] + own * _POINTS
    values = function(points.ravel()).reshape(points.shape)
    means = values @ _WEIGHTS
    return float(_WEIGHTS @ (np.square(values - means[:, None]) @ _WEIGHTS))


def _normalized(layer: Any, signal: Signal | None) -> _Step:
    gamma = getattr(layer, "gamma", None)
    gamma = getattr(layer, "scale", None) if gamma is None else gamma  # of an RMSNormalization
    is_scaled = gamma is not None and not isinstance(gamma, bool)
    scale = float(np.mean(np.square(_numpy(gamma)))) if is_scaled else 1.0
    beta = getattr(layer, "beta", None)
    offset = np.zeros(1) if beta is None else _numpy(beta)
    second = scale + float(np.mean(offset**2))
    if isinstance(layer, (L.BatchNormalization, L.Normalization)):  # of each unit, across the rows
        variance = None if signal is None else signal.across
        return _Step(Signal(float(offset.mean()), second, scale), _over(scale, variance))
    variance = None if signal is None else signal.variance
    across = scale if signal is None or not signal.variance else scale * signal.across / signal.variance
    return _Step(Signal(float(offset.mean()), second, across), _over(scale, variance))


def _over(scale: float, variance: float | None) -> float | None:
    return scale / variance if variance else None


def _same(layer: Any, signal: Signal | None) -> _Step:
    return _Step(signal, 1.0)


def _scaled(layer: Any, signal: Signal | None) -> _Step:
    gamma = getattr(layer, "gamma", None)
    factor = 1.0 if gamma is None else float(np.mean(np.square(_numpy(gamma))))
    return _Step(None if signal is None else signal.scaled(math.sqrt(factor)), factor)


def _rescaled(layer: Any, signal: Signal | None) -> _Step:
    if not all(isinstance(one, (int, float)) for one in (layer.scale, layer.offset)):
        return _Step(None, None)
    return _Step(None if signal is None else signal.scaled(layer.scale, layer.offset), layer.scale**2)


def _averaged(layer: Any, signal: Signal | None) -> _Step:
    """The mean of correlated values has no known second moment; each gets its part of the gradient."""
    return _Step(None, 1.0 / math.prod(layer.pool_size))


def _averaged_all(layer: Any, signal: Signal | None) -> _Step:
    shape = layer._inbound_nodes[0].input_tensors[0].shape[1:]
    positions = shape[1:] if layer.data_format == "channels_first" else shape[:-1]
    return _Step(None, None if None in positions else 1.0 / math.prod(positions))


def _embedded(layer: Any, signal: Signal | None) -> _Step:
    table = _numpy(layer.embeddings)
    return _Step(Signal(float(table.mean()), float(np.mean(table**2)), float(table.var(axis=0).mean())), None)


_RULES: tuple[tuple[tuple[type, ...], Callable[[Any, Signal | None], _Step]], ...] = (
    ((*TRANSPARENT, *MOVING, *_SELECTING), _same),
    (KERNELS, _of_kernel),
    (NORMALIZATIONS, _normalized),
    ((L.Rescaling,), _rescaled),
    (_AVERAGING, _averaged),
    (_AVERAGING_ALL, _averaged_all),
    ((L.Embedding,), _embedded),
)


def squared_gain(layer: Any) -> float | None:
    """fan_in E[w^2] of a dense or convolutional layer: the second moment of z for an input of second moment 1."""
    if not layer.built or getattr(layer.dtype_policy, "quantization_mode", None) is not None:
        return None
    fans = fans_of(layer)
    kernels = [layer.depthwise_kernel, layer.pointwise_kernel] if hasattr(layer, "pointwise_kernel") else [layer.kernel]
    return math.prod(fan * float(np.mean(np.square(_numpy(kernel)))) for fan, kernel in zip(fans, kernels, strict=True))


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
    shape = layer.pointwise_kernel.shape if hasattr(layer, "pointwise_kernel") else layer.kernel.shape
    if isinstance(layer, L.EinsumDense):
        return math.prod(size for letter, size in _by_letter(layer) if letter in _letters(layer)[1])
    return math.prod(shape[:-2]) * (shape[-2] if isinstance(layer, TRANSPOSED) else shape[-1])


def _letters(layer: Any) -> list[str]:
    """The letters of the kernel and of the output in the equation of an `EinsumDense`."""
    return layer.equation.replace("->", ",").replace("...", "").split(",")[1:]


def _by_letter(layer: Any) -> Any:
    return zip(_letters(layer)[0], layer.kernel.shape, strict=True)


def _numpy(variable: Any) -> np.ndarray:
    return np.asarray(keras.ops.convert_to_numpy(variable), dtype="float64")


def _sum_of_signals(given: list[Signal | None]) -> Signal | None:
    if any(one is None for one in given):
        return None
    known = [one for one in given if one is not None]
    mean = sum(one.mean for one in known)
    return Signal(mean, sum(one.variance for one in known) + mean**2, sum(one.across for one in known))


def _joined(given: list[Signal | None]) -> Signal | None:
    """Side by side, as if all had the same size."""
    known = [one for one in given if one is not None]
    if len(known) < len(given):
        return None
    return Signal(*(sum(values) / len(known) for values in zip(*known, strict=True)))


def _sum(given: list[float | None]) -> float | None:
    return None if any(one is None for one in given) else float(sum(one for one in given if one is not None))


def _times(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else one * other
