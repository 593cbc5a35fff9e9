"""Writes the page of the catalogue that maps the names of other libraries to those here, from libraries.toml.

docs/make.py calls it; the tests read the same file through it.
"""

import tomllib
from dataclasses import dataclass
from pathlib import Path

import keras_actx as actx

SOURCE = Path(__file__).resolve().parent / "libraries.toml"

_INTRODUCTION = """\
The activations of other libraries, with the parameters that reproduce them at their own defaults. The name of the other
library is accepted as well, in any spelling: capital letters and underscores are ignored, so `"LeakyReLU"`,
`"leakyrelu"` and `"leaky_relu"` are equivalent. A name without parameters has the defaults of this package, so pass the
parameters that the middle column lists."""


@dataclass(frozen=True)
class Row:
    """A name of another library, and the corresponding name here."""

    name: str
    write: str  # a string for `activation=`, or a layer
    note: str = ""
    within: float = 0.0  # the largest absolute difference of the values

    @property
    def is_layer(self) -> bool:
        return self.write.startswith("keras_actx.layers.")

    @property
    def plain_name(self) -> str:
        """The name without parameters; empty for a layer."""
        return "" if self.is_layer else self.write.partition("(")[0]


@dataclass(frozen=True)
class Library:
    """A library's list of activations."""

    key: str
    title: str
    source: str
    rows: tuple[Row, ...]
    excluded: dict[str, str]
    remark: str = ""


def read(path: Path = SOURCE) -> tuple[Library, ...]:
    """The libraries of a file."""
    found = []
    for key, table in tomllib.loads(path.read_text(encoding="utf-8")).items():
        written = {name: one if isinstance(one, dict) else {"write": one} for name, one in table["names"].items()}
        rows = tuple(Row(name, **one) for name, one in written.items())
        facts = {name: table[name] for name in table if name not in ("names", "excluded")}
        found.append(Library(key=key, rows=rows, excluded=table.get("excluded", {}), **facts))
    return tuple(found)


def page(libraries: tuple[Library, ...]) -> str:
    """The page, as Markdown."""
    return "\n\n".join(["# Names of other libraries", _INTRODUCTION, *map(_section, libraries)]) + "\n"


def _section(library: Library) -> str:
    parts = [f"## {library.title}", f"From {library.source}."]
    if library.remark:
        parts.append(library.remark)
    lines = ["| name in the library | name in keras_actx | notes |", "|---|---|---|", *map(_line, library.rows)]
    parts.append("\n".join(lines))
    if library.excluded:
        left_out = "\n".join(f"- `{name}`: {why}" for name, why in library.excluded.items())
        parts += ["In the same list, but not activations:", left_out]
    return "\n\n".join(parts)


def _line(row: Row) -> str:
    here = f"`{row.write}`"
    if row.plain_name:
        here = f"[{here}]({actx.describe(row.plain_name).name}.md)"
    notes = [row.note] if row.note else []
    if row.within:
        notes.append(f"differs by at most {row.within:g}")
    return f"| `{row.name}` | {here} | {'; '.join(notes)} |"


def main(out: Path) -> None:
    """Write the page into the folder `out`."""
    (out / "libraries.md").write_text(page(read()), encoding="utf-8")
