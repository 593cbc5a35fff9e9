"""Writes the catalogue of the documentation from the declarations: one page and one plot per activation, one index.

From the repository root, with the `docs` extra installed:

    python docs/make.py && mkdocs build --strict -f docs/mkdocs.yml

All of docs/catalogue is generated. The output is deterministic.
"""

import html
import inspect
import math
import re
import warnings
from pathlib import Path

import keras
import latex2mathml.converter
import matplotlib
import numpy as np
from matplotlib.figure import Figure

import keras_actx as actx
from keras_actx._keras_functions import KERAS_NAMES
from keras_actx.backend import eager_float64
from keras_actx.declaration.activation import Activation
from keras_actx.declaration.declaration import OWN_PACKAGE, Declaration
from keras_actx.initializers.pairing import SCHEMES, pairing
from keras_actx.layers import DenseStack

FOLDER = Path(__file__).resolve().parent / "catalogue"
POINTS = 682
BLOCK = 2048  # the size of the input of a formula: JAX compiles for every size, and moments use this one
HALF_RANGE = 4.0
#: Where the default would not show the shape.
HALF_RANGES = {"sine": 0.4, "softcap": 90.0}
VECTOR_EXAMPLE = (-1.0, 0.0, 0.5, 1.0, 2.0)
#: Commands that latex2mathml 3.81 does not convert, or converts to another character.
NOT_IN_LATEX2MATHML = {r"\arg": r"\mathrm{arg}\,", r"\sim": "\u223c"}
INK, ACCENT = "#37474f", "#00796b"

SECTIONS = {
    "Elementwise": "Functions of one element, for the `activation=` of any layer.",
    "Learnable by default": "Elementwise, with parameters that are learnable under the plain name.",
    "Random in training": "Elementwise, with random numbers in training only.",
    "Along an axis": "Functions of all elements along an axis, which preserve the shape.",
    "Gated": "Functions that halve the last axis, used through `GatedLinearUnit` or `DenseBlock`.",
}


def main(out: Path) -> None:
    """Write the catalogue into the folder `out`, replacing the existing one."""
    out.mkdir(parents=True, exist_ok=True)
    for old in (*out.glob("*.md"), *out.glob("*.svg")):
        old.unlink()
    rows: dict[str, list[str]] = {title: [] for title in SECTIONS}
    for name in actx.names():
        declaration = actx.describe(name)
        if declaration.package != OWN_PACKAGE:
            continue
        curve = Curve(declaration)
        _save(curve.figure(), out / f"{name}.svg")
        (out / f"{name}.md").write_text(page(declaration), encoding="utf-8")
        rows[section(declaration)].append(row(declaration, curve))
    (out / "index.md").write_text(index(rows), encoding="utf-8")
    _save(actx.plot.propagation("gelu"), out / "propagation.svg")  # shown in the guide


# Pages


def page(declaration: Declaration) -> str:
    """The page of one activation, as Markdown."""
    name = declaration.name
    summary, _, notes = _docstring(declaration)
    parts = [f"# {name}", inline_math(summary), display_math(declaration.tex)]
    if notes:
        parts.append(inline_math(notes))
    parts.append(f"![{_plot_caption(declaration)}]({name}.svg)")
    facts = [f"- Kind: {_kind_in_words(declaration)}"]
    if declaration.aliases:
        facts.append("- Aliases: " + ", ".join(f"`{one}`" for one in declaration.aliases))
    facts.append(f"- Declared in `{declaration.formula.__module__.replace('.', '/')}.py`")
    parts += ["\n".join(facts), *_parameters(declaration), *_use(declaration), *_kinks(declaration)]
    parts += [*_moments(declaration), *_pairing(declaration), *_references(declaration)]
    return "\n\n".join(parts) + "\n"


def _docstring(declaration: Declaration) -> tuple[str, str, str]:
    return (inspect.getdoc(declaration.formula) or "").partition("\n\n")


def _kind_in_words(declaration: Declaration) -> str:
    words = {
        "elementwise": "elementwise",
        "vector": "along an axis, whose length is preserved",
        "gated": "gated: halves the last axis into a value $v$ (first half) and a gate $g$ (last half)",
    }[declaration.kind]
    words += ", learnable by default" * declaration.learnable + ", random in training" * declaration.stochastic
    return inline_math(words)


def _plot_caption(declaration: Declaration) -> str:
    if declaration.kind == "vector":
        return f"{declaration.name} of an example input"
    gate = ", as a function of the gate with value 1," if declaration.kind == "gated" else ""
    return f"{declaration.name}{gate} and its derivative, with default parameters"


def _parameters(declaration: Declaration) -> list[str]:
    if not declaration.parameters:
        return ["## Parameters", "None."]
    lines = ["| name | default | range | learnable |", "|---|---|---|---|"]
    for one in declaration.parameters:
        learns = "no" if not one.learnable or declaration.stochastic else "yes"
        lines.append(f"| `{one.name}` | `{one.default!r}` | {one.allowed} | {learns} |")
    return ["## Parameters", "\n".join(lines)]


def _use(declaration: Declaration) -> list[str]:
    name = declaration.name
    settings = ", ".join(f"{one.name}={one.default!r}" for one in declaration.parameters if one.default is not None)
    written = f"{name}({settings})" if settings else name
    if declaration.kind == "gated":
        lines = [
            "import keras",
            "import keras_actx as actx",
            "",
            f'block = actx.layers.DenseBlock(64, activation="{name}")  # one kernel of 128 columns, output of 64',
            f'layer = actx.layers.GatedLinearUnit("{name}")  # after a layer of twice the width',
            f"y = actx.activations.{name}(keras.ops.ones((2, 8)))  # of shape (2, 4)",
        ]
        return ["## Use", "\n".join(["```python", *lines, "```"]), *_keras_note(declaration)]
    in_keras = name in KERAS_NAMES
    lines = ["import keras", "import keras_actx as actx", ""]
    if in_keras and not declaration.parameters:
        lines += [
            f'layer = keras.layers.Dense(64, activation="{name}")  # Keras\'s function',
            f'layer = keras.layers.Dense(64, activation="keras_actx>{name}")  # the function of this package',
        ]
    else:
        lines.append(f'layer = keras.layers.Dense(64, activation="{written}")')
    if declaration.learnable_parameters and declaration.kind == "elementwise" and not declaration.stochastic:
        learn = f"{name}({settings})" if declaration.learnable else f"{name}({settings}, learnable=True)"
        lines.append(f'layer = keras.layers.Dense(64, activation="{learn}")  # trainable, with these initial values')
        if declaration.learnable:
            lines[-2:] = [
                lines[-1],
                f'layer = keras.layers.Dense(64, activation="{name}({settings}, learnable=False)")  # constant',
            ]
        lines.append(f'layer = actx.layers.LearnableActivation("{written}", axis=-1)  # one per channel')
    if declaration.stochastic:
        lines.append(f'layer = actx.layers.StochasticActivation("{written}", seed=1)')
    lines.append(f"y = actx.activations.{name}(keras.ops.ones((2, 8)))")
    if settings:
        lines.append(f"value = actx.activations.{name}.bind({settings})")
    block_name = f"keras_actx>{name}" if in_keras and not declaration.parameters else written
    lines.append(f'block = actx.layers.DenseBlock(64, activation="{block_name}")')
    return ["## Use", "\n".join(["```python", *lines, "```"]), *_keras_note(declaration)]


def _keras_note(declaration: Declaration) -> list[str]:
    name = declaration.name
    if name not in KERAS_NAMES:
        return []
    reached = f'`"keras_actx>{name}"`' + ", or with any parameter in the string" * bool(declaration.parameters)
    if declaration.kind == "gated":
        reached = "`GatedLinearUnit` and `DenseBlock`"
    by = "through" if declaration.kind == "gated" else "as"
    return [
        f'Keras has an activation of this name. The plain name without parameters, `"{name}"`, means '
        f"`keras.activations.{name}` and is saved as Keras saves it. The function of this package is available {by} "
        f"{reached}."
    ]


def _kinks(declaration: Declaration) -> list[str]:
    kinks = declaration.kinks_at(declaration.defaults)
    if not kinks:
        return []
    lines = [f"| {_variable(declaration)} | first derivative |", "|---|---|"]
    lines += [f"| {point:.12g} | {slope:.12g} |" for point, slope in sorted(kinks.items())]
    said = "The points where a derivative is discontinuous, and the first derivative there."
    if callable(declaration.kinks) and declaration.parameters:
        said += " They depend on the parameters; the table is for the defaults."
    return ["## Kinks", said, "\n".join(lines)]


def _variable(declaration: Declaration) -> str:
    return "gate" if declaration.kind == "gated" else "x"


def _moments(declaration: Declaration) -> list[str]:
    if declaration.kind == "vector":
        return ["## Moments", "Not defined for activations along an axis."]
    value = _value(declaration)
    found = actx.moments(value)
    rows = {
        "mean E[f(z)]": found.mean,
        "second moment E[f(z)²]": found.second_moment,
        "variance": found.variance,
        "second moment of the derivative E[f'(z)²]": found.derivative_second_moment,
        "gain 1 / √E[f(z)²]": actx.gain(value),
    }
    lines = ["| | |", "|---|---|", *(f"| {what} | {_number(one)} |" for what, one in rows.items())]
    independent = " Value and gate are independent." if declaration.kind == "gated" else ""
    return ["## Moments", f"For z ~ N(0, 1) and default parameters.{independent}", "\n".join(lines)]


def _number(value: float) -> str:
    return "infinite" if math.isinf(value) else f"{0.0 if abs(value) < 1e-12 else value:.6g}"


_DEPTH = 30


def _pairing(declaration: Declaration) -> list[str]:
    """The choice of each scheme, and the scheme that "auto" selects."""
    name = declaration.identifier
    stacked = DenseStack(2, name, depth=_DEPTH).pairing.scheme
    alone = pairing(name).scheme
    text = f'`scheme="auto"` selects `"{alone}"` for a single layer, and `"{stacked}"` in a `DenseStack` of {_DEPTH}.'
    lines = []
    for scheme in SCHEMES:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # the words state it if a function is discontinuous
                words = str(pairing(name, scheme, depth=_DEPTH)).removeprefix(f"{name}: ")
        except ValueError as error:
            words = f"not available: {error}"
        lines.append(f"- `{scheme}`: {_linked(words)}".replace("*", "\\*"))
    return ["## Initialization", text, "\n".join(lines)]


def _references(declaration: Declaration) -> list[str]:
    return ["## References", "\n".join(f"- {_linked(one)}" for one in declaration.cites)]


def _linked(text: str) -> str:
    return re.sub(r"arXiv:(\d{4}\.\d{4,5})", r"[arXiv:\1](https://arxiv.org/abs/\1)", text)


# The index


def section(declaration: Declaration) -> str:
    """The section of the index for an activation."""
    if declaration.stochastic:
        return "Random in training"
    if declaration.learnable:
        return "Learnable by default"
    return {"elementwise": "Elementwise", "vector": "Along an axis", "gated": "Gated"}[declaration.kind]


def row(declaration: Declaration, curve: "Curve") -> str:
    """The row of one activation in the index."""
    name = declaration.name
    names = ", ".join([f"[`{name}`]({name}.md)", *(f"`{one}`" for one in declaration.aliases)])
    settings = ", ".join(
        f"`{one.name}={one.default:.4g}`"
        if one.kind is float and one.default is not None
        else f"`{one.name}={one.default}`"
        for one in declaration.parameters
    )
    summary = inline_math(_docstring(declaration)[0].replace("\n", " ")).replace("|", "&#124;")
    return f"| [{curve.sparkline()}]({name}.md) | {names} | {settings} | {summary} |"


def index(rows: dict[str, list[str]]) -> str:
    """The page that lists all activations."""
    count = sum(map(len, rows.values()))
    parts = [
        "# Catalogue",
        f"{count} activations, with their aliases and the defaults of their parameters. This page and the linked pages "
        "are generated from the declarations.",
        "[Names of other libraries](libraries.md): the corresponding names for torch, JAX, timm and others.",
    ]
    for title, lines in rows.items():
        if lines:
            table = "\n".join(["| | name | parameters | |", "|---|---|---|---|", *lines])
            parts += [f"## {title}", SECTIONS[title], table]
    return "\n\n".join(parts) + "\n"


# Formulas


def display_math(tex: str) -> str:
    """A formula on its own line, as MathML."""
    return f'<div class="formula">{_mathml(tex, "block")}</div>'


def inline_math(text: str) -> str:
    """The text with its `$...$` as MathML, escaped for Markdown."""

    def convert(match: re.Match) -> str:
        xml = _mathml(match.group(1), "inline")
        for character in "\\*_`[]|":
            xml = xml.replace(character, f"&#{ord(character)};")
        return f'<span class="formula">{xml}</span>'

    pieces = re.split(r"(`[^`]*`)", text)
    return "".join(one if one.startswith("`") else re.sub(r"\$([^$]+)\$", convert, one) for one in pieces)


def _mathml(tex: str, display: str) -> str:
    known = tex
    for command, instead in NOT_IN_LATEX2MATHML.items():
        known = known.replace(command, instead)
    xml = latex2mathml.converter.convert(known, display=display)
    return xml.replace("<math ", f'<math alttext="{html.escape(tex)}" ', 1)


# Plots


class Curve:
    """An activation with default parameters, evaluated in float64 for plots."""

    def __init__(self, declaration: Declaration) -> None:
        self.declaration = declaration
        if declaration.kind == "vector":
            self.x = np.array(VECTOR_EXAMPLE)
            self.y = _evaluate(declaration, self.x)
            return
        kinks = declaration.kinks_at(declaration.defaults)
        reach = HALF_RANGES.get(declaration.name, max([HALF_RANGE, *(1.5 * abs(one) for one in kinks)]))
        self.kinks = {point: slope for point, slope in sorted(kinks.items()) if abs(point) < reach}
        gap, step = 1e-4 * reach, 1e-6 * reach  # a difference of +-step never crosses a kink
        grid = np.linspace(-reach, reach, POINTS - 2 * len(self.kinks))
        for point in self.kinks:
            grid[np.abs(grid - point) < gap] = point - 2 * gap
        beside = [point + side * gap for point in self.kinks for side in (-1, 1)]
        x = np.sort(np.concatenate([grid, beside]))
        low, y, high = _evaluate(declaration, np.concatenate([x - step, x, x + step])).reshape(3, -1)
        slope = np.round((high - low) / (2 * step), 7)  # the significant digits of the difference
        # A gap in the curve of f' at every kink, and in the curve of f where f is discontinuous.
        cuts = np.searchsorted(x, list(self.kinks))
        jumps = [abs(y[cut] - y[cut - 1]) > 0.01 * reach for cut in cuts]
        self.x, self.slope = np.insert(x, cuts, list(self.kinks)), np.insert(slope, cuts, np.nan)
        between = [math.nan if jump else (y[cut - 1] + y[cut]) / 2 for cut, jump in zip(cuts, jumps, strict=True)]
        self.y = np.insert(y, cuts, between)

    def figure(self) -> Figure:
        """f on the left and f' on the right; for an activation along an axis, an input and its output."""
        figure = Figure(figsize=(7.2, 2.7), layout="constrained")
        left, right = figure.subplots(1, 2)
        if self.declaration.kind == "vector":
            positions = range(1, len(self.x) + 1)
            left.bar(positions, self.x, color=INK)
            right.bar(positions, self.y, color=ACCENT)
            titles = ("an input", self.declaration.name)
        else:
            left.plot(self.x, self.y, color=INK)
            right.plot(self.x, self.slope, color=ACCENT)
            right.plot(list(self.kinks), list(self.kinks.values()), "o", color=ACCENT, markersize=4)
            titles = ("f", "f'")
        for axes, title in ((left, titles[0]), (right, titles[1])):
            axes.set_title(title, fontsize=10)
            axes.axhline(0.0, color="#b0bec5", linewidth=0.8, zorder=0)
            axes.spines[["top", "right"]].set_visible(False)
            axes.tick_params(labelsize=8)
            if self.declaration.kind != "vector":
                axes.axvline(0.0, color="#b0bec5", linewidth=0.8, zorder=0)
        return figure

    def sparkline(self) -> str:
        """The curve in one small inline SVG."""
        width, height = 72, 24
        if self.declaration.kind == "vector":
            x, y = np.repeat(np.arange(6.0), 2)[1:-1], np.repeat(self.y, 2)
        else:
            chosen = np.unique(np.concatenate([np.arange(0, len(self.x), 12), np.flatnonzero(np.isnan(self.y))]))
            x, y = self.x[chosen], self.y[chosen]
        low, high = np.nanmin(y), np.nanmax(y)
        across = 1 + (x - x[0]) / (x[-1] - x[0]) * (width - 2)
        down = height - 1 - (y - low) / (high - low) * (height - 2)
        pieces = np.split(np.arange(len(x)), np.flatnonzero(np.isnan(y)))
        lines = (
            " ".join(f"{across[one]:.1f},{down[one]:.1f}" for one in piece if not math.isnan(down[one]))
            for piece in pieces
        )
        drawn = "".join(f'<polyline points="{line}"/>' for line in lines)
        return f'<svg class="sparkline" viewBox="0 0 {width} {height}" width="{width}" height="{height}">{drawn}</svg>'


def _value(declaration: Declaration) -> Activation:
    return getattr(actx.activations, declaration.name)


def _evaluate(declaration: Declaration, x: np.ndarray) -> np.ndarray:
    inputs = x if declaration.kind == "vector" else np.resize(x, BLOCK)
    if declaration.kind == "gated":
        inputs = np.stack([np.ones_like(inputs), inputs], axis=-1)
    with eager_float64():
        y = _value(declaration)(keras.ops.convert_to_tensor(inputs, dtype="float64"))
        return np.array(keras.ops.convert_to_numpy(y)).reshape(-1)[: x.size]


def _save(figure: Figure, path: Path) -> None:
    with matplotlib.rc_context({"svg.hashsalt": OWN_PACKAGE, "svg.fonttype": "path"}):
        figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None})


if __name__ == "__main__":
    import make_explorer  # beside this file
    import make_libraries

    main(FOLDER)
    make_libraries.main(FOLDER)
    make_explorer.main(make_explorer.FOLDER)
