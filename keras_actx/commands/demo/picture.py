"""The plots of the demo: learning curves and activation functions."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

import keras_actx as actx
from keras_actx.commands.demo.files import replacing
from keras_actx.commands.demo.training import Trained
from keras_actx.commands.plot_text import curve
from keras_actx.layers.learnable_activation import LearnableActivation
from keras_actx.names.resolve import resolve_declared

# From the colour-blind safe palette of Okabe and Ito.
_COLOURS = ("#0072B2", "#D55E00", "#56B4E9", "#009E73")
_FUNCTION = "#CC79A7"
_QUIET = "#555555"


def draw(trained: Sequence[Trained], path: Path) -> None:
    """Write the figure as PNG: loss, accuracy, the activations, and a learned one before and after training."""
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    style = {"font.size": 10, "axes.spines.top": False, "axes.spines.right": False, "axes.titlelocation": "left"}
    names = tuple(dict.fromkeys(name for one in trained for name in one.network.activations))
    with mpl.rc_context(style):  # pyright: ignore[reportArgumentType]  (names of settings)
        figure = Figure(figsize=(14, 7.5), layout="constrained")
        FigureCanvasAgg(figure)
        above, below = figure.subfigures(2, 1, height_ratios=(3, 2))  # pyright: ignore[reportGeneralTypeIssues]  (two subfigures)
        loss, accuracy, learned = above.subplots(1, 3)
        _learning_curves(loss, accuracy, trained)
        _learned(learned, trained[0])
        _functions(below.subplots(1, len(names), sharey=True), names)
        with replacing(path) as partial:
            figure.savefig(partial, dpi=120)


def _learning_curves(loss: Any, accuracy: Any, trained: Sequence[Trained]) -> None:
    for one, colour in zip(trained, _COLOURS, strict=True):
        of_seeds = [np.array([each[name] for each in one.histories]) for name in ("loss", "val_accuracy")]
        epochs = np.arange(1, of_seeds[0].shape[1] + 1)
        labels = one.network.title, f"{one.network.title}: {100 * one.accuracy:.1f} %"
        draw_on, scales = (loss.semilogy, accuracy.plot), (1, 100)
        for plot, curves, scale, label in zip(draw_on, of_seeds, scales, labels, strict=True):
            plot(epochs, scale * curves.T, color=colour, linewidth=0.6, alpha=0.4)
            marker = "o" if len(epochs) == 1 else None
            plot(epochs, scale * curves.mean(0), color=colour, marker=marker, label=label)
    loss.set(title="Training loss (cross-entropy)", xlabel="epoch")
    accuracy.set(title="Test accuracy, in percent: mean, and each seed", xlabel="epoch", ylim=(0, 101))
    accuracy.axhline(10, color=_QUIET, linewidth=0.8, linestyle=":")
    accuracy.annotate("guessing", (1, 10), (0, 3), textcoords="offset points", color=_QUIET, fontsize=8)
    accuracy.legend(loc="lower right", edgecolor="none", framealpha=1)
    for axes in (loss, accuracy):
        axes.grid(alpha=0.25)
        axes.xaxis.get_major_locator().set_params(integer=True)


def _functions(panels: Any, names: Sequence[str]) -> None:
    for axes, name in zip(panels, names, strict=True):
        activation = resolve_declared(name).activation
        gated = activation.declaration.kind == "gated"
        points = curve(activation)
        axes.plot(points.x, points.slope, color=_QUIET, linewidth=1, linestyle="--", label="f'")
        axes.plot(points.x, points.y, color=_FUNCTION, linewidth=2, label="f")
        axes.set(title=name, xlabel="gate (value 1)" if gated else "x", xlim=(-4, 4), ylim=(-2, 4), aspect="equal")
        axes.grid(alpha=0.25)
    panels[0].legend(frameon=False, fontsize=9, loc="upper left")


def _learned(axes: Any, trained: Trained) -> None:
    """The learnable activation of the layer with the largest change, one function per unit."""
    layers = [
        layer.activation_layer
        for layer in trained.network.model.layers
        if isinstance(layer, actx.layers.DenseBlock) and isinstance(layer.activation_layer, LearnableActivation)
    ]
    layer = max(layers, key=_distance)
    (name,) = layer.learned_names
    values = keras.ops.convert_to_numpy(layer.weights[0])
    x = np.linspace(-4, 4, 401, dtype="float32")
    after = keras.ops.convert_to_numpy(layer(np.repeat(x[:, None], values.size, 1)))
    axes.plot(x, after, color=_FUNCTION, linewidth=0.7, alpha=0.4)
    axes.plot([], [], color=_FUNCTION, label=f"end: {name} from {values.min():.2f} to {values.max():.2f}")
    start = keras.ops.convert_to_numpy(layer.activation(x))
    axes.plot(x, start, color="black", linestyle="--", label=f"start: {layer.activation}")
    axes.set(title=f"Learned by the {values.size} units of one DenseBlock", xlabel="x", xlim=(-4, 2), ylim=(-2, 2))
    axes.grid(alpha=0.25)
    axes.legend(frameon=False, fontsize=9, loc="upper left")


def _distance(layer: LearnableActivation) -> float:
    (name,) = layer.learned_names
    start = dict(layer.activation.params)[name]
    return float(np.abs(keras.ops.convert_to_numpy(layer.weights[0]) - start).mean())
