"""A reference formula at increasing precision: by Arb, whose balls bound their error, and by mpmath otherwise.

Arb is ten times faster than mpmath, which makes a million points feasible; a test checks that the two agree.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import flint
import mpmath

mp = mpmath.mp

#: A formula of the engine and the point: `formula(engine, x)`.
Formula = Callable[[Any, Any], Any]

_FAR = 1_200  # the power of two beyond which a number is 0 or inf in every dtype
_HIGHEST = 20_000  # bits


class _Balls:
    """The functions of mpmath that reference formulas use, for Arb's balls."""

    mpf = staticmethod(flint.arb)
    mpmathify = staticmethod(flint.arb)

    @property
    def pi(self) -> flint.arb:
        return flint.arb.pi()

    @property
    def e(self) -> flint.arb:
        return flint.arb(1).exp()

    @staticmethod
    def fabs(x: Any) -> flint.arb:
        return abs(flint.arb(x))

    @staticmethod
    def fsum(terms: Sequence[Any]) -> flint.arb:
        return sum(terms, flint.arb(0))

    @staticmethod
    def ncdf(x: Any) -> flint.arb:
        return (-flint.arb(x) / flint.arb(2).sqrt()).erfc() / 2

    def __getattr__(self, name: str) -> Callable[[Any], flint.arb]:
        method = getattr(flint.arb, name)  # AttributeError: the caller then uses mpmath
        return lambda x: method(flint.arb(x))


BALLS = _Balls()


def settled(formula: Formula, points: Sequence[float], bits: int = 80) -> list[tuple[float, float]]:
    """`formula` at every point to `bits` bits, each as an unevaluated sum of two doubles; +-inf beyond their range."""
    results: list[Any] = [None] * len(points)
    waiting = list(range(len(points)))
    precision = max(128, bits + 48)
    before = flint.ctx.prec
    try:
        while waiting and precision <= _HIGHEST:
            flint.ctx.prec = precision
            unsettled = []
            for i in waiting:
                results[i] = _by_arb(formula, points[i], bits, precision)
                if results[i] is None:
                    unsettled.append(i)
            waiting, precision = unsettled, 2 * precision
    except (AttributeError, TypeError, ValueError, ZeroDivisionError, OverflowError, NotImplementedError):
        waiting = [i for i, one in enumerate(results) if one is None]
    finally:
        flint.ctx.prec = before
    if waiting:
        for i, value in zip(waiting, settled_by_mpmath(formula, [points[i] for i in waiting], bits), strict=True):
            results[i] = value
    return results


def _by_arb(formula: Formula, x: float, bits: int, precision: int) -> tuple[float, float] | None:
    """The value, or None if the precision does not suffice."""
    ball = flint.arb(formula(BALLS, flint.arb(x)))
    if ball.rel_accuracy_bits() >= bits and ball.is_finite():
        size = abs(ball)
        if size < _SMALL:
            return 0.0, 0.0
        if size > _LARGE:
            return math.copysign(math.inf, 1 if ball > 0 else -1), 0.0
        high = float(ball.mid())
        return (high, float((ball - high).mid())) if math.isfinite(high) else (high, 0.0)
    if ball.is_finite() and abs(ball) < _SMALL:
        return 0.0, 0.0
    if ball.is_finite() and precision > 2_500 and ball.contains(0) and abs(ball) < _TINY:
        return 0.0, 0.0  # terms that cancel exactly
    return None


_SMALL, _LARGE = flint.arb(2) ** -_FAR, flint.arb(2) ** _FAR
_TINY = flint.arb(2) ** -(_FAR + 100)


def settled_by_mpmath(formula: Formula, points: Sequence[float], bits: int = 80) -> list[tuple[float, float]]:
    """The same by mpmath alone: the precision is doubled until `bits` bits no longer change."""

    def at(x: float) -> Any:
        return formula(mp, mp.mpf(x))

    with mp.workprec(160):
        results = [at(x) for x in points]
    # A zero may be the result of a cancellation: it is accepted only if it is also computed with enough bits for terms
    # below double's maximum and a result above its minimum.
    enough = 2_500
    zeros = [i for i, value in enumerate(results) if not value]
    waiting = [i for i, value in enumerate(results) if value]
    with mp.workprec(enough):
        for i in zeros:
            results[i] = at(points[i])
    waiting += [i for i in zeros if results[i]]
    precision = 320
    while waiting and precision < _HIGHEST:
        unsettled = []
        with mp.workprec(precision):
            for i in waiting:
                value = at(points[i])
                # 0 or inf in every dtype
                far_out = all(abs(mp.mag(one)) > 3_000 if one else precision > enough for one in (value, results[i]))
                close = abs(value - results[i]) <= mp.ldexp(abs(value), -bits) if value else precision > enough
                if not (far_out or close):
                    unsettled.append(i)
                results[i] = value
        waiting, precision = unsettled, 2 * precision
    if waiting:
        raise ArithmeticError(f"the reference formula does not converge at x = {points[waiting[0]]!r}")
    with mp.workprec(320):
        return [_two_doubles(value) for value in results]


def _two_doubles(value: Any) -> tuple[float, float]:
    if not mp.isfinite(value):
        return float(value), 0.0
    exponent = mp.mag(value)
    if exponent > _FAR:
        return math.copysign(math.inf, value), 0.0
    high = float(value) if exponent > -_FAR else 0.0
    return high, float(value - high) if math.isfinite(high) and high else 0.0
