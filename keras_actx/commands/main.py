"""The entry point: the argument parser and the dispatch to the commands."""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from keras_actx import __version__
from keras_actx.commands.console import CommandError
from keras_actx.names.public import KINDS


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: the command line arguments; None for those of this process.

    Returns:
        The exit status: 0 for success, 1 if the demo found a disagreement or an audit has findings, 2 for an invalid
        request.
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal without Greek letters shows "?", not a traceback  # pyright: ignore[reportAttributeAccessIssue]  (checked above)
    options = _parser().parse_args(arguments)
    try:
        status = options.run(options)
        sys.stdout.flush()
        return status
    except BrokenPipeError:  # the reader, such as `head -1`, has enough
        # What is still in the buffer is written when Python exits; without a traceback it has to have a place to go.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except CommandError as error:
        print(f"keras-actx {options.command}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"keras-actx {options.command}: interrupted", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="keras-actx", description="Activations for every Keras 3 layer, by name.")
    parser.add_argument("--version", action="version", version=f"keras_actx {__version__}")
    commands = parser.add_subparsers(dest="command", required=True)
    for add in (_add_audit, _add_demo, _add_list, _add_show):
        add(commands)
    return parser


def _add_demo(commands: Any) -> None:
    demo = commands.add_parser(
        "demo", help="train, save, reload and compare on real data", description="Train four networks on digits."
    )
    demo.add_argument("--out", type=Path, default=Path("demo-results"), metavar="DIR", help="default: ./demo-results")
    demo.add_argument("--epochs", type=_whole_number(1), default=15, metavar="N", help="default: 15")
    demo.add_argument("--seed", type=_whole_number(0), default=0, metavar="S", help="the first; default: 0")
    demo.add_argument("--seeds", type=_whole_number(1), default=3, metavar="N", help="how many; default: 3")
    demo.set_defaults(run=_demo)


def _add_audit(commands: Any) -> None:
    audit = commands.add_parser(
        "audit",
        help="what is wrong with a saved model",
        description="Check signal, gradient, dead and saturated units of a saved model. Exit status 1: findings.",
    )
    audit.add_argument("model", type=Path, metavar="MODEL", help="a .keras or .h5 file")
    audit.add_argument("--data", type=Path, metavar="FILE", help="inputs: .npy, or .npz with an array for each input")
    audit.add_argument("--rows", type=_whole_number(2), default=256, metavar="N", help="of the data; default: 256")
    audit.add_argument("--json", action="store_true", help="as JSON")
    audit.set_defaults(run=_audit)


def _audit(options: argparse.Namespace) -> int:
    from keras_actx.commands.audit import audit

    return audit(options.model, options.data, options.rows, as_json=options.json)


def _demo(options: argparse.Namespace) -> int:
    from keras_actx.commands.demo.run import demo

    return demo(options.out, epochs=options.epochs, seed=options.seed, seeds=options.seeds)


def _add_list(commands: Any) -> None:
    listing = commands.add_parser(
        "list",
        help="all activations, or those with a text in their name",
        description="The activations, one a row. In a pipe or a file, the columns are separated by tabs.",
    )
    listing.add_argument(
        "text", nargs="?", metavar="TEXT", help="only those with this text in a name or in the description"
    )
    listing.add_argument("--kind", choices=KINDS, metavar="KIND", help=f"only those of one kind: {', '.join(KINDS)}")
    listing.set_defaults(run=_list)


def _list(options: argparse.Namespace) -> int:
    from keras_actx.commands.list import list_activations

    return list_activations(options.kind, options.text)


def _add_show(commands: Any) -> None:
    show = commands.add_parser("show", help="one activation", description="Show one activation in detail.")
    show.add_argument("name", metavar="NAME", help='such as mish, "snake(alpha=2.0)" or swiglu')
    show.set_defaults(run=_show)


def _show(options: argparse.Namespace) -> int:
    from keras_actx.commands.show import show

    return show(options.name)


def _whole_number(least: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not text.isdecimal() or not least <= int(text) < 2**31:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from {least} to 2**31 - 1")
        return int(text)

    return read
