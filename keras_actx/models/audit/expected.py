r"""The signal and the gradient that the weights of a model let expect at each kernel, before any data.

For z = W x + b with independent terms: E[z^2] = fan_in E[w^2] Var(x) + E[(sum of w)^2] E[x]^2 + E[b^2]; behind an
activation, E[x^2] = E[f(z)^2] for a normal z; behind a normalization, that of its scale and offset; the terms of a sum
are added. If the units of a kernel are in pairs with correlated weights, as in a looks-linear start, where they are
opposite, so are z, the activations and the gradients, and their covariance counts.
Backward, the squared norm of the gradient of a row is multiplied by fan_in E[w^2] at a kernel, by E[f'(z)^2] at an
activation, and by (scale^2 / variance) at a normalization; the gradients of several consumers are added, as if they
were independent, and a concatenation gives each tensor the part of its size. That is the
mean-field theory of Poole et al. 2016, arXiv:1606.05340, and Schoenholz et al. 2017, arXiv:1611.01232, at the weights
as they are now. What has no rule, such as a product or a layer of the user, is unknown, and so is what depends on it.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np

from keras_actx.expectation.functions import elementwise_function, kind_of
from keras_actx.expectation.moments import moments
from keras_actx.layers._applied import as_named
from keras_actx.layers._place import KERNELS, MOVING, NORMALIZATIONS, TRANSPARENT
from keras_actx.models.audit.signals import OfPairs, Signal, both, joined, sum_of_gradients, sum_of_signals, times
from keras_actx.models.fans import as_numpy, part_in_input, squared_gain
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
#: For the mean of a function of a normal number. Kinks leave an error of a few percent; none of the points is 0.
_POINTS, _WEIGHTS = np.polynomial.hermite_e.hermegauss(40)
_WEIGHTS = _WEIGHTS / _WEIGHTS.sum()
#: The correlation from which on units count as pairs.
_PAIRED = 0.5
_AVERAGING = (L.AveragePooling1D, L.AveragePooling2D, L.AveragePooling3D)
_AVERAGING_ALL = (L.GlobalAveragePooling1D, L.GlobalAveragePooling2D, L.GlobalAveragePooling3D)


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

    Of a kernel with what follows in its layer: z, the factor from the output to z and that from z to the input, the
    correlations of the halves of its rows and columns, and whether the input is added to the output. Of a
    concatenation, the shares of its inputs.
    """

    output: Signal | None
    back: OfPairs | None
    kernel: Any = None
    z: Signal | None = None
    slope: OfPairs | None = None
    halves: tuple[float, float] = (0.0, 0.0)
    is_residual: bool = False
    shares: tuple[float, ...] = ()

    def at_z(self, gradient: OfPairs | None, ends: bool) -> OfPairs | None:
        """The gradient at z from that at the output. At the end, an activation without a factor (softmax) passes it."""
        return gradient if ends and self.slope is None else times(gradient, self.slope)

    def at_input(self, gradient: OfPairs | None, ends: bool) -> OfPairs | None:
        """The gradient at the input from that at the output."""
        if self.kernel is None:
            return gradient if ends and self.back is None else times(gradient, self.back)
        z, passed = self.at_z(gradient, ends), None
        if z is not None and self.back is not None:
            rows, columns = self.halves
            own = self.back.own * max(z.own + columns * z.pairs, 0.0)
            passed = OfPairs(own, rows * own)
        return sum_of_gradients([gradient, passed]) if self.is_residual else passed


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
    gradients: dict[int, OfPairs | None] = dict.fromkeys(graph.outputs, OfPairs(1.0, 0.0))
    results: dict[int, Expected] = {}
    for call, found in reversed(steps):
        ends = not any(one in consumed for one in call.outputs)
        gradient = sum_of_gradients([gradients[one] for one in call.outputs if one in gradients])
        for step in reversed(found):
            if step.kernel is not None:
                z = step.at_z(gradient, ends)
                results[id(step.kernel)] = Expected(step.z, None if z is None else z.own)
            gradient = step.at_input(gradient, ends)
        each = dict.fromkeys(call.inputs, 1.0).items()
        for one, share in zip(call.inputs, found[0].shares, strict=True) if found[0].shares else each:
            gradients[one] = sum_of_gradients([gradients.get(one, OfPairs(0.0, 0.0)), times(gradient, both(share))])
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
        return [_Step(sum_of_signals(given), both(1.0))]
    if type(layer).__name__ == "Concatenate":
        sizes = [shape[layer.axis] or 1 for shape in call.shapes]
        shares = tuple(size / sum(sizes) for size in sizes)
        return [_Step(joined(given, shares), OfPairs(1.0, 0.0), shares=shares)]
    if len(given) != 1:
        return [_Step(None, None)]
    rule = next((rule for kinds, rule in _RULES if isinstance(layer, kinds)), None)
    if rule is None and type(layer).__name__ in ("LayerScale", "StochasticDepth"):  # of keras.applications
        rule = _scaled
    if rule is not None:
        shape = call.shapes[0]
        return [rule(layer, given[0], shape if layer is call.operation else (shape[0], *shape[2:]))]
    subject = activation_of(layer)
    return [_Step(None, None) if subject is None else _through(subject, given[0], layer)]


def _of_kernel(layer: Any, signal: Signal | None, shape: Any = ()) -> _Step:
    if not _is_called_as_in_keras(layer):
        return _Step(None, None, layer)
    factor, (rows, columns) = squared_gain(layer), _halves(layer)
    z = None
    if factor is not None:
        factor *= part_in_input(layer, shape)
    if signal is not None and factor is not None:
        bias = as_numpy(layer.bias) if getattr(layer, "bias", None) is not None else np.zeros(1)
        sums = _column_sums(layer)
        of_mean = factor if sums is None else float(np.mean(sums**2))  # 0 for columns of mean 0
        variance = factor * max(signal.variance + rows * signal.pairs, 0.0)
        across = signal.across * variance / signal.variance if signal.variance else 0.0
        of_input = variance + of_mean * signal.mean**2
        means = [float(one.mean()) for one in np.array_split(bias, 2, axis=-1)] if bias.shape[-1] > 1 else [0.0, 0.0]
        second = of_input + float(np.mean(bias**2))
        z = Signal(float(bias.mean()), second, across, columns * of_input, (means[0], means[1]))
    after = _through(as_named(resolve(layer.activation).subject), z)
    back = None if factor is None else both(factor)
    return _Step(after.output, back, layer, z, after.back, (rows, columns))


def _is_called_as_in_keras(layer: Any) -> bool:
    """Whether no class of a user changes what the layer does with its kernel."""
    found = [getattr(type(layer), name, None) for name in ("call", "convolution_op")]
    return all(one is None or one.__module__.startswith("keras.") for one in found)


def _is_plain(layer: Any) -> bool:
    """Whether the last two axes of the kernel are those of inputs and units."""
    return type(layer) in (L.Dense, L.Conv1D, L.Conv2D, L.Conv3D) and getattr(layer, "groups", 1) == 1


def _column_sums(layer: Any) -> np.ndarray | None:
    """The sum of the kernel for each unit, which multiplies the mean of the input; None for random columns."""
    if not _is_plain(layer):
        return None
    kernel = as_numpy(layer.kernel)
    return kernel.sum(axis=tuple(range(kernel.ndim - 1)))


def _halves(layer: Any) -> tuple[float, float]:
    """The correlations of the halves of the kernel, along the inputs and along the units; 0 if small."""
    if not _is_plain(layer):
        return 0.0, 0.0
    kernel = as_numpy(layer.kernel)
    return _correlation(kernel, -2), _correlation(kernel, -1)


def _correlation(kernel: np.ndarray, axis: int) -> float:
    size = float(np.sum(kernel**2))
    if kernel.shape[axis] % 2 or not 0 < size < math.inf:
        return 0.0
    first, last = np.split(kernel, 2, axis=axis)
    found = 2.0 * float(np.sum(first * last)) / size
    return found if abs(found) >= _PAIRED else 0.0


def _of_block(block: Any, signal: Signal | None) -> _Step:
    first = _of_kernel(block.dense, signal)
    inner = [] if block.normalization is None else [_normalized(block.normalization, first.output)]
    inner.append(_through(block.paired_with, inner[-1].output if inner else first.output, block.activation_layer))
    output = inner[-1].output
    if block._output_moments is not None and output is not None:
        mean, deviation = block._output_moments
        output = output.scaled(1.0 / deviation, -mean / deviation)
        inner.append(_Step(output, both(1.0 / deviation**2)))
    slope = first.slope
    for one in inner:
        slope = times(slope, one.back)
    if block.residual:
        output = sum_of_signals([output, signal])
    return replace(first, output=output, slope=slope, is_residual=block.residual)


def _through(subject: Any, signal: Signal | None, layer: Any = None) -> _Step:
    """An activation of z, which this layer applies."""
    if subject == LINEAR:
        return _Step(signal, both(1.0))
    if signal is None:
        return _Step(None, None)
    mean: Any = signal.mean
    variance = signal.variance
    if kind_of(subject) == "gated" and signal.means is not None and not getattr(layer, "interleaved", False):
        mean = signal.means if getattr(layer, "gate", "last") == "last" else signal.means[::-1]
        variance -= ((mean[0] - mean[1]) / 2.0) ** 2
    try:
        # The derivative at a constant is that at its value.
        found = moments(subject, mean=mean, variance=max(variance, 1e-12 * (1.0 + signal.mean**2)))
    except (ValueError, TypeError, ArithmeticError):  # an activation that mixes an axis, or numbers beyond its range
        return _Step(None, None)
    slope = found.derivative_second_moment
    across = found.variance if signal.across >= signal.variance else _across(subject, signal, found.variance)
    products = _of_pairs(subject, signal)
    covariance, of_slopes = (0.0, 0.0) if products is None else (products[0] - found.mean**2, products[1])
    output = Signal(found.mean, found.second_moment, across, covariance)
    return _Step(output, OfPairs(slope, of_slopes) if math.isfinite(slope) else None)


def _of_pairs(subject: Any, signal: Signal) -> tuple[float, float] | None:
    """E[f(z) f(z')] and E[f'(z) f'(z')], for z and z' of a pair; None if they are not in pairs."""
    if abs(signal.pairs) < _PAIRED * signal.variance or not signal.variance or kind_of(subject) != "elementwise":
        return None
    function, _ = elementwise_function(subject)
    deviation, correlation = math.sqrt(signal.variance), max(-1.0, min(1.0, signal.pairs / signal.variance))
    first = np.broadcast_to(_POINTS[:, None], (len(_POINTS), len(_POINTS)))
    last = correlation * first + math.sqrt(1.0 - correlation**2) * _POINTS
    z = signal.mean + deviation * np.stack([first, last])
    step = 1e-4 * deviation  # for a difference quotient
    values = [function(one.ravel()).reshape(one.shape) for one in (z, z + step, z - step)]
    slopes = (values[1] - values[2]) / (2.0 * step)
    products = (values[0][0] * values[0][1], slopes[0] * slopes[1])
    value, slope = (float(_WEIGHTS @ one @ _WEIGHTS) for one in products)
    return value, slope


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


def _normalized(layer: Any, signal: Signal | None, shape: Any = ()) -> _Step:
    gamma = getattr(layer, "gamma", None)
    gamma = getattr(layer, "scale", None) if gamma is None else gamma  # of an RMSNormalization
    is_scaled = gamma is not None and not isinstance(gamma, bool)
    scale = float(np.mean(np.square(as_numpy(gamma)))) if is_scaled else 1.0
    beta = getattr(layer, "beta", None)
    offset = np.zeros(1) if beta is None else as_numpy(beta)
    second = scale + float(np.mean(offset**2))
    if isinstance(layer, (L.BatchNormalization, L.Normalization)):  # of each unit, across the rows
        variance = None if signal is None else signal.across
        return _Step(Signal(float(offset.mean()), second, scale), _over(scale, variance))
    variance = None if signal is None else signal.variance
    across = scale if signal is None or not signal.variance else scale * signal.across / signal.variance
    return _Step(Signal(float(offset.mean()), second, across), _over(scale, variance))


def _over(scale: float, variance: float | None) -> OfPairs | None:
    return both(scale / variance) if variance else None


def _same(layer: Any, signal: Signal | None, shape: Any) -> _Step:
    return _Step(signal, both(1.0))


def _moved(layer: Any, signal: Signal | None, shape: Any) -> _Step:
    return _Step(None if signal is None else signal._replace(pairs=0.0, means=None), OfPairs(1.0, 0.0))


def _scaled(layer: Any, signal: Signal | None, shape: Any) -> _Step:
    gamma = getattr(layer, "gamma", None)
    factor = 1.0 if gamma is None else float(np.mean(np.square(as_numpy(gamma))))
    return _Step(None if signal is None else signal.scaled(math.sqrt(factor)), both(factor))


def _rescaled(layer: Any, signal: Signal | None, shape: Any) -> _Step:
    if not all(isinstance(one, (int, float)) for one in (layer.scale, layer.offset)):
        return _Step(None, None)
    return _Step(None if signal is None else signal.scaled(layer.scale, layer.offset), both(layer.scale**2))


def _averaged(layer: Any, signal: Signal | None, shape: Any) -> _Step:
    """The mean of correlated values has no known second moment; each gets its part of the gradient."""
    return _Step(None, both(1.0 / math.prod(layer.pool_size)))


def _averaged_all(layer: Any, signal: Signal | None, shape: Any) -> _Step:
    positions = shape[2:] if layer.data_format == "channels_first" else shape[1:-1]
    return _Step(None, None if None in positions else both(1.0 / math.prod(positions)))


def _embedded(layer: Any, signal: Signal | None, shape: Any) -> _Step:
    table = as_numpy(layer.embeddings)
    return _Step(Signal(float(table.mean()), float(np.mean(table**2)), float(table.var(axis=0).mean())), None)


#: By the classes of layers: the rule for a layer, its input, and the shape of that.
_RULES: tuple[tuple[tuple[type, ...], Callable[[Any, Signal | None, Any], _Step]], ...] = (
    ((*TRANSPARENT, *_SELECTING), _same),
    (MOVING, _moved),
    (KERNELS, _of_kernel),
    (NORMALIZATIONS, _normalized),
    ((L.Rescaling,), _rescaled),
    (_AVERAGING, _averaged),
    (_AVERAGING_ALL, _averaged_all),
    ((L.Embedding,), _embedded),
)
