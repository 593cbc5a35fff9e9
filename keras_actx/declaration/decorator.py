"""`@register_activation`: the decorator that declares an activation."""

import inspect
import math
import numbers
import re
import typing
import warnings
from collections.abc import Callable, Mapping
from typing import Any, overload

from keras_actx._messages import did_you_mean, quote
from keras_actx.declaration import registry
from keras_actx.declaration.activation import Activation
from keras_actx.declaration.declaration import Declaration, Kind
from keras_actx.declaration.parameters import Parameter, read_parameters
from keras_actx.plain_numbers import plain, to_float

_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_PACKAGE = re.compile(r"[A-Za-z][A-Za-z0-9_.\-]{0,39}")

Kinks = Mapping[float, float] | Callable[..., Mapping[float, float]] | None


@overload
def register_activation(
    formula: Callable[..., Any],
    *,
    package: str = ...,
    tex: str = ...,
    cites: tuple[str, ...] | list[str] | str = ...,
    aliases: tuple[str, ...] | list[str] = ...,
    kind: Kind = ...,
    learnable: bool = ...,
    kinks: Kinks = ...,
    exact: Callable[..., Any] | None = ...,
) -> Activation: ...


@overload
def register_activation(
    formula: None = None,
    *,
    package: str = ...,
    tex: str = ...,
    cites: tuple[str, ...] | list[str] | str = ...,
    aliases: tuple[str, ...] | list[str] = ...,
    kind: Kind = ...,
    learnable: bool = ...,
    kinks: Kinks = ...,
    exact: Callable[..., Any] | None = ...,
) -> Callable[[Callable[..., Any]], Activation]: ...


def register_activation(
    formula: Callable[..., Any] | None = None,
    *,
    package: str = "Custom",
    tex: str = "",
    cites: tuple[str, ...] | list[str] | str = (),
    aliases: tuple[str, ...] | list[str] = (),
    kind: Kind = "elementwise",
    learnable: bool = False,
    kinks: Kinks = None,
    exact: Callable[..., Any] | None = None,
) -> Any:
    r"""Declare a function of `keras.ops` as an activation: usable by name, with parameters, learnable, saved, paired.

    The function's name is the activation's, its body the formula, its signature the parameters: `float` (learnable;
    `keras_actx.ranges` has ranges), `int` or `bool`, each with a default.

    The same function declared again (a notebook cell run twice) changes nothing if it is unchanged. With another body
    it replaces the name, with a warning; existing values, layers and models use the old one.

    Args:
        formula: the function; `x` comes first (`value, gate` for a gated one), parameters after it. One with a
            `training` argument is stochastic: it is called with `training` and `seed`.
        package: the namespace of the name; use your project's.
        tex: the formula in LaTeX, for the documentation.
        cites: its references.
        aliases: other names for it.
        kind: "elementwise", "vector" (mixes an axis, keeps the shape) or "gated" (halves the last axis).
        learnable: whether the plain name is learnable by default.
        kinks: points where a derivative is discontinuous, each with the first derivative there; a function of the
            parameters if the points depend on them.
        exact: the formula for mpmath, `exact(mp, x, **params)`, as the independent oracle of tests.

    Returns:
        An `Activation` value, in place of the function.

    Raises:
        ValueError: for a name that is not lower-case ASCII, or one that the package already declares.
        TypeError: for a signature that the string form cannot express, or an argument of another type.

    Example:

    >>> import keras, keras_actx as actx
    >>> @actx.register_activation(package="my_project")
    ... def half_swish(x, beta=1.0):
    ...     return 0.5 * x * keras.ops.sigmoid(beta * x)
    >>> keras.layers.Dense(8, activation="half_swish(beta=2.0)").activation
    my_project>half_swish(beta=2.0)
    """
    arguments = {
        "package": package,
        "tex": tex,
        "cites": cites,
        "aliases": aliases,
        "kind": kind,
        "learnable": learnable,
        "kinks": {} if kinks is None else kinks,
        "exact": exact,
    }
    _check(**arguments)
    if formula is None:
        return lambda function: _declare(function, **arguments)
    return _declare(formula, **arguments)


def _check(
    *, package: Any, tex: Any, cites: Any, aliases: Any, kind: Any, learnable: Any, kinks: Any, exact: Any
) -> None:
    """Raise for an argument that is invalid independently of the formula."""
    if not isinstance(package, str):
        raise TypeError(f"package={quote(package)} is not allowed; use a string")
    if not _PACKAGE.fullmatch(package) or package == "keras":
        raise ValueError(
            f"package={quote(package)} is not allowed; use letters, digits, '_', '.', '-', and not 'keras'"
        )
    if not isinstance(tex, str):
        raise TypeError(f"tex={quote(tex)} is not allowed; use a string")
    if not isinstance(cites, str) and not _are_strings(cites):
        raise TypeError(f"cites={quote(cites)} is not allowed; use a string or a tuple of strings")
    if not _are_strings(aliases):
        hint = f": ({aliases!r},)" if isinstance(aliases, str) and _NAME.fullmatch(aliases) else ""
        raise TypeError(f"aliases={quote(aliases)} is not allowed; use a tuple of names{hint}")
    for name in aliases:
        _check_name(name)
    kinds = typing.get_args(Kind)
    if not isinstance(kind, str) or kind not in kinds:
        near = did_you_mean(kind, kinds) if isinstance(kind, str) else ""
        error = ValueError if isinstance(kind, str) else TypeError
        raise error(f"kind={quote(kind)} is not allowed; use one of {', '.join(kinds)}.{near}")
    if not isinstance(learnable, bool):
        raise TypeError(f"learnable={quote(learnable)} is not allowed; use True or False")
    if not isinstance(kinks, Mapping) and not callable(kinks):
        raise TypeError(f"kinks={quote(kinks)} is not allowed; use {{point: derivative}}, or a function that gives one")
    if isinstance(kinks, Mapping):
        _points(kinks)
    if exact is not None and not callable(exact):
        raise TypeError(f"exact={quote(exact)} is not allowed; use a function of (mp, x, **params), or None")


def _are_strings(given: Any) -> bool:
    return isinstance(given, (tuple, list)) and all(isinstance(one, str) for one in given)


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise ValueError(f"activation name {quote(name)} is not allowed; use [a-z][a-z0-9_]*, at most 40 characters")


def _declare(formula: Any, cites: Any, aliases: Any, kinks: Any, **facts: Any) -> Activation:
    if not callable(formula):
        raise TypeError(
            f"{quote(formula)} is not a function; write @register_activation above one, or @register_activation(...)"
        )
    if isinstance(formula, Activation):
        raise TypeError(f"{quote(formula)} is an activation already; decorate a function")
    name = getattr(formula, "__name__", None)
    if not isinstance(name, str):
        raise TypeError(f"{quote(formula)} has no __name__ to call the activation by; decorate a function")
    _check_name(name)
    try:
        signature = inspect.signature(formula)
    except (TypeError, ValueError) as error:  # some functions implemented in C
        raise TypeError(f"{quote(formula)} has no readable signature; decorate a function") from error
    names = list(signature.parameters)
    inputs = ["value", "gate"] if facts["kind"] == "gated" else ["x"]
    if names[: len(inputs)] != inputs:
        raise TypeError(f"{name} must take {', '.join(inputs)} first; its signature is {quote(names)}")
    parameters = read_parameters(formula, signature)
    _check_learnable(name, facts["learnable"], facts["kind"], "training" in names, parameters)
    declaration = Declaration(
        name=name,
        formula=formula,
        parameters=parameters,
        cites=(cites,) if isinstance(cites, str) else tuple(cites),
        aliases=tuple(dict.fromkeys(aliases)),
        stochastic="training" in names,
        kinks=_read_kinks(name, kinks, parameters),
        **facts,
    )
    held, warning = registry.add(declaration)
    if warning:
        warnings.warn(warning, stacklevel=3)
    return Activation.of(held, {})


def _check_learnable(
    name: str, learnable: bool, kind: str, stochastic: bool, parameters: tuple[Parameter, ...]
) -> None:
    if not learnable:
        return
    if not any(one.learnable for one in parameters):
        raise ValueError(f"{name}: learnable=True requires a learnable parameter, such as `beta: float = 1.0`")
    if kind == "gated" or stochastic:
        what = "gated" if kind == "gated" else "random in training"
        raise ValueError(f"{name}: learnable=True is not allowed for an activation that is {what}")


def _read_kinks(name: str, kinks: Any, parameters: tuple[Parameter, ...]) -> Any:
    """The kinks as Python numbers; a function is checked at the defaults."""
    if isinstance(kinks, Mapping):
        return _points(kinks)
    try:
        found = kinks(**{one.name: one.default for one in parameters})
    except Exception as error:
        raise TypeError(f"{name}: kinks cannot be called with the parameters: {quote(str(error))}") from error
    if not isinstance(found, Mapping):
        raise TypeError(f"{name}: kinks are {quote(found)}; they must be {{point: derivative}}")
    _points(found)
    return kinks


def _points(kinks: Mapping[Any, Any]) -> dict[float, float]:
    read = {plain(where): plain(slope) for where, slope in kinks.items()}
    for number in (*read, *read.values()):
        if isinstance(number, bool) or not isinstance(number, numbers.Real) or not math.isfinite(to_float(number)):
            raise TypeError(f"kinks={quote(kinks)} have {quote(number)}; points and derivatives are finite numbers")
    return {float(where): float(slope) for where, slope in read.items()}
