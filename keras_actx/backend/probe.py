"""Cached properties of formulas: each is determined once, on a small probe, and freed with the declaration."""

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import Any

#: Shape of the probe x; parameters are scalars. The last axis has an even size, for gated formulas, which halve it.
_SHAPE = (4, 64)

#: Cache entries for each declaration: where a number changes at every step, all but the last entry are useless.
_CACHE_SIZE = 64


def cached_with_declaration(make: Callable[..., Any]) -> Callable[..., Any]:
    """Caches a function of a formula and further arguments.

    The results are stored with the formula's declaration and freed with it. The number of entries is limited.
    """

    @wraps(make)
    def look_up(function: Callable[..., Any], *rest: Any) -> Any:
        found = getattr(function, "found", None)
        if found is None:  # a wrapper of a formula, created for this call
            return make(function, *rest)
        cache = found.get(make)
        if cache is None:
            cache = found.setdefault(make, lru_cache(_CACHE_SIZE)(make))
        return cache(function, *rest)

    return look_up


def checked_once(
    check: Callable[[Callable[..., Any], list[tuple[tuple[int, ...], Any]]], bool],
) -> Callable[..., bool]:
    """A cached property of a function of tensors of given dtypes, checked on a probe of shapes and dtypes.

    The cache key may hold more than the dtypes: on torch, each dtype is paired with its device.

    The result is True for a function that fails on the probe, for example one that requires a specific shape: nothing
    is known about it. The result for one set of ordinary numbers as a formula's parameters holds for all of them, so
    that a number that changes at every step is not checked at every step.
    """
    check_probe = _on_probe(check)
    check_ordinary = cached_with_declaration(check_probe)

    @cached_with_declaration
    @wraps(check)
    def cached(function: Callable[..., Any], dtypes: tuple[Any, ...]) -> bool:
        if not hasattr(function, "with_ordinary_numbers"):
            return check_probe(function, dtypes)
        return check_ordinary(function.with_ordinary_numbers(), dtypes)

    return cached


def checked_for_every_number(
    check: Callable[[Callable[..., Any], list[tuple[tuple[int, ...], Any]]], bool],
) -> Callable[..., bool]:
    """The same, but checked for every number of a user's formula: a wrong result would give wrong values."""
    exact, ordinary = cached_with_declaration(_on_probe(check)), checked_once(check)

    @wraps(check)
    def cached(function: Callable[..., Any], dtypes: tuple[Any, ...]) -> bool:
        return (ordinary if getattr(function, "is_own", False) else exact)(function, dtypes)

    return cached


def _on_probe(check: Callable[..., bool]) -> Callable[..., bool]:
    def check_probe(function: Callable[..., Any], dtypes: tuple[Any, ...]) -> bool:
        shapes = [_SHAPE] + [()] * (len(dtypes) - 1)
        if hasattr(function, "probe_shapes"):
            shapes = function.probe_shapes(*_SHAPE, len(dtypes))
        try:
            return check(function, list(zip(shapes, dtypes, strict=True)))
        except Exception:
            return True

    return check_probe
