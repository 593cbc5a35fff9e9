"""The layers of a model by name, and its activations, where they are called."""

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any

import keras
import numpy as np

from keras_actx.expectation.functions import elementwise_function, kind_of
from keras_actx.layers._base import FollowsInputLayer
from keras_actx.layers._context_layer import ContextLayer
from keras_actx.layers._learned_parameters import LayerWithParameters, kept_within
from keras_actx.layers.dense_block import DenseBlock
from keras_actx.layers.dice import Dice
from keras_actx.names.resolve import resolve

_ACTIVATION_LAYERS = (
    *(FollowsInputLayer, ContextLayer, Dice),
    *(keras.layers.ReLU, keras.layers.LeakyReLU, keras.layers.PReLU, keras.layers.ELU),
)


@dataclass(frozen=True)
class Part:
    """A layer of the model.

    Args:
        name: its name in the logs; the parts of a `DenseBlock`, and the activation of a layer, have the name of that.
            Of several layers of one name, the second has `_2` at its end.
        layer: the layer.
        called_once: whether it is called outside of any loop over time steps, in which backends trace the calls.
        holds: whether an activation that it may contain is a part of its own, not of an activation layer around it.
    """

    name: str
    layer: Any
    called_once: bool = True
    holds: bool = True


def parts_of(model: Any) -> list[Part]:
    """All layers of the model, from the outer to the inner ones; the model first."""
    return [Part(model.name, model), *_inside(model, Part("", model), {id(model)}, set())]


def _inside(layer: Any, part: Part, seen: set[int], names: set[str]) -> Iterator[Part]:
    once = part.called_once and not (hasattr(layer, "state_size") or isinstance(layer, keras.layers.TimeDistributed))
    holds = part.holds and not isinstance(layer, _ACTIVATION_LAYERS)
    for child in layer._flatten_layers(include_self=False, recursive=False):  # `layers` exists on models only
        if id(child) in seen:
            continue
        seen.add(id(child))
        is_same = isinstance(layer, DenseBlock) or child is getattr(layer, "activation", None)
        name = part.name if is_same else _unique(f"{part.name}/{child.name}".lstrip("/"), names)
        found = Part(name, child, once, holds)
        yield found
        yield from _inside(child, found, seen, names)


def _unique(name: str, names: set[str]) -> str:
    """The name, with a number if it is one of these; it becomes one of them."""
    numbered = (f"{name}_{i}" for i in count(2))
    unique = name if name not in names else next(one for one in numbered if one not in names)
    names.add(unique)
    return unique


@dataclass(frozen=True)
class Observed:
    """An activation of the model, observed where it is called.

    Args:
        name: of its layer in the logs.
        owner: the layer whose attribute is called.
        attribute: "activation", for a function in a layer, or "call", for an activation layer.
        function: the value of this attribute.
    """

    name: str
    owner: Any
    attribute: str
    function: Callable[..., Any]

    @functools.cached_property
    def largest_slope(self) -> float | None:
        """The largest |f'(z)| for z in [-3, 3]; None if f is not elementwise, or is constant between its kinks."""
        return _largest_slope(self.owner if self.attribute == "call" else self.function)


def observed(parts: list[Part]) -> list[Observed]:
    """The activations among the parts, except `linear`."""
    found: list[Observed] = []
    names: dict[str, int] = {}
    for part in parts:
        attribute = _attribute(part.layer)
        if attribute is None or not part.called_once or not part.holds:
            continue
        count = names[part.name] = names.get(part.name, 0) + 1
        name = part.name if count == 1 else f"{part.name}_{count}"
        found.append(Observed(name, part.layer, attribute, getattr(part.layer, attribute)))
    return found


def _attribute(layer: Any) -> str | None:
    """The attribute that applies the layer's activation."""
    if hasattr(layer, "state_size"):
        return None
    if isinstance(layer, _ACTIVATION_LAYERS):
        return "call"
    if isinstance(getattr(type(layer), "activation", None), property):  # of a layer made of others
        return None
    function = getattr(layer, "activation", None)
    if not callable(function) or isinstance(function, keras.Layer) or function is keras.activations.linear:
        return None
    return "activation"


def _largest_slope(activation: Any) -> float | None:
    subject = resolve(activation).subject
    if kind_of(subject) != "elementwise":
        return None
    try:
        function, kinks = elementwise_function(subject)
        x = np.linspace(-3.0, 3.0, 2048)
        slopes = np.abs(np.diff(function(x)) / np.diff(x))
    except ValueError:  # of a callable without a declaration that mixes an axis
        return None
    for kink in kinks:  # where the function may jump
        slopes[(x[:-1] <= kink) & (kink <= x[1:])] = 0.0
    largest = float(slopes.max())
    return largest if 0 < largest < np.inf else None


def kernels(parts: list[Part]) -> dict[str, Any]:
    """The trainable kernels, by the name of their layer."""
    found: dict[str, Any] = {}
    seen: set[int] = set()
    for part in reversed(parts):  # from the inner layers to those around them
        for variable in part.layer.trainable_variables:
            if id(variable) not in seen and variable.name == "kernel":
                found.setdefault(part.name, variable)
                seen.add(id(variable))
    return dict(reversed(found.items()))


def learned_values(parts: list[Part]) -> dict[str, Any]:
    """The current values of the learned parameters of activations, by `layer/parameter`."""
    values: dict[str, Any] = {}
    for name, layer in ((part.name, part.layer) for part in parts):
        if isinstance(layer, LayerWithParameters):
            for key, weight in layer._learned.items():
                values[f"{name}/{key}"] = kept_within(weight.value, *layer._ends_of(key))
        elif isinstance(layer, _ACTIVATION_LAYERS) and not layer._flatten_layers(include_self=False):
            values |= {f"{name}/{weight.name}": weight.value for weight in layer.trainable_variables}
    return values
