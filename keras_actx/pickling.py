"""Pickled models import this package: another process may not have imported it before it unpickles one.

Keras pickles a layer or a model as its archive. The function that reads it belongs to Keras, so joblib, Ray or a
spawned process would find undeclared names in it.
"""

import functools
import io
import json
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

import keras

from keras_actx.declaration import registry
from keras_actx.declaration.declaration import OWN_PACKAGE, Declaration

_MARK = f"{OWN_PACKAGE}>"


def install() -> None:
    """Make pickles of Keras layers and models with objects of this package import it when loaded; installed once.

    All other pickles are unchanged, and so are all pickles of a Keras version that pickles in another way.
    """
    original = keras.Operation.__reduce__
    if original is object.__reduce__ or getattr(original, "brings_imports", False):
        return

    @functools.wraps(original)
    def __reduce__(self: Any) -> Any:  # noqa: N807  (it replaces that method of another class)
        reduced = original(self)
        try:
            declared = _declared_in(reduced)
        except Exception:  # not the known form of the archive
            declared = None
        if declared is None:
            return reduced
        read, arguments, *rest = reduced
        return (_read_after_import, (declared, read, arguments), *rest)

    __reduce__.brings_imports = True  # type: ignore[attr-defined]
    keras.Operation.__reduce__ = __reduce__


def _read_after_import(declared: dict[str, str], read: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    """The result of `read` on an archive. Unpickling the reference to this function has imported the package.

    Raises:
        ValueError: for an activation that is not declared in this process, naming the module that declares it.
    """
    unknown = {}
    for name, module in declared.items():
        try:
            registry.find_declaration(name, module)
        except ValueError as error:
            unknown[name] = error
    try:
        return read(*arguments)
    except Exception as error:
        if unknown:
            raise next(iter(unknown.values())) from error
        raise


def _declared_in(reduced: tuple[Any, ...]) -> dict[str, str] | None:
    """The modules of users' activations that an archive names, by name; None if it has no objects of this package."""
    _, (archive,), *_ = reduced
    if not isinstance(archive, io.BytesIO):
        return None
    with zipfile.ZipFile(io.BytesIO(archive.getbuffer())) as opened:
        text = opened.read("config.json").decode()
    if _MARK not in text:
        return None
    found = {one for one in map(_declaration, _strings(json.loads(text))) if one is not None}
    return {one.qualified_name: one.formula.__module__ for one in found if one.package != OWN_PACKAGE}


def _declaration(text: str) -> Declaration | None:
    try:
        return registry.find(text.partition("(")[0].strip())
    except ValueError:  # a plain name that several packages declare, so not a saved one
        return None


def _strings(config: Any) -> Iterator[str]:
    if isinstance(config, dict):
        config = list(config.values())
    if isinstance(config, list):
        for one in config:
            yield from _strings(one)
    elif isinstance(config, str):
        yield config
