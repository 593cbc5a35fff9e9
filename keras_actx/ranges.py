"""Ranges of parameters, for the signature of a formula that `keras_actx.register_activation` declares.

`x, slope: ranges.NonNegative = 0.5` declares a parameter of at least 0; `Annotated[float, ranges.Range(low=0, high=1)]`
declares one in [0, 1].
"""

import math
import numbers
from dataclasses import KW_ONLY, dataclass
from typing import Annotated

from keras_actx._messages import quote
from keras_actx.plain_numbers import plain, to_float

__all__ = ["FixedNonNegative", "FixedPositive", "FixedReal", "NonNegative", "Positive", "Range", "Real"]


@dataclass(frozen=True)
class Range:
    """The values a number may take.

    Args:
        low: the lower bound.
        high: the upper bound.
        low_open: whether the range excludes the lower bound.
        high_open: whether the range excludes the upper bound.
        learnable: False for a number that remains fixed in a learnable activation (a paper's constant).

    Raises:
        TypeError: for a bound that is not a number, or a flag that is not True or False.
        ValueError: for a range that contains no finite number.

    Example:

    >>> import keras_actx as actx
    >>> 0.0 in actx.ranges.Range(low=0.0, low_open=True)
    False
    """

    low: float = -math.inf
    high: float = math.inf
    _: KW_ONLY
    low_open: bool = False
    high_open: bool = False
    learnable: bool = True

    def __post_init__(self) -> None:
        for name in ("low", "high"):
            bound = plain(getattr(self, name))
            if isinstance(bound, bool) or not isinstance(bound, numbers.Real):
                raise TypeError(f"Range: {name}={quote(bound)} is not allowed; use a number")
            object.__setattr__(self, name, to_float(bound))
        for name in ("low_open", "high_open", "learnable"):
            flag = plain(getattr(self, name))
            if not isinstance(flag, bool):
                raise TypeError(f"Range: {name}={quote(flag)} is not allowed; use True or False")
            object.__setattr__(self, name, flag)
        nothing_between = self.low == self.high and (self.low_open or self.high_open or math.isinf(self.low))
        if not self.low <= self.high or nothing_between:  # NaN satisfies neither
            raise ValueError(
                f"Range(low={self.low}, high={self.high}) is empty; low must be below high, or equal to it and both "
                "closed"
            )

    def __contains__(self, value: float) -> bool:
        above = value > self.low if self.low_open else value >= self.low
        below = value < self.high if self.high_open else value <= self.high
        return above and below  # False for NaN

    def __str__(self) -> str:
        if math.isinf(self.low) and math.isinf(self.high):
            return "any finite number"
        opening = "(" if self.low_open or math.isinf(self.low) else "["
        closing = ")" if self.high_open or math.isinf(self.high) else "]"
        return f"a number in {opening}{self.low:g}, {self.high:g}{closing}"


#: Any finite number.
Real = Annotated[float, Range()]
#: A number of at least 0.
NonNegative = Annotated[float, Range(low=0.0)]
#: A number above 0.
Positive = Annotated[float, Range(low=0.0, low_open=True)]
#: The same for a paper's constants, which remain fixed in a learnable activation.
FixedReal = Annotated[float, Range(learnable=False)]
FixedNonNegative = Annotated[float, Range(low=0.0, learnable=False)]
FixedPositive = Annotated[float, Range(low=0.0, low_open=True, learnable=False)]


def __dir__() -> list[str]:
    """The names of the ranges, without what this module imports."""
    return __all__
