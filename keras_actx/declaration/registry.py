"""The table of declarations: written under a lock, read without one."""

import threading
from types import MappingProxyType

from keras_actx.declaration.declaration import OWN_PACKAGE, Declaration
from keras_actx.names.suggest import quote

_lock = threading.Lock()
_by_qualified_name: MappingProxyType[str, Declaration] = MappingProxyType({})
_by_plain_name: MappingProxyType[str, tuple[Declaration, ...]] = MappingProxyType({})


def add(declaration: Declaration) -> None:
    """Enter a declaration under its name and aliases.

    The same function declared again (a notebook cell run twice, a module reloaded) replaces its old entry.

    Raises:
        ValueError: if another function holds one of the names in the same package.
    """
    global _by_qualified_name, _by_plain_name
    with _lock:
        table = {key: one for key, one in _by_qualified_name.items() if not _same_source(one, declaration)}
        for name in (declaration.name, *declaration.aliases):
            key = f"{declaration.package}>{name}"
            if key in table:
                holder = table[key].formula
                raise ValueError(
                    f"activation {quote(key)} exists already, declared by {holder.__module__}.{holder.__qualname__}; "
                    "choose another name or another package"
                )
            table[key] = declaration
        plain: dict[str, tuple[Declaration, ...]] = {}
        for key, one in table.items():
            name = key.partition(">")[2]
            plain[name] = (*plain.get(name, ()), one)
        # Published whole: a reader sees the old tables or the new ones, never a half.
        _by_qualified_name, _by_plain_name = MappingProxyType(table), MappingProxyType(plain)


def _same_source(old: Declaration, new: Declaration) -> bool:
    def place(one: Declaration) -> tuple[str, str, str, str]:
        return one.package, one.name, one.formula.__module__, one.formula.__qualname__

    return place(old) == place(new)


def find(name: str) -> Declaration | None:
    """The declaration of a plain, aliased or `package>name` name; None if there is none.

    A plain name means this package's own activation before anybody else's.

    Raises:
        ValueError: if two other packages declare the plain name.
    """
    if ">" in name:
        return _by_qualified_name.get(name)
    holders = _by_plain_name.get(name, ())
    own = [one for one in holders if one.package == OWN_PACKAGE] or holders
    if len(own) > 1:
        choices = " or ".join(repr(f"{one.package}>{name}") for one in own)
        raise ValueError(f"activation {name!r} is declared by several packages: write {choices}")
    return own[0] if own else None


def every() -> tuple[Declaration, ...]:
    """All declarations, each once, by identifier."""
    return tuple(sorted(set(_by_qualified_name.values()), key=lambda one: one.identifier))


def known_names() -> tuple[str, ...]:
    """All names that find something, aliases included."""
    return tuple(_by_plain_name)
