"""Plain numbers as arguments: Python's and numpy's, without bools."""

import math
import numbers
from typing import Any


def finite(value: Any) -> float | None:
    """The number as a float; None for what is no finite real number."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        return None
    try:
        number = float(value)
    except (OverflowError, ValueError):  # an int too large for a double
        return None
    return number if math.isfinite(number) else None


def whole(value: Any) -> int | None:
    """The number as an int; None for what is no whole number."""
    return int(value) if isinstance(value, numbers.Integral) and not isinstance(value, bool) else None
