"""What activations do with a sample, by unit: which are dead or saturated; for `ActivationMonitor` and `audit`."""

import functools
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import keras

from keras_actx import backend
from keras_actx.declaration.activation import Activation
from keras_actx.models.instances import replaced
from keras_actx.models.parts import Observed

#: The fraction of the largest slope below which a value is saturated. Below 0.01, the usual slope of a leaky ReLU.
_SMALL_SLOPE = 0.005
#: The part of the sample for which a saturated unit has such a slope.
MOST = 0.95

#: Receives an activation that was called, and for each unit: whether it is `dead` (y = 0 or f'(z) = 0 for the whole
#: sample), whether it is `positive` (z > 0 for the whole sample, or y > 0 if z has other units), the `variance` of y,
#: whether y is `finite`, and, if f has a largest slope, the parts of the sample that are `flat` (a small slope) and
#: `stuck` (flat, and y is not 0).
Receiver = Callable[[Observed, dict[str, Any]], None]


class Activity:
    """Measures activations where a model calls them. Equal activations share the compiled functions."""

    def __init__(self) -> None:
        self._compiled: dict[Any, Callable[..., Any]] = {}

    @contextmanager
    def watched(self, observed: list[Observed], receive: Receiver, *, traced: bool = False) -> Iterator[None]:
        """Within this context, `receive` gets the results of every call.

        Args:
            observed: the activations.
            receive: the receiver.
            traced: whether calls in a trace are received too, with tensors of that trace.
        """
        slopes = [one.largest_slope for one in observed]  # before any scope: copies of layers are built for it
        with ExitStack() as stack:
            for one, largest in zip(observed, slopes, strict=True):
                recorder = self._recorder(one, largest, receive, traced)
                stack.enter_context(replaced(one.owner, one.attribute, recorder))
            yield

    def _recorder(self, one: Observed, largest: float | None, receive: Receiver, traced: bool) -> Callable[..., Any]:
        """The function of the activation, whose calls are received."""

        @functools.wraps(one.function)
        def recorder(*args: Any, **kwargs: Any) -> Any:
            y = one.function(*args, **kwargs)
            z, *others = args or (kwargs.get("inputs"),)
            if not others and keras.ops.is_tensor(y) and (traced or backend.is_concrete(y)):
                further = {key: value for key, value in kwargs.items() if isinstance(value, (bool, type(None)))}
                slopes = [] if largest is None else [self._slopes(one, z, y, further) / largest]
                receive(one, self._statistics(one.owner, [z, y, *slopes]))
            return y

        return recorder

    # Compiled once for each shape.

    def _slopes(self, one: Observed, z: Any, y: Any, kwargs: Mapping[str, Any]) -> Any:
        """The derivative at each element of z."""
        is_layer = one.attribute == "call"
        variables = one.owner.variables if is_layer else []

        def function(values: Any, z: Any) -> Any:
            with keras.StatelessScope(state_mapping=list(zip(variables, values, strict=True))):
                return one.function(z, **kwargs)

        equal = one.function if isinstance(one.function, Activation) else id(one.owner if is_layer else one.function)
        key = (equal, tuple(y.shape), *sorted(kwargs.items()))
        if key not in self._compiled:
            self._compiled[key] = backend.forward_and_vjp(function)[1]
        values = [keras.ops.convert_to_tensor(variable) for variable in variables]
        return self._compiled[key](values, keras.ops.convert_to_tensor(z), keras.ops.ones_like(y))

    def _statistics(self, layer: Any, tensors: list[Any]) -> dict[str, Any]:
        """What is received, from z, y and, if there are any, the relative slopes."""
        first = has_channels_first(layer, len(tensors[1].shape))
        key = (first, *(tuple(one.shape) for one in tensors))
        if key not in self._compiled:
            self._compiled[key] = backend.forward_and_vjp(functools.partial(_by_unit, first=first))[0]
        return self._compiled[key]([], [keras.ops.convert_to_tensor(one) for one in tensors])


def _by_unit(_: Any, tensors: list[Any], first: bool) -> dict[str, Any]:
    ops = keras.ops
    z, y, *slopes = (as_matrix(one, first) for one in tensors)
    is_zero = y == 0
    dead = ops.all(is_zero, axis=0)
    found = {"variance": ops.var(y, axis=0), "finite": ops.isfinite(ops.mean(y, axis=0))}
    # A layer with other units than its input, such as a CReLU, is on where its output is positive.
    found["positive"] = ops.min(z if z.shape == y.shape else y, axis=0) > 0
    for one in slopes:
        dead = ops.logical_or(dead, ops.all(one == 0, axis=0))
        is_flat = ops.abs(one) < _SMALL_SLOPE
        found["flat"] = ops.mean(ops.cast(is_flat, "float32"), axis=0)
        found["stuck"] = ops.mean(ops.cast(ops.logical_and(is_flat, ops.logical_not(is_zero)), "float32"), axis=0)
    return {"dead": dead, **found}


def has_channels_first(layer: Any, rank: int) -> bool:
    """Whether the units of a layer's output of this rank are on axis 1."""
    of_images = keras.config.image_data_format() if rank == 4 else None
    return rank > 2 and (getattr(layer, "data_format", None) or of_images) == "channels_first"


def as_matrix(y: Any, channels_first: bool) -> Any:
    """The values as a matrix with one column for each unit."""
    y = keras.ops.cast(keras.ops.moveaxis(y, 1, -1) if channels_first else y, "float32")
    return keras.ops.reshape(y, (-1, y.shape[-1] if len(y.shape) > 1 else 1))
