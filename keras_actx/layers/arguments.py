"""Checks of plain arguments of layers, and their one error text."""

import math
import sys
from collections.abc import Callable
from typing import Any

from keras_actx._messages import quote


def refuse_unless(holds: bool, owner: str, name: str, value: Any, allowed: str) -> None:
    """Raise `ValueError` for an argument unless `holds`; `allowed` says in words what may be given."""
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
    """Whether it is a whole number above 0 that something may have as its size."""
    return is_whole(value, 1, most)


def keras_object(owner: str, name: str, value: Any, get: Callable[[Any], Any]) -> Any:
    """What Keras makes of a name, config or object. Raises `ValueError` that names the argument where it refuses."""
    try:
        return get(value)
    except Exception as error:
        kind, reason = name.rpartition("_")[2], str(error).partition("\n")[0][:120]
        raise ValueError(
            f"{owner}: {name}={quote(value)} is not allowed; use None or a Keras {kind} ({reason})"
        ) from error
