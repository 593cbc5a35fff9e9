"""What was measured of an activation, from the tables beside the pages of the evidence."""

import csv
import functools
from pathlib import Path
from statistics import median

import make_numerics
import make_which
from backends import TITLES
from training_selection import DEPTHS

_TABLES = Path(__file__).resolve().parents[1] / "tables"
_BACKENDS = tuple(TITLES.values())
_BOUNDS = dict(make_numerics.SHOWN[column] for column in ("float32", "slope32"))
_MODES = {"TensorFlow": "eager", "JAX": "jit", "PyTorch": "eager"}

Row = dict[str, str]


def section(name: str) -> list[str]:
    """The section of its page: errors, memory, time and gradient by backend, and the accuracy in the training study."""
    lines = []
    for title, found in (
        *((f"[error](../numerics.md) of a {what}, bound {bound}", _errors(what)) for what, bound in _BOUNDS.items()),
        ("[memory](../memory.md) for the backward pass, in sizes of the input", _column("memory", "this package")),
        ("[time](../speed.md) with gradient, 2^20 elements, over that of relu", _times()),
        ("[gradient](../propagation.md) through 100 layers that are critical, log10 of its mean square", _gradients()),
    ):
        cells = [found.get((name, backend), "") for backend in _BACKENDS]
        if any(cells):
            lines.append(f"| {title} | " + " | ".join(cells) + " |")
    if not lines:
        return []
    table = "\n".join([f"| measured | {' | '.join(_BACKENDS)} |", "|---|---|---|---|", *lines])
    said = "With default parameters, by the commands of the linked pages. Errors are in the units of the bounds."
    errors = [
        float(_errors(what).get((name, one)) or 0) / bound for what, bound in _BOUNDS.items() for one in _BACKENDS
    ]
    if max(errors) > 1:
        said += " Where they exceed a bound, the [known errors](../tables/known_errors.md) have the reason."
    return ["## Measured", said, table, *_accuracies(name)]


def _accuracies(name: str) -> list[str]:
    """The medians over seeds, where the study has this activation."""
    found = _runs()
    trained = next((one for _, _, one, _, start in found if (one.partition("(")[0], start) == (name, "keras")), None)
    if trained is None:
        return []
    lines = [
        f"| digits, Adam | {' | '.join(f'{depth} layers' for depth in DEPTHS)} |",
        "|---" * (len(DEPTHS) + 1) + "|",
    ]
    stacked = make_which.CRITICAL.get(trained, trained)
    block = "`DenseStack`" + stacked.removeprefix(trained)
    for start, one, title in (("stack", stacked, block), ("keras", trained, "Keras's `Dense`")):
        scores = [found.get(("digits", depth, one, "adam", start)) for depth in DEPTHS]
        lines.append(
            f"| {title} | " + " | ".join("" if runs is None else f"{median(runs):.3f}" for runs in scores) + " |"
        )
    said = f"Test accuracy of `{trained}` in the [training study](../training.md), the median of five seeds:"
    return [said, "\n".join(lines)]


@functools.cache
def _runs() -> make_which.Runs:
    return make_which.all_runs()


@functools.cache
def _rows(table: str) -> list[Row]:
    with (_TABLES / f"{table}.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@functools.cache
def _column(table: str, column: str) -> dict[tuple[str, str], str]:
    return {(row["activation"], row["backend"]): row[column] for row in _rows(table)}


@functools.cache
def _errors(column: str) -> dict[tuple[str, str], str]:
    return {
        key: f"{float(one):.2g}" if float(one) < 10 else f"{float(one):.0f}"
        for key, one in _column("numerics", column).items()
        if one
    }


@functools.cache
def _times() -> dict[tuple[str, str], str]:
    rows = [one for one in _rows("speed") if one["mode"] == _MODES[one["backend"]] and one["elements"] == "2^20"]
    times = {(row["activation"], row["backend"]): float(row["ms"]) for row in rows}
    return {(name, backend): f"{time / times['relu', backend]:.1f}" for (name, backend), time in times.items()}


@functools.cache
def _gradients() -> dict[tuple[str, str], str]:
    """In a `DenseStack` that is critical."""
    rows = [one for one in _rows("propagation") if one["initialization"] == "critical"]
    return {(row["activation"], row["backend"]): row["gradient"] for row in rows}
