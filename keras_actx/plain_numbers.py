"""Numbers as arguments: conversion of NumPy scalars to Python numbers, and checks for finite and for whole numbers."""

import functools
import inspect
import math
import numbers
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast

import numpy as np


def plain(value: Any) -> Any:
    """The Python number of a NumPy scalar or a zero-dimensional array, also inside a list or a tuple.

    Other values are returned unchanged.
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
        # `item` of a type without a Python equivalent (bfloat16, longdouble) returns the same type.
        return float(item) if isinstance(item, np.generic) else item
    except (TypeError, ValueError):  # not a number
        return value


def finite_or_none(value: Any) -> Any:
    """A value for JSON, which lacks numbers that are not finite: they are None, also inside dicts and sequences."""
    if isinstance(value, Mapping):
        return {key: finite_or_none(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite_or_none(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


#: An `__init__`, whose signature a decorator preserves.
Init = TypeVar("Init", bound=Callable[..., None])


def takes_numpy_scalars(init: Init) -> Init:
    """Decorates an `__init__`: converts NumPy scalars to Python numbers, so that configs are valid JSON."""

    @functools.wraps(init)
    def with_plain_numbers(self: Any, *args: Any, **kwargs: Any) -> None:
        init(self, *map(plain, args), **{name: plain(value) for name, value in kwargs.items()})

    # Keras inspects the arguments of layers in two ways, one of which does not follow `__wrapped__`.
    with_plain_numbers.__signature__ = inspect.signature(init)  # type: ignore[attr-defined]
    return cast(Init, with_plain_numbers)


def to_float(value: Any) -> float:
    """The nearest float; an infinity for a whole number beyond the range of floats."""
    try:
        return float(value)
    except OverflowError:  # an int too large for a double
        return math.inf if value > 0 else -math.inf


def finite(value: Any) -> float | None:
    """The number as a float; None for anything but a finite real number."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        return None
    number = to_float(value)
    return number if math.isfinite(number) else None


def whole(value: Any) -> int | None:
    """The number as an int; None for anything but a whole number."""
    return int(value) if isinstance(value, numbers.Integral) and not isinstance(value, bool) else None
