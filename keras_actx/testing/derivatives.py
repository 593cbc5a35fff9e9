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
from keras_actx.testing.known_errors import KnownError, excused
from keras_actx.testing.samples import kinks
from keras_actx.testing.tensors import along_gate, dtype_of, to_float64, to_tensor
from keras_actx.testing.values import Measured, conditioned

#: The bound on the error of a first derivative, in units of eps (|f'| + |x f''|), the error from rounding x.
BAR = 8.0

#: The same in the tails, in units of eps max|f'|, for an exception with `tail`.
TAIL_BAR = 2.0


def derivative(
    function: Callable[[Any], Any], activation: Activation, x: np.ndarray, dtype: str, order: int = 1
) -> np.ndarray:
    """The backend's own derivative at the points; a gated activation's with respect to its gate."""
    differentiated = along_gate(function, activation)
    for _ in range(order - 1):
        differentiated = functools.partial(gradient, differentiated)
    result = gradient(differentiated, to_tensor(x, dtype))
    found = dtype_of(result)
    assert found == dtype, f"the derivative of {activation} in {dtype} is {found}"
    return to_float64(result)


def points(activation: Activation, dtype: str, count: int) -> np.ndarray:
    """The grid of values without the kinks, whose derivative is declared and not the oracle's."""
    x = grids.points(activation, dtype, count)
    at_kinks = grids.rounded(list(kinks(activation)), dtype)
    # Most backends treat a number that is subnormal, also after a multiplication by a parameter, as 0, which may be a
    # kink.
    x = x[(np.abs(x) >= 1024 * float(ml_dtypes.finfo(dtype).tiny)) | (x == 0)]
    return grids.in_blocks(np.unique(x[~np.isin(x, at_kinks)]))


def measure(function: Callable[[Any], Any], activation: Activation, dtype: str, count: int) -> Measured:
    """The errors of `function`'s derivative."""
    return measure_at(function, activation, dtype, points(activation, dtype, count))


def measure_at(function: Callable[[Any], Any], activation: Activation, dtype: str, x: np.ndarray) -> Measured:
    """The same at given points."""
    y = derivative(function, activation, x, dtype)
    true = oracle.derivatives(activation, x)
    error = errors.absolute(y, (true, np.zeros_like(true)), x, dtype)
    error[np.abs(true) > float(ml_dtypes.finfo(dtype).max)] = 0.0

    def more(some: np.ndarray) -> np.ndarray:
        at = x[some]
        return np.abs(at * oracle.derivatives(activation, at, order=2)) + oracle.sensitivities(activation, at, order=1)

    return Measured(x, y, true, conditioned(error, true, more, dtype, BAR))


def assert_derivative(
    function: Callable[[Any], Any],
    activation: Activation,
    dtype: str,
    count: int = 512,
    known: Iterable[KnownError] = (),
) -> None:
    """Assert that the first derivative is the activation's, away from kinks, and finite up to the largest x."""
    found = measure(function, activation, dtype, count)
    over = (found.errors > BAR) & ~excused(known, found.x, found.errors)
    if over.any():
        over &= ~_in_tail(found, dtype, known)
    assert not over.any(), f"the derivative of {activation} in {dtype}: {found.worst(over)}"


def _in_tail(found: Measured, dtype: str, known: Iterable[KnownError]) -> np.ndarray:
    """Where an exception for a tail applies: the error is small relative to the largest derivative at moderate x."""
    largest = np.abs(found.true[np.abs(found.x) <= _MODERATE]).max()
    within = np.abs(found.y - found.true) <= TAIL_BAR * float(ml_dtypes.finfo(dtype).eps) * largest
    places = [one.contains(found.x) for one in known if one.tail]
    return within & np.any(places, axis=0) if places else np.zeros(found.x.shape, bool)


_MODERATE = 10.0


def assert_finite(function: Callable[[Any], Any], activation: Activation, dtype: str) -> None:
    """Assert that at every finite number of a 16-bit dtype the derivative is finite if the true one is."""
    x = grids.points(activation, dtype, 2**16)
    x = x[~np.isfinite(derivative(function, activation, x, dtype))]
    if len(x):
        true = oracle.derivatives(activation, x)
        x = x[np.abs(true) <= float(ml_dtypes.finfo(dtype).max)]
    assert not len(x), f"the derivative of {activation} in {dtype} is NaN or infinite at {len(x)} points, first {x[:3]}"


def assert_finite_ends(function: Callable[[Any], Any], activation: Activation, dtype: str) -> None:
    """Assert that at +-inf the derivative is its limit, if that is finite.

    If a parameter is 0, any finite number is accepted: a formula cannot detect a product of 0 and infinity.
    """
    switched_off = any(value == 0 and not isinstance(value, bool) for value in dict(activation.params).values())
    for sign in (-1.0, 1.0):
        slope = derivative(function, activation, np.array([sign * np.inf]), dtype)[0]
        slopes = oracle.derivatives(activation, sign * np.array(oracle.FAR_OUT))
        if np.abs(slopes).max() < 1e100 and np.ptp(slopes) <= 1e-3 * np.abs(slopes).max() + 1e-30:
            limit = slopes[-1]
            right = abs(slope - limit) <= 1e-2 * max(1.0, abs(limit)) or (switched_off and np.isfinite(slope))
            assert right, (
                f"the derivative of {activation} in {dtype} at {sign} * inf is {slope}, where its limit is {limit}"
            )


def assert_kink_slopes(function: Callable[[Any], Any], activation: Activation, dtype: str) -> None:
    """Assert that the derivative at kinks is exactly the declared one."""
    declared = kinks(activation)
    if declared:
        at, slopes = np.array(list(declared)), np.array(list(declared.values()))
        found = derivative(function, activation, grids.rounded(at, dtype), dtype)
        error = np.abs(found - slopes)
        assert (error <= errors.spacing(slopes, dtype)).all(), (
            f"{activation} in {dtype}: {dict(zip(at, found, strict=True))}, declared {declared}"
        )


def assert_second_derivative(function: Callable[[Any], Any], activation: Activation) -> None:
    """Assert that the second derivative is correct in float64, at moderate points away from kinks."""
    grid = np.linspace(-9.73, 9.89, 64)
    near = np.array([*kinks(activation), np.nan])
    x = np.where((np.abs(grid[:, None] - near) < 1e-3).any(axis=1), 0.3125, grid)
    y = derivative(function, activation, x, "float64", order=2)
    true, first = oracle.derivatives(activation, x, order=2), oracle.derivatives(activation, x)
    allowed = 1e-11 * np.maximum(1.0, np.abs(true) + np.abs(first))
    error = np.abs(y - true)
    over = ~(error <= allowed)
    assert not over.any(), f"second derivative of {activation}: {Measured(x, y, true, error / allowed).worst(over)}"


def assert_parameter_derivative(function: Callable[..., Any], activation: Activation, parameter: str) -> None:
    """Check the derivative with respect to a parameter in float64; `function(x, **{parameter: tensor})`."""
    x = np.array([-7.3, -2.6, -1.1, -0.4, -0.07, 0.06, 0.45, 1.2, 2.7, 7.9])
    tensor = to_tensor(x, "float64")
    values = keras.ops.full(x.shape, dict(activation.params)[parameter], dtype="float64")
    found = to_float64(gradient(lambda one: function(tensor, **{parameter: one}), values))
    true = oracle.parameter_derivatives(activation, parameter, x)
    np.testing.assert_allclose(found, true, rtol=1e-11, atol=1e-12, err_msg=f"d {activation} / d {parameter}")
