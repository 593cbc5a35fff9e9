"""The gallery of the documentation: every activation as a card, with filters over its properties.

docs/make_explorer.py writes the page. docs/javascripts/gallery.js hides the cards that the filters exclude.
"""

import html
from typing import Any

import numpy as np
from site_pages.curves import Curve
from site_pages.formulas import inline_math

import keras_actx as actx

_WIDTH, _HEIGHT, _MARGIN = 160, 80, 3
#: The property and label of each filter; `libraries` has several values.
_FILTERS = {
    "kind": "Kind",
    "learnable": "Learnable",
    "bounded": "Bounded",
    "smooth": "Smooth",
    "monotone": "Monotone",
    "centred": "Zero-centred",
    "libraries": "In library",
}
_INTRODUCTION = """\
---
hide: [toc]
---
# Gallery

All activations at their default parameters. The plot of a card shows the function; of a gated activation, as a function
of the gate; of an activation along an axis, its result for one input. The name opens its page, "Explore" its curves
with sliders.
"""
_DEFINITIONS = """\
The properties are computed from the declarations, for the default parameters:

- **Bounded**: from below, from above, or on both sides.
- **Smooth**: which derivatives are continuous. A kink is a jump of the first derivative.
- **Monotone**: nowhere decreasing, or nowhere increasing.
- **Zero-centred**: for z ~ N(0, 1), the mean of f(z) is at most 1 % of the root of E[f(z)²].
- **Learnable**: by default (the plain name has trainable parameters), or on request (`learnable=True`).
- **In library**: the library has the function, under this or another name ([names](../catalogue/libraries.md)).
- **Year**: of the first source. A textbook function has none.
"""


def page(found: list[dict[str, Any]]) -> str:
    """The page, as Markdown with HTML."""
    cards = "\n".join(map(_card, found))
    table = f'<div class="cards">\n{cards}\n</div>'
    script = '<script src="../javascripts/gallery.js"></script>'
    return "\n\n".join([_INTRODUCTION, _filters(found), table, _DEFINITIONS, script]) + "\n"


def _filters(found: list[dict[str, Any]]) -> str:
    parts = ['<label>Search <input type="search" name="text" placeholder="name, alias or words"></label>']
    for name, label in _FILTERS.items():
        values = sorted({one for each in found for one in _values(each[name])})
        options = "".join(f'<option value="{html.escape(one)}">{html.escape(one)}</option>' for one in values)
        parts.append(f'<label>{label} <select name="{name}"><option value="">any</option>{options}</select></label>')
    for name in ("from", "to"):
        parts.append(f'<label>Year {name} <input type="number" name="{name}" min="1900" max="2100"></label>')
    parts.append('<button type="reset">Reset</button>')
    parts.append(f'<output id="gallery-count">{len(found)} of {len(found)}</output>')
    return "\n".join(['<form class="gallery controls">', *parts, "</form>"])


def _values(value: Any) -> list[str]:
    """A property as the strings that the filters compare."""
    if isinstance(value, list):
        return value
    return [] if value is None else [{True: "yes", False: "no"}.get(value, value)]


def _card(one: dict[str, Any]) -> str:
    name = one["name"]
    facts = {key: "|".join(_values(one[key])) for key in _FILTERS} | {"year": one["year"] or ""}
    facts["text"] = " ".join([name, *one["aliases"], one["summary"]]).lower()
    data = " ".join(f'data-{key}="{html.escape(str(value))}"' for key, value in facts.items())
    title = name.replace("_", "_<wbr>")
    year = f", {one['year']}" if one["year"] else ""
    explore = "" if one["gain"] is None else f' · <a href="../explorer.html#a={name}">Explore</a>'
    return (
        f'<article {data}><a href="../catalogue/{name}.html">{_plot(name)}<strong>{title}</strong></a>'
        f"<p>{_text(one['summary'])}</p><footer>{one['kind']}{year}{explore}</footer></article>"
    )


def _text(summary: str) -> str:
    """Markdown of one line as HTML: formulas and code."""
    pieces = inline_math(html.escape(summary, quote=False)).split("`")
    return "".join(f"<code>{one}</code>" if at % 2 else one for at, one in enumerate(pieces))


def _plot(name: str) -> str:
    """The curve as inline SVG, with the axes where they are in the picture."""
    curve = Curve(actx.describe(name))
    x, y = curve.x, curve.y
    vector = curve.declaration.kind == "vector"
    if vector:  # one step per element
        x, y = np.repeat(np.arange(len(y) + 1.0), 2)[1:-1], np.repeat(y, 2)
    low, high = min(np.nanmin(y), 0.0), max(np.nanmax(y), 0.0)

    def across(place: Any) -> Any:
        return _MARGIN + (place - x[0]) / (x[-1] - x[0]) * (_WIDTH - 2 * _MARGIN)

    def down(height: Any) -> Any:
        return _HEIGHT - _MARGIN - (height - low) / (high - low) * (_HEIGHT - 2 * _MARGIN)

    axes = f"M0 {down(0.0):.1f}H{_WIDTH}" + ("" if vector else f"M{across(0.0):.1f} 0V{_HEIGHT}")
    line, pen = "", "M"
    for at in range(len(x)) if vector else np.unique(np.r_[0 : len(x) : 6, np.flatnonzero(np.isnan(y)), len(x) - 1]):
        line += "" if np.isnan(y[at]) else f"{pen}{across(x[at]):.1f} {down(y[at]):.1f}"
        pen = "M" if np.isnan(y[at]) else "L"
    paths = f'<path class="axes" d="{axes}"/><path d="{line}"/>'
    return f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" aria-hidden="true">{paths}</svg>'
