"""The constraint that keeps a learned parameter in its declared range."""

import math
from typing import Any

import keras

from keras_actx._messages import quote
from keras_actx.declaration.declaration import OWN_PACKAGE
from keras_actx.plain_numbers import finite
from keras_actx.ranges import Range

__all__ = ["InRange"]

_OPEN_END = 1e-6  # the least distance of a learned value from a bound that its range excludes


@keras.saving.register_keras_serializable(OWN_PACKAGE)
class InRange(keras.constraints.Constraint):
    """Clips a weight to [`low`, `high`], so that the stored weight is the value used.

    Args:
        low: a finite number, or None for no lower bound.
        high: a finite number, or None for no upper bound.

    Raises:
        ValueError: if a bound is not a finite number, or `low` exceeds `high`.

    Example:

    >>> import keras_actx as actx
    >>> float(actx.constraints.InRange(low=0.0)(-1.0))
    0.0
    """

    def __init__(self, low: float | None = None, high: float | None = None) -> None:
        for name, end in (("low", low), ("high", high)):
            if end is not None and finite(end) is None:
                raise ValueError(f"InRange: {name}={quote(end)} is not allowed; use a finite number or None")
        if low is not None and high is not None and low > high:
            raise ValueError(f"InRange: low={quote(low)} exceeds high={quote(high)}")
        self.low = finite(low)
        self.high = finite(high)

    def __call__(self, w: Any) -> Any:
        w = keras.ops.convert_to_tensor(w)
        if self.low is not None:
            w = keras.ops.where(w < self.low, self.low * keras.ops.ones_like(w), w)
        if self.high is not None:
            w = keras.ops.where(w > self.high, self.high * keras.ops.ones_like(w), w)
        return w

    def get_config(self) -> dict[str, Any]:
        return {"low": self.low, "high": self.high}


def ends_of(limits: Range, start: float) -> tuple[float | None, float | None]:
    """The lowest and the highest value that a parameter may learn; None if it is unbounded.

    If the range excludes a bound, a learned value keeps a small distance from it, at most that of `start`.
    """
    low = None if math.isinf(limits.low) else limits.low
    high = None if math.isinf(limits.high) else limits.high
    if limits.low_open and low is not None:
        low = min(low + _OPEN_END, start)
    if limits.high_open and high is not None:
        high = max(high - _OPEN_END, start)
    return low, high
