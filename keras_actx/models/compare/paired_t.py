"""The paired t-test: the mean of differences with its interval, exact for every number of pairs."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

#: Differences below this part of the values are rounding of float32.
_ROUNDING = 1e-6


@dataclass(frozen=True)
class PairedTest:
    """The mean of `one - other`, its two-sided interval, and the p-value of a mean of 0; both corrected."""

    difference: float
    low: float
    high: float
    p: float

    @property
    def differs(self) -> bool:
        """Whether the interval excludes 0."""
        return not self.low <= 0 <= self.high


def paired_test(one: Sequence[float], other: Sequence[float], *, error: float, tests: int) -> PairedTest:
    """Compare values that belong together in pairs, assuming that their differences are normally distributed.

    Args:
        one: values, two at least.
        other: as many.
        error: the probability of a wrong difference in any of the tests.
        tests: how many there are; Bonferroni's correction.
    """
    differences = [a - b for a, b in zip(one, other, strict=True)]
    count = len(differences)
    mean = math.fsum(differences) / count
    if max(map(abs, differences)) <= _ROUNDING * max(map(abs, (*one, *other))):
        return PairedTest(mean, min(mean, 0.0), max(mean, 0.0), 1.0)
    deviation = math.sqrt(math.fsum((value - mean) ** 2 for value in differences) / (count - 1) / count)
    t = abs(mean) / deviation if deviation else math.inf
    half = t_quantile(error / tests, count - 1) * deviation
    return PairedTest(mean, mean - half, mean + half, min(1.0, tests * t_tail(t, count - 1)))


def t_tail(t: float, degrees: int) -> float:
    """P(|T| > t) for Student's t with whole degrees of freedom (Abramowitz and Stegun 1964, 26.7.3 and 26.7.4)."""
    return _tail(math.atan(t / math.sqrt(degrees)), degrees)


def t_quantile(tail: float, degrees: int) -> float:
    """The t of which `t_tail` is `tail`, by bisection of the angle."""
    low, high = 0.0, math.pi / 2
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _tail(middle, degrees) > tail else (low, middle)
    return math.sqrt(degrees) * math.tan(low)


def _tail(angle: float, degrees: int) -> float:
    odd = degrees % 2
    term = math.cos(angle) if odd else 1.0
    total = 0.0
    for i in range(1, degrees // 2 + 1):
        total += term
        term *= math.cos(angle) ** 2 * (2 * i / (2 * i + 1) if odd else (2 * i - 1) / (2 * i))
    inside = math.sin(angle) * total
    return max(0.0, 1 - (2 / math.pi * (angle + inside) if odd else inside))
