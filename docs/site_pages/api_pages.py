"""The pages of the API reference: which names are on which page; mkdocstrings writes the entries."""

import importlib
import inspect
import sys
from dataclasses import dataclass
from typing import Any

import keras_actx as actx
from keras_actx.names import layer_names
from keras_actx.ranges import Range
from site_pages import layer_page
from site_pages.formulas import inline_math


@dataclass(frozen=True)
class Group:
    """The names that serve one task."""

    key: str
    title: str
    text: str
    names: tuple[str, ...]


GROUPS = (
    Group(
        "names",
        "Names and values",
        "Look up an activation by name, list the names, and save a value. Every activation is also an attribute of "
        "`keras_actx.activations`; the [catalogue](../catalogue/index.md) has a page for each.",
        ("get", "names", "describe", "serialize", "deserialize", "Activation"),
    ),
    Group(
        "layers",
        "Layers",
        "Dense layers with a matched initialization, and activations as layers.",
        (
            *("layers.DenseBlock", "layers.DenseStack", "layers.LearnableActivation", "layers.GatedLinearUnit"),
            *("layers.StochasticActivation", "constraints.InRange"),
        ),
    ),
    Group(
        "initialization",
        "Initialization and moments",
        "Initial weights that match an activation, for any Keras layer with a kernel, and the numbers behind them.",
        (
            "initializers.Paired",
            "pairing",
            "initializers.Pairing",
            "initializers.rational_fit",
            "gain",
            "moments",
            "Moments",
        ),
    ),
    Group(
        "models",
        "Whole models",
        "Initialize a model, check it, replace its activations, compare candidates, observe activations in training, "
        "and measure propagation through depth.",
        (
            *("pair", "audit", "replace_activations", "compare", "plot.comparison"),
            *("callbacks.ActivationMonitor", "plot.propagation"),
            *("propagation.PropagationProbe", "propagation.Propagation"),
        ),
    ),
    Group(
        "own",
        "Your own activations",
        "Declare an activation, give ranges to its parameters, and test it. `keras_actx.testing` requires the extra "
        "`keras-actx[testing]`.",
        (
            *("register_activation", "ranges.Range"),
            *("testing.check_activation", "testing.KnownError", "testing.bytes_kept"),
        ),
    ),
    Group(
        "config",
        "Settings",
        "Settings of the process. Compiled functions keep the setting that was active when they were traced.",
        tuple(
            f"config.{verb}{one}"
            for one in ("memory_efficient", "fused", "cuda_kernels", "portable")
            for verb in ("", "set_")
        ),
    ),
)


def pages() -> dict[str, str]:
    """The file names of the pages and their text."""
    return {"index.md": _index(), **{f"{group.key}.md": _page(group) for group in GROUPS}}


def _page(group: Group) -> str:
    parts = [f"# {group.title}", group.text]
    if group.key == "layers":
        parts += ["The layers with names have pages of their own:", _table(_named_layers())]
    for name in group.names:
        parts.append(_entry(name))
        if name == "ranges.Range":
            parts += ["The ranges for annotations, in `keras_actx.ranges`:", _table(_ranges())]
    return "\n\n".join(parts) + "\n"


def _entry(name: str) -> str:
    path = _path(name)
    if path == f"keras_actx.{name}":
        return f"::: {path}"
    return f"::: {path}\n    options:\n      heading: keras_actx.{name}\n      toc_label: {name}"


def _path(name: str) -> str:
    """Where griffe finds a name: the package `keras_actx.names` hides the function from it."""
    path, value = f"keras_actx.{name}", _object(name)
    return f"{value.__module__}.{value.__qualname__}" if path in sys.modules else path


def _index() -> str:
    """All names, by task."""
    parts = [
        "# API reference",
        "All public classes and functions, by task. The entries are generated from the docstrings, whose examples are "
        "run by the tests. Names are those in `keras_actx`.",
    ]
    for group in GROUPS:
        rows = [(f"[`{name}`]({group.key}.md#{_path(name)})", _first_sentence(_object(name))) for name in group.names]
        rows += _named_layers() if group.key == "layers" else []
        parts += [f"## [{group.title}]({group.key}.md)", group.text, _table(rows)]
    return "\n\n".join(parts) + "\n"


def _object(name: str) -> Any:
    module, _, attribute = name.rpartition(".")
    return getattr(importlib.import_module(f"keras_actx.{module}".rstrip(".")), attribute)


def _first_sentence(value: Any) -> str:
    paragraph = inline_math((inspect.getdoc(value) or "").partition("\n\n")[0].replace("\n", " "))
    return paragraph.replace("|", "&#124;")


def _named_layers() -> list[tuple[str, str]]:
    found = []
    for name in layer_page.names():
        path = f"layers.{layer_names.find(name).layer.__name__}"
        found.append((f"[`{path}`](../catalogue/{name}.md)", _first_sentence(layer_names.find(name).layer)))
    return found


def _ranges() -> list[tuple[str, str]]:
    found = []
    for name in actx.ranges.__all__:
        declared = getattr(actx.ranges, name)
        if declared is not Range:
            limits = declared.__metadata__[0]
            found.append((f"`{name}`", f"{limits}{'' if limits.learnable else ', fixed in a learnable activation'}"))
    return found


def _table(rows: list[tuple[str, str]]) -> str:
    return "\n".join(["| | |", "|---|---|", *(f"| {name} | {text} |" for name, text in rows)])
