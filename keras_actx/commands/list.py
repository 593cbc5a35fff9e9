"""`list`: all activations, as a table in a terminal and as lines with tabs elsewhere."""

import inspect
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import astuple, dataclass, fields

from rich.console import Console
from rich.padding import Padding

import keras_actx as actx
from keras_actx._messages import did_you_mean, quote
from keras_actx.choices import NameKind
from keras_actx.commands.console import NARROW, CommandError, make_console
from keras_actx.commands.formula import in_ascii, without_markup
from keras_actx.declaration import registry
from keras_actx.declaration.declaration import Declaration
from keras_actx.models.table import new_table
from keras_actx.names import layer_names


@dataclass(frozen=True)
class _Row:
    """One activation; the fields are the columns of the output without a terminal."""

    name: str
    kind: str
    write: str
    gain: str
    also: str
    description: str


def list_activations(kind: NameKind | None = None, wanted: str | None = None) -> int:
    """Print the activations, one a row.

    Args:
        kind: only those of this kind.
        wanted: only those with this text in a name or in the description.

    Returns:
        The exit status.

    Raises:
        CommandError: if there is none.
    """
    names = _names(kind, wanted)
    if not names:
        raise CommandError(_none(kind, wanted))
    console = make_console()
    text = in_ascii if console.options.ascii_only else str
    if console.is_terminal:
        (_stack if console.width < NARROW else _table)(console, names, text)
        _legend(console, len(names))
    else:
        print(*(one.name for one in fields(_Row)), sep="\t")
        for row in _rows(names):  # each as soon as its gain is computed
            print(text("\t".join(astuple(row))), flush=True)
    return 0


def _names(kind: NameKind | None, wanted: str | None) -> list[str]:
    names = sorted({*actx.names(kind), *(() if kind else layer_names.every())})
    return [one for one in names if wanted is None or _matches(one, wanted)]


def _matches(name: str, wanted: str) -> bool:
    """Whether the text is in the name or an alias, in any spelling, or in the description."""
    letters = registry.letters(wanted)
    if letters and any(letters in registry.letters(one) for one in (name, *_aliases(name))):
        return True
    return wanted.lower() in description(name).lower()


def _none(kind: NameKind | None, wanted: str | None) -> str:
    of_kind = f" of kind {kind!r}" if kind else ""
    if wanted is None:
        return f"no activation{of_kind}"
    hint = did_you_mean(wanted, _names(kind, None))
    return f"no activation{of_kind} has {quote(wanted)} in its name or description.{hint}"


def _rows(names: Iterable[str]) -> Iterator[_Row]:
    for name in names:
        also, layer = ", ".join(_aliases(name)) or "-", layer_names.find(name)
        if layer is not None:
            yield _Row(name, "layer", layer.written, "-", also, description(name))
            continue
        declaration = actx.describe(name)
        settings = ", ".join(f"{one.name}={one.default!r}" for one in declaration.parameters)
        write = f"{name}({settings})" if settings else name
        yield _Row(name, kind_of(declaration), write, gain_of(name), also, description(name))


def _table(console: Console, names: list[str], text: Callable[[str], str]) -> None:
    table = new_table()
    table.add_column("name", no_wrap=True, style="bold")
    table.add_column("kind", max_width=12)
    table.add_column("gain", justify="right", no_wrap=True)
    table.add_column("what it is")
    for row in _rows(names):
        table.add_row(row.name, row.kind, row.gain, text(_said(row)))
    console.print(table)


def _stack(console: Console, names: list[str], text: Callable[[str], str]) -> None:
    """The table of a narrow terminal: the columns of a row below each other."""
    for row in _rows(names):
        console.print(row.name, style="bold")
        facts = row.kind if row.gain == "-" else f"{row.kind}, gain {row.gain}"
        console.print(Padding(text(f"{facts}\n{_said(row)}"), (0, 0, 1, 2), expand=False))


def _said(row: _Row) -> str:
    write = f"\nWrite {_short(row.write)}" if row.write != row.name else ""
    also = f"\nAlso: {row.also}" if row.also != "-" else ""
    return f"{row.description}{write}{also}"


def _legend(console: Console, number: int) -> None:
    console.print(
        f"{number} activation{'s' * (number != 1)}. "
        "The gain is 1/sqrt(E[f(z)^2]) for z ~ N(0, 1); '-' where there is none.\n"
        'Write parameters in the name, "snake(alpha=2.0)", and learn them with "snake(alpha=2.0, learnable=True)".\n'
        "An activation of kind layer is a layer of its own."
    )


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


def _short(write: str) -> str:
    """The string with at most six digits of each number."""
    return re.sub(r"-?\d+\.\d{6,}", lambda number: f"{float(number[0]):.6g}", write)


def _aliases(name: str) -> tuple[str, ...]:
    return layer_names.aliases(name) if layer_names.find(name) else actx.describe(name).aliases


def description(name: str) -> str:
    """The first sentence, as plain text."""
    layer = layer_names.find(name)
    if layer is not None:
        return without_markup(" ".join((inspect.getdoc(layer.layer) or "").partition("\n\n")[0].split()))
    summary = actx.describe(name).summary
    return without_markup(re.sub(r"(`[^`]+`) \$[^$]*\$", r"\1", summary))  # the letter of a parameter in the formula
