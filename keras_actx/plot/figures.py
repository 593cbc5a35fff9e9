"""Figures, without `pyplot` and its global state."""

from typing import Any


def new_figure(width: float, height: float) -> Any:
    """An empty `matplotlib.figure.Figure` of this size in inches.

    Raises:
        ImportError: without matplotlib.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError("keras_actx.plot draws with matplotlib: pip install 'keras-actx[plot]'") from error
    return Figure(figsize=(width, height), layout="constrained")
