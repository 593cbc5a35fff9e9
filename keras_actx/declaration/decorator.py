"""`@activation`: the one decorator that makes a formula an activation."""

import inspect
import re
from collections.abc import Callable, Mapping
from typing import Any

from keras_actx.declaration import registry
from keras_actx.declaration.activation import Activation
from keras_actx.declaration.declaration import Declaration, Kind
from keras_actx.declaration.parameters import read_parameters
from keras_actx.names.suggest import quote

_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_PACKAGE = re.compile(r"[A-Za-z][A-Za-z0-9_.\-]{0,39}")


def activation(
    formula: Callable[..., Any] | None = None,
    *,
    package: str = "Custom",
    tex: str = "",
    cites: tuple[str, ...] | str = (),
    aliases: tuple[str, ...] = (),
    kind: Kind = "elementwise",
    learnable: bool = False,
    kinks: Mapping[float, float] | Callable[..., Mapping[float, float]] | None = None,
    exact: Callable[..., Any] | None = None,
) -> Any:
    r"""Make a function of `keras.ops` an activation: by string, with parameters, learnable, saved, paired.

    The function's name is the activation's, its body the formula, its signature the parameters: `float` (learnable;
    `typing.Annotated[float, Range(low=0)]` gives a range), `int` or `bool`, each with a default.

    Args:
        formula: the function; `x` comes first (`value, gate` for a gated one), parameters after it. One with a
            `training` argument is stochastic: it is called with `training` and `seed`.
        package: the namespace of the name; use your project's.
        tex: the formula in LaTeX, for the documentation.
        cites: where it comes from.
        aliases: other names for it.
        kind: "elementwise", "vector" (mixes an axis, keeps the shape) or "gated" (halves the last axis).
        learnable: whether the plain name learns its parameters.
        kinks: points where a derivative jumps, each with the first derivative promised there; a function of the
            parameters if they move.
        exact: the formula for mpmath, `exact(mp, x, **params)`, as the independent oracle of tests.

    Returns:
        An `Activation` value, in place of the function.

    Raises:
        ValueError: for a name that is not lower-case ASCII, or one that the package has already.
        TypeError: for a signature that no string could express.

    Example:

    >>> import keras, keras_actx as actx
    >>> @actx.activation(package="my_project")
    ... def half_swish(x, beta=1.0):
    ...     return 0.5 * x * keras.ops.sigmoid(beta * x)
    >>> keras.layers.Dense(8, activation="half_swish(beta=2.0)").activation
    my_project>half_swish(beta=2.0)
    """
    if formula is None:
        return lambda function: activation(
            function,
            package=package,
            tex=tex,
            cites=cites,
            aliases=aliases,
            kind=kind,
            learnable=learnable,
            kinks=kinks,
            exact=exact,
        )
    if not _PACKAGE.fullmatch(package) or package == "keras":
        raise ValueError(
            f"package={quote(package)} is not allowed; use letters, digits, '_', '.', '-', and not 'keras'"
        )
    for name in (formula.__name__, *aliases):
        if not _NAME.fullmatch(name):
            raise ValueError(
                f"activation name {quote(name)} is not allowed; use [a-z][a-z0-9_]*, at most 40 characters"
            )
    signature = inspect.signature(formula)
    names = list(signature.parameters)
    inputs = ["value", "gate"] if kind == "gated" else ["x"]
    if names[: len(inputs)] != inputs:
        raise TypeError(f"{formula.__name__} must take {', '.join(inputs)} first; its signature is {names}")
    declaration = Declaration(
        name=formula.__name__,
        package=package,
        formula=formula,
        parameters=read_parameters(formula, signature),
        kind=kind,
        tex=tex,
        cites=(cites,) if isinstance(cites, str) else tuple(cites),
        aliases=tuple(aliases),
        learnable=learnable,
        stochastic="training" in names,
        exact=exact,
        kinks=kinks or {},
    )
    registry.add(declaration)
    return Activation(declaration.identifier, ())
