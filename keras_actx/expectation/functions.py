"""Resolved activations as functions of float64 arrays."""

from collections.abc import Callable
from functools import cache
from typing import Any

import keras
import numpy as np

from keras_actx._messages import quote
from keras_actx.backend import eager_float64
from keras_actx.declaration.activation import Activation
from keras_actx.declaration.declaration import OWN_PACKAGE


def kind_of(subject: Any) -> str:
    """The kind of a `ResolvedActivation.subject`: "elementwise", "gated", "vector" or "maxout".

    A callable is assumed to be elementwise until a check fails.
    """
    if isinstance(subject, Activation):
        return subject.declaration.kind
    return getattr(subject, "kind_of_moments", "elementwise")


def elementwise_function(subject: Any) -> tuple[Callable[[np.ndarray], np.ndarray], tuple[float, ...]]:
    """A `ResolvedActivation.subject` as a function of float64 arrays, and its declared kinks.

    The function raises `ValueError` if it turns out not to be elementwise.
    """
    declared = isinstance(subject, Activation)
    kinks = tuple(subject.declaration.kinks_at(dict(subject.params))) if declared else ()
    function = fresh(subject) if isinstance(subject, keras.Layer) else subject
    # Tests verify the kind of this package's own; a user's function may mix an axis, or require a specific width.
    known = declared and subject.declaration.package == OWN_PACKAGE
    return on_arrays(function, called=None if known else name_of(subject)), kinks


def name_of(activation: Any) -> str:
    """The name of an activation in a message."""
    if isinstance(activation, (str, Activation)):
        return str(activation)
    if isinstance(getattr(activation, "declared", None), Activation):
        return str(activation.declared)
    if isinstance(activation, keras.Layer):
        return activation.name
    name = getattr(activation, "__name__", None)
    return name if isinstance(name, str) and name else type(activation).__name__


def factors(activation: Activation) -> tuple[Callable[[Any], Any], Callable[[Any], Any]]:
    """The factors of a gated activation: a function of the value and a function of the gate.

    Raises:
        ValueError: if it is not such a product.
    """
    formula, params = activation.declaration.formula, dict(activation.params)
    points = np.array([-2.0, -0.75, 0.5, 1.0, 2.5, 9.0])

    def on_grid(both: Any) -> Any:
        return formula(both[:, 0], both[:, 1], **params)

    with eager_float64():
        table = _run(on_grid, np.stack(np.meshgrid(points, points, indexing="ij"), axis=-1).reshape(-1, 2))
    table = table.reshape(len(points), len(points))
    row, column = np.unravel_index(np.argmax(np.abs(table)), table.shape)
    largest = float(table[row, column])
    rtol, atol = (1e-9, 1e-12) if exact_to() < 1e-12 else (1e-5, 1e-6)
    if not largest or not np.allclose(table, np.outer(table[:, column], table[row]) / largest, rtol=rtol, atol=atol):
        raise ValueError(f"{activation} is not a product of functions of value and gate, so it has no moments")
    value, gate = float(points[row]), float(points[column])

    def of_value(x: Any) -> Any:
        return formula(x, gate * keras.ops.ones_like(x), **params)

    def of_gate(x: Any) -> Any:
        return formula(value * keras.ops.ones_like(x), x, **params) / largest

    return of_value, of_gate


def fresh(layer: keras.Layer) -> Callable[[Any], Any]:
    """The layer with its initial weights, in float64: every call uses a new copy, and the user's layer is not built.

    A layer of this package with per-channel parameters gets shared ones, since there are no channels here.
    """
    config_of = getattr(layer, "config_with_shared_parameters", layer.get_config)

    def start(x: Any) -> Any:
        return type(layer).from_config({**config_of(), "dtype": "float64"})(x)

    return start


def on_arrays(function: Callable[[Any], Any], called: str | None = None) -> Callable[[np.ndarray], np.ndarray]:
    """The function on float64 arrays of any length.

    Args:
        function: of a tensor.
        called: the user's name for it, if it must be checked to be elementwise at the first array.
    """
    check = called is not None

    def on_arrays(x: np.ndarray) -> np.ndarray:
        nonlocal check
        # In blocks of one size: JAX compiles again for every other size.
        blocks = np.resize(x, (-(-x.size // _BLOCK), _BLOCK))
        with eager_float64(), np.errstate(all="ignore"):
            if check and called is not None:
                _require_elementwise(function, blocks[0], called)
                check = False
            y = [_run(function, block) for block in blocks]
        return np.concatenate(y)[: x.size]

    return on_arrays


_BLOCK = 2048


@cache
def exact_to() -> float:
    """The relative error of float64 results: some backends (numpy, openvino) compute them in float32."""
    points = np.linspace(-2.0, 2.0, 9)
    with eager_float64():
        found = _run(keras.ops.sigmoid, points)
    error = np.abs(found * (1.0 + np.exp(-points)) - 1.0).max()
    return float(np.finfo("float64" if error < 1e-12 else "float32").eps)


def _run(function: Callable[[Any], Any], x: np.ndarray) -> np.ndarray:
    result = function(keras.ops.convert_to_tensor(x, dtype="float64"))
    return np.asarray(keras.ops.convert_to_numpy(result), dtype="float64")


def _require_elementwise(function: Callable[[Any], Any], x: np.ndarray, called: str) -> None:
    """Raise `ValueError` if the results for one row depend on the rest of the array."""
    rows, columns = x.reshape(32, -1), x.reshape(-1, 32)
    # First with other neighbours in the row and in the column, then with fewer elements.
    try:
        together, apart, alone = (_run(function, one) for one in (rows, columns, rows[:1]))
    except Exception as error:  # whatever a user's function raises
        raise ValueError(
            f"{quote(called)} fails on a tensor of float64 numbers ({type(error).__name__}: {quote(str(error))}), so "
            "it has no moments; choose the initializer yourself"
        ) from error
    kept = (together.shape, apart.shape, alone.shape) == (rows.shape, columns.shape, rows[:1].shape)
    if kept and all(
        np.allclose(together.ravel()[: one.size], one.ravel(), rtol=1e-5, atol=1e-6, equal_nan=True)
        for one in (apart, alone)
    ):
        return
    raise ValueError(f"{quote(called)} is not elementwise, so it has no moments; choose the initializer yourself")
