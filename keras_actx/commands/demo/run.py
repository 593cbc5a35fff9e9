"""`demo`: train four networks on real data, save and reload them on every backend, and report the results."""

import importlib.util
import tempfile
from pathlib import Path

import keras
import numpy as np
from rich.console import Console
from rich.table import Table

from keras_actx._missing_backend import BACKENDS
from keras_actx.commands.console import CommandError, make_console, working
from keras_actx.commands.demo.agreement import Agreement, agreements
from keras_actx.commands.demo.networks import DEPTH, WIDTH, digits, with_blocks, with_defaults, with_he, with_names
from keras_actx.commands.demo.picture import draw
from keras_actx.commands.demo.training import Trained, small_and_comparable, train, verdict
from keras_actx.models.table import new_table


def demo(folder: Path, *, epochs: int, seed: int, seeds: int) -> int:
    """Run the demo and write its files to `folder`.

    Returns:
        The exit status: 0, or 1 if a reloaded model does not predict the same.

    Raises:
        CommandError: if a requirement of the demo is not installed, or `folder` is not writable.
    """
    _require_extras()
    _require_training()
    _require_folder(folder)
    with small_and_comparable():
        return _run(make_console(), folder, epochs, range(seed, seed + seeds))


def _require_extras() -> None:
    needed = {"sklearn": "scikit-learn", "matplotlib": "matplotlib"}
    missing = [project for module, project in needed.items() if importlib.util.find_spec(module) is None]
    if missing:
        raise CommandError(f"{' and '.join(missing)} not found; install with: pip install 'keras-actx[demo]'")


def _require_training() -> None:
    backend = keras.backend.backend()
    if backend not in BACKENDS:
        raise CommandError(
            f"Keras's backend {backend!r} cannot train. Install one that can, such as pip install jax, "
            f"and name it: KERAS_BACKEND={'|'.join(BACKENDS)}"
        )


def _require_folder(folder: Path) -> None:
    """Create the folder and test that it is writable, before a minute of training."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise CommandError(f"cannot write to {folder} ({error}); name another folder with --out") from error


def _run(console: Console, folder: Path, epochs: int, seeds: range) -> int:
    with working(console, "Loading the images"):
        splits = {seed: digits(seed) for seed in seeds}
    last = splits[seeds[-1]]
    numbers = ", ".join(map(str, seeds))
    console.print(
        f"Handwritten digits: {len(last.train_x)} images to train on, {len(last.test_x)} for the test. "
        f"{DEPTH} hidden layers of {WIDTH} units, Adam, {epochs} epochs, for each of the seeds {numbers}, which split "
        f"the images and draw the weights. Keras {keras.__version__} on {keras.backend.backend()}."
    )
    trained = []
    for build in (with_blocks, with_names, with_he, with_defaults):
        trained.append(train(build, splits, epochs, console))
    blocks, names, he, defaults = trained
    console.print(_accuracies(trained))
    for one, other in ((blocks, defaults), (blocks, he), (blocks, names), (names, defaults)):
        console.print(verdict(one, other))

    console.print("\nSaved, then reloaded in a new process on each installed backend, without custom_objects:")
    found = list(agreements((blocks, names), last.test_x, folder, console))
    console.print(_agreement_table(found))
    for one in found:
        if one.error:
            console.print(f"{one.backend}: {one.error}", style="red")
    with working(console, "Drawing demo.png"):
        draw(trained, folder / "demo.png")
    console.print(f"Written to {folder}: demo.png, blocks.keras, names.keras and the predictions of each backend.")
    agreed = all(one.holds for one in found)
    console.print("All reloaded models agree." if agreed else "Some reloaded models DISAGREE.", style="bold")
    return 0 if agreed else 1


def _accuracies(trained: list[Trained]) -> Table:
    table = new_table()
    table.add_column("network", no_wrap=True)
    for name in ("parameters", "last loss", "test accuracy", "from .. to"):
        table.add_column(name, justify="right", no_wrap=True)
    for one in trained:
        table.add_row(
            one.network.title,
            f"{one.network.model.count_params():,}",
            f"{np.mean([each['loss'][-1] for each in one.histories]):.4f}",
            f"{100 * one.accuracy:.1f} %",
            f"{100 * min(one.accuracies):.1f} .. {100 * max(one.accuracies):.1f} %",
        )
    return table


def _agreement_table(found: list[Agreement]) -> Table:
    table = new_table()
    for name in ("model", "backend"):
        table.add_column(name, no_wrap=True)
    for name in ("largest difference", "allowed"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("")
    for one in found:
        difference = "none" if one.error else f"{one.difference:.1e}"
        table.add_row(
            f"{one.model}.keras", one.backend, difference, f"{one.allowed:.0e}", "agrees" if one.holds else "DISAGREES"
        )
    return table
