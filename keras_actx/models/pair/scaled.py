"""Kernels that are scaled until their outputs have a given variance on data (LSUV)."""

from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import keras
import numpy as np

from keras_actx.models.draw import kernel_of
from keras_actx.models.instances import called, explained, measurable, replaced
from keras_actx.models.pair.rules import Start

#: The number of times that a kernel is scaled, and the relative error of the variance that is small enough. One is
#: exact without a bias.
_MOST_TIMES, _TOLERANCE = 5, 0.01
#: What part of the error may remain after each time, and in the end: otherwise, the kernel is not scaled. That of a
#: layer that normalizes its kernel has no effect.
_REMAINS, _FAILED = 0.75, 0.1


def scaled_by_data(
    model: Any, x: Any, starts: list[Start], changes: list[tuple[Any, Any]]
) -> tuple[list[Start], list[tuple[Any, Any]]]:
    """Scale the kernels whose input no rule knows.

    Args:
        model: the model, which is called on x in inference mode, but with batch statistics in `BatchNormalization`. It
            does not change.
        x: the inputs.
        starts: of its kernels.
        changes: the new values of weights, for which the kernels are scaled.

    Returns:
        The starts with what was done, and the changes with the scaled kernels.

    Raises:
        ValueError: if the model cannot be called on x.
    """
    scaled = {id(one.kernel.layer): one for one in starts if one.is_scaled_by_data}
    notes: dict[int, str] = {}
    values = [(weight, keras.ops.convert_to_tensor(value, dtype=weight.dtype)) for weight, value in changes]
    new = {id(weight): (weight, value) for weight, value in changes}
    with ExitStack() as stack:
        stack.enter_context(explained(model, "pair"))
        scope = stack.enter_context(keras.StatelessScope(state_mapping=values))  # which discards all changes
        stack.enter_context(measurable(model._flatten_layers()))
        for start in scaled.values():
            layer, caller = start.kernel.layer, start.kernel.caller or start.kernel.layer
            stack.enter_context(replaced(caller, "call", _scaling(layer, caller.call, start.target, notes)))
        called(model, keras.tree.map_structure(keras.ops.convert_to_tensor, x))
    for kernel in (kernel_of(scaled[key].kernel.layer) for key in notes):
        value = scope.get_current_value(kernel)
        if value is not None:  # of a kernel that was assigned
            new[id(kernel)] = kernel, value
    return [replace(one, data_note=notes.get(id(one.kernel.layer))) for one in starts], list(new.values())


def _scaling(layer: Any, call: Any, target: float, notes: dict[int, str]) -> Any:
    """The call of a layer, or of a wrapper around it, which scales the kernel the first time."""

    def scaling(*args: Any, **kwargs: Any) -> Any:
        if id(layer) not in notes:
            with replaced(layer, "activation", keras.activations.linear):
                notes[id(layer)] = _scale(kernel_of(layer), lambda: call(*args, **kwargs), target)
        return call(*args, **kwargs)

    return scaling


def _scale(kernel: Any, call: Any, target: float) -> str:
    """Scale a kernel until the result of a call has this variance, and say what was done."""
    before, factor, variance, error = keras.ops.convert_to_numpy(kernel), 1.0, np.nan, np.inf
    for left in reversed(range(_MOST_TIMES + 1)):
        z = keras.ops.convert_to_numpy(keras.ops.cast(call(), "float32"))
        variance = float(np.var(z, dtype="float64"))
        last, error = error, abs(variance / target - 1.0) if 0 < variance < np.inf else np.inf
        if not left or error < _TOLERANCE or not error < max(_REMAINS * last, _FAILED):
            break
        step = (target / variance) ** 0.5
        factor *= step
        kernel.assign(kernel * step)
    if error <= _FAILED:
        return f"scaled by data: times {factor:.3g}"
    kernel.assign(before)
    return f"not scaled by data, with which its outputs have the variance {variance:.3g}"
