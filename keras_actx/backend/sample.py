"""What is found out about a formula once, on a small sample, for all calls of it."""

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import Any

#: Of x; parameters are scalars. The last axis is even, for those that halve it.
_SHAPE = (4, 64)


def asked_once(
    question: Callable[[Callable[..., Any], list[tuple[tuple[int, ...], Any]]], bool],
) -> Callable[..., bool]:
    """A question about a function of tensors of certain dtypes, answered on a sample of shapes and dtypes.

    True for a function that fails on the sample, one for a certain shape perhaps: nothing is known about it.
    """

    @lru_cache(maxsize=1024)
    @wraps(question)
    def answer(function: Callable[..., Any], dtypes: tuple[Any, ...]) -> bool:
        shapes = [_SHAPE] + [()] * (len(dtypes) - 1)
        try:
            return question(function, list(zip(shapes, dtypes, strict=True)))
        except Exception:
            return True

    return answer
