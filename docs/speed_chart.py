"""A chart for each backend of docs/speed.md: the time of this package over that of other implementations."""

import hashlib
import json
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

SIZE = 20
#: Legible on white and on black backgrounds.
INK, COMPOSITE, OWN = "#7f8c8d", "#00897b", "#ef6c00"
_ROW = 0.17  # inches

Row = dict[str, Any]


def write(path: Path, rows: list[Row], ways: dict[str, str]) -> None:
    """Draw the rows of a backend, with a panel for each of its ways. The output is deterministic."""
    panels = {way: [row for row in rows if (row["way"], row["size"]) == (way, SIZE)] for way in ways}
    panels = {way: found for way, found in panels.items() if found}
    longest = max(map(len, panels.values()))
    figure = Figure(figsize=(5.0 * len(panels), 1.1 + _ROW * longest), layout="constrained")
    for axes, (way, found) in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels.items(), strict=True):
        _panel(axes, found)
        axes.set_title(ways[way], color=INK, fontsize=10)
    figure.legend(
        *axes.get_legend_handles_labels(),
        loc="outside lower center",
        ncols=2,
        frameon=False,
        labelcolor=INK,
        fontsize=8,
    )
    path.parent.mkdir(exist_ok=True)
    with matplotlib.rc_context({"svg.hashsalt": "keras_actx", "svg.fonttype": "none"}):
        figure.savefig(
            path,
            format="svg",
            transparent=True,
            metadata={"Date": None, "Creator": None, "Description": digest(rows)},
        )


def digest(rows: list[Row]) -> str:
    """A hash in the chart that identifies the rows it shows."""
    shown = [row for row in rows if row["size"] == SIZE]
    return "of rows " + hashlib.sha256(json.dumps(shown, sort_keys=True).encode()).hexdigest()


def _panel(axes: Axes, rows: list[Row]) -> None:
    rows = sorted(rows, key=lambda row: (row["both"]["composite"][0], row["name"]))
    for others, color, marker, label in (
        (("composite",), COMPOSITE, "o", "over the naive formula"),
        (("native", "keras"), OWN, "D", "over the backend's or Keras's function"),
    ):
        found = [
            (at, next(row["both"][other] for other in others if other in row["both"]))
            for at, row in enumerate(rows)
            if any(other in row["both"] for other in others)
        ]
        height = [at for at, _ in found]
        middle, low, high = zip(*(ratio for _, ratio in found), strict=True)
        axes.hlines(height, low, high, color=color, linewidth=1.2)
        axes.plot(middle, height, marker, color=color, markersize=3.2, label=label)
    axes.axvline(1.0, color=INK, linewidth=1)
    axes.set_xscale("log")
    ticks = [one for one in (0.25, 0.5, 1, 2, 5, 10, 20, 50) if axes.get_xlim()[0] <= one <= axes.get_xlim()[1]]
    axes.set_xticks(ticks, [f"{one:g}" for one in ticks])
    axes.set_xticks([], minor=True)
    axes.set_yticks(range(len(rows)), [row["name"] for row in rows], fontsize=7)
    axes.set_ylim(-0.8, len(rows) - 0.2)
    axes.set_xlabel("time of this package over the other's, with gradient", color=INK, fontsize=8)
    axes.tick_params(colors=INK, labelsize=7)
    axes.grid(axis="x", color=INK, alpha=0.25, linewidth=0.6)
    for spine in axes.spines.values():
        spine.set_visible(False)
