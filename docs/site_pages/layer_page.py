"""The page of a layer that has a name, from its class."""

import inspect

import keras
import numpy as np
from matplotlib.figure import Figure

import keras_actx as actx
from keras_actx.names import layer_names
from keras_actx.names.layer_names import LayerName
from site_pages.activation_page import link
from site_pages.curves import ACCENT, INK, SIZE, bars, new_figure, prepare
from site_pages.formulas import display_math, inline_math

_VECTOR = np.array((-1.0, 2.0, 0.5, -0.5, 1.0, 1.5, -2.0, 0.0))
#: The arguments of the example of a layer that needs some, or does nothing without.
_ARGUMENTS = {"adaptive": (("tanh",), {"slope": 2.0}), "group_sort": ((2,), {}), "maxout": ((4,), {})}
#: The layers that are functions of single elements while their weights and statistics are fixed.
_ELEMENTWISE = ("adaptive", "crelu", "dice", "dynamic_relu")
_INPUTS = ((None, 8), (None, 32, 8), (None, 32, 32, 8))


def names() -> tuple[str, ...]:
    """The names of the layers, sorted."""
    return actx.names(kind="layer")


def page(name: str) -> str:
    """The page, as Markdown; mkdocstrings adds the arguments and the example."""
    entry = layer_names.find(name)
    path = f"keras_actx.layers.{entry.layer.__name__}"
    aliases = layer_names.aliases(name)
    inside = "an instance of it can be" if entry.fits_inside else "it cannot be"
    facts = [
        f"- Layer: `{entry.written}`",
        f"- Its name in `activation=` raises an error that names the layer: `{name}` {entry.why}; {inside} the "
        "`activation=` of another layer",
        f"- Shapes: {', '.join(_shapes(entry))}",
        f"- Declared in `{entry.layer.__module__.replace('.', '/')}.py`",
    ]
    if aliases:
        facts.insert(1, "- Aliases: " + ", ".join(f"`{one}`" for one in aliases))
    parts = [
        f"# {name}",
        display_math(entry.tex),
        f"![{_caption(entry)}]({name}.svg)",
        "\n".join(facts),
        f"## {entry.layer.__name__}",
        f"::: {path}\n    options:\n      show_root_heading: false\n      show_root_toc_entry: false",
        "## Related",
        f"- Layers with names: {', '.join(link(one) for one in names() if one != name)}\n"
        "- All layers: [API](../api/layers.md)",
    ]
    return "\n\n".join(parts) + "\n"


def summary(entry: LayerName) -> str:
    """The first sentence of the class."""
    return (inspect.getdoc(entry.layer) or "").partition("\n\n")[0].replace("\n", " ")


def row(name: str) -> str:
    """The row of the layer in the index."""
    entry = layer_names.find(name)
    written = ", ".join([link(name), *(f"`{one}`" for one in layer_names.aliases(name))])
    return f"| {written} | `{entry.written.removeprefix('keras_actx.layers.')}` | {inline_math(summary(entry))} |"


def _example(entry: LayerName) -> str:
    positional, named = _ARGUMENTS.get(entry.name, ((), {}))
    written = [*map(repr, positional), *(f"{key}={value!r}" for key, value in named.items())]
    return f"{entry.layer.__name__}({', '.join(written)})"


def _make(entry: LayerName) -> keras.layers.Layer:
    """The layer of the example, with reproducible weights."""
    keras.utils.set_random_seed(0)
    positional, named = _ARGUMENTS.get(entry.name, ((), {}))
    return entry.layer(*positional, **named)


def _shapes(entry: LayerName) -> list[str]:
    found = []
    for shape in _INPUTS:
        try:
            returned = tuple(_make(entry)(keras.KerasTensor(shape)).shape)
        except ValueError:  # no layer for this number of axes
            continue
        found.append(f"`{shape}` → `{returned}`")
    assert found, f"{entry.name} accepts none of the shapes"
    return [found[0] + f" by `{_example(entry)}`", *found[1:]]


def _caption(entry: LayerName) -> str:
    what = "as a function of its input" if entry.name in _ELEMENTWISE else "of an example input"
    return f"{_example(entry)} {what}, with initial weights"


def figure(name: str) -> Figure:
    """The outputs for a range of inputs, or, where they depend on other elements, an input and its output."""
    entry = layer_names.find(name)
    layer = _make(entry)
    if name not in _ELEMENTWISE:
        sequence = 3 in getattr(entry.layer, "ranks", ()) and 2 not in entry.layer.ranks
        inputs = _VECTOR.reshape((1, -1, 1) if sequence else (1, -1))
        return bars(_VECTOR, _call(layer, inputs).reshape(-1), _example(entry))
    x = np.linspace(-4.0, 4.0, 401)
    drawn = new_figure()
    drawn.set_size_inches(SIZE[0] / 2, SIZE[1])
    axes = drawn.subplots()
    for column, color in zip(_call(layer, x[:, None]).T, (ACCENT, INK), strict=False):
        axes.plot(x, column, color=color)
    prepare(axes, _example(entry), zero=True)
    return drawn


def _call(layer: keras.layers.Layer, inputs: np.ndarray) -> np.ndarray:
    return np.array(keras.ops.convert_to_numpy(layer(keras.ops.convert_to_tensor(inputs, dtype="float32"))))
