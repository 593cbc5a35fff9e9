"""Kernels that are scaled until their outputs have a given variance on data (LSUV)."""

from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import keras
import numpy as np

from keras_actx.models.instances import batch_statistics, called, replaced
from keras_actx.models.pair.rules import Start

#: The number of times that a kernel is scaled, and the relative error of the variance that is small enough. One is
#: exact without a bias.
_MOST_TIMES, _TOLERANCE = 5, 0.01


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
        The starts with the factors, and the changes with the scaled kernels.
    """
    scaled = {id(one.kernel.layer): one for one in starts if one.is_scaled_by_data}
    factors: dict[int, float] = {}
    values = [(weight, keras.ops.convert_to_tensor(value, dtype=weight.dtype)) for weight, value in changes]
    with ExitStack() as stack:
        scope = stack.enter_context(keras.StatelessScope(state_mapping=values))  # which discards all changes
        stack.enter_context(batch_statistics(model._flatten_layers()))
        for start in scaled.values():
            layer = start.kernel.layer
            stack.enter_context(replaced(layer, "call", _scaling(layer, layer.call, start.target, factors)))
        called(model, keras.tree.map_structure(keras.ops.convert_to_tensor, x))
    kernels = {id(kernel_of(scaled[key].kernel.layer)) for key in factors}
    changes = [
        (weight, scope.get_current_value(weight) if id(weight) in kernels else value) for weight, value in changes
    ]
    known = {id(weight) for weight, _ in changes}
    for key in factors:  # of layers that no rule has drawn
        kernel = kernel_of(scaled[key].kernel.layer)
        if id(kernel) not in known:
            changes.append((kernel, scope.get_current_value(kernel)))
    return [replace(one, data_factor=factors.get(id(one.kernel.layer))) for one in starts], changes


def kernel_of(layer: Any) -> Any:
    """The kernel of a layer before its activation."""
    return layer.pointwise_kernel if hasattr(layer, "pointwise_kernel") else layer.kernel


def _scaling(layer: Any, call: Any, target: float, factors: dict[int, float]) -> Any:
    """The call of a layer, which scales the kernel the first time."""

    def scaling(*args: Any, **kwargs: Any) -> Any:
        if id(layer) not in factors:
            factors[id(layer)] = 1.0
            for _ in range(_MOST_TIMES):
                with replaced(layer, "activation", keras.activations.linear):
                    z = keras.ops.convert_to_numpy(keras.ops.cast(call(*args, **kwargs), "float32"))
                variance = float(np.var(z, dtype="float64"))
                if not 0 < variance < np.inf or abs(variance / target - 1) < _TOLERANCE:
                    break
                factor = (target / variance) ** 0.5
                factors[id(layer)] *= factor
                kernel = kernel_of(layer)
                kernel.assign(kernel * factor)
        return call(*args, **kwargs)

    return scaling
