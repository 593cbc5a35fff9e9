"""Requirements on every call, for any formula: shape, dtype, and equal results for all kinds of calls."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from keras_actx.declaration.activation import Activation
from keras_actx.testing import backend
from keras_actx.testing.errors import spacing
from keras_actx.testing.grids import DTYPES
from keras_actx.testing.tensors import dtype_of, to_float64, to_tensor

SHAPES = ((), (0,), (1,), (2, 0, 3), (7,), (3, 4), (2, 1, 3), (2, 1, 3, 2), (2, 1, 2, 1, 3))
#: Scalars, an empty tensor and a matrix: JAX and TensorFlow compile each operation for each shape and dtype.
IN_EVERY_DTYPE = ((), (2, 0, 3), (3, 4))
#: The bound on the difference of compiled and eager results, in units in the last place of the larger of the two terms;
#: a compiler contracts and vectorizes.
COMPILED_ULPS = 16.0


def inputs(activation: Activation, shape: tuple[int, ...], dtype: str) -> Any:
    """Moderate numbers of that shape; for a gated activation, twice as many along the last axis."""
    if activation.declaration.kind == "gated":
        shape = (*shape[:-1], 2 * shape[-1])
    x = np.random.default_rng(len(shape)).normal(size=shape).astype("float32") * 3
    return to_tensor(np.asarray(x).astype(dtype if dtype != "bfloat16" else "float32"), dtype)


def output_shape(activation: Activation, x: Any) -> tuple[int, ...]:
    """The required output shape for an input."""
    shape = tuple(x.shape)
    return (*shape[:-1], shape[-1] // 2) if activation.declaration.kind == "gated" else shape


def fits(activation: Activation, shape: tuple[int, ...]) -> bool:
    """Whether an input of that shape is valid for the activation."""
    return activation.declaration.kind == "elementwise" or (len(shape) > 0 and 0 not in shape and shape[-1] > 1)


def assert_shape_and_dtype(function: Callable[[Any], Any], activation: Activation) -> None:
    """Assert the output shape and dtype for shapes from rank 0 to 5 with empty ones, for some in every dtype."""
    for shape in SHAPES:
        if fits(activation, shape):
            for dtype in DTYPES if shape in IN_EVERY_DTYPE else ("float32",):
                x = inputs(activation, shape, dtype)
                y = function(x)
                assert tuple(y.shape) == output_shape(activation, x), f"{activation}: {tuple(x.shape)} -> {y.shape}"
                assert dtype_of(y) == dtype, f"{activation}: {dtype} -> {dtype_of(y)}"


def assert_symbolic_agrees(function: Callable[[Any], Any], activation: Activation, x: Any = None) -> None:
    """Assert that a symbolic call reports the shape and dtype of an eager one, and that its model has the same results.

    Only the last axis of `x`, of rank 2 or more, has a static size.
    """
    x = inputs(activation, (5, 3, 4), "float32") if x is None else x
    unknown = (None,) * (len(x.shape) - 2)
    symbolic = keras.Input((*unknown, x.shape[-1]), dtype=dtype_of(x))
    y = function(symbolic)
    assert tuple(y.shape) == (None, *unknown, output_shape(activation, x)[-1]), f"{activation}: {y.shape}"
    assert dtype_of(y) == dtype_of(x), f"{activation}: {dtype_of(y)}"
    model = keras.Model(symbolic, y)
    assert_close(model(x), function(x), f"{activation} in a functional model")


def assert_views_agree(function: Callable[[Any], Any], activation: Activation) -> None:
    """Assert that transposed and strided tensors have the same results as their copies."""
    x = inputs(activation, (6, 4, 8), "float32")
    for name, view in (
        ("transposed", keras.ops.transpose(x, (1, 0, 2))),
        ("strided", x[::2, 1:, :]),
        ("reversed", keras.ops.flip(x, axis=0)),
        ("broadcast", keras.ops.broadcast_to(x[:1], (3, *x.shape[1:]))),
    ):
        assert_view_agrees(function, view, f"{activation} of a {name} tensor")


def assert_view_agrees(function: Callable[[Any], Any], view: Any, what: str) -> None:
    """Assert that a view of another tensor has the same result as its copy."""
    assert_close(function(view), function(to_tensor(to_float64(view), dtype_of(view))), what)


def assert_compiled_agrees(function: Callable[[Any], Any], activation: Activation, thorough: bool = False) -> None:
    """Assert that every compiler of the backend agrees with eager execution, derivative included."""
    for dtype in ("float32", "float16"):
        assert_compiled_agrees_at(function, inputs(activation, (4, 6), dtype), str(activation), thorough)
    x = inputs(activation, (4, 6), "float32")
    eager = backend.gradient(function, x)
    for name, compiled in backend.compiled(function, thorough).items():
        assert_close(backend.gradient(compiled, x), eager, f"the derivative of {activation} by {name}")


def assert_compiled_agrees_at(function: Callable[[Any], Any], x: Any, what: str, thorough: bool = False) -> None:
    """Assert that every compiler of the backend agrees with eager execution for one tensor."""
    for name, compiled in backend.compiled(function, thorough).items():
        assert_close(compiled(x), function(x), f"{what} by {name} in {dtype_of(x)}")


def assert_transformations_agree(function: Callable[[Any], Any], activation: Activation) -> None:
    """Assert that mapping over rows agrees with a single call, and forward mode with reverse mode."""
    assert_transformations_agree_at(function, activation, inputs(activation, (4, 6), "float32"))


def assert_transformations_agree_at(function: Callable[[Any], Any], activation: Activation, x: Any) -> None:
    """The same for one tensor, of rank 1 or more."""
    for name, mapped in backend.transformed(function).items():
        assert_close(mapped(x), function(x), f"{activation} by {name}")
    if activation.declaration.kind == "elementwise":
        forward, reverse = backend.forward_derivative(function, x), backend.gradient(function, x)
        assert_close(forward, reverse, f"forward and reverse derivative of {activation}")


def assert_close(found: Any, expected: Any, what: str) -> None:
    """Assert that two tensors have equal shape and dtype and differ by a few units in the last place at most."""
    assert tuple(found.shape) == tuple(expected.shape), f"{what}: shape {found.shape}, not {expected.shape}"
    dtype = dtype_of(expected)
    assert dtype_of(found) == dtype, f"{what}: {dtype_of(found)}, not {dtype}"
    y, true = to_float64(found), to_float64(expected)
    allowed = COMPILED_ULPS * spacing(np.maximum(np.abs(true), 1.0), dtype)
    with np.errstate(invalid="ignore"):
        over = ~((np.abs(y - true) <= allowed) | (y == true) | (np.isnan(y) & np.isnan(true)))
    assert not over.any(), f"{what}: {y[over][:3]}, not {true[over][:3]}"
