"""The page of one activation, from its declaration."""

import inspect
import math
import warnings

import keras

import keras_actx as actx
from keras_actx._keras_functions import KERAS_NAMES
from keras_actx.declaration.declaration import Declaration
from keras_actx.initializers.auto import scheme_stacked
from keras_actx.initializers.pairing import SCHEMES, pairing
from site_pages import measured
from site_pages.curves import value
from site_pages.formulas import display_math, inline_math
from site_pages.links import linked
from site_pages.related import Relations

_DEPTH = 30
_SETTINGS = 2  # parameters that the examples set, at most
_INPUTS = ((None, 8), (None, 16, 16, 8))  # features and images, whose shapes the page shows


def page(declaration: Declaration, relations: Relations) -> str:
    """The page, as Markdown."""
    name = declaration.name
    summary, notes = docstring(declaration)
    parts = [f"# {name}", inline_math(summary), display_math(declaration.tex)]
    if notes:
        parts.append(inline_math(notes))
    parts.append(f"![{_plot_caption(declaration)}]({name}.svg)")
    facts = [f"- Kind: {_kind_in_words(declaration)}", f"- Shapes: {_shapes(declaration)}"]
    if declaration.aliases:
        facts.append("- Aliases: " + ", ".join(f"`{one}`" for one in declaration.aliases))
    if declaration.kind != "vector":  # which the explorer does not have
        link = f'<a href="../explorer.html#a={name}">curves and moments with sliders</a>'
        facts.append(f"- Explorer: {link}, beside any other activation")
    facts.append(f"- Declared in `{declaration.formula.__module__.replace('.', '/')}.py`")
    parts += ["\n".join(facts), *_parameters(declaration), *_use(declaration), *_kinks(declaration)]
    parts += [
        *_moments(declaration),
        *_pairing(declaration),
        *measured.section(name),
        *_related(declaration, relations),
    ]
    return "\n\n".join([*parts, *_references(declaration)]) + "\n"


def docstring(declaration: Declaration) -> tuple[str, str]:
    """The first sentence and the notes."""
    summary, _, notes = (inspect.getdoc(declaration.formula) or "").partition("\n\n")
    return summary, notes


def _kind_in_words(declaration: Declaration) -> str:
    words = {
        "elementwise": "elementwise",
        "vector": "along an axis, whose length is preserved",
        "gated": "gated: halves the last axis into a value $v$ (first half) and a gate $g$ (last half)",
    }[declaration.kind]
    words += ", learnable by default" * declaration.learnable + ", random in training" * declaration.stochastic
    return inline_math(words)


def _shapes(declaration: Declaration) -> str:
    """What the activation returns for two inputs, as it says itself."""
    function = value(declaration)
    pairs = ((shape, tuple(function(keras.KerasTensor(shape)).shape)) for shape in _INPUTS)
    return ", ".join(f"`{shape}` → `{returned}`" for shape, returned in pairs)


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
    if declaration.kind == "gated":
        lines = [
            "# One kernel of 128 columns, an output of 64.",
            f'block = actx.layers.DenseBlock(64, activation="{name}")',
            "# After a layer of twice the width.",
            f'layer = actx.layers.GatedLinearUnit("{name}")',
            f"y = actx.activations.{name}(keras.ops.ones((2, 8)))  # of shape (2, 4)",
        ]
        return ["## Use", _code(lines), *_keras_note(declaration)]
    given = [f"{one.name}={one.default!r}" for one in declaration.parameters if one.default is not None]
    settings = ", ".join(given[:_SETTINGS])
    written = f"{name}({settings})" if settings else name
    learns = declaration.learnable_parameters and declaration.kind == "elementwise" and not declaration.stochastic
    lines = []

    def dense(activation: str, comment: str) -> None:
        lines.extend([f"# {comment}"] if comment else [])
        lines.append(f'layer = keras.layers.Dense(64, activation="{activation}")')

    in_keras = name in KERAS_NAMES
    dense(name, "Keras's function." if in_keras else "Trainable." if learns and declaration.learnable else "")
    if in_keras and not declaration.parameters:
        dense(f"keras_actx>{name}", "The same function, of this package.")
    if settings:
        dense(written, "Trainable, from these values." if learns and declaration.learnable else "With parameters.")
    if learns:
        learn = not declaration.learnable
        dense(f"{name}({settings}, learnable={learn})", "Trainable, from these values." if learn else "Constant.")
        lines += ["# One value per channel.", f'layer = actx.layers.LearnableActivation("{written}", axis=-1)']
    if declaration.stochastic:
        lines.append(f'layer = actx.layers.StochasticActivation("{written}", seed=1)')
    lines += ["# With initial weights that match it.", f'block = actx.layers.DenseBlock(64, activation="{name}")']
    lines += ["# As a function.", f"y = actx.activations.{name}(keras.ops.ones((2, 8)))"]
    if settings:
        lines.append(f"value = actx.activations.{name}.bind({settings})")
    more = ["The other parameters are set in the same way."] * (len(given) > _SETTINGS)
    return ["## Use", _code(lines), *more, *_keras_note(declaration)]


def _code(lines: list[str]) -> str:
    return "\n".join(["```python", "import keras", "import keras_actx as actx", "", *lines, "```"])


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
    activation = value(declaration)
    found = actx.moments(activation)
    rows = {
        "mean E[f(z)]": found.mean,
        "second moment E[f(z)²]": found.second_moment,
        "variance": found.variance,
        "second moment of the derivative E[f'(z)²]": found.derivative_second_moment,
        "gain 1 / √E[f(z)²]": actx.gain(activation),
    }
    lines = ["| | |", "|---|---|", *(f"| {what} | {_number(one)} |" for what, one in rows.items())]
    independent = " Value and gate are independent." if declaration.kind == "gated" else ""
    return ["## Moments", f"For z ~ N(0, 1) and default parameters.{independent}", "\n".join(lines)]


def _number(value: float) -> str:
    return "infinite" if math.isinf(value) else f"{0.0 if abs(value) < 1e-12 else value:.6g}"


def _pairing(declaration: Declaration) -> list[str]:
    """The choice of each scheme, and the scheme that "auto" selects."""
    name = declaration.identifier
    alone = pairing(name).scheme
    stacked = scheme_stacked(name, _DEPTH, pairs=True, bias=True, standardize=False)
    stacked = alone if stacked == "auto" else stacked
    text = (
        f'`scheme="auto"` selects `"{alone}"` for a single layer, and `"{stacked}"` in a `DenseStack` of {_DEPTH}. '
        f'`print(actx.pairing("{name}", "{stacked}", depth={_DEPTH}))` shows a row of this table. "Gradient" is the '
        'factor of its mean square in each layer, and "variance" that of an error of the variance; both are known for '
        'a stack of equal layers. "Nonlinearity" is 0 for a linear function.'
    )
    lines = ["| scheme | kernel | standard deviation | bias | gradient | variance | nonlinearity |", "|---" * 7 + "|"]
    notes = []
    for scheme in SCHEMES:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # the words state it if a function is discontinuous
                found = pairing(name, scheme, depth=_DEPTH)
        except ValueError as error:
            lines.append(f"| `{scheme}` | not available |" + " |" * 5)
            notes.append(f"- `{scheme}`: {error}")
            continue
        said = dict(line.strip().split(": ", 1) for line in str(found).splitlines()[1:])
        kernel, _, scale = said["kernel"].partition(", standard deviation ")
        scale, _, form = scale.partition(", ")
        kernel = ", ".join(filter(None, [kernel.replace("_", " "), form]))
        biases = {
            title.removeprefix("bias").removeprefix(" of the "): one for title, one in said.items() if "bias" in title
        }
        bias = "; ".join(f"{of} {one}".strip() for of, one in biases.items())
        numbers = [found.chi_1, found.chi_q, found.nonlinearity]
        cells = [f"`{scheme}`", kernel, scale, bias.replace("standard deviation", "std"), *map(_known, numbers)]
        lines.append("| " + " | ".join(cells) + " |")
        reason = found.reason.removeprefix(scheme.replace("_", " ") + ": ")
        reason = "" if reason.lower() == scheme else f"{linked(reason)}. "
        notes.append(f"- `{scheme}`: {reason}Source: {linked(found.source)}".replace("*", "\\*"))
    return ["## Initialization", text, "\n".join(lines), "\n".join(notes)]


def _known(number: float | None) -> str:
    return "" if number is None else f"{number:.4g}"


def _related(declaration: Declaration, relations: Relations) -> list[str]:
    """The family, the nearest curves and the gates."""
    name = declaration.name
    family = relations.family(name)
    others = ", ".join(link(one) for one in family.names if one != name)
    near = ", ".join(f"{link(one)} ({distance:.2g})" for distance, one in relations.nearest(name))
    gates = ", ".join(map(link, relations.gates(name)))
    root = r"$\sqrt{E[(f(z) - g(z))^2]}$"
    measure = {
        "elementwise": f"{root} for z ~ N(0, 1)",
        "gated": f"{root} of their gates for z ~ N(0, 1)",
        "vector": "the root mean square difference for inputs of eight numbers from N(0, 1)",
    }[declaration.kind]
    lines = [
        f"- Family *{family.title}*: {others}",
        f"- Nearest with default parameters, by {inline_math(measure)}: {near}",
    ]
    if gates:
        equals = "its gate equals" if declaration.kind == "gated" else "equals the gate of"
        lines.append(f"- With default parameters, {equals}: {gates}")
    return ["## Related", "\n".join(lines)]


def link(name: str) -> str:
    """A link from one page of the catalogue to another."""
    return f"[`{name}`]({name}.md)"


def _references(declaration: Declaration) -> list[str]:
    return ["## References", "\n".join(f"- {linked(one)}" for one in declaration.cites)]
