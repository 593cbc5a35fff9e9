"""A pass forward and a pass backward on a sample: what arrives at each kernel and activation of a model."""

import functools
import math
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from keras_actx import backend
from keras_actx.layers._place import KERNELS
from keras_actx.models.activity import Activity
from keras_actx.models.instances import called, measurable, replaced
from keras_actx.models.parts import Observed, parts_of

#: The largest number of values z of all kernels together. Two copies of them are kept.
_LARGEST = 2**26


@dataclass(frozen=True)
class AtKernel:
    """What a pass measures at one kernel; if its layer is called several times, of all calls together.

    Args:
        order: its place in the order of the calls.
        mean, second_moment: of the elements of z, its result; not finite if one of them is not.
        across: the variance of z across the rows, averaged over the elements of a row.
        gradient: the squared norm of the gradient of a row with respect to z.
    """

    order: int
    mean: float
    second_moment: float
    across: float
    gradient: float


@dataclass(frozen=True)
class AtActivation:
    """What a pass measures at one activation.

    Args:
        order: its place in the order of the calls.
        units: the quantities of `keras_actx/models/activity.py`, the means of all calls.
    """

    order: int
    units: dict[str, np.ndarray]


@dataclass(frozen=True)
class Pass:
    """What one pass measures.

    Args:
        rows: the size of the sample.
        kernels: by the id of the layer.
        units: by the name of the `Observed`.
        input_scale: the root mean square of the nonzero elements of the input of the first kernel.
    """

    rows: int
    kernels: dict[int, AtKernel]
    units: dict[str, AtActivation]
    input_scale: float


class Passes:
    """Passes through a model, in inference mode, except that a `BatchNormalization` uses the statistics of the sample.

    The gradient is that of a weighted sum of the outputs, with normal weights of variance 1. No weight, seed, metric or
    other state of the model is changed.

    Args:
        model: a built model.
        kernels: the layers with a kernel.
        observed: the activations.
    """

    def __init__(self, model: Any, kernels: list[Any], observed: list[Observed]) -> None:
        parts = parts_of(model)
        self._model, self._observed = model, observed
        self._layers = [part.layer for part in parts]
        outside_of_loops = {id(part.layer) for part in parts if part.called_once}
        self._kernels = [layer for layer in kernels if id(layer) in outside_of_loops]
        self._states = list(model.variables)
        self._activity = Activity()

    def __call__(self, x: Any) -> Pass:
        """Measure on a sample: arrays as in `fit`, of which fewer rows are used if the model has many values."""
        spec = self._spec(x)
        values = sum(math.prod(shape) for shape, _ in spec.results)
        if values > _LARGEST:
            rows = max(2, len(keras.tree.flatten(x)[0]) * _LARGEST // values)
            x = keras.tree.map_structure(lambda one: one[:rows], x)
            spec = self._spec(x)
        states = [keras.ops.convert_to_tensor(one) for one in self._states]
        data = [keras.ops.convert_to_tensor(one) for one in keras.tree.flatten(x)]
        zeros = [keras.ops.zeros(shape, dtype) for shape, dtype in spec.results]
        zeros += [keras.ops.zeros(one.shape, "float32") for _, one in spec.statistics]

        def weighted(given: Any, tensors: Any) -> Any:
            shifts, factors = tensors[: len(spec.results)], tensors[len(spec.results) :]
            seen = _Seen(shifts=shifts)
            with keras.StatelessScope(state_mapping=list(zip(self._states, given[: len(states)], strict=True))):
                outputs = self._called(keras.tree.pack_sequence_as(x, given[len(states) :]), seen)
                terms = [one * keras.random.normal(one.shape, seed=seed) for seed, one in enumerate(outputs)]
                # The gradient with respect to a factor is its statistic, so that one function gives everything.
                for (_, one), factor in zip(seen.statistics, factors, strict=True):
                    terms.append(keras.ops.stop_gradient(one) * factor)
                return sum(keras.ops.sum(one) for one in terms)

        one = keras.ops.ones((), dtype="float32")
        found = [_numpy(one) for one in backend.forward_and_vjp(weighted)[1]([*states, *data], zeros, one)]
        return _summarized(spec, found, len(data[0]))

    def _spec(self, x: Any) -> "_Seen":
        """What a pass sees, with shapes in place of tensors."""
        seen = _Seen()

        def call(*tensors: Any) -> Any:
            seen.clear()  # a backend may call it again, after an error
            return self._called(keras.tree.pack_sequence_as(x, list(tensors)), seen)

        symbolic = [keras.KerasTensor(one.shape, str(one.dtype)) for one in keras.tree.flatten(x)]
        layer = keras.layers.Layer(name="a_pass")
        layer.call = call
        layer.compute_output_spec(*symbolic)
        return seen

    def _called(self, x: Any, seen: "_Seen") -> list[Any]:
        """The outputs in float32."""
        with ExitStack() as stack:
            stack.enter_context(self._activity.watched(self._observed, seen.at_activation, traced=True))
            for layer in self._kernels:
                # Its activation is called with z; if another layer is behind it or it is of another kind, its result
                # is z.
                attribute = "activation" if isinstance(layer, KERNELS) else "call"
                stack.enter_context(replaced(layer, attribute, seen.at_kernel(layer, attribute)))
                if attribute == "activation":
                    stack.enter_context(replaced(layer, "call", seen.at_input(layer)))
            stack.enter_context(measurable(self._layers))
            outputs = called(self._model, x)
        return [keras.ops.cast(one, "float32") for one in keras.tree.flatten(outputs)]


class _Seen:
    """What is seen in one call of the model, in the order of the calls.

    Args:
        shifts: tensors that are added to the results of kernels, so that there is a gradient with respect to them.
    """

    def __init__(self, shifts: Sequence[Any] = ()) -> None:
        self._shifts = shifts
        self.results: list[tuple[tuple[int, ...], str]] = []  # shape and dtype of each z
        self.statistics: list[tuple[Any, Any]] = []

    def clear(self) -> None:
        self.results.clear()
        self.statistics.clear()

    def at_activation(self, one: Observed, units: dict[str, Any]) -> None:
        """The receiver of an `Activity`."""
        for key, value in units.items():
            self.statistics.append((("unit", one.name, key), keras.ops.cast(value, "float32")))

    def at_kernel(self, layer: Any, attribute: str) -> Any:
        """The activation of a layer, of z that is seen and shifted; or its call, whose result is."""
        function = getattr(layer, attribute)

        def seen_z(z: Any) -> Any:
            index = len(self.results)
            self.results.append((tuple(z.shape), keras.backend.standardize_dtype(z.dtype)))
            self.statistics.append((("z", id(layer), index), _of_z(z)))
            return z + self._shifts[index] if self._shifts else z

        @functools.wraps(function)
        def activation(z: Any, *args: Any, **kwargs: Any) -> Any:
            return function(seen_z(z), *args, **kwargs)

        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            first, *others = keras.tree.flatten(outputs := function(*args, **kwargs))
            return keras.tree.pack_sequence_as(outputs, [seen_z(first), *others])

        return activation if attribute == "activation" else call

    def at_input(self, layer: Any) -> Any:
        """The call of a layer, whose input is seen if no layer was called before."""
        function = layer.call

        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            if not self.results:
                inputs = keras.ops.cast(args[0] if args else kwargs["inputs"], "float32")
                nonzero = keras.ops.sum(keras.ops.cast(inputs != 0, "float32"))
                mean = keras.ops.sum(keras.ops.square(inputs)) / keras.ops.maximum(nonzero, 1.0)
                self.statistics.append((("input", id(layer), 0), keras.ops.sqrt(mean)))
            return function(*args, **kwargs)

        return call


def _of_z(z: Any) -> Any:
    """The mean, the largest size, and of z over that size the second moment and the variance across the rows."""
    ops = keras.ops
    z = ops.cast(z, "float32")
    largest = ops.max(ops.abs(z))
    scaled = z / ops.maximum(largest, 1e-30)
    return ops.stack([ops.mean(z), largest, ops.mean(ops.square(scaled)), ops.mean(ops.var(scaled, axis=0))])


def _summarized(spec: _Seen, found: list[np.ndarray], rows: int) -> Pass:
    count = len(spec.results)
    gradients, statistics = found[:count], found[count:]
    of_kernels: dict[int, list[tuple[int, np.ndarray, np.ndarray]]] = {}
    of_units: dict[str, tuple[int, dict[str, list[np.ndarray]]]] = {}
    scale = math.nan
    for order, ((key, _), value) in enumerate(zip(spec.statistics, statistics, strict=True)):
        kind, name, of = key
        if kind == "z":
            of_kernels.setdefault(name, []).append((order, value, gradients[of]))
        elif kind == "input":
            scale = float(value)
        else:
            of_units.setdefault(name, (order, {}))[1].setdefault(of, []).append(value)
    activations = {
        name: AtActivation(order, {key: np.mean(calls, axis=0) for key, calls in units.items()})
        for name, (order, units) in of_units.items()
    }
    return Pass(rows, {one: _at_kernel(calls, rows) for one, calls in of_kernels.items()}, activations, scale)


def _at_kernel(calls: list[tuple[int, np.ndarray, np.ndarray]], rows: int) -> AtKernel:
    values = np.array([value for _, value, _ in calls], dtype="float64")
    mean, second, across = (float(one) for one in np.mean([_unscaled(*value) for value in values], axis=0))
    gradient = sum(float(np.sum(np.square(one, dtype="float64"))) for _, _, one in calls) / rows
    return AtKernel(calls[0][0], mean, second, across, gradient)


def _unscaled(mean: float, largest: float, second: float, across: float) -> tuple[float, float, float]:
    return mean, largest**2 * second, largest**2 * across


def _numpy(x: Any) -> np.ndarray:
    return np.asarray(keras.ops.convert_to_numpy(x))
