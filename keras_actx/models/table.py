"""Tables of results, for consoles of rich and as plain text."""

import io
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table


def new_table(**settings: Any) -> Table:
    """An empty table in the style of all results."""
    return Table(box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False, **settings)


def plain_text(result: Any, width: int) -> str:
    """A result, as a console of this width shows it, without colours and spaces at the ends of lines."""
    stream = io.StringIO()
    Console(file=stream, width=width, color_system=None, markup=False, emoji=False, highlight=False).print(result)
    return "\n".join(line.rstrip() for line in stream.getvalue().strip("\n").splitlines())
