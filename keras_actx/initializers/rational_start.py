"""`rational_fit`: coefficients of the rational activation that approximates another function."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from keras_actx._messages import quote
from keras_actx.activations import rational
from keras_actx.choices import RationalVersion
from keras_actx.declaration.activation import Activation
from keras_actx.expectation.cache import cached_by_activation
from keras_actx.expectation.functions import fresh, kind_of, name_of, on_arrays
from keras_actx.names.resolve import resolve

_REACH = 3.0
_POINTS = 1000
_WORST = 0.05  # largest error relative to the function's range: a larger one, as at a jump, is rejected
_DIGITS = 6  # so that a string with all ten coefficients is readable
_NAMES = {"A": "rational", "B": "pade"}
_COEFFICIENTS = tuple(one.name for one in rational.declaration.parameters)  # p0 .. p5, q1 .. q4
_ROUNDS = 1000
_EXACT = 1e-20  # a loss below it is rounding; the first start that reaches it is chosen


def rational_fit(activation: Any, version: RationalVersion = "A") -> Activation:
    """The rational activation nearest to another activation, as an initialization for learning.

    The least squares fit on [-3, 3], with coefficients rounded to six digits. Outside, the error grows slowly: these
    quotients have equal asymptotic slopes on both sides.

    Args:
        activation: any specification of an elementwise activation (see `keras_actx.get`), or any elementwise
            callable. A learnable one is used with its initial values.
        version: "A" for `rational`, "B" for `pade`, whose fit has a denominator without kinks.

    Returns:
        An `Activation`. As a layer's `activation=` it is fixed; its string, and `keras_actx.layers.LearnableActivation`
        of it, are learnable from these initial values.

    Raises:
        ValueError: for another version, something that is not elementwise or not finite in [-3, 3], or a function that
            the best quotient approximates with an error of more than 5% of its range: one with jumps or many
            oscillations.

    Example:

    >>> import keras, keras_actx as actx
    >>> start = actx.initializers.rational_fit("gelu")
    >>> abs(float(start(1.5)) - float(actx.activations.gelu(1.5))) < 0.002
    True
    >>> layer = keras.layers.Dense(8, activation=str(start))  # learns its coefficients, from these
    """
    if not isinstance(version, str) or version not in _NAMES:
        raise ValueError(f"version={quote(version)} is not allowed; use 'A' (rational) or 'B' (pade)")
    subject = resolve(activation).subject
    try:
        with np.errstate(all="ignore"):
            return _fit(subject, version)
    except (ArithmeticError, np.linalg.LinAlgError) as error:  # for values near the limits of float64
        raise ValueError(
            f"{quote(name_of(subject))} is too large or too small in [-{_REACH:g}, {_REACH:g}] for the fit of a "
            "rational activation; change its parameters"
        ) from error


@cached_by_activation
def _fit(subject: Any, version: RationalVersion) -> Activation:
    name = str(subject) if isinstance(subject, Activation) else quote(name_of(subject))
    # Chebyshev points, dense at both ends, where the error of polynomials is largest.
    x = np.cos(np.pi * (np.arange(_POINTS) + 0.5) / _POINTS)[::-1]
    between = np.linspace(-1.0, 1.0, 2 * _POINTS + 1)  # with 0
    y, truth = np.split(_values(subject, name, _REACH * np.concatenate([x, between])), [_POINTS])
    if not (np.isfinite(y).all() and np.isfinite(truth).all()):
        raise ValueError(f"{name} is not finite in [-{_REACH:g}, {_REACH:g}], so it has no rational approximation")
    spread = float(np.ptp(y)) or float(np.abs(y[0])) or 1.0
    shape = _SHAPES[version](x)
    p, q = min((_least_squares(shape, start, x, y / spread) for start in shape.starts), key=lambda one: one[0])[1:]
    sizes = np.concatenate([p * spread, q])
    coefficients = sizes / _REACH ** np.array([0, 1, 2, 3, 4, 5, 1, 2, 3, 4])
    seen = np.abs(sizes) > 1e-7 * np.array(6 * [spread] + 4 * [1.0])
    rounded = [float(f"{one:.{_DIGITS}g}") if large else 0.0 for one, large in zip(coefficients, seen, strict=True)]
    error = float(np.abs(_quotient(version, _REACH * between, rounded) - truth).max())
    if error > _WORST * spread:
        raise ValueError(
            f"{name} has no rational approximation: in [-{_REACH:g}, {_REACH:g}] the best fit has an error of "
            f"{error:.2g}, with a range of values of {spread:.2g}"
        )
    return Activation(_NAMES[version], tuple(zip(_COEFFICIENTS, rounded, strict=True)))


def _values(subject: Any, name: str, x: np.ndarray) -> np.ndarray:
    declared = isinstance(subject, Activation)
    if kind_of(subject) != "elementwise":
        raise ValueError(f"{name} is not elementwise, so it has no rational approximation")
    function = fresh(subject) if isinstance(subject, keras.Layer) else subject
    try:
        return on_arrays(function, called=None if declared else name_of(subject))(x)
    except ValueError as error:
        raise ValueError(f"{name} has no rational approximation: {error}") from error


def _quotient(version: RationalVersion, x: np.ndarray, coefficients: list[float]) -> np.ndarray:
    p, q = np.array(coefficients[:6]), np.array([0.0, *coefficients[6:]])
    polyval = np.polynomial.polynomial.polyval
    positive = polyval(np.abs(x), np.abs(q)) if version == "A" else np.abs(polyval(x, q))
    return polyval(x, p) / (1.0 + positive)


# The fit, on [-1, 1]. For a given denominator, the numerator is a linear least squares problem, so the search is over
# the denominator only, in unconstrained parameters u (Golub & Pereyra's variable projection, by Levenberg-Marquardt).


class _SumOfAbsolutes:
    """Version A: q_i = u_i^2."""

    starts = ((0.0,) * 4, (1.0,) * 4, (3.0,) * 4, (10.0,) * 4)  # the first remains 0, which is exact for polynomials

    def __init__(self, x: np.ndarray) -> None:
        self._powers = np.abs(x)[:, None] ** np.arange(1, 5)

    def denominator(self, u: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Its values, and their derivatives with respect to u."""
        return 1.0 + self._powers @ u**2, 2.0 * u * self._powers

    @staticmethod
    def q(u: np.ndarray) -> np.ndarray:
        return u**2


class _PositiveSum:
    """Version B: the sum is (u_0 x + u_1 x^2)^2 + (u_2 x^2)^2, which never changes its sign."""

    starts = ((1.0, 0.0, 1.0), (3.0, 0.0, 3.0), (10.0, 0.0, 10.0), (3.0, 1.0, 3.0), (3.0, -1.0, 3.0))

    def __init__(self, x: np.ndarray) -> None:
        self._x = x

    def denominator(self, u: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Its values, and their derivatives with respect to u."""
        x, square = self._x, self._x**2
        first, second = u[0] * x + u[1] * square, u[2] * square
        return 1.0 + first**2 + second**2, 2.0 * np.stack([first * x, first * square, second * square], axis=1)

    @staticmethod
    def q(u: np.ndarray) -> np.ndarray:
        return np.array([0.0, u[0] ** 2, 2.0 * u[0] * u[1], u[1] ** 2 + u[2] ** 2])


_SHAPES: dict[str, Callable[[np.ndarray], Any]] = {"A": _SumOfAbsolutes, "B": _PositiveSum}


def _least_squares(shape: Any, start: tuple, x: np.ndarray, y: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """The loss, p and q."""
    powers = x[:, None] ** np.arange(6)

    def project(u: np.ndarray) -> tuple:
        denominator, slopes = shape.denominator(u)
        basis, triangle = np.linalg.qr(powers / denominator[:, None])
        fitted = basis @ (basis.T @ y)
        jacobian = -(fitted / denominator)[:, None] * slopes
        jacobian -= basis @ (basis.T @ jacobian)  # the part absorbed by the numerator (Kaufman)
        return y - fitted, jacobian, np.linalg.solve(triangle, basis.T @ y)

    u, damping = np.array(start), 1e-3
    residual, jacobian, p = project(u)
    for _ in range(_ROUNDS):
        if residual @ residual <= _EXACT:
            break
        normal = jacobian.T @ jacobian
        scale = np.diag(normal) + 1e-30
        step = np.linalg.solve(normal + damping * np.diag(scale), jacobian.T @ residual)
        trial = project(u + step)
        if trial[0] @ trial[0] < residual @ residual:
            u, damping = u + step, damping / 4.0
            residual, jacobian, p = trial
        else:
            damping *= 4.0
        if damping > 1e12 or np.abs(step).max() <= 1e-12 * np.abs(u).max():
            break
    return max(float(residual @ residual), _EXACT), p, shape.q(u)
