"""Output of the commands: a rich console that is also readable in a file or a pipe, tables, and the error class."""

import re
import unicodedata

from rich import box
from rich.console import Console
from rich.table import Table

_WIDTH_OF_A_PIPE = 120


class CommandError(Exception):
    """An invalid request; its message contains a remedy. The command line prints it and exits with status 2."""


def make_console() -> Console:
    """A console for stdout; without a terminal it writes plain text of a fixed, readable width.

    Square brackets are printed verbatim: they are ranges here, not rich's markup.
    """
    console = Console(markup=False, emoji=False, highlight=False)
    if not console.is_terminal:
        console.width = _WIDTH_OF_A_PIPE
    return console


def make_table(*, title: str | None = None) -> Table:
    """An empty table in the style of all commands."""
    return Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False)


def plain(sentence: str, *, letters: bool = True) -> str:
    r"""A docstring's sentence without markup: backticks are removed, and `$\alpha$` becomes the letter.

    `letters=False` omits the symbol in a formula of a parameter that is named in the sentence.
    """
    if not letters:
        sentence = re.sub(r"(`[^`]+`) \$[^$]*\$", r"\1", sentence)
    sentence = sentence.replace("`", "").replace("$", "").replace("\\ldots", "…")
    return re.sub(r"\\([A-Za-z]+)(?:_0)?", lambda found: _greek(found[1]), sentence)


def _greek(name: str) -> str:
    try:
        return unicodedata.lookup(f"GREEK SMALL LETTER {name.upper().replace('LAMBDA', 'LAMDA')}")
    except KeyError:
        return name
