"""Writes what the explorer and the gallery of the documentation show, from the declarations.

docs/make.py calls it. All of docs/explorer is generated: `formulas.js`, every elementwise and gated activation with its
derivatives as JavaScript; `properties.json`; and the page `gallery.md`.
"""

import itertools
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import javascript
import jax
import make_gallery
import numpy as np
from properties import properties
from site_pages.formulas import display_math

import keras_actx as actx
from keras_actx import config
from keras_actx.activations import portable
from keras_actx.backend import eager_float64
from keras_actx.declaration.declaration import OWN_PACKAGE, Declaration
from keras_actx.declaration.parameters import Parameter
from keras_actx.expectation.functions import factors

FOLDER = Path(__file__).resolve().parent / "explorer"


def main(out: Path) -> None:
    """Write the files into the folder `out`, replacing the existing ones."""
    out.mkdir(parents=True, exist_ok=True)
    for old in out.iterdir():
        old.unlink()
    declarations = [one for one in map(actx.describe, actx.names()) if one.package == OWN_PACKAGE]
    (out / "formulas.js").write_text(formulas(declarations), encoding="utf-8")
    found = [properties(one) for one in declarations]
    (out / "properties.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    (out / "gallery.md").write_text(make_gallery.page(found), encoding="utf-8")


def formulas(declarations: list[Declaration]) -> str:
    """A script that assigns all activations to `actx.activations`, and what they need."""
    nodes, weights = np.polynomial.legendre.leggauss(16)
    parts = [
        "// Generated from the declarations by docs/make_explorer.py.",
        '"use strict";',
        "const actx = {};",
        f"actx.legendre = {json.dumps({'nodes': nodes.tolist(), 'weights': weights.tolist()})};",
    ]
    was = config.memory_efficient()
    config.set_memory_efficient(False)  # otherwise, a trace has the operations that recompute the formula
    try:
        with eager_float64():
            for function in (portable.erfc, portable.erf):
                body = javascript.program(lambda x, function=function: (function(x),), ["x"])
                parts.append(f"const {function.__name__} = (x) => ((x) => {{\n{body}\n}})(x)[0];")
            parts.append("actx.activations = {")
            parts += (_entry(one) for one in declarations if one.kind != "vector")
            parts.append("};")
    finally:
        config.set_memory_efficient(was)
    return "\n".join(parts) + "\n"


def _entry(declaration: Declaration) -> str:
    facts = {
        "gated": declaration.kind == "gated",
        "stochastic": declaration.stochastic,
        "summary": declaration.summary,
        "formula": display_math(declaration.tex),
        "parameters": [_parameter(one) for one in declaration.parameters],
    }
    if declaration.kind == "gated":
        factors(getattr(actx.activations, declaration.name))  # the page computes moments of a product; raises if not
    forms = ",\n".join(f"{json.dumps(key)}: {written}" for key, written in _forms(declaration))
    return f"{declaration.name}: {{...{json.dumps(facts)}, forms: {{\n{forms}\n}}}},"


def _parameter(one: Parameter) -> dict[str, Any]:
    low, high = slider(one)
    return {
        "name": one.name,
        "default": one.default,
        "optional": one.optional,
        "flag": one.kind is bool,
        "allowed": one.allowed,
        "low": max(one.range.low, -1e300),  # JSON has no infinity
        "high": min(one.range.high, 1e300),
        "lowOpen": one.range.low_open,
        "highOpen": one.range.high_open,
        "from": low,
        "to": high,
        "logarithmic": _is_logarithmic(one),
    }


def slider(one: Parameter) -> tuple[float, float]:
    """The ends of the slider of a parameter, from its range and default; another value can be typed."""
    if one.kind is bool:
        return 0.0, 1.0
    default = max(one.range.low, 0.0) if one.default is None else one.default
    if _is_logarithmic(one):
        return min(default, 1.0) / 10.0, max(default, 1.0) * 10.0
    width = max(2.0, 2.0 * abs(default))
    low = one.range.low if one.range.low > -np.inf else default - width
    high = one.range.high if one.range.high < np.inf else default + width
    inside = 0.01 * (high - low)
    return low + inside * one.range.low_open, high - inside * one.range.high_open


def _is_logarithmic(one: Parameter) -> bool:
    """Whether its slider is: positive, and far from 1 by default."""
    positive = one.range.low == 0.0 and one.range.high == np.inf
    return bool(positive and one.default and not 1e-3 < one.default < 1e3)


def _forms(declaration: Declaration) -> Iterator[tuple[str, str]]:
    """The functions of each choice of the parameters that are no numbers: true, false or, of an optional one, None."""
    choices = []
    for one in declaration.parameters:
        if one.kind not in (bool, float):
            raise javascript.UnknownOperationError(f"{declaration.name}: {one.name} is neither a number nor a flag")
        choices.append([False, True] if one.kind is bool else ["number", None] if one.optional else ["number"])
    for choice in itertools.product(*choices):
        fixed = {
            one.name: value for one, value in zip(declaration.parameters, choice, strict=True) if value != "number"
        }
        function, inputs, moving = _function(declaration, fixed)
        body = javascript.program(_with_derivatives(function, len(moving)), inputs)
        switches = javascript.sides(function, inputs, moving)
        key = ",".join(f"{name}={json.dumps(value)}" for name, value in fixed.items())
        yield key, f"{{values: function (x, v, p) {{\n{body}\n}},\nsides: function (x, v, p) {{\n{switches}\n}}}}"


def _function(declaration: Declaration, fixed: dict[str, Any]) -> tuple[Callable[..., Any], list[str], list[str]]:
    """The formula as a function of x (the gate, if gated), the value and the numbers in p; and their JavaScript."""
    numbers = [one.name for one in declaration.parameters if one.name not in fixed]
    places = [f"p[{at}]" for at, one in enumerate(declaration.parameters) if one.name not in fixed]
    context = {"training": False, "seed": None} if declaration.stochastic else {}
    moving = ["x", "v"] if declaration.kind == "gated" else ["x"]

    def function(*given: Any) -> Any:
        first, rest = given[: len(moving)], given[len(moving) :]
        return declaration.formula(*first[::-1], **dict(zip(numbers, rest, strict=True)), **fixed, **context)

    return function, [*moving, *places], moving


def _with_derivatives(function: Callable[..., Any], moving: int) -> Callable[..., Any]:
    """The value, the first and the second derivative by x; if gated, also the first by the value."""

    def first(x: Any, *others: Any) -> Any:
        return jax.jvp(lambda one: function(one, *others), (x,), (1.0,))

    def second(x: Any, *others: Any) -> Any:
        (value, slope), (_, bend) = jax.jvp(lambda one: first(one, *others), (x,), (1.0,))
        if moving == 1:
            return value, slope, bend
        v, *parameters = others
        by_value = jax.jvp(lambda one: function(x, one, *parameters), (v,), (1.0,))[1]
        return value, slope, bend, by_value

    return second
