"""The index of the catalogue: a row for each activation and each layer with a name."""

from keras_actx.declaration.declaration import Declaration
from site_pages import layer_page
from site_pages.activation_page import docstring
from site_pages.curves import Curve
from site_pages.formulas import inline_math
from site_pages.related import Relations

SECTIONS = {
    "Elementwise": "Functions of one element, for the `activation=` of any layer.",
    "Learnable by default": "Elementwise, with parameters that are learnable under the plain name.",
    "Random in training": "Elementwise, with random numbers in training only.",
    "Along an axis": "Functions of all elements along an axis, which preserve the shape.",
    "Gated": "Functions that halve the last axis, used through `GatedLinearUnit` or `DenseBlock`.",
}
LAYERS = (
    "Activations that change the size of an axis, or depend on other elements: standalone layers. As a string in "
    "`activation=`, the name raises an error that names the layer."
)


def section(declaration: Declaration) -> str:
    """The section of the index for an activation."""
    if declaration.stochastic:
        return "Random in training"
    if declaration.learnable:
        return "Learnable by default"
    return {"elementwise": "Elementwise", "vector": "Along an axis", "gated": "Gated"}[declaration.kind]


def row(declaration: Declaration, curve: Curve) -> str:
    """The row of one activation in the index."""
    name = declaration.name
    names = ", ".join([f"[`{name}`]({name}.md)", *(f"`{one}`" for one in declaration.aliases)])
    settings = ", ".join(
        f"`{one.name}={one.default:.4g}`"
        if one.kind is float and one.default is not None
        else f"`{one.name}={one.default}`"
        for one in declaration.parameters
    )
    summary = inline_math(docstring(declaration)[0].replace("\n", " ")).replace("|", "&#124;")
    return f"| [{curve.sparkline()}]({name}.md) | {names} | {settings} | {summary} |"


def index(relations: Relations, curves: dict[str, Curve]) -> str:
    """The page that lists all activations."""
    rows: dict[str, list[str]] = {title: [] for title in SECTIONS}
    for name, declaration in relations.declarations.items():
        rows[section(declaration)].append(row(declaration, curves[name]))
    families = " · ".join(f"[{one.title}]({one.names[0]}.md)" for one in relations.families)
    parts = [
        "# Catalogue",
        f"{len(curves)} activations, with their aliases and the defaults of their parameters, and the layers that have "
        "names. This page and the linked pages are generated from the declarations.",
        "[Names of other libraries](libraries.md): the corresponding names for torch, JAX, timm and others.",
        f"By family, as in the navigation: {families}.",
    ]
    for title, lines in rows.items():
        parts += [f"## {title}", SECTIONS[title], _table("| curve | name | parameters | function |", lines)]
    layers = [layer_page.row(name) for name in layer_page.names()]
    parts += ["## Layers with names", LAYERS, _table("| name | layer | description |", layers)]
    return "\n\n".join(parts) + "\n"


def _table(head: str, lines: list[str]) -> str:
    return "\n".join([head, "|---" * (head.count("|") - 1) + "|", *lines])
