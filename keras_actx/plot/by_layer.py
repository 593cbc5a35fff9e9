"""The picture of an audit: signal, gradient and dead units by layer."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from keras_actx.plot.figures import new_figure

_LINES = {"weights": ("expected", "expected_gradient"), "sample": ("measured", "gradient")}
_TITLES = ("signal: E[z²]", "gradient: its norm over the last", "dead and saturated units")


def by_layer(rows: Sequence[Mapping[str, Any]], title: str) -> Any:
    """Three panels over the layers, in the order of execution, as a `matplotlib.figure.Figure`; 0 is a gap.

    Args:
        rows: those of an audit, with the keys `expected`, `measured`, `expected_gradient`, `gradient`, `units`, `dead`
            and `saturated`.
        title: of the figure.
    """
    figure = new_figure(10.0, 3.2)
    panels = figure.subplots(1, 3)
    places = np.arange(1, len(rows) + 1)
    for panel, axes in enumerate(panels[:2]):
        for label, keys in _LINES.items():
            values = np.array([row[keys[panel]] or np.nan for row in rows], dtype="float64")
            known = np.isfinite(values)
            if known.any():
                axes.plot(places[known], values[known], marker=".", label=label)
        axes.set_yscale("log")
        axes.legend()
    for key in ("dead", "saturated"):
        known = [(i, len(row[key]) / row["units"]) for i, row in zip(places, rows, strict=True) if row["units"]]
        panels[2].plot(*zip(*known, strict=True) if known else ([], []), marker=".", linestyle="", label=key)
    panels[2].set_ylim(-0.02, 1.02)
    panels[2].legend()
    for axes, name in zip(panels, _TITLES, strict=True):
        axes.set(title=name, xlabel="layer", xlim=(0.5, len(rows) + 0.5))
        axes.grid(alpha=0.3)
    figure.suptitle(title)
    return figure
