"""Comparison of values with the oracle."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_actx.declaration.activation import Activation
from keras_actx.testing import errors, grids, oracle
from keras_actx.testing.known_errors import KnownError, excused
from keras_actx.testing.tensors import along_gate, dtype_of, to_float64, to_tensor

#: The error bounds: in units in the last place for 16 bits, otherwise in units of eps (|f| + |x f'|), the error from
#: rounding x once. For parameters p other than the defaults, |p df/dp| is added, since they are rounded too.
BARS = {"float16": 1.0, "bfloat16": 1.0, "float32": 4.0, "float64": 4.0}


@dataclass(frozen=True)
class Measured:
    """Results at points, and their errors in units of the bound."""

    x: np.ndarray
    y: np.ndarray
    true: np.ndarray
    errors: np.ndarray

    def worst(self, over: np.ndarray) -> str:
        """A description of the largest error among the points `over`."""
        at = int(np.argmax(np.where(over, self.errors, -1.0)))
        return (
            f"{np.count_nonzero(over)} of {len(self.x)} points exceed the bound; worst at "
            f"x = {float(self.x[at])!r}: got {float(self.y[at])!r}, true {float(self.true[at])!r}, "
            f"error {self.errors[at]:.3g}; they lie in {float(self.x[over].min())!r} .. {float(self.x[over].max())!r}"
        )


def call(function: Callable[[Any], Any], activation: Activation, x: np.ndarray, dtype: str) -> np.ndarray:
    """`function` at the points; asserts the dtype and shape of its results."""
    result = along_gate(function, activation)(to_tensor(x, dtype))
    found = dtype_of(result)
    assert found == dtype, f"{activation} turned {dtype} into {found}"
    y = to_float64(result)
    assert y.shape == x.shape, f"{activation} turned shape {x.shape} into {y.shape}"
    return y


def measure(function: Callable[[Any], Any], activation: Activation, dtype: str, count: int) -> Measured:
    """The errors of `function` relative to `activation`, on a grid of about `count` points."""
    return measure_at(function, activation, dtype, grids.points(activation, dtype, count))


def measure_at(function: Callable[[Any], Any], activation: Activation, dtype: str, x: np.ndarray) -> Measured:
    """The errors of `function` relative to `activation`, at given points."""
    y = call(function, activation, x, dtype)
    true = oracle.values(activation, x)
    at_zero = float(oracle.values(activation, np.zeros(1))[0][0])
    error = errors.absolute(y, true, x, dtype, at_zero)

    def more(some: np.ndarray) -> np.ndarray:
        at = x[some]
        return np.abs(at * oracle.derivatives(activation, at)) + oracle.sensitivities(activation, at)

    return Measured(x, y, true[0], conditioned(error, true[0], more, dtype, BARS[dtype]))


def conditioned(
    error: np.ndarray, true: np.ndarray, more: Callable[[np.ndarray], np.ndarray], dtype: str, bar: float
) -> np.ndarray:
    """Absolute errors in units of the bound; `more`, the terms beside |true|, is computed only where needed."""
    found = errors.in_units(error, true, dtype)
    some = np.flatnonzero((found > bar) & np.isfinite(error))
    if len(some) and not dtype.endswith("16"):
        with np.errstate(over="ignore", invalid="ignore"):
            added = more(some)
            size = np.abs(true[some]) + np.where(np.isnan(added), 0.0, added)
        found[some] = errors.in_units(error[some], size, dtype)
    return found


def assert_values(
    function: Callable[[Any], Any],
    activation: Activation,
    dtype: str,
    count: int = 4096,
    known: Iterable[KnownError] = (),
) -> None:
    """Assert that `function` is within `BARS` of the activation's exact values, except for known errors.

    Args:
        function: the function to test; the activation itself, or a mutant of it.
        activation: the activation that defines the exact values.
        dtype: of the input.
        count: the number of points; 65,536 for all numbers of a 16-bit dtype.
        known: errors for this activation, quantity and dtype.
    """
    found = measure(function, activation, dtype, count)
    over = (found.errors > BARS[dtype]) & ~excused(known, found.x, found.errors)
    assert not over.any(), f"{activation} in {dtype}: {found.worst(over)}"


def assert_nan_passes(function: Callable[[Any], Any], activation: Activation, dtype: str) -> None:
    """Assert that NaN is propagated, and only at its own position."""
    y = call(function, activation, np.array([np.nan, 0.5]), dtype)
    assert np.isnan(y[0]), f"{activation} does not propagate NaN: {y[0]}"
    assert not np.isnan(y[1]), f"{activation} maps 0.5 to NaN next to a NaN"


def assert_limit(function: Callable[[Any], Any], activation: Activation, dtype: str, sign: int) -> None:
    """Assert that the value at +-inf is the limit, if there is one."""
    limit = oracle.limit(activation, sign)
    if np.isnan(limit):
        return
    y = call(function, activation, np.array([sign * np.inf, 0.5]), dtype)[0]
    right = y == limit if np.isinf(limit) else abs(y - limit) <= 2 * errors.spacing(np.array(limit), dtype)
    assert right, f"{activation}: {y} at {sign} * inf, not {limit}"
