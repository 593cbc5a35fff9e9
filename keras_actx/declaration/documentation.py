"""The docstring of an activation, generated from its declaration."""

import inspect
import textwrap
from collections.abc import Mapping
from typing import Any

from keras_actx._keras_functions import keras_function
from keras_actx.declaration.declaration import OWN_PACKAGE, Declaration, call_text


def written(declaration: Declaration, settings: Mapping[str, Any]) -> str:
    """The string that parses to the value with these parameters, independently of what the plain name means."""
    settings = dict(settings)
    if declaration.learnable:
        settings["learnable"] = False
    if declaration.stochastic:
        settings["training"] = False
    name = declaration.identifier
    if not settings and declaration.package == OWN_PACKAGE and keras_function(name) is not None:
        name = declaration.qualified_name
    return call_text(name, settings)


def docstring(declaration: Declaration) -> str:
    """Summary, formula, notes, arguments with ranges, exceptions, a runnable example, references."""
    summary, _, notes = (inspect.getdoc(declaration.formula) or declaration.name).partition("\n\n")
    parts = [summary]
    if declaration.tex:
        parts.append("Formula:\n\n" + textwrap.indent(f"$${declaration.tex}$$", "    "))
    if notes:
        parts.append(notes)
    parts.append("Args:\n" + textwrap.indent("\n".join(_arguments(declaration)), "    "))
    shape = "of the shape of `x`, its last axis halved" if declaration.kind == "gated" else "of the shape of `x`"
    parts.append(f"Returns:\n    A tensor {shape}, in its dtype.")
    parts.append("Raises:\n    ValueError: for an unknown parameter or a value out of range.")
    parts.append("Example:\n\n" + "\n".join(_example(declaration)))
    if declaration.cites:
        parts.append("Reference:\n" + textwrap.indent("\n".join(f"- {one}" for one in declaration.cites), "    "))
    return "\n\n".join(parts)


def _arguments(declaration: Declaration) -> list[str]:
    x = "x: a tensor of any shape" + (", its last axis of even size: value, then gate." * (declaration.kind == "gated"))
    return [x.removesuffix(".") + "."] + [
        f"{one.name}: {one.allowed}; {one.default!r} by default." for one in declaration.parameters
    ]


def _example(declaration: Declaration) -> list[str]:
    """A doctest that uses the activation by name."""
    name = declaration.identifier
    if declaration.kind == "gated":
        return [
            ">>> import keras_actx as actx",
            f">>> actx.layers.GatedLinearUnit({name!r}).compute_output_shape((None, 8))",
            "(None, 4)",
        ]
    text, shown = call_text(name, declaration.defaults), written(declaration, declaration.defaults)
    return [
        ">>> import keras, keras_actx as actx",
        f'>>> layer = keras.layers.Dense(8, activation="{text}")',
        f">>> actx.activations.{declaration.name}" if name == declaration.name else f">>> actx.get({shown!r})",
        shown,
    ]
