"""`show`: the declaration and moments of one activation."""

import inspect
from collections.abc import Iterable

from rich.console import Console
from rich.padding import Padding

import keras_actx as actx
from keras_actx.commands.console import NARROW, CommandError, make_console
from keras_actx.commands.formula import formula_lines, in_ascii, without_markup
from keras_actx.commands.list import description, gain_of, kind_of
from keras_actx.commands.plot_text import curve, plot
from keras_actx.declaration.activation import Activation
from keras_actx.names import layer_names
from keras_actx.names.layer_names import LayerName
from keras_actx.names.resolve import ResolvedDeclaration, resolve_declared

_WIDEST_PLOT = 50
_MOST_SETTINGS = 2  # defaults that the example states
_MEANINGS = {
    r"\sigma(": "where σ(x) = 1/(1 + e^(-x)), the sigmoid",
    r"\Phi(": "where Φ(x) = (1 + erf(x/√2))/2, the normal distribution function",
}
_SYMBOLS = {
    "elementwise": (),
    "gated": ("where v is the value and g the gate, the two halves of the input",),
    "vector": ("where x is the vector along the axis",),
    "layer": (),
}


def show(name: str) -> int:
    """Print everything about the activation of that name, parameters in the name included; of a layer, how to use it.

    Returns:
        The exit status.

    Raises:
        CommandError: for a name that does not exist, or parameters that it does not allow.
    """
    layer = layer_names.find(name)
    if layer is not None:
        return _show_layer(layer)
    try:
        resolved = resolve_declared(name)
    except ValueError as error:
        raise CommandError(str(error)) from None
    console, activation = make_console(), resolved.activation
    declaration = activation.declaration
    console.print(_written(resolved), style="bold")
    notes = (inspect.getdoc(declaration.formula) or "").partition("\n\n")[2]
    for paragraph in (declaration.summary, *notes.split("\n\n")):
        if paragraph:
            _print(console, without_markup(" ".join(paragraph.split())))
    _section(console, "Kind", [_kind(resolved)])
    _section(console, "Formula", _formula(declaration.tex, declaration.kind))
    _section(console, "Parameters", _parameters(activation) or ["none"])
    _section(console, "Forward gain and moments for z ~ N(0, 1)", _moments(activation))
    _section(console, "Kinks", _kinks(activation) or ["none: its derivative is continuous"])
    _section(console, "Also called", [", ".join(declaration.aliases)] if declaration.aliases else [])
    _section(console, "References", declaration.cites)
    console.print()
    _plot(console, activation)
    _section(console, "Use", [_use(resolved)])
    return 0


def _show_layer(entry: LayerName) -> int:
    console = make_console()
    console.print(entry.name, style="bold")
    _print(console, description(entry.name))
    _section(
        console, "Kind", [f"layer: as the activation= of a layer, {entry.name!r} raises an error, since it {entry.why}"]
    )
    _section(console, "Formula", _formula(entry.tex) if entry.tex else [])
    _section(
        console, "Also called", [", ".join(layer_names.aliases(entry.name))] if layer_names.aliases(entry.name) else []
    )
    _section(console, "Use", [entry.written])
    return 0


def _section(console: Console, title: str, lines: Iterable[str]) -> None:
    lines = tuple(lines)
    if lines:
        console.print(f"\n{title}", style="bold")
        for line in lines:
            _print(console, line, indent=2)


def _print(console: Console, text: str, *, indent: int = 0) -> None:
    text = in_ascii(text) if console.options.ascii_only else text
    console.print(Padding(text, (0, 0, 0, indent), expand=False) if indent else text)


def _formula(tex: str, kind: str = "layer") -> list[str]:
    if not tex:
        return ["(not declared; see the code)"]
    try:
        lines = formula_lines(tex)
    except ValueError:  # of a user's declaration, which may have any LaTeX
        return [tex]
    return [*lines, *(meaning for sign, meaning in _MEANINGS.items() if sign in tex), *_SYMBOLS[kind]]


def _kind(resolved: ResolvedDeclaration) -> str:
    declaration = resolved.activation.declaration
    if not resolved.learnable:
        return kind_of(declaration).removesuffix(", learnable")
    if resolved.num_parameters is None:
        sizes = "one value per layer, one per unit in DenseBlock"
    else:
        sizes = f"{resolved.num_parameters} values each"
    return f"{declaration.kind}, learnable: {', '.join(declaration.learnable_parameters)} ({sizes})"


def _parameters(activation: Activation) -> list[str]:
    values = dict(activation.params)
    lines = []
    for one in activation.declaration.parameters:
        default = "" if values[one.name] == one.default else f" (default {one.default!r})"
        lines.append(f"{one.name} = {values[one.name]!r}{default}: {one.allowed}")
    return lines


def _moments(activation: Activation) -> list[str]:
    try:
        found = actx.moments(activation)
    except ValueError as error:
        return [f"none: {error}"]
    named = {
        "E[f(z)]": found.mean,
        "E[f(z)^2]": found.second_moment,
        "variance": found.variance,
        "E[f'(z)^2]": found.derivative_second_moment,
    }
    lines = [
        f"gain 1/sqrt(E[f(z)^2]) = {gain_of(activation)}",
        ", ".join(f"{name} = {value if abs(value) > 1e-12 else 0.0:.6g}" for name, value in named.items()),
    ]
    if _gated(activation):
        lines.append("for independent value and gate; the derivative counts both")
    return lines


def _kinks(activation: Activation) -> list[str]:
    kinks = activation.declaration.kinks_at(dict(activation.params))
    return [f"at {where:.6g}, where the derivative returned is {slope:.6g}" for where, slope in sorted(kinks.items())]


def _plot(console: Console, activation: Activation) -> None:
    points = curve(activation)
    narrow = console.width < NARROW
    width = console.width - 12 if narrow else min(_WIDEST_PLOT, (console.width - 24) // 2)
    settings = {"width": width, "ascii_only": console.options.ascii_only}
    left = plot(points.x, points.y, title="f(x)", **settings)
    right = plot(points.x, points.slope, title="f'(x)", **settings)
    together = [*left, "", *right] if narrow else [f"{one}   {other}" for one, other in zip(left, right, strict=True)]
    for line in together:
        console.print(line, no_wrap=True, overflow="crop")
    if points.meaning:
        console.print(points.meaning)


def _use(resolved: ResolvedDeclaration) -> str:
    layer = "keras_actx.layers.DenseBlock" if _gated(resolved.activation) else "keras.layers.Dense"
    return f'{layer}(64, activation="{_written(resolved, all_of_them=False)}")'


def _gated(activation: Activation) -> bool:
    return activation.declaration.kind == "gated"


def _written(resolved: ResolvedDeclaration, *, all_of_them: bool = True) -> str:
    """The equivalent string, with all parameters or with those that are not the default."""
    activation = resolved.activation
    settings = dict(activation.params)
    if not all_of_them and settings != activation.declaration.defaults:
        settings = {one: value for one, value in settings.items() if value != activation.declaration.defaults[one]}
    elif not all_of_them and len(settings) > _MOST_SETTINGS:
        settings = {}
    if resolved.learnable != activation.declaration.learnable:
        settings["learnable"] = resolved.learnable
    if resolved.num_parameters is not None:
        settings["num_parameters"] = resolved.num_parameters
    inside = ", ".join(f"{key}={value!r}" for key, value in settings.items())
    return f"{activation.name}({inside})" if inside else activation.name
