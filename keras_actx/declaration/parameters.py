"""Parameters of an activation: their type, range and default, read from the formula's signature."""

import inspect
import math
import numbers
import re
import types
import typing
from dataclasses import dataclass, replace
from typing import Annotated, Any

from keras_actx._messages import quote
from keras_actx.plain_numbers import plain, to_float
from keras_actx.ranges import Range

_ANY = Range()


@dataclass(frozen=True)
class Parameter:
    """One parameter of an activation, with the check that is applied whenever it is set."""

    name: str
    kind: type  # float, int or bool
    default: Any
    range: Range = _ANY
    optional: bool = False  # None is allowed

    @property
    def learnable(self) -> bool:
        return self.kind is float and not self.optional and self.range.learnable

    @property
    def allowed(self) -> str:
        """The allowed values, in words."""
        within = str(self.range).removeprefix("a number").replace("any finite number", "")
        words = {float: str(self.range), int: f"a whole number{within}", bool: "True or False"}[self.kind]
        return words + (" or None" if self.optional else "")

    def check(self, value: Any, owner: str) -> float | int | bool | None:
        """Return `value` in its stored form, or raise `ValueError` naming what `owner` allows."""
        value = plain(value)
        if value is None and self.optional:
            return None
        if self.kind is bool and isinstance(value, bool):
            return value
        if not isinstance(value, bool):  # bool is a subclass of int in Python, but not accepted as a number here
            whole = self.kind is int and isinstance(value, numbers.Integral) and abs(int(value)) < 2**31
            if whole and int(value) in self.range:  # pyright: ignore[reportArgumentType]  (a whole number)
                return int(value)  # pyright: ignore[reportArgumentType]  (a whole number)
            if self.kind is float and isinstance(value, numbers.Real):
                number = to_float(value)
                if abs(number) < math.inf and number in self.range:  # not isfinite, which torch.compile cannot trace
                    return number
        raise ValueError(f"{owner}: {self.name}={quote(value)} is not allowed; {self.name} accepts {self.allowed}")


def read_parameters(formula, signature: inspect.Signature) -> tuple[Parameter, ...]:
    """The parameters declared by a formula's signature: all named arguments after its inputs.

    Raises:
        TypeError: if a parameter has a form that cannot be represented in a string or a saved file.
    """
    try:
        annotated = getattr(formula, "__annotations__", None)
        hints = typing.get_type_hints(formula, include_extras=True) if annotated else {}
    except Exception as error:  # an undefined name in the annotations
        raise TypeError(f"the annotations of {quote(formula)} cannot be read: {quote(str(error))}") from error
    read = tuple(
        _read_parameter(formula, declared, hints.get(declared.name))
        for declared in signature.parameters.values()
        if declared.name not in NOT_PARAMETERS
    )
    if len(read) > _MOST_PARAMETERS:
        raise TypeError(f"{formula.__name__} has {len(read)} parameters; at most {_MOST_PARAMETERS} fit in a string")
    return read


#: Names in a formula's signature that are not parameters: its inputs, and the context arguments of a stochastic
#: formula.
NOT_PARAMETERS = frozenset({"x", "value", "gate", "training", "seed"})
#: Reserved keys of the string form, not allowed as parameter names.
RESERVED = frozenset({"learnable", "num_parameters", "per_channel"})
_PARAMETER = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,39}", re.ASCII)
_MOST_PARAMETERS = 50  # so that the string with all of them can be read: `names.grammar.LONGEST`


def _read_parameter(formula, declared: inspect.Parameter, hint) -> Parameter:
    where = f"{formula.__name__}: parameter {quote(declared.name)}"
    if declared.name in RESERVED:
        raise TypeError(f"{where} has a reserved name; {', '.join(sorted(RESERVED))} belong to the string form")
    if not _PARAMETER.fullmatch(declared.name):
        raise TypeError(f"{where} cannot be written in a string; use ASCII letters, digits and '_', at most 40")
    if declared.default is declared.empty:
        raise TypeError(f"{where} needs a default, so that the plain name means something")
    if declared.kind in (declared.VAR_POSITIONAL, declared.VAR_KEYWORD, declared.POSITIONAL_ONLY):
        raise TypeError(f"{where} must be an ordinary named parameter, so that a string can set it")
    alternatives = typing.get_args(hint) if typing.get_origin(hint) in (typing.Union, types.UnionType) else (hint,)
    optional = type(None) in alternatives
    hint, *others = [one for one in alternatives if one is not type(None)] or [None]
    if others:
        if not all(one is int or one is float for one in (hint, *others)):
            raise TypeError(f"{where} is annotated {quote(alternatives)}; use float, int or bool, optionally `| None`")
        hint = float
    limits = _ANY
    if typing.get_origin(hint) is Annotated:
        hint, *facts = typing.get_args(hint)
        limits = next((fact for fact in facts if isinstance(fact, Range)), limits)
    default = plain(declared.default)
    if hint is None:  # without an annotation, the type of the default
        hint = bool if isinstance(default, bool) else float
    if not any(hint is one for one in (float, int, bool)):  # an annotation need not be hashable or comparable
        raise TypeError(f"{where} is annotated {quote(hint)}; float, int and bool can be written in a string and saved")
    if hint is bool and limits != _ANY:
        raise TypeError(f"{where} is True or False, which no Range limits")
    unchecked = Parameter(declared.name, hint, default, limits, optional)
    return replace(unchecked, default=unchecked.check(declared.default, formula.__name__))
