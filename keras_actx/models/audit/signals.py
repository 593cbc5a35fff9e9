"""The numbers that `expected.py` computes at a tensor: of the signal, and of the gradient."""

from typing import NamedTuple

import numpy as np


class Signal(NamedTuple):
    """What is known of the elements of a tensor.

    Args:
        mean, second: their mean and second moment.
        across: the part of the latter that is variance across rows.
        pairs: the covariance of an element with that of the other half of the last axis, if units are in pairs.
        means: of the halves of the last axis, which are the value and the gate of a gated activation.
    """

    mean: float
    second: float
    across: float
    pairs: float = 0.0
    means: tuple[float, float] | None = None

    @property
    def variance(self) -> float:
        return max(self.second - self.mean**2, 0.0)

    def scaled(self, factor: float, offset: float = 0.0) -> "Signal":
        """The signal of factor x + offset."""
        mean, square = factor * self.mean + offset, factor**2
        return Signal(mean, square * self.variance + mean**2, square * self.across, square * self.pairs)


class OfPairs(NamedTuple):
    """A squared norm of a gradient, or a factor of it.

    Args:
        own: of all elements.
        pairs: of twice the products of the elements of one half of the last axis with those of the other.
    """

    own: float
    pairs: float


def both(factor: float) -> OfPairs:
    """A factor that is the same for both."""
    return OfPairs(factor, factor)


def sum_of_signals(given: list[Signal | None]) -> Signal | None:
    """The signal of a sum of independent terms; None if one is unknown."""
    if any(one is None for one in given):
        return None
    known = [one for one in given if one is not None]
    mean = sum(one.mean for one in known)
    second = sum(one.variance for one in known) + mean**2
    return Signal(mean, second, sum(one.across for one in known), sum(one.pairs for one in known))


def joined(given: list[Signal | None], shares: tuple[float, ...]) -> Signal | None:
    """The signal of a concatenation, of which its inputs have these shares; None if one is unknown."""
    known = [one for one in given if one is not None]
    if len(known) < len(given):
        return None
    mean, second, across = (float(np.dot(one, shares)) for one in zip(*(one[:3] for one in known), strict=True))
    return Signal(mean, second, across)


def sum_of_gradients(given: list[OfPairs | None]) -> OfPairs | None:
    """The gradient that several consumers give a tensor; None if one is unknown."""
    known = [one for one in given if one is not None]
    return None if len(known) < len(given) else OfPairs(*(sum(one[i] for one in known) for i in (0, 1)))


def times(one: OfPairs | None, other: OfPairs | None) -> OfPairs | None:
    """The product of a gradient and a factor, or of two factors; None if one is unknown."""
    return None if one is None or other is None else OfPairs(one.own * other.own, one.pairs * other.pairs)
