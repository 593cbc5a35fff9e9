"""The curve of an activation, and text plots of curves."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from keras_actx.backend import eager_float64
from keras_actx.declaration.activation import Activation

_DOTS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]])
_BLANK = 0x2800

_REACH = 4.0  # the range of a plot on either side
_MOST_TURNS = 12  # the largest number of legible oscillations in a plot
_STEP = 1e-5


@dataclass(frozen=True)
class Curve:
    """Points of a function of one variable and of its derivative, and a description of the variable."""

    x: np.ndarray
    y: np.ndarray
    slope: np.ndarray
    meaning: str


def curve(activation: Activation, points: int = 400) -> Curve:
    """Points on both sides of zero: including the kinks, or a smaller range if the function oscillates."""
    function, meaning = _one_variable(activation)
    kinks = [abs(one) for one in activation.declaration.kinks_at(dict(activation.params))]
    reach = min(max(_REACH, *(1.3 * one for one in kinks), 0.0), 5 * _REACH)
    while True:
        x = np.linspace(-reach, reach, points)  # an even number: kinks at zero fall between two points
        slope = (function(x + _STEP) - function(x - _STEP)) / (2 * _STEP)
        if np.count_nonzero(np.diff(np.sign(slope))) <= _MOST_TURNS or reach < 1e-3:
            return Curve(x, function(x), slope, meaning)
        reach /= 2


def _one_variable(activation: Activation) -> tuple[Callable[[np.ndarray], np.ndarray], str]:
    kind = activation.declaration.kind
    if kind == "gated":
        return lambda x: _run(activation, np.stack([np.ones_like(x), x], -1))[:, 0], "x is the gate; the value is 1"
    if kind == "vector":
        along_last = activation.bind(axis=-1) if "axis" in dict(activation.params) else activation
        return (
            lambda x: _run(along_last, np.stack([x, 0 * x, 0 * x], -1))[:, 0],
            "x is the first of three numbers, the others are 0, and f(x) is the first result",
        )
    return lambda x: _run(activation, x), ""


def _run(function: Callable[[Any], Any], x: np.ndarray) -> np.ndarray:
    with eager_float64(), np.errstate(all="ignore"):
        return keras.ops.convert_to_numpy(function(keras.ops.convert_to_tensor(x, dtype="float64")))


def plot(
    x: np.ndarray, y: np.ndarray, *, title: str, width: int = 36, height: int = 10, ascii_only: bool = False
) -> list[str]:
    """Draw y over x as a connected line, with both axes if they are in range.

    A braille character is a grid of 2 by 4 dots.

    Args:
        x: increasing numbers.
        y: as many numbers; non-finite ones are omitted.
        title: the line above the plot.
        width: in characters, without labels.
        height: in characters.
        ascii_only: use `*` and `.` for an output that does not support braille.

    Returns:
        The lines of text, of equal length.
    """
    seen = y[np.isfinite(y)]
    low, high = (float(seen.min()), float(seen.max())) if seen.size else (0.0, 0.0)
    if high - low < 1e-9:
        low, high = low - 1.0, high + 1.0
    rows, columns = 4 * height, 2 * width
    across = (x - x[0]) / (x[-1] - x[0]) * (columns - 1)

    def row_of(value: np.ndarray | float) -> np.ndarray:
        return np.round((high - value) / (high - low) * (rows - 1))

    line = np.zeros((rows, columns), bool)
    fine = np.arange(0, columns - 1 + 1e-9, 0.25)
    heights = np.interp(fine, across, row_of(y))
    for column in range(columns):
        near = heights[(fine >= column - 0.5) & (fine <= column + 0.5)]
        near = near[np.isfinite(near)].astype(int)
        if near.size:
            line[near.min() : near.max() + 1, column] = True
    axes = np.zeros_like(line)
    if low <= 0 <= high:
        axes[int(row_of(0.0)), ::3] = True
    if x[0] <= 0 <= x[-1]:
        axes[::3, round(float(-x[0] / (x[-1] - x[0]) * (columns - 1)))] = True
    drawn = _characters(line, axes, ascii_only)
    labels = {0: _label(high, high - low), height - 1: _label(low, high - low)}
    margin = max(map(len, labels.values()))
    left, right = f"{x[0]:.3g}", f"{x[-1]:.3g}"
    body = [f"{labels.get(row, ''):>{margin}} {text}" for row, text in enumerate(drawn)]
    foot = " " * (margin + 1) + left + " " * (width - len(left) - len(right)) + right
    return [f"{'':{margin}} {title:<{width}}", *body, foot]


def _label(value: float, span: float) -> str:
    return f"{value if abs(value) > 1e-3 * span else 0.0:.3g}"


def _characters(line: np.ndarray, axes: np.ndarray, ascii_only: bool) -> list[str]:
    height, width = line.shape[0] // 4, line.shape[1] // 2

    def cells(dots: np.ndarray) -> np.ndarray:
        return dots.reshape(height, 4, width, 2).transpose(0, 2, 1, 3)

    if ascii_only:
        marks = np.where(cells(line).any((2, 3)), "*", np.where(cells(axes).any((2, 3)), ".", " "))
        return ["".join(row) for row in marks]
    codes = (cells(line | axes) * _DOTS).sum((2, 3)) + _BLANK
    return ["".join(map(chr, row)) for row in codes]
