"""Derivatives by the backend's own autodiff against the oracle."""

import functools
from collections.abc import Callable, Iterable
from typing import Any

import keras
import ml_dtypes
import numpy as np

from keras_actx.declaration.activation import Activation
from keras_actx.testing import errors, grids, oracle
from keras_actx.testing.backend import gradient
from keras_actx.testing.ledger import Entry, excused
from keras_actx.testing.samples import kinks
from keras_actx.testing.tensors import along_gate, dtype_of, in_two_calls, to_float64, to_tensor
from keras_actx.testing.values import Measured

#: How far a first derivative may be from the truth, in units in the last place of its largest term.
BAR = 8.0


def derivative(
    function: Callable[[Any], Any], activation: Activation, x: np.ndarray, dtype: str, order: int = 1
) -> np.ndarray:
    """The backend's own derivative at the points; a gated activation's with respect to its gate."""
    differentiated = along_gate(function, activation)
    for _ in range(order - 1):
        differentiated = functools.partial(gradient, differentiated)

    def results(x: np.ndarray) -> np.ndarray:
        result = gradient(differentiated, to_tensor(x, dtype))
        found = dtype_of(result)
        assert found == dtype, f"the derivative of {activation} in {dtype} is {found}"
        return to_float64(result)

    return in_two_calls(results, x)


def points(activation: Activation, dtype: str, count: int) -> np.ndarray:
    """The grid of values without the kinks, whose derivative is promised and not the oracle's."""
    x = grids.points(activation, dtype, count)
    at_kinks = grids.rounded(list(kinks(activation)), dtype)
    # A subnormal number, or one that a parameter makes subnormal, is 0 to most backends, which may be a kink.
    x = x[(np.abs(x) >= 1024 * float(ml_dtypes.finfo(dtype).tiny)) | (x == 0)]
    return grids.in_blocks(np.unique(x[~np.isin(x, at_kinks)]))


def terms(activation: Activation, x: np.ndarray, true: np.ndarray, dtype: str) -> dict[str, np.ndarray]:
    """The sizes of the terms that a derivative f' is the sum of, by name, 0 where one does not count.

    |f'| itself; |x f''|, which rounding x costs anybody; as long as the function bends at all, |f|, since backends
    differentiate sigmoid, tanh and expm1 as y (1 - y), 1 - y^2 and 1 + y of their result y, which cancels where they
    saturate; and |f / x|, which is a term of the product rule.
    """
    value = oracle.values(activation, x)[0]
    second = oracle.derivatives(activation, x, order=2)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        bend = np.abs(x * second)
        saturating = np.where(bend > float(ml_dtypes.finfo(dtype).eps) / 1024, np.abs(value), 0.0)
        found = {"f'": np.abs(true), "x f''": bend, "f": saturating, "f / x": np.abs(value / x)}
        return {name: np.where(np.isfinite(one), one, 0.0) for name, one in found.items()}


def measure(function: Callable[[Any], Any], activation: Activation, dtype: str, count: int) -> Measured:
    """The errors of `function`'s derivative: `ulps` of the derivative, `steep_ulps` of its largest term."""
    return measure_at(function, activation, dtype, points(activation, dtype, count))


def measure_at(function: Callable[[Any], Any], activation: Activation, dtype: str, x: np.ndarray) -> Measured:
    """The same at given points."""
    y = derivative(function, activation, x, dtype)
    true = oracle.derivatives(activation, x)
    own = errors.ulps(y, (true, np.zeros_like(true)), x, dtype)
    term = own.copy()
    some = np.flatnonzero(own > BAR)
    if len(some):  # the second derivatives of the oracle are dear: only where they matter
        largest = np.max(list(terms(activation, x[some], true[some], dtype).values()), axis=0)
        scale = errors.spacing(largest, dtype)
        with np.errstate(invalid="ignore"):
            term[some] = np.minimum(own[some], own[some] * (errors.spacing(true[some], dtype) / scale))
    unbounded = np.abs(true) > float(ml_dtypes.finfo(dtype).max)
    own[unbounded] = term[unbounded] = 0.0
    return Measured(x, y, true, own, term)


def assert_derivative(
    function: Callable[[Any], Any], activation: Activation, dtype: str, count: int = 512, ledger: Iterable[Entry] = ()
) -> None:
    """The first derivative of `function` is the activation's own, away from kinks, and finite up to the largest x."""
    found = measure(function, activation, dtype, count)
    over = (found.steep_ulps > BAR) & ~excused(ledger, found.x, found.steep_ulps)
    assert not over.any(), f"the derivative of {activation} in {dtype}: {found.worst(over)} of the largest term"


def assert_finite(function: Callable[[Any], Any], activation: Activation, dtype: str) -> None:
    """At every finite number of a 16-bit dtype the derivative is finite, where the true one is."""
    x = grids.points(activation, dtype, 2**16)
    x = x[~np.isfinite(derivative(function, activation, x, dtype))]
    if len(x):
        true = oracle.derivatives(activation, x)
        x = x[np.abs(true) <= float(ml_dtypes.finfo(dtype).max)]
    assert not len(x), f"the derivative of {activation} in {dtype} is NaN or infinite at {len(x)} points, first {x[:3]}"


def assert_finite_ends(function: Callable[[Any], Any], activation: Activation, dtype: str) -> None:
    """At +-inf the derivative has its limit, where that is finite.

    Where a parameter is 0, any finite number will do: a formula cannot see whether it is 0 times infinity.
    """
    switched_off = any(value == 0 and not isinstance(value, bool) for value in dict(activation.params).values())
    for sign in (-1.0, 1.0):  # each by itself: a backend may take other steps when it sees the other
        slope = derivative(function, activation, np.array([sign * np.inf]), dtype)[0]
        slopes = oracle.derivatives(activation, sign * np.array(oracle.FAR_OUT))
        if np.abs(slopes).max() < 1e100 and np.ptp(slopes) <= 1e-3 * np.abs(slopes).max() + 1e-30:
            limit = slopes[-1]
            right = abs(slope - limit) <= 1e-2 * max(1.0, abs(limit)) or (switched_off and np.isfinite(slope))
            assert right, (
                f"the derivative of {activation} in {dtype} at {sign} * inf is {slope}, where its limit is {limit}"
            )


def assert_kink_slopes(function: Callable[[Any], Any], activation: Activation, dtype: str) -> None:
    """At kinks the derivative is exactly what the declaration promises."""
    promised = kinks(activation)
    if promised:
        at, slopes = np.array(list(promised)), np.array(list(promised.values()))
        found = derivative(function, activation, grids.rounded(at, dtype), dtype)
        error = np.abs(found - slopes)
        assert (error <= errors.spacing(slopes, dtype)).all(), (
            f"{activation} in {dtype}: {dict(zip(at, found, strict=True))}, promised {promised}"
        )


def assert_second_derivative(function: Callable[[Any], Any], activation: Activation) -> None:
    """In float64, at moderate points away from kinks."""
    grid = np.linspace(-9.73, 9.89, 64)
    near = np.array([*kinks(activation), np.nan])
    x = np.where((np.abs(grid[:, None] - near) < 1e-3).any(axis=1), 0.3125, grid)
    y = derivative(function, activation, x, "float64", order=2)
    true, first = oracle.derivatives(activation, x, order=2), oracle.derivatives(activation, x)
    allowed = 1e-11 * np.maximum(1.0, np.abs(true) + np.abs(first))
    error = np.abs(y - true)
    over = ~(error <= allowed)
    assert not over.any(), (
        f"second derivative of {activation}: {Measured(x, y, true, error, error / allowed).worst(over)}"
    )


def assert_parameter_derivative(function: Callable[..., Any], activation: Activation, parameter: str) -> None:
    """The derivative with respect to a parameter, in float64; `function(x, **{parameter: tensor})`."""
    x = np.array([-7.3, -2.6, -1.1, -0.4, -0.07, 0.06, 0.45, 1.2, 2.7, 7.9])
    tensor = to_tensor(x, "float64")
    values = keras.ops.full(x.shape, dict(activation.params)[parameter], dtype="float64")
    found = to_float64(gradient(lambda one: function(tensor, **{parameter: one}), values))
    true = oracle.parameter_derivatives(activation, parameter, x)
    np.testing.assert_allclose(found, true, rtol=1e-11, atol=1e-12, err_msg=f"d {activation} / d {parameter}")
