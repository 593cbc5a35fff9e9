"""`list`: a table of all activations."""

import keras_actx as actx
from keras_actx.choices import NameKind
from keras_actx.commands.console import make_console, make_table, plain
from keras_actx.declaration.declaration import Declaration
from keras_actx.names import layer_names


def list_activations(kind: NameKind | None) -> int:
    """Print a table of the activations, all or those of one kind. Returns the exit status."""
    if kind == "layer":
        return _list_layers()
    table = make_table()
    table.add_column("name", no_wrap=True, style="bold")
    table.add_column("kind", max_width=12)
    table.add_column("parameters", ratio=3)
    table.add_column("gain", justify="right", no_wrap=True)
    table.add_column("what it is", ratio=6)
    console = make_console()
    names = actx.names(kind)
    for name in names:
        declaration = actx.describe(name)
        table.add_row(name, kind_of(declaration), _parameters(declaration), gain_of(name), _sentence(declaration))
    console.print(table)
    console.print(
        f"{len(names)} activations. The gain is 1/sqrt(E[f(z)^2]) for z ~ N(0, 1); '-' where there is none.\n"
        'Write parameters in the name, "snake(alpha=2.0)", and learn them with "snake(alpha=2.0, learnable=True)".'
    )
    return 0


def _list_layers() -> int:
    table = make_table()
    table.add_column("name", no_wrap=True, style="bold")
    table.add_column("write", no_wrap=True)
    table.add_column("what it is")
    names = layer_names.every()
    for name in names:
        entry = layer_names.find(name)
        also = f" Also: {', '.join(aliases)}." if (aliases := layer_names.aliases(name)) else ""
        table.add_row(name, entry.written, f"It {entry.why}.{also}")  # pyright: ignore[reportOptionalMemberAccess]  (a name from `every`)
    console = make_console()
    console.print(table)
    console.print(f"{len(names)} activations that are standalone layers, to be used as layers.")
    return 0


def kind_of(declaration: Declaration) -> str:
    """The kind in words, with further properties of the plain name."""
    extras = {"learnable": declaration.learnable, "stochastic": declaration.stochastic}
    return ", ".join([declaration.kind, *(word for word, holds in extras.items() if holds)])


def gain_of(activation: object) -> str:
    """The forward gain to four digits, or "-" if there is none."""
    try:
        return f"{actx.gain(activation):.4f}"
    except ValueError:
        return "-"


def _parameters(declaration: Declaration) -> str:
    return ", ".join(f"{one.name}={_short(one.default)}" for one in declaration.parameters) or "-"


def _short(value: object) -> str:
    """The value as in the string form, with at most six digits."""
    text = repr(value)
    return text if not isinstance(value, float) or len(text) <= 8 else f"{value:.6g}"


def _sentence(declaration: Declaration) -> str:
    also = f" Also: {', '.join(declaration.aliases)}." if declaration.aliases else ""
    return plain(declaration.summary, letters=False) + also
