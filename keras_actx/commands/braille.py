"""A plot in characters: every braille character is a grid of 2 by 4 dots."""

import numpy as np

_DOTS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]])
_BLANK = 0x2800


def plot(
    x: np.ndarray, y: np.ndarray, *, title: str, width: int = 36, height: int = 10, ascii_only: bool = False
) -> list[str]:
    """Draw y over x as a connected line, with both axes where they are in view.

    Args:
        x: rising numbers.
        y: as many numbers; those that are not finite are left out.
        title: the line above the plot.
        width: characters across, labels excluded.
        height: characters down.
        ascii_only: use `*` and `.` for an output that has no braille.

    Returns:
        The lines of text, all of one length.
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
