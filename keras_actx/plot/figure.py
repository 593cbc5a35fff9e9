"""The figure of every plot."""

from typing import Any


def empty_figure() -> Any:
    """A `matplotlib.figure.Figure` for panels side by side.

    Raises:
        ImportError: without matplotlib.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError("keras_actx.plot draws with matplotlib: pip install 'keras-actx[plot]'") from error
    return Figure(figsize=(10.0, 3.2), layout="constrained")
