"""What a user's formula reads beside its arguments, which is a constant in a recorded formula."""

import builtins
import dis
import functools
import types
from collections.abc import Callable, Iterator
from typing import Any

import torch

#: Packages whose functions and constants are not expected to change.
_PACKAGES = ("builtins", "functools", "keras", "keras_actx", "math", "numpy", "operator", "torch")
_CONSTANTS = (type(None), bool, int, float, str, bytes, torch.dtype)


class ChangeableError(Exception):
    """A formula reads something that can change unnoticed."""


class Reads:
    """The global and enclosed names that a function and its helpers read, with their current values.

    Raises:
        ChangeableError: if one of them is no constant, function or module of a known package; or an assignment to it.
    """

    def __init__(self, function: Any) -> None:
        self._read: list[tuple[Callable[[], Any], Any]] = []
        self._seen: set[int] = set()
        self._add(function)

    def are_unchanged(self) -> bool:
        """Whether all names still have these values."""
        return all(get() is value for get, value in self._read)

    def _add(self, value: Any) -> None:
        if isinstance(value, _CONSTANTS) or id(value) in self._seen:
            return
        self._seen.add(id(value))
        if _package(value) in _PACKAGES and isinstance(value, (types.ModuleType, types.BuiltinFunctionType, type)):
            return
        if isinstance(value, types.FunctionType):
            if _package(value) not in _PACKAGES:
                self._add_function(value)
        elif isinstance(value, functools.partial):
            self._add((value.func, value.args, tuple(value.keywords.values())))
        elif isinstance(value, tuple):
            for one in value:
                self._add(one)
        elif _package(type(value)) == "keras_actx" and hasattr(value, "declaration"):  # an activation in a formula
            self._add(value.declaration.formula)
        else:
            raise ChangeableError(f"{type(value).__name__} can change")

    def _add_function(self, function: types.FunctionType) -> None:
        self._add((function.__defaults__, tuple((function.__kwdefaults__ or {}).values())))
        cells = dict(zip(function.__code__.co_freevars, function.__closure__ or (), strict=True))
        for step in _steps(function.__code__):
            if step.opname in ("STORE_GLOBAL", "DELETE_GLOBAL") or (
                step.opname in ("STORE_DEREF", "DELETE_DEREF") and step.argval in cells
            ):
                raise ChangeableError(f"{function.__name__} assigns {step.argval}")
            if step.opname == "IMPORT_NAME" and step.argval.partition(".")[0] not in _PACKAGES:
                raise ChangeableError(f"{function.__name__} imports {step.argval}")
            if step.opname == "LOAD_GLOBAL":
                self._keep(functools.partial(_global, function.__globals__, step.argval))
        for cell in cells.values():
            self._keep(functools.partial(getattr, cell, "cell_contents", None))

    def _keep(self, get: Callable[[], Any]) -> None:
        value = get()
        self._read.append((get, value))
        self._add(value)


def _global(names: dict[str, Any], name: str) -> Any:
    return names[name] if name in names else getattr(builtins, name, None)


def _steps(code: types.CodeType) -> Iterator[dis.Instruction]:
    yield from dis.get_instructions(code)
    for one in code.co_consts:
        if isinstance(one, types.CodeType):
            yield from _steps(one)


def _package(value: Any) -> str:
    name = value.__name__ if isinstance(value, types.ModuleType) else getattr(value, "__module__", None)
    return (name or "builtins").partition(".")[0]
