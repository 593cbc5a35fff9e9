"""What is found out about a formula once, on a small sample, for all calls of it; and how long that is kept."""

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import Any

#: Of x; parameters are scalars. The last axis is even, for those that halve it.
_SHAPE = (4, 64)

#: How many are kept of each declaration: of numbers that change at every step, all but the last are useless.
_KEPT = 64


def kept_with_declaration(make: Callable[..., Any]) -> Callable[..., Any]:
    """A function of a formula and more, computed once for equal arguments.

    What it returned is kept with the formula's declaration, so that neither outlives what a user declared; and only so
    many of them.
    """

    @wraps(make)
    def look_up(function: Callable[..., Any], *rest: Any) -> Any:
        found = getattr(function, "found", None)
        if found is None:  # made of a formula, for this call
            return make(function, *rest)
        kept = found.get(make)
        if kept is None:
            kept = found.setdefault(make, lru_cache(_KEPT)(make))
        return kept(function, *rest)

    return look_up


def asked_once(
    question: Callable[[Callable[..., Any], list[tuple[tuple[int, ...], Any]]], bool],
) -> Callable[..., bool]:
    """A question about a function of tensors of certain dtypes, answered on a sample of shapes and dtypes.

    What distinguishes two answers may be more than the dtypes: on torch, each is one with its device.

    True for a function that fails on the sample, one for a certain shape perhaps: nothing is known about it. The answer
    for ordinary numbers among a formula's parameters is that for all of them: a number that changes at every step is
    not asked about at every step.
    """
    ask = _asking(question)
    ask_about_ordinary = kept_with_declaration(ask)

    @kept_with_declaration
    @wraps(question)
    def answer(function: Callable[..., Any], dtypes: tuple[Any, ...]) -> bool:
        if not hasattr(function, "with_ordinary_numbers"):
            return ask(function, dtypes)
        return ask_about_ordinary(function.with_ordinary_numbers(), dtypes)

    return answer


def asked_of_every_number(
    question: Callable[[Callable[..., Any], list[tuple[tuple[int, ...], Any]]], bool],
) -> Callable[..., bool]:
    """The same where a wrong answer gives wrong numbers: asked of every number, but for this package's own formulas."""
    exact, ordinary = kept_with_declaration(_asking(question)), asked_once(question)

    @wraps(question)
    def answer(function: Callable[..., Any], dtypes: tuple[Any, ...]) -> bool:
        return (ordinary if getattr(function, "is_own", False) else exact)(function, dtypes)

    return answer


def _asking(question: Callable[..., bool]) -> Callable[..., bool]:
    def ask(function: Callable[..., Any], dtypes: tuple[Any, ...]) -> bool:
        shapes = [_SHAPE] + [()] * (len(dtypes) - 1)
        try:
            return question(function, list(zip(shapes, dtypes, strict=True)))
        except Exception:
            return True

    return ask
