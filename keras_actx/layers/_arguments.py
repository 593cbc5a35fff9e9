"""Checks of plain arguments of layers, with a common error message."""

import math
import sys
from collections.abc import Callable
from typing import Any

from keras_actx._messages import quote


def refuse_unless(holds: bool, owner: str, name: str, value: Any, allowed: str) -> None:
    """Raise `ValueError` for an argument unless `holds`; `allowed` describes the allowed values."""
    if not holds:
        raise ValueError(f"{owner}: {name}={quote(value)} is not allowed; use {allowed}")


def is_number(value: Any) -> bool:
    """Whether it is a finite int or float that a double can hold."""
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return number and abs(value) <= sys.float_info.max


def is_whole(value: Any, least: float = -math.inf, most: float = math.inf) -> bool:
    """Whether it is an int within bounds."""
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def is_size(value: Any, most: int = 2**24) -> bool:
    """Whether it is a positive whole number that is valid as a size."""
    return is_whole(value, 1, most)


def keras_object(owner: str, name: str, value: Any, get: Callable[[Any], Any]) -> Any:
    """The Keras object for a name, config or object. Raises `ValueError` with the argument's name on failure."""
    try:
        return get(value)
    except Exception as error:
        kind, reason = name.rpartition("_")[2], str(error).partition("\n")[0][:120]
        raise ValueError(
            f"{owner}: {name}={quote(value)} is not allowed; use None or a Keras {kind} ({reason})"
        ) from error


def check_whole(value: Any, owner: str, name: str, least: int, optional: str = "") -> None:
    """Raise `ValueError` unless `value` is a whole number of at least `least`, or None if `optional` explains it."""
    holds = is_whole(value, least) or (value is None and bool(optional))
    allowed = f"a whole number of at least {least}" + (f", or None {optional}" if optional else "")
    refuse_unless(holds, owner, name, value, allowed)


def check_statistics(owner: str, momentum: Any, epsilon: Any) -> None:
    """Raise `ValueError` for invalid arguments of batch normalization."""
    refuse_unless(is_number(momentum) and 0 <= momentum < 1, owner, "momentum", momentum, "a number in [0, 1)")
    refuse_unless(is_number(epsilon) and epsilon > 0, owner, "epsilon", epsilon, "a number above 0")


def check_axis(axis: Any, num_parameters: int | None) -> tuple[int, ...] | None:
    """The axis or axes as a tuple; None if not given. Raises `ValueError` for invalid axes."""
    if axis is None:
        return None
    axes = (axis,) if isinstance(axis, int) else axis
    if not isinstance(axes, (tuple, list)) or not axes or not all(type(one) is int and one != 0 for one in axes):
        raise ValueError(
            f"axis={quote(axis)} is not allowed; use None, -1, or a tuple of axes other than the batch axis 0"
        )
    if num_parameters is not None and len(axes) > 1:
        raise ValueError(f"num_parameters={num_parameters} is for one axis; axis={quote(axis)} has {len(axes)}")
    return tuple(axes)
