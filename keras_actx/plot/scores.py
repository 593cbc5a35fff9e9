"""`comparison`: a plot of the scores of activations, and of their differences."""

import math
from typing import TYPE_CHECKING, Any

from keras_actx._messages import quote
from keras_actx.plot.figures import new_figure

if TYPE_CHECKING:
    from keras_actx.models.compare.comparison import Comparison


def comparison(result: "Comparison") -> Any:
    """Plot a comparison of activations: the score of every run, and the difference of each mean to the best.

    The left panel has one point for each seed, and a line for the mean. The right panel has the corrected 95 %
    intervals of the differences: where one includes 0, there is no difference. A run that diverged has no point.

    Args:
        result: what `keras_actx.compare` returns.

    Returns:
        A `matplotlib.figure.Figure`.

    Raises:
        ImportError: without matplotlib.
        ValueError: for anything else.

    Example:

    >>> import keras, keras_actx as actx
    >>> import numpy as np
    >>> x = np.random.default_rng(0).normal(size=(64, 2))
    >>> def build(activation):
    ...     model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(4, activation), keras.layers.Dense(1)])
    ...     model.compile("adam", "mse")
    ...     return model
    >>> activations = ["relu", "tanh"]
    >>> result = actx.compare(build, x, x[:, :1], activations=activations, epochs=1, seeds=2, verbose=False)
    >>> figure = actx.plot.comparison(result)
    >>> [text.get_text() for text in figure.axes[0].get_yticklabels()] == [row["activation"] for row in result.rows]
    True
    """
    if not hasattr(result, "rows"):
        raise ValueError(f"comparison: result={quote(result)} is not allowed; give what keras_actx.compare returns")
    rows = result.rows
    figure = new_figure(8.0, 1.6 + 0.4 * len(rows))
    scores, differences = figure.subplots(1, 2, sharey=True)
    for place, row in enumerate(rows):
        points = [value for value in result.scores[row["activation"]] if math.isfinite(value)]
        scores.plot(points, [place] * len(points), "o", color="C0", alpha=0.6)
        if row["diverged"]:
            scores.annotate(
                f"{row['diverged']} diverged", (0.98, place), xycoords=("axes fraction", "data"), ha="right"
            )
            continue
        scores.plot([row["mean"]] * 2, [place - 0.3, place + 0.3], color="C0")
        error = None
        if not math.isnan(row["low"]):
            error = [[row["difference"] - row["low"]], [row["high"] - row["difference"]]]
        differences.errorbar(row["difference"], place, xerr=error, fmt="o", color="C1", capsize=3)
    scores.set(xlabel=result.metric, yticks=range(len(rows)), yticklabels=[row["activation"] for row in rows])
    scores.invert_yaxis()
    differences.axvline(0, color="gray", linewidth=1)
    differences.set_xlabel(f"difference of the mean to {result.best}")
    for axes in (scores, differences):
        axes.grid(alpha=0.3)
    return figure
