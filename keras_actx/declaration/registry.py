"""The table of declarations: modified under a lock, read without a lock."""

import importlib
import threading
from types import MappingProxyType
from typing import Any

from keras_actx._messages import did_you_mean, quote
from keras_actx.declaration.body import body_of, changes
from keras_actx.declaration.declaration import OWN_PACKAGE, Declaration

_lock = threading.Lock()
_by_qualified_name: MappingProxyType[str, Declaration] = MappingProxyType({})
_by_plain_name: MappingProxyType[str, tuple[Declaration, ...]] = MappingProxyType({})
#: This package's own names by their spelling without case and underscores.
_by_letters: MappingProxyType[str, tuple[str, ...]] = MappingProxyType({})
_edition = 0
#: The bodies of other packages' declarations at the time of declaration, by qualified name, and the number of changes.
_bodies: dict[str, dict[str, Any]] = {}
_changed: dict[str, int] = {}


def add(declaration: Declaration) -> tuple[Declaration, str]:
    """Enter a declaration under its name and aliases.

    The same function declared again (a notebook cell run twice, a module reloaded) changes nothing if nothing in it has
    changed; otherwise it replaces its old entry. Existing values keep their declaration.

    Returns:
        The declaration that the name now refers to; and a warning if its results differ from the previous one's, or "".

    Raises:
        ValueError: if another function has one of the names in the same package.
    """
    global _by_qualified_name, _by_plain_name, _by_letters, _edition
    own = declaration.package == OWN_PACKAGE
    # This package's own are compared only when one is reloaded, to keep the import fast.
    body = None if own else body_of(declaration)
    warning = ""
    with _lock:
        qualified, plain, spelled = dict(_by_qualified_name), dict(_by_plain_name), dict(_by_letters)
        before = qualified.get(declaration.qualified_name)
        if before is not None and _source(before) == _source(declaration):
            body = body or body_of(declaration)
            changed = changes(_bodies.get(declaration.qualified_name) or body_of(before), body)
            if changed is None:
                return before, ""
            if changed:
                _changed[declaration.qualified_name] = _changed.get(declaration.qualified_name, 0) + 1
                warning = _warning(declaration, changed, _changed[declaration.qualified_name])
            for name in (before.name, *before.aliases):
                del qualified[f"{before.package}>{name}"]
                plain[name] = tuple(one for one in plain[name] if one is not before)
                if own:
                    spelled[letters(name)] = tuple(one for one in spelled[letters(name)] if one != name)
        for name in (declaration.name, *declaration.aliases):
            key = f"{declaration.package}>{name}"
            if key in qualified:
                holder = qualified[key].formula
                raise ValueError(
                    f"activation {quote(key)} exists already, declared by {holder.__module__}.{holder.__qualname__}; "
                    "choose another name or another package"
                )
            qualified[key] = declaration
            plain[name] = (*plain.get(name, ()), declaration)
            if own:
                spelled[letters(name)] = (*spelled.get(letters(name), ()), name)
        # Replaced atomically: a reader sees either the old tables or the new ones.
        _by_qualified_name, _by_plain_name = MappingProxyType(qualified), MappingProxyType(plain)
        _by_letters = MappingProxyType(spelled)
        _edition += 1
        if body is not None:
            _bodies[declaration.qualified_name] = body
    return declaration, warning


def _warning(declaration: Declaration, changed: tuple[str, ...], times: int) -> str:
    # The count makes the text of each warning unique: Python shows equal warnings from one line only once.
    again = "again" if times == 1 else f"again ({times} times by now)"
    return (
        f"activation {quote(declaration.identifier)} is declared {again}, and differs ({', '.join(changed[:5])}): the "
        "name now refers to the new function. Existing values, layers and models use the old one until they are saved "
        "and loaded. A factory should use a separate name or package for each."
    )


def _source(declaration: Declaration) -> tuple[str, str]:
    return declaration.formula.__module__, declaration.formula.__qualname__


def find(name: str) -> Declaration | None:
    """The declaration of a plain, aliased or `package>name` name; None if there is none.

    A plain name refers to this package's own activation first.

    Raises:
        ValueError: if two other packages declare the plain name.
    """
    if ">" in name:
        return _by_qualified_name.get(name)
    holders = _by_plain_name.get(name, ())
    own = [one for one in holders if one.package == OWN_PACKAGE] or holders
    if len(own) > 1:
        choices = " or ".join(repr(f"{one.package}>{name}") for one in own[:4])
        raise ValueError(f"activation {quote(name)} is declared by several packages: write {choices}")
    return own[0] if own else None


def find_declaration(name: Any, module: str | None = None) -> Declaration:
    """The declaration behind a name that must exist.

    Args:
        name: plain or `package>name`.
        module: the module that declares it, if known: it is imported if the name is unknown.

    Raises:
        ValueError: with the nearest name, and the remedy if another package should have declared it.
    """
    declaration = find(name) if isinstance(name, str) and len(name) <= 200 else None
    if declaration is not None:
        return declaration
    if module is None:
        raise ValueError(f"unknown activation {quote(name)}.{_remedy(name)}")
    if module in ("__main__", "__mp_main__"):
        raise ValueError(
            f"unknown activation {quote(name)}. It was declared in a notebook or a script (`__main__`), which this "
            "process has not run: move the function into a module, and import that in both processes."
        )
    try:
        importlib.import_module(module)
    except ImportError as error:
        raise ValueError(
            f"unknown activation {quote(name)}. The module {quote(module)} declares it and cannot be imported here: "
            f"{quote(str(error))}."
        ) from error
    declaration = find(name)
    if declaration is None:
        raise ValueError(f"unknown activation {quote(name)}: importing {quote(module)} does not declare it any more.")
    return declaration


def _remedy(name: Any) -> str:
    """The advice for an unknown name."""
    if not isinstance(name, str):
        return " A name is a string."
    package, arrow, plain_name = name.rpartition(">")
    alone = name.partition("(")[0].strip()
    if alone != name and len(alone) <= 200 and find(alone) is not None:
        return f" Give the name alone here, without parameters: {alone!r}."
    near = did_you_mean(plain_name, known_names(package if arrow else None))
    if near and not arrow:
        return near
    return f"{near} Import the module that declares it (with @keras_actx.register_activation) first."


def edition() -> int:
    """A counter that increases with every declaration: look-ups with an equal edition remain valid."""
    return _edition


def letters(name: str) -> str:
    """A normalized name, without case and underscores: other libraries write LeakyReLU or leakyrelu."""
    return name.replace("_", "").lower()


def spelled_like(name: str) -> tuple[str, ...]:
    """This package's own names that equal `name` up to case and underscores."""
    return _by_letters.get(letters(name), ())


def every() -> tuple[Declaration, ...]:
    """All declarations without duplicates, sorted by identifier."""
    return tuple(sorted(set(_by_qualified_name.values()), key=lambda one: one.identifier))


def known_names(package: str | None = None) -> tuple[str, ...]:
    """All declared plain names, aliases included; of one package or of all."""
    return tuple(
        name
        for name, holders in _by_plain_name.items()
        if (holders if package is None else any(one.package == package for one in holders))
    )
