"""Draws docs/charts/depth.svg, the picture of the README: signal and gradient through a hundred layers of mish.

From an environment with keras_actx, a backend and matplotlib:

    python docs/make_picture.py

Three initializations are measured as `keras_actx.plot.propagation` measures them. Colours and text are readable on a
light and on a dark background, since a code host shows the same file on both.
"""

import sys
from pathlib import Path
from typing import Any

import keras
import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from speed_chart import INK

import keras_actx as actx
from keras_actx.propagation import Propagation, PropagationProbe

TARGET = Path(__file__).resolve().parent / "charts" / "depth.svg"
ACTIVATION, DEPTH, WIDTH, BATCH = "mish", 100, 256, 64
_PANELS = {"across_inputs": "difference between inputs", "gradient": "gradient"}


def measured() -> dict[str, Propagation]:
    """The propagation by the name of the initialization."""
    x = np.random.default_rng(0).normal(size=(BATCH, WIDTH)).astype("float32")
    stack = actx.layers.DenseStack(WIDTH, ACTIVATION, depth=DEPTH, seed=0)
    stack.build(x.shape)
    probe = PropagationProbe(stack)
    found = {"DenseStack": probe(stack, x)}
    for name, initializer in {
        "he_normal": keras.initializers.HeNormal,
        "glorot_uniform, Keras's default": keras.initializers.GlorotUniform,
    }.items():
        for place, block in enumerate(stack.blocks):
            block.dense.kernel.assign(initializer(seed=place)(block.dense.kernel.shape))
            block.dense.bias.assign(np.zeros(WIDTH))
        found[name] = probe(stack, x)
    return found


def picture(found: dict[str, Propagation]) -> Figure:
    """One panel for the signal, one for the gradient, one line for each initialization."""
    figure = Figure(figsize=(8.0, 2.9), layout="constrained")
    figure.patch.set_alpha(0.0)
    panels: Any = figure.subplots(1, 2, sharey=True)
    for axes, (what, title) in zip(panels, _PANELS.items(), strict=True):
        axes.patch.set_alpha(0.0)
        for (name, one), colour in zip(found.items(), ("#2f9e44", "#e8590c", "#4c8dd6"), strict=True):
            axes.plot(range(1, DEPTH + 1), getattr(one, what), color=colour, linewidth=2, label=name)
        axes.set_title(title, color=INK, fontsize=11)
        axes.set_xlabel(f"layer, of {DEPTH} layers of {ACTIVATION}", color=INK)
        axes.tick_params(colors=INK)
        axes.grid(alpha=0.3, color=INK)
        for spine in axes.spines.values():
            spine.set_color(INK)
    panels[0].yaxis.set_major_formatter(lambda value, _: f"$10^{{{value:.0f}}}$")
    panels[0].legend(frameon=False, labelcolor=INK, fontsize=9)
    return figure


def main() -> None:
    with mpl.rc_context({"svg.hashsalt": "keras_actx", "svg.fonttype": "path"}):
        picture(measured()).savefig(TARGET, format="svg", transparent=True, metadata={"Date": None, "Creator": None})


if __name__ == "__main__":
    sys.exit(main())
