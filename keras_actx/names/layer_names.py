"""Names of activations that are standalone layers, which no function or value can replace in `activation=`."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeVar

from keras_actx._messages import did_you_mean, quote
from keras_actx.declaration import registry
from keras_actx.declaration.declaration import OWN_PACKAGE, Declaration

Class = TypeVar("Class", bound=type)


@dataclass(frozen=True)
class LayerName:
    """A name, the layer for it, and the reason why it requires a layer."""

    name: str
    written: str  # as the user writes it: keras_actx.layers.Maxout(num_units)
    why: str
    fits_inside: bool = False  # whether an instance may be the `activation=` of another layer
    layer: type | None = None
    tex: str = ""  # its formula, for the page


_table: Mapping[str, LayerName] = MappingProxyType({})


def add(entry: LayerName, aliases: tuple[str, ...] = ()) -> None:
    """Enter a name and its aliases; the same layer registered again (a module reloaded) replaces its old entry.

    Raises:
        ValueError: if another layer holds one of the names.
    """
    global _table
    names = (entry.name, *aliases)
    for name in names:
        if name in _table and _table[name].written != entry.written:
            raise ValueError(f"the name {name!r} belongs to {_table[name].written} already; choose another")
    # Replaced atomically: a reader sees either the old table or the new one.
    _table = MappingProxyType({**_table, **dict.fromkeys(names, entry)})


def named_layer(
    name: str, *, aliases: tuple[str, ...] = (), why: str, fits_inside: bool = False, tex: str = ""
) -> Callable[[Class], Class]:
    """Register a layer class under the name of its activation; the error for `activation="name"` then names the layer.

    Args:
        name: the activation's name, as it would be written in a string.
        aliases: other names.
        why: the reason why the name cannot be the `activation=` of a layer, as a predicate of the name: "changes the
            size of an axis", "has weights whose shape depends on its input".
        fits_inside: whether an instance of it may be the `activation=` of a layer.
        tex: the formula, for the page of the catalogue.

    Raises:
        ValueError: if another layer has one of the names.

    Example:

    >>> import keras_actx as actx
    >>> "maxout" in actx.names(kind="layer")
    True
    """

    def enter(layer: Class) -> Class:
        parameters = list(inspect.signature(layer.__init__).parameters.values())[1:]
        needed = [one.name for one in parameters if one.default is one.empty and one.kind is not one.VAR_KEYWORD]
        written = f"keras_actx.layers.{layer.__name__}({', '.join(needed)})"
        add(LayerName(name, written, why, fits_inside, layer, tex), aliases)
        return layer

    return enter


def find(name: str) -> LayerName | None:
    """The entry of a name, or of `keras_actx>name`; None if it is not one of these names."""
    return _table.get(name.removeprefix(f"{OWN_PACKAGE}>"))


def every() -> tuple[str, ...]:
    """The names of all such layers, without aliases, sorted."""
    return tuple(sorted({entry.name for entry in _table.values()}))


def aliases(name: str) -> tuple[str, ...]:
    """The other names of such a layer, sorted."""
    return tuple(sorted(one for one, entry in _table.items() if entry.name == name != one))


def declared(name: object) -> Declaration:
    """The declaration of a name that must exist; this package's own names may be spelled as in other libraries.

    Raises:
        ValueError: with the layer if it is a layer's name, otherwise with the nearest name of either kind.
    """
    if isinstance(name, str) and len(name) <= 200:
        found = registry.find(name)
        if found is not None:
            return found
        exact = name if find(name) is not None else _respelled(name)
        if registry.find(exact) is not None:
            return registry.find_declaration(exact)
        entry = find(exact)
        if entry is not None:
            raise ValueError(f"{name!r} {entry.why}, so it is a standalone layer. {_how_to_write(entry)}")
        hint = _hint(name)
        if hint:
            raise ValueError(f"unknown activation {quote(name)}.{hint}")
    return registry.find_declaration(name)


def refuse_layer(layer: object) -> None:
    """Raise `ValueError` for a layer that changes the shape, with its correct use."""
    entry = next((one for one in _table.values() if one.layer is not None and isinstance(layer, one.layer)), None)
    if entry is None:
        raise ValueError(f"{type(layer).__name__} changes the shape; use it as a standalone layer")
    raise ValueError(f"{type(layer).__name__} {entry.why}, so it is a standalone layer. {_how_to_write(entry)}")


#: Common spellings of no activation.
_NO_ACTIVATION = frozenset({"none", "null", "nothing", "no", "id", "identity", "noop", "pass", "passthrough"})


def _hint(name: str) -> str:
    _, separator, plain = name.rpartition(">")
    if not separator:
        if plain.lower() in _NO_ACTIVATION:
            return " Write None or 'linear' for no activation."
        return did_you_mean(name, (*registry.known_names(), *_table))
    known = [one for one in registry.known_names() if one == plain] or [_respelled(plain).rpartition(">")[2]]
    if registry.find(known[0]) is None and find(known[0]) is None:
        return ""
    return (
        f" Did you mean {known[0]!r}? Import the module that declares it if it is another package's, or pass "
        f"custom_objects={{{quote(name)}: ...}} when loading."
    )


def _how_to_write(entry: LayerName) -> str:
    if entry.fits_inside:
        return f"Use activation={entry.written}, or that layer after one without an activation."
    return f"Use {entry.written} after a layer without an activation; it cannot be the `activation=` of another."


def _respelled(name: str) -> str:
    """The name of this package that equals `name` up to case and underscores; `name` itself if there is none.

    Raises:
        ValueError: if several names match.
    """
    wanted = name.removeprefix(f"{OWN_PACKAGE}>")
    if not wanted.isascii():  # lower() maps some non-ASCII letters to ASCII ones
        return name
    layers = (one for one in _table if registry.letters(one) == registry.letters(wanted))
    choices = [f"{OWN_PACKAGE}>{one}" for one in (*registry.spelled_like(wanted), *layers)]
    if len({registry.find(one) or find(one) for one in choices}) > 1:
        raise ValueError(f"activation {quote(name)} could mean {' or '.join(map(repr, choices))}: write that exactly")
    return choices[0] if choices else name
