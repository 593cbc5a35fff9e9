"""The charts of the evidence pages, as SVG: one dot for each activation, or lines over the number of layers."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

FOLDER = Path(__file__).resolve().parent / "charts"
#: Legible on light and on dark backgrounds.
INK = "#78838a"
COLORS = ("#00897b", "#ef6c00", "#5c6bc0", "#c2185b", "#8d6e63", "#00acc1", "#7cb342")
_WIDTH, _LANE = 5.6, 0.15  # inches
_LANES = 0.8  # of a row

#: The values by row and series of a chart of dots, or by line of the other.
Dots = dict[str, dict[str, Sequence[float]]]
Lines = dict[str, dict[int, float]]


def dots(path: Path, shown: Dots, label: str, limits: tuple[float, float]) -> None:
    """Draw a dot for each value, those beyond the limits at the limits, a bar for each median, and a line at 1."""
    series = list(dict.fromkeys(one for row in shown.values() for one in row))
    low, high = limits
    with _figure(path, shown, _LANE * len(shown) * max(map(len, shown.values())) + 1.2) as axes:
        for color, one in zip(COLORS, series, strict=False):
            points = []
            for at, row in enumerate(shown.values()):
                lane = _LANES / len(row)
                middle = at + (list(row).index(one) + 0.5) * lane - _LANES / 2 if one in row else at
                values = [min(max(value, low), high) for value in row.get(one, ())]
                points += [(value, middle + lane * _scatter(place)) for place, value in enumerate(values)]
                if values:
                    bar = [middle - lane / 2, middle + lane / 2]
                    axes.plot([median(values)] * 2, bar, color=color, linewidth=3, solid_capstyle="butt")
            _points(axes, points, color, one)
        axes.axvline(1.0, color=INK, linewidth=1)
        axes.set_xscale("log")
        axes.set_xlim(0.9 * low, 1.1 * high)
        between = (0.25, 0.5, 2, 5) if high / low <= 1000 else ()
        ticks = sorted(one for one in (0.01, 0.1, 1, 10, 100, 1000, *between) if low <= one <= high)
        ends = {low: "≤ ", high: "≥ "}
        axes.set_xticks(ticks, [f"{ends.get(one, '')}{one:g}" for one in ticks])
        axes.set_xticks([], minor=True)
        axes.set_yticks(range(len(shown)), list(shown))
        axes.set_ylim(len(shown) - 0.5, -0.5)
        axes.set_xlabel(label, color=INK, fontsize=10)
        axes.grid(axis="x", color=INK, alpha=0.25, linewidth=0.6)


def lines(path: Path, shown: Lines, labels: tuple[str, str]) -> None:
    """Draw a line for each series, over a logarithmic axis of whole numbers."""
    with _figure(path, shown, 4.2) as axes:
        for color, (one, values) in zip(COLORS, shown.items(), strict=False):
            axes.plot(list(values), list(values.values()), "o-", color=color, markersize=4, linewidth=1.6, label=one)
        ticks = sorted({at for values in shown.values() for at in values})
        axes.set_xscale("log")
        axes.set_xticks(ticks, list(map(str, ticks)))
        axes.set_xticks([], minor=True)
        axes.set_ylim(bottom=0)
        axes.set_xlabel(labels[0], color=INK, fontsize=10)
        axes.set_ylabel(labels[1], color=INK, fontsize=10)
        axes.grid(color=INK, alpha=0.25, linewidth=0.6)


def is_of(path: Path, shown: Dots | Lines) -> bool:
    """Whether a chart was drawn from these values."""
    return _digest(shown) in path.read_text(encoding="utf-8")


def _digest(shown: Dots | Lines) -> str:
    """A hash in the chart that identifies what it shows."""
    return "of values " + hashlib.sha256(json.dumps(shown).encode()).hexdigest()


def _scatter(place: int) -> float:
    """A place in a lane, so that equal values are apart: multiples of the golden ratio, between -0.45 and 0.45."""
    return 0.9 * ((place * 0.6180339887) % 1.0 - 0.5)


def _points(axes: Axes, points: list[tuple[float, float]], color: str, label: str) -> None:
    """One path of lines without length, round at their ends: an element for each marker takes twice as many bytes."""
    x, y = zip(
        *((*one,) for at, height in points for one in ((at, height), (at, height), (float("nan"),) * 2)), strict=True
    )
    axes.plot(x, y, color=color, linewidth=3.2, alpha=0.7, solid_capstyle="round")
    axes.plot([], [], "o", color=color, markersize=4, label=label)


@contextmanager
def _figure(path: Path, shown: Any, height: float) -> Iterator[Axes]:
    with matplotlib.rc_context({"svg.hashsalt": "keras_actx", "svg.fonttype": "none", "path.simplify": False}):
        figure = Figure(figsize=(_WIDTH, height), layout="constrained")
        axes = figure.subplots()
        yield axes
        axes.tick_params(colors=INK, labelsize=10, length=0)
        for spine in axes.spines.values():
            spine.set_visible(False)
        place = {"loc": "outside lower center", "ncols": 2, "frameon": False, "labelcolor": INK, "fontsize": 10}
        figure.legend(*axes.get_legend_handles_labels(), **place)
        path.parent.mkdir(exist_ok=True)
        about = {"Date": None, "Creator": None, "Description": _digest(shown)}
        figure.savefig(path, format="svg", transparent=True, metadata=about)
