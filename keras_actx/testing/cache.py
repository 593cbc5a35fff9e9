"""Exact values cached on disk, so that they are computed once for three backends.

The folder is named by the environment variable KERAS_ACTX_ORACLE; without it nothing is written. The key is a hash of
the bytecode of the reference formula, of its parameters, and of the points.
"""

import dataclasses
import functools
import hashlib
import os
import tempfile
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from keras_actx.declaration.activation import Activation
from keras_actx.declaration.declaration import call_text

_VERSION = 2  # of the engines and of the file format


def cached(key: tuple[Any, ...], compute: Callable[[], tuple[np.ndarray, ...]]) -> tuple[np.ndarray, ...]:
    """`compute()`, or its cached result for an equal key."""
    folder = os.environ.get("KERAS_ACTX_ORACLE")
    if not folder:
        return compute()
    path = Path(folder) / (hashlib.sha256(repr((_VERSION, key)).encode()).hexdigest() + ".npz")
    try:
        with np.load(path, allow_pickle=False) as stored:
            return tuple(stored[name] for name in sorted(stored.files))
    except FileNotFoundError:
        pass
    arrays = compute()
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".part", delete=False) as file:
        np.savez_compressed(file, **{f"{i:02}": one for i, one in enumerate(arrays)})  # pyright: ignore[reportArgumentType]  (the names are numbers)
    Path(file.name).replace(path)  # atomic, since other processes read at the same time
    return arrays


def digest(array: np.ndarray) -> str:
    """A digest of the contents of an array."""
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()


def fingerprint(function: Callable[..., Any]) -> str:
    """A hash of a function: its bytecode, constants, closure, and the objects that it refers to."""
    seen: set[int] = set()
    return hashlib.sha256(repr(_described(function, seen)).encode()).hexdigest()


def _described(thing: Any, seen: set[int]) -> Any:
    if isinstance(thing, functools.partial):
        return _described(thing.func, seen), repr(thing.args), repr(sorted(thing.keywords.items()))
    if isinstance(thing, Activation):
        both = (thing.declaration.formula, thing.declaration.exact)
        return call_text(thing.name, dict(thing.params)), [_described(one, seen) for one in both if one is not None]
    if dataclasses.is_dataclass(thing) and not isinstance(thing, type):  # a backend's kernel
        return [_described(getattr(thing, field.name), seen) for field in dataclasses.fields(thing)]
    if not isinstance(thing, types.FunctionType):
        return thing.__name__ if isinstance(thing, (types.ModuleType, types.BuiltinFunctionType, type)) else repr(thing)
    if id(thing) in seen:
        return thing.__qualname__
    seen.add(id(thing))
    closure = [_described(cell.cell_contents, seen) for cell in thing.__closure__ or ()]
    defaults = [repr(thing.__defaults__), repr(thing.__kwdefaults__)]
    return _of_code(thing.__code__, thing.__globals__, seen, thing.__doc__), closure, defaults


def _of_code(code: types.CodeType, scope: dict[str, Any], seen: set[int], documentation: str | None = None) -> Any:
    constants = code.co_consts
    if documentation is not None and constants[:1] == (documentation,):
        constants = constants[1:]  # the docstring does not affect the results
    constants = [_of_code(one, scope, seen) if isinstance(one, types.CodeType) else repr(one) for one in constants]
    named = [(name, _described(scope[name], seen)) if name in scope else name for name in code.co_names]
    modules = [scope[name] for name in code.co_names if isinstance(scope.get(name), types.ModuleType)]
    found = [getattr(module, name, None) for module in modules for name in code.co_names]
    others = [_described(one, seen) for one in found if isinstance(one, Activation)]
    return code.co_code.hex(), constants, named, *([others] if others else [])
