"""Comparison with the oracle for activations that mix an axis, on short rows: their reference formulas accept lists."""

from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np

from keras_actx.declaration.activation import Activation
from keras_actx.testing.errors import spacing
from keras_actx.testing.tensors import dtype_of, to_float64, to_tensor

#: Ties, large differences and large common offsets.
ROWS = ((0, 0, 0, 0), (1, -2, 0.5, 3), (100, 99, -100, 0), (-50, -50.25, -51, -90), (0.25, 0.5, 0, 0.125))
_ULPS = 4.0


def assert_vector_values(function: Callable[[Any], Any], activation: Activation, dtype: str) -> None:
    """Assert that every row is within a few units in the last place of 1, or of its largest entry."""
    exact, params = activation.declaration.exact, dict(activation.params)
    rows = np.array(ROWS, dtype="float64")
    with mpmath.workprec(200):
        true = np.array(
            [[float(one) for one in exact(mpmath.mp, [mpmath.mpf(x) for x in row], **params)] for row in ROWS]  # pyright: ignore[reportOptionalCall]  (callers need `exact`)
        )
    result = function(to_tensor(rows, dtype))
    assert dtype_of(result) == dtype, f"{activation} turned {dtype} into {dtype_of(result)}"
    error = np.abs(to_float64(result) - true)
    allowed = _ULPS * spacing(np.maximum(1.0, np.abs(true)), dtype)
    assert (error <= allowed).all(), f"{activation} in {dtype}: errors {error[error > allowed][:3]}"
