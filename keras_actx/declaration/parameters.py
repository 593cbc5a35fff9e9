"""Parameters of an activation: their type, range and default, read from the formula's signature."""

import inspect
import math
import numbers
import types
import typing
from dataclasses import dataclass, replace
from typing import Annotated, Any

from keras_actx.names.suggest import quote


@dataclass(frozen=True)
class Range:
    """The values a number may take; an open end excludes its bound.

    `learnable=False` marks a number that stays fixed when the activation learns (a paper's constant).

    Example:

    >>> from keras_actx import Range
    >>> 0.0 in Range(low=0.0, low_open=True)
    False
    """

    low: float = -math.inf
    high: float = math.inf
    low_open: bool = False
    high_open: bool = False
    learnable: bool = True

    def __contains__(self, value: float) -> bool:
        above = value > self.low if self.low_open else value >= self.low
        below = value < self.high if self.high_open else value <= self.high
        return above and below  # False for NaN, as it must be

    def __str__(self) -> str:
        if math.isinf(self.low) and math.isinf(self.high):
            return "any finite number"
        opening = "(" if self.low_open or math.isinf(self.low) else "["
        closing = ")" if self.high_open or math.isinf(self.high) else "]"
        return f"a number in {opening}{self.low:g}, {self.high:g}{closing}"


Real = Annotated[float, Range()]
NonNegative = Annotated[float, Range(low=0.0)]
Positive = Annotated[float, Range(low=0.0, low_open=True)]
# The same for a paper's constants, which stay fixed when the activation learns.
Fixed = Annotated[float, Range(learnable=False)]
FixedNonNegative = Annotated[float, Range(low=0.0, learnable=False)]
FixedPositive = Annotated[float, Range(low=0.0, low_open=True, learnable=False)]


@dataclass(frozen=True)
class Parameter:
    """One parameter of an activation, with the check that every way of setting it goes through."""

    name: str
    kind: type  # float, int or bool
    default: Any
    range: Range = Range()
    optional: bool = False  # None is a value

    @property
    def learnable(self) -> bool:
        return self.kind is float and not self.optional and self.range.learnable

    @property
    def allowed(self) -> str:
        """What may be given, in words."""
        words = {float: str(self.range), int: "a whole number", bool: "True or False"}[self.kind]
        return words + (" or None" if self.optional else "")

    def check(self, value: Any, owner: str) -> float | int | bool | None:
        """Return `value` in its stored form, or raise `ValueError` naming what `owner` allows."""
        if value is None and self.optional:
            return None
        if self.kind is bool and isinstance(value, bool):
            return value
        if not isinstance(value, bool):  # a bool is an int to Python, but never a number here
            if self.kind is int and isinstance(value, numbers.Integral) and abs(int(value)) < 2**31:
                return int(value)
            if self.kind is float and isinstance(value, numbers.Real):
                number = _to_float(value)
                if abs(number) < math.inf and number in self.range:  # not isfinite, which torch.compile cannot trace
                    return number
        raise ValueError(f"{owner}: {self.name}={quote(value)} is not allowed; {self.name} takes {self.allowed}")


def _to_float(value: numbers.Real) -> float:
    try:
        return float(value)
    except OverflowError:  # an int too large for a double
        return math.inf


def read_parameters(formula, signature: inspect.Signature) -> tuple[Parameter, ...]:
    """The parameters that a formula's signature declares (everything it takes by name after its inputs).

    Raises:
        TypeError: if a parameter has a form that no string or saved file could hold.
    """
    hints = typing.get_type_hints(formula, include_extras=True)
    return tuple(
        _read_parameter(formula, declared, hints.get(declared.name))
        for declared in signature.parameters.values()
        if declared.name not in NOT_PARAMETERS
    )


#: Names in a formula's signature that are not parameters: its inputs, and what a stochastic one is called with.
NOT_PARAMETERS = frozenset({"x", "value", "gate", "training", "seed"})
#: Keys of the string form that no parameter may take.
RESERVED = frozenset({"learnable", "num_parameters"})


def _read_parameter(formula, declared: inspect.Parameter, hint) -> Parameter:
    where = f"{formula.__module__}.{formula.__qualname__}: parameter {declared.name!r}"
    if declared.name in RESERVED:
        raise TypeError(f"{where} has a reserved name; {', '.join(sorted(RESERVED))} belong to the string form")
    if declared.default is declared.empty:
        raise TypeError(f"{where} needs a default, so that the plain name means something")
    if declared.kind in (declared.VAR_POSITIONAL, declared.VAR_KEYWORD, declared.POSITIONAL_ONLY):
        raise TypeError(f"{where} must be an ordinary named parameter, so that a string can set it")
    alternatives = typing.get_args(hint) if typing.get_origin(hint) in (typing.Union, types.UnionType) else (hint,)
    optional = type(None) in alternatives
    hint = next((one for one in alternatives if one is not type(None)), None)
    limits = Range()
    if typing.get_origin(hint) is Annotated:
        hint, *facts = typing.get_args(hint)
        limits = next((fact for fact in facts if isinstance(fact, Range)), limits)
    if hint is None:  # without an annotation, the default tells
        hint = bool if isinstance(declared.default, bool) else float
    if hint not in (float, int, bool):
        raise TypeError(f"{where} is annotated {hint!r}; float, int and bool can be written in a string and saved")
    unchecked = Parameter(declared.name, hint, declared.default, limits, optional)
    return replace(unchecked, default=unchecked.check(declared.default, formula.__name__))
