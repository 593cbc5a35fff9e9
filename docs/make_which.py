"""Writes the tables of docs/which.md from benchmarks/results: the training study and the times of activations.

    python docs/make_which.py

The output is deterministic.
"""

import json
import sys
from itertools import product
from pathlib import Path
from statistics import mean, median

sys.path.insert(0, str(Path(__file__).resolve().parent))

import make_training as training
import marked_part
from training_selection import DEPTHS, OPTIMIZERS, setting_of

PAGE = training.ROOT / "docs" / "which.md"
SPEED = training.ROOT / "benchmarks" / "results" / "speed"

#: A stack starts it as its paper says, but is better if critical (docs/training.md).
CRITICAL = {"sine(w0=1.0)": 'sine(w0=1.0), `scheme="critical"`'}
#: Of the table of times: the file, the way of running, and the title.
TIMES = (("jax", "jit", "JAX, jit"), ("torch", "eager", "PyTorch, eager"), ("tensorflow", "eager", "TensorFlow, eager"))
SIZE = 20  # a power of two

Runs = dict[tuple[str, int, str, str, str], list[float]]


def main() -> None:
    """Write the tables."""
    for name, text in parts().items():
        marked_part.replace(PAGE, text, name)


def parts() -> dict[str, str]:
    """The generated parts of the page by name."""
    runs = all_runs()
    return {
        "short": _lines(_summary(runs)),
        "stack": _lines(_digits(runs, "stack")),
        "keras": _lines(_digits(runs, "keras")),
        "tasks": _lines(_tasks(runs)),
        "times": _lines(_times()),
    }


def all_runs() -> Runs:
    """The five scores by task, depth, activation, optimizer and start, on the first split of the data.

    The starts are "keras", Keras's default, and "stack", that of a `DenseStack` of this depth, which
    tests/test_training_study.py compares with the package.
    """
    found: Runs = {}
    for row in training.rows():
        if row.get("split", 0) == 0:
            found[*setting_of(row), row["start"]] = row["test"]
    runs: Runs = {}
    for task, depth, activation, optimizer, start in found:
        if start == "keras":
            cell = (task, depth, activation, optimizer)
            runs[*cell, "keras"] = found[*cell, "keras"]
            otherwise = "keras" if depth == min(DEPTHS) and activation not in CRITICAL else "critical depth"
            stack = (task, depth, CRITICAL.get(activation, activation), optimizer, "stack")
            runs[stack] = found.get((*cell, "looks_linear"), found[*cell, otherwise])
    return runs


def scores(runs: Runs, task: str, depth: int, start: str) -> dict[str, float]:
    """The mean of both optimizers of the median over seeds, by activation, the highest first."""
    names = {cell[2] for cell in runs if (*cell[:2], cell[4]) == (task, depth, start)}
    found = {name: mean(median(runs[task, depth, name, one, start]) for one in OPTIMIZERS) for name in names}
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))


def best(runs: Runs, task: str, depth: int, start: str) -> list[str]:
    """The activations whose ranges over seeds overlap with that of the highest median, with each optimizer."""
    names = list(scores(runs, task, depth, start))

    def overlaps(name: str, optimizer: str) -> bool:
        of = {one: runs[task, depth, one, optimizer, start] for one in names}
        highest = max(names, key=lambda one: median(of[one]))
        return max(of[name]) >= min(of[highest])

    return [name for name in names if all(overlaps(name, one) for one in OPTIMIZERS)]


def _summary(runs: Runs) -> list[str]:
    """The best activations of the digits by depth."""
    lines = ["| layers | `DenseStack` | Keras's `Dense` |", "|---|---|---|"]
    for depth in DEPTHS:
        cells = []
        for start in ("stack", "keras"):
            found = scores(runs, "digits", depth, start)
            cells.append(", ".join(f"{name} {found[name]:.3f}" for name in best(runs, "digits", depth, start)))
        lines.append(f"| {depth} | {cells[0]} | {cells[1]} |")
    return lines


def _digits(runs: Runs, start: str) -> list[str]:
    """Every activation by depth, with Adam and SGD; bold where it is among the best."""
    by_depth = {depth: scores(runs, "digits", depth, start) for depth in DEPTHS}
    among = {depth: best(runs, "digits", depth, start) for depth in DEPTHS}
    names = sorted(by_depth[DEPTHS[0]], key=lambda name: -mean(by_depth[depth][name] for depth in DEPTHS))
    lines = [
        "| activation | " + " | ".join(f"{depth} layers" for depth in DEPTHS) + " |",
        "|---" * (len(DEPTHS) + 1) + "|",
    ]
    for name in names:
        cells = []
        for depth in DEPTHS:
            text = " / ".join(f"{median(runs['digits', depth, name, one, start]):.3f}" for one in OPTIMIZERS)
            cells.append(f"**{text}**" if name in among[depth] else text)
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return lines


def _tasks(runs: Runs) -> list[str]:
    """The other tasks: the best of those that were trained, and the others."""
    lines = ["| task | layers | best | lower |", "|---|---|---|---|"]
    for task, depth in product(sorted({cell[0] for cell in runs} - {"digits"}), DEPTHS):
        found = scores(runs, task, depth, "stack")
        if found:
            among = best(runs, task, depth, "stack")
            one, other = (
                ", ".join(f"{name} {found[name]:.3f}" for name in found if (name in among) is it) or "none"
                for it in (True, False)
            )
            lines.append(f"| {task} | {depth} | {one} | {other} |")
    return lines


def _times() -> list[str]:
    """Time with the gradient over that of relu."""
    names = sorted({cell[2] for cell in all_runs() if cell[4] == "keras"})
    columns = []
    for backend, way, _ in TIMES:
        rows = json.loads((SPEED / f"{backend}.json").read_text(encoding="utf-8"))["rows"]
        columns.append({row["name"]: row["both"]["ms"] for row in rows if (row["way"], row["size"]) == (way, SIZE)})
    lines = ["| activation | " + " | ".join(title for *_, title in TIMES) + " |", "|---" * (len(TIMES) + 1) + "|"]
    for name in names:
        plain = name.partition("(")[0]
        if any(plain in found for found in columns):
            cells = [f"{found[plain] / found['relu']:.1f}" if plain in found else "" for found in columns]
            lines.append(f"| {plain} | " + " | ".join(cells) + " |")
    return lines


def _lines(lines: list[str]) -> str:
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
