"""Comparable descriptions of declarations, to detect whether a function that is declared again has changed."""

import dis
import functools
import types
from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np

from keras_actx.declaration.declaration import Declaration

#: Parts that do not affect results: a declaration that differs only in them replaces the old one without a warning.
_FACTS = frozenset({"docstring", "tex", "cites", "aliases", "exact", "objects"})


def body_of(declaration: Declaration) -> dict[str, Any]:
    """All parts of the declaration in their current state: functions by their code and the objects it refers to."""
    formula = declaration.formula
    parts = {
        "code": _code_of(formula),
        "parameters": declaration.parameters,
        "kind": declaration.kind,
        "learnable": declaration.learnable,
        "kinks": _described(declaration.kinks),
        "docstring": getattr(formula, "__doc__", None),
        "tex": declaration.tex,
        "cites": declaration.cites,
        "aliases": declaration.aliases,
        "exact": _described(declaration.exact),
        # Even if equal now, a list or a variable may change later, and then only for one of the two.
        "objects": _objects(formula, set()),
    }
    parts.update({f"value of {name}": value for name, value in _closure(formula, set()).items()})
    return parts


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[str, ...] | None:
    """The names of the parts that differ and change what is computed; None if nothing at all differs."""
    differ = [part for part in {**before, **after} if before.get(part) != after.get(part)]
    return tuple(part for part in differ if part not in _FACTS) if differ else None


class _Kept:
    """A value of any other type, compared by type and `==`."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, _Kept) or type(self.value) is not type(other.value):
            return False
        try:
            return self.value is other.value or bool(self.value == other.value)
        except Exception:  # any failure of a comparison
            return False

    __hash__ = None  # type: ignore[assignment]


def _described(thing: Any, seen: set[int] | None = None) -> Any:
    """A comparable description of a value: numbers by type and digits, functions by code, containers by content."""
    if isinstance(thing, _PLAIN):
        return type(thing).__name__, repr(thing)  # 1, 1.0 and True differ; NaN is NaN
    seen = set() if seen is None else seen
    if id(thing) in seen:
        return "again"
    inside = {*seen, id(thing)}
    for kind, describe in _DESCRIBED.items():
        if isinstance(thing, kind):
            return type(thing).__name__, describe(thing, inside)
    return _tensor(thing) if keras.ops.is_tensor(thing) else _Kept(thing)


def _tensor(thing: Any) -> Any:
    """By its values. A traced tensor has none and is not compared; a reference to it keeps its id unique."""
    try:
        return _array(np.asarray(keras.ops.convert_to_numpy(thing)), set())
    except Exception:  # backend-specific exceptions
        return id(thing)


def _function(thing: types.FunctionType, seen: set[int]) -> Any:
    values = _described((thing.__defaults__, thing.__kwdefaults__), seen)
    return _code_of(thing, seen), _closure(thing, seen), values


def _partial(thing: functools.partial, seen: set[int]) -> Any:
    return _described((thing.func, thing.args, thing.keywords), seen)


def _sequence(thing: Any, seen: set[int]) -> Any:
    return [_described(one, seen) for one in thing]


def _mapping(thing: dict, seen: set[int]) -> Any:
    return [_described(one, seen) for one in thing.items()]


def _array(thing: np.ndarray, seen: set[int]) -> Any:
    return str(thing.dtype), thing.shape, _Kept(thing) if thing.dtype == object else thing.tobytes()


_PLAIN = (type(None), bool, int, float, complex, str, bytes)
_DESCRIBED: dict[Any, Callable[[Any, set[int]], Any]] = {
    types.FunctionType: _function,
    functools.partial: _partial,
    (tuple, list): _sequence,
    dict: _mapping,
    np.ndarray: _array,
}


def _code_of(function: Any, seen: set[int] | None = None) -> Any:
    """The code of a function, and of the functions that it refers to in its module."""
    if not isinstance(function, types.FunctionType):
        return _described(function, seen)
    seen = {*(seen or ()), id(function)}
    return _of_code(function.__code__, function, seen)


def _of_code(code: types.CodeType, function: types.FunctionType, seen: set[int]) -> Any:
    constants = code.co_consts
    if code is function.__code__ and function.__doc__ is not None and constants[:1] == (function.__doc__,):
        constants = constants[1:]
    return (
        code.co_code,
        [_of_code(one, function, seen) if isinstance(one, types.CodeType) else _constant(one) for one in constants],
        [(name, _global(function.__globals__[name], function, seen)) if name in function.__globals__ else name
         for name in code.co_names],
        (code.co_varnames, code.co_freevars, code.co_cellvars, code.co_argcount, code.co_kwonlyargcount, code.co_flags),
    )  # fmt: skip


def _constant(value: Any) -> Any:
    # A frozenset, the constant of `in {...}`, is ordered by the hashes of this process.
    return sorted(map(repr, value)) if isinstance(value, frozenset) else _described(value)


def _global(value: Any, function: types.FunctionType, seen: set[int]) -> Any:
    """A global of the module: helpers by their code, constants by value, others by their qualified name."""
    if isinstance(value, types.FunctionType) and value.__module__ == function.__module__:
        return _described(value, seen)
    if isinstance(value, (*_PLAIN, tuple)):
        return _described(value, seen)
    return getattr(value, "__module__", None), getattr(value, "__qualname__", type(value).__qualname__)


def _closure(function: Any, seen: set[int]) -> dict[str, Any]:
    cells = getattr(function, "__closure__", None) or ()
    names = function.__code__.co_freevars if cells else ()
    return {name: _content(cell, {*seen, id(function)}) for name, cell in zip(names, cells, strict=True)}


def _objects(thing: Any, seen: set[int]) -> list[int]:
    """The ids of mutable objects in the closure of a function: all but plain values, functions and tuples."""
    if isinstance(thing, _PLAIN) or id(thing) in seen:
        return []
    seen.add(id(thing))
    if isinstance(thing, tuple):
        return [found for one in thing for found in _objects(one, seen)]
    if not isinstance(thing, types.FunctionType):
        return [id(thing)]
    set_by_it = {step.argval for step in dis.get_instructions(thing) if step.opname == "STORE_DEREF"}
    found = []
    for name, cell in zip(thing.__code__.co_freevars, thing.__closure__ or (), strict=True):
        if name in set_by_it:  # by `nonlocal`
            found.append(id(cell))
        elif _content(cell, set()) != "empty":
            found += _objects(cell.cell_contents, seen)
    return found


def _content(cell: types.CellType, seen: set[int]) -> Any:
    try:
        return _described(cell.cell_contents, seen)
    except ValueError:  # an empty cell
        return "empty"
