"""The curves of activations with default parameters, evaluated in float64, and their plots."""

import functools
import math
import statistics
from pathlib import Path

import keras
import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import keras_actx as actx
from keras_actx.backend import eager_float64
from keras_actx.declaration.activation import Activation
from keras_actx.declaration.declaration import OWN_PACKAGE, Declaration

POINTS = 682
BLOCK = 2048  # the size of the input of a formula: JAX compiles for every size, and moments use this one
HALF_RANGE = 4.0
#: Where the default would not show the shape.
HALF_RANGES = {"sine": 0.4, "softcap": 90.0}
VECTOR_EXAMPLE = (-1.0, 0.0, 0.5, 1.0, 2.0)
#: The hook of the site replaces INK and GRID by the colours of its light or dark palette.
INK, ACCENT, GRID = "#000000", "#00897b", "#b0bec5"
SIZE = (5.4, 2.2)  # inches; on a phone the labels are still legible


def new_figure() -> Figure:
    """A figure with a transparent background."""
    figure = Figure(figsize=SIZE, facecolor="none")
    figure.subplots_adjust(left=0.09, right=0.98, bottom=0.12, top=0.88, wspace=0.25)  # a layout engine draws twice
    return figure


def prepare(axes: Axes, title: str, *, zero: bool) -> None:
    """Title, axes through the origin (`zero`) and no frame."""
    axes.set_title(title, fontsize=10)
    axes.set_facecolor("none")
    axes.axhline(0.0, color=GRID, linewidth=0.8, zorder=0)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8)
    if zero:
        axes.axvline(0.0, color=GRID, linewidth=0.8, zorder=0)


def save(figure: Figure, path: Path) -> None:
    """Write a figure as SVG; equal figures give equal bytes."""
    with matplotlib.rc_context({"svg.hashsalt": OWN_PACKAGE, "svg.fonttype": "path"}):
        figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None})


class Curve:
    """An activation with default parameters, its derivative and its kinks."""

    def __init__(self, declaration: Declaration) -> None:
        self.declaration = declaration
        if declaration.kind == "vector":
            self.x = np.array(VECTOR_EXAMPLE)
            self.y = evaluate(declaration, self.x)
            return
        kinks = declaration.kinks_at(declaration.defaults)
        reach = HALF_RANGES.get(declaration.name, max([HALF_RANGE, *(1.5 * abs(one) for one in kinks)]))
        self.kinks = {point: slope for point, slope in sorted(kinks.items()) if abs(point) < reach}
        gap, step = 1e-4 * reach, 1e-6 * reach  # a difference of +-step never crosses a kink
        grid = np.linspace(-reach, reach, POINTS - 2 * len(self.kinks))
        for point in self.kinks:
            grid[np.abs(grid - point) < gap] = point - 2 * gap
        beside = [point + side * gap for point in self.kinks for side in (-1, 1)]
        x = np.sort(np.concatenate([grid, beside]))
        low, y, high = evaluate(declaration, np.concatenate([x - step, x, x + step])).reshape(3, -1)
        slope = np.round((high - low) / (2 * step), 7)  # the significant digits of the difference
        # A gap in the curve of f' at every kink, and in the curve of f where f is discontinuous.
        cuts = np.searchsorted(x, list(self.kinks))
        jumps = [abs(y[cut] - y[cut - 1]) > 0.01 * reach for cut in cuts]
        self.x, self.slope = np.insert(x, cuts, list(self.kinks)), np.insert(slope, cuts, np.nan)
        between = [math.nan if jump else (y[cut - 1] + y[cut]) / 2 for cut, jump in zip(cuts, jumps, strict=True)]
        self.y = np.insert(y, cuts, between)

    def figure(self) -> Figure:
        """f on the left and f' on the right; for an activation along an axis, an input and its output."""
        if self.declaration.kind == "vector":
            return bars(self.x, self.y, self.declaration.name)
        figure = new_figure()
        left, right = figure.subplots(1, 2)
        left.plot(self.x, self.y, color=INK)
        right.plot(self.x, self.slope, color=ACCENT)
        right.plot(list(self.kinks), list(self.kinks.values()), "o", color=ACCENT, markersize=4)
        prepare(left, "f", zero=True)
        prepare(right, "f'", zero=True)
        return figure

    def sparkline(self) -> str:
        """The curve in one small inline SVG."""
        width, height = 72, 24
        drawn = self.polylines(width, height)
        size = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
        return f'<svg class="sparkline" role="img" aria-label="{self.declaration.name}" {size}>{drawn}</svg>'

    def polylines(self, width: float, height: float) -> str:
        """The curve as elements of an SVG, within a box of this size."""
        if self.declaration.kind == "vector":
            x, y = np.repeat(np.arange(6.0), 2)[1:-1], np.repeat(self.y, 2)
        else:
            chosen = np.unique(np.concatenate([np.arange(0, len(self.x), 12), np.flatnonzero(np.isnan(self.y))]))
            x, y = self.x[chosen], self.y[chosen]
        low, high = np.nanmin(y), np.nanmax(y)
        across = 1 + (x - x[0]) / (x[-1] - x[0]) * (width - 2)
        down = height - 1 - (y - low) / (high - low) * (height - 2)
        pieces = np.split(np.arange(len(x)), np.flatnonzero(np.isnan(y)))
        lines = (
            " ".join(f"{across[one]:.1f},{down[one]:.1f}" for one in piece if not math.isnan(down[one]))
            for piece in pieces
        )
        return "".join(f'<polyline points="{line}"/>' for line in lines)


def bars(x: np.ndarray, y: np.ndarray, name: str) -> Figure:
    """An input and its output, number by number."""
    figure = new_figure()
    for axes, values, color, title in zip(
        figure.subplots(1, 2), (x, y), (INK, ACCENT), ("an input", name), strict=True
    ):
        axes.bar(range(1, len(values) + 1), values, color=color)
        prepare(axes, title, zero=False)
    return figure


def value(declaration: Declaration) -> Activation:
    """The activation with default parameters."""
    return getattr(actx.activations, declaration.name)


def evaluate(declaration: Declaration, x: np.ndarray) -> np.ndarray:
    """The activation of `x`; of a gated one, the function of the gate, with value 1."""
    inputs = x if declaration.kind == "vector" else np.resize(x, BLOCK)
    if declaration.kind == "gated":
        inputs = np.stack([np.ones_like(inputs), inputs], axis=-1)
    with eager_float64():
        y = value(declaration)(keras.ops.convert_to_tensor(inputs, dtype="float64"))
        return np.array(keras.ops.convert_to_numpy(y)).reshape(-1)[: x.size]


@functools.cache
def normal_sample() -> np.ndarray:
    """z ~ N(0, 1): the quantiles at the midpoints of BLOCK equal parts."""
    quantile = statistics.NormalDist().inv_cdf
    return np.array([quantile((one + 0.5) / BLOCK) for one in range(BLOCK)])
