"""Tables of reports, as text and for rich consoles."""

import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

_WIDTH = 160


def table_of(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> Table:
    """A table with these columns of the rows."""
    table = Table(box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False)
    for name in columns:
        table.add_column(name)
    for row in rows:
        table.add_row(*("-" if row[name] is None else str(row[name]) for name in columns))
    return table


def text_of(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> str:
    """Such a table as plain text."""
    console = Console(file=io.StringIO(), width=_WIDTH, markup=False, emoji=False, highlight=False, color_system=None)
    console.print(table_of(columns, rows))
    return "\n".join(line.rstrip() for line in console.file.getvalue().strip("\n").splitlines())  # pyright: ignore[reportAttributeAccessIssue]
