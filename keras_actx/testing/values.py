"""Values against the oracle."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_actx.declaration.activation import Activation
from keras_actx.testing import errors, grids, oracle
from keras_actx.testing.ledger import Entry, excused
from keras_actx.testing.tensors import along_gate, dtype_of, in_two_calls, to_float64, to_tensor

#: How far a result may be from the truth, in units in the last place.
BARS = {"float16": 1.0, "bfloat16": 1.0, "float32": 4.0, "float64": 4.0}


@dataclass(frozen=True)
class Measured:
    """Results at points, and their errors in units in the last place.

    `ulps` are of the true value; `steep_ulps` of max(|f|, |x f'|), which rounding x once costs anybody, where `ulps`
    exceed the bar.
    """

    x: np.ndarray
    y: np.ndarray
    true: np.ndarray
    ulps: np.ndarray
    steep_ulps: np.ndarray

    def worst(self, over: np.ndarray) -> str:
        """A description of the largest error among the points `over`."""
        at = int(np.argmax(np.where(over, self.ulps, -1.0)))
        return (
            f"{np.count_nonzero(over)} of {len(self.x)} points are off; worst at x = {float(self.x[at])!r}: got "
            f"{float(self.y[at])!r}, true {float(self.true[at])!r}, {self.ulps[at]:.3g} ulp; they lie in "
            f"{float(self.x[over].min())!r} .. {float(self.x[over].max())!r}"
        )


def call(function: Callable[[Any], Any], activation: Activation, x: np.ndarray, dtype: str) -> np.ndarray:
    """`function` on the points, with the dtype and shape of its results checked."""

    def results(x: np.ndarray) -> np.ndarray:
        result = along_gate(function, activation)(to_tensor(x, dtype))
        found = dtype_of(result)
        assert found == dtype, f"{activation} turned {dtype} into {found}"
        y = to_float64(result)
        assert y.shape == x.shape, f"{activation} turned shape {x.shape} into {y.shape}"
        return y

    return in_two_calls(results, x)


def measure(function: Callable[[Any], Any], activation: Activation, dtype: str, count: int) -> Measured:
    """The errors of `function`, taken for `activation`, on a grid of about `count` points."""
    return measure_at(function, activation, dtype, grids.points(activation, dtype, count))


def measure_at(function: Callable[[Any], Any], activation: Activation, dtype: str, x: np.ndarray) -> Measured:
    """The errors of `function`, taken for `activation`, at given points."""
    y = call(function, activation, x, dtype)
    true = oracle.values(activation, x)
    at_zero = float(oracle.values(activation, np.zeros(1))[0][0])
    ulps = errors.ulps(y, true, x, dtype, at_zero)
    steep = ulps.copy()
    some = np.flatnonzero((ulps > BARS[dtype]) & np.isfinite(ulps))
    if len(some):  # derivatives of the oracle are dear: only where they matter
        with np.errstate(over="ignore", invalid="ignore"):
            across = np.abs(x[some] * oracle.derivatives(activation, x[some]))
        size = np.abs(true[0][some])
        across = np.where(np.isfinite(across), across, size)
        steep[some] *= errors.spacing(size, dtype) / errors.spacing(np.maximum(size, across), dtype)
    return Measured(x, y, true[0], ulps, steep)


def assert_values(
    function: Callable[[Any], Any], activation: Activation, dtype: str, count: int = 4096, ledger: Iterable[Entry] = ()
) -> None:
    """`function` is within `BARS` of the activation's exact values, but for what the ledger's entries answer for.

    Args:
        function: what to test; the activation itself, or a mutant of it.
        activation: whose exact values count.
        dtype: of the input.
        count: how many points; 65,536 for all numbers of a 16-bit dtype.
        ledger: entries for this activation, quantity and dtype.
    """
    found = measure(function, activation, dtype, count)
    over = (found.ulps > BARS[dtype]) & ~excused(ledger, found.x, found.steep_ulps)
    assert not over.any(), f"{activation} in {dtype}: {found.worst(over)}"


def assert_nan_passes(function: Callable[[Any], Any], activation: Activation, dtype: str) -> None:
    """NaN in, NaN out."""
    y = call(function, activation, np.array([np.nan, 0.5]), dtype)
    assert np.isnan(y[0]), f"{activation} hides NaN: {y[0]}"
    assert not np.isnan(y[1]), f"{activation} turns 0.5 into NaN beside a NaN"


def assert_limit(function: Callable[[Any], Any], activation: Activation, dtype: str, sign: int) -> None:
    """+-inf gives the limit, where there is one."""
    limit = oracle.limit(activation, sign)
    if np.isnan(limit):
        return
    y = call(function, activation, np.array([sign * np.inf, 0.5]), dtype)[0]
    right = y == limit if np.isinf(limit) else abs(y - limit) <= 2 * errors.spacing(np.array(limit), dtype)
    assert right, f"{activation}: {y} at {sign} * inf, not {limit}"
