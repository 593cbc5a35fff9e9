"""Output of the commands: a rich console that is also readable in a file or a pipe, tables, progress, and the error."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console

_WIDTH_OF_A_PIPE = 120
#: A console with fewer columns shows what is side by side elsewhere as lines below each other.
NARROW = 60


class CommandError(Exception):
    """An invalid request; its message contains a remedy. The command line prints it and exits with status 2."""


class _Console(Console):
    def on_broken_pipe(self) -> None:
        raise BrokenPipeError  # which `main` handles, wherever it comes from


def make_console() -> Console:
    """A console for stdout; without a terminal it writes plain text of a fixed, readable width.

    Square brackets are printed verbatim: they are ranges here, not rich's markup.
    """
    console = _Console(markup=False, emoji=False, highlight=False)
    if not console.is_terminal:
        console.width = _WIDTH_OF_A_PIPE
    return console


@contextmanager
def working(console: Console, task: str) -> Iterator[Callable[[str], None]]:
    """Print what is being done: in a terminal a line that is replaced and then removed, elsewhere a line that stays.

    Yields:
        A function that replaces the line in a terminal.
    """
    if not console.is_terminal:
        console.print(f"{task} ...")
        yield lambda task: None
        return
    with console.status(task) as status:
        yield status.update
