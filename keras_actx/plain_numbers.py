"""Numbers as arguments: NumPy's scalars beside Python's own, and what counts as a finite or a whole number."""

import functools
import inspect
import math
import numbers
from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np


def plain(value: Any) -> Any:
    """What a NumPy scalar, or an array of no dimension, holds, as Python has it, also inside a list or a tuple.

    Anything else as it is.
    """
    if type(value) in (list, tuple):
        return type(value)(map(plain, value))
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value[()]
    if not isinstance(value, np.generic):
        return value
    if isinstance(value, np.bool_):
        return bool(value)
    try:
        item = value.item()
        # A type that Python has not (bfloat16, longdouble) gives itself.
        return float(item) if isinstance(item, np.generic) else item
    except (TypeError, ValueError):  # no number at all
        return value


#: An `__init__`, whose arguments a decorator leaves as they are.
Init = TypeVar("Init", bound=Callable[..., None])


def takes_numpy_scalars(init: Init) -> Init:
    """For an `__init__`: it gets Python numbers for NumPy's scalars, so that configs stay JSON."""

    @functools.wraps(init)
    def with_plain_numbers(self: Any, *args: Any, **kwargs: Any) -> None:
        init(self, *map(plain, args), **{name: plain(value) for name, value in kwargs.items()})

    # Keras reads the arguments of layers in two ways, of which one does not look through wrappers.
    with_plain_numbers.__signature__ = inspect.signature(init)  # type: ignore[attr-defined]
    return cast(Init, with_plain_numbers)


def to_float(value: Any) -> float:
    """The nearest float; an infinity for a whole number beyond them."""
    try:
        return float(value)
    except OverflowError:  # an int too large for a double
        return math.inf if value > 0 else -math.inf


def finite(value: Any) -> float | None:
    """The number as a float; None for what is no finite real number."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        return None
    number = to_float(value)
    return number if math.isfinite(number) else None


def whole(value: Any) -> int | None:
    """The number as an int; None for what is no whole number."""
    return int(value) if isinstance(value, numbers.Integral) and not isinstance(value, bool) else None
