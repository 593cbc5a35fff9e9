"""Where a model uses activations, in its config and in its layers, and which keys of the user they match."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from types import FunctionType
from typing import Any

import keras

from keras_actx.declaration import registry
from keras_actx.declaration.activation import Activation
from keras_actx.declaration.declaration import OWN_PACKAGE, Declaration
from keras_actx.layers._applied import AROUND_ONE, as_named, of_keras_class, tried
from keras_actx.names.resolve import resolve

#: Arguments of layers that are activations: `activation`, `recurrent_activation`, `hidden_act`, `activation_fn`.
_ARGUMENT = re.compile(r"(.*_)?act(ivation)?(_fn|_func|_function)?")


def is_activation_argument(name: Any) -> bool:
    """Whether an argument of this name is an activation."""
    return isinstance(name, str) and _ARGUMENT.fullmatch(name) is not None


@dataclass(frozen=True)
class Key:
    """An activation to be replaced: one value or function, or with `declarations`, these with any parameters."""

    given: Any
    subject: Any
    declarations: tuple[Declaration, ...] = ()

    @classmethod
    def of(cls, given: Any) -> "Key":
        """Raises `ValueError` for an unknown name, or an object that is not an activation."""
        if isinstance(given, keras.layers.Layer):
            raise ValueError("a layer cannot be replaced by its object; give the name of its activation")
        subject = as_named(resolve(given).subject)
        if isinstance(given, Activation) or not isinstance(subject, Activation):
            return cls(given, subject)
        if isinstance(given, str) and "(" in given:
            return cls(given, subject)
        own = registry.find(f"{OWN_PACKAGE}>{given}") if isinstance(given, str) else None
        return cls(given, subject, tuple({subject.declaration, own or subject.declaration}))

    def is_same(self, other: "Key") -> bool:
        """Whether both are spellings of one activation, and match the same parameters of it."""
        return self.subject == other.subject and bool(self.declarations) == bool(other.declarations)

    def matches(self, subject: Any) -> bool:
        """Whether a use of this activation is to be replaced."""
        if self.declarations and isinstance(subject, Activation):
            return subject.declaration in self.declarations and (
                subject.name != "relu" or subject.params == self.subject.params
            )
        return subject == self.subject


def subject_of_config(value: Any) -> Any:
    """The activation that a part of a config describes; None if it is none."""
    if not isinstance(value, dict) or value.get("class_name") == "function":
        return as_named(getattr(tried(resolve, value), "subject", None))
    if set(value) == {"name", "params"}:  # in a layer around an `Activation`
        return as_named(tried(Activation.from_config, value))
    name, config = value.get("class_name"), value.get("config")
    if not isinstance(name, str) or not isinstance(config, dict):
        return None
    if str(value.get("module")).startswith("keras."):
        return subject_of_config(config.get("activation")) if name == "Activation" else of_keras_class(name, config)
    if value.get("registered_name") == f"{OWN_PACKAGE}>Activation":
        return subject_of_config(config)
    is_own = value.get("registered_name") in [f"{OWN_PACKAGE}>{one.__name__}" for one in AROUND_ONE]
    return subject_of_config(config.get("activation")) if is_own else None


def uses_of_layer(layer: Any) -> Iterator[tuple[str, Any]]:
    """The attributes of a layer that are activations, as `(attribute, activation)`."""
    for name, value in _attributes(layer).items():
        is_function = isinstance(value, (FunctionType, Activation)) and not hasattr(type(layer), name)
        subject = as_named(resolve(value).subject) if is_function else None
        if isinstance(subject, Activation) or (subject is not None and is_activation_argument(name)):
            yield name, subject


def is_graph(model: Any) -> bool:
    """Whether it is a `Sequential` or functional model, whose layers are in its config."""
    return isinstance(model, keras.Sequential) or (isinstance(model, keras.Model) and hasattr(model, "operations"))


def operations_of(model: Any) -> list[Any]:
    """The layers and operations of a graph; of any other layer, none."""
    if not is_graph(model):
        return []
    return list(model.layers if isinstance(model, keras.Sequential) else model.operations)


def children_of(layer: Any) -> dict[Any, keras.layers.Layer]:
    """The layers directly in a layer: of a graph by name, otherwise by attribute and place in lists and dicts."""
    if is_graph(layer):
        return {one.name: one for one in layer.layers}
    found: dict[Any, keras.layers.Layer] = {}

    def visit(key: tuple[Any, ...], value: Any) -> None:
        if isinstance(value, keras.layers.Layer):
            found[key] = value
        elif isinstance(value, (list, tuple)):
            for i, one in enumerate(value):
                visit((*key, i), one)
        elif isinstance(value, dict):
            for name, one in value.items():
                visit((*key, name), one)

    for name, value in _attributes(layer).items():
        visit((name,), value)
    return found


def every_layer(model: Any) -> list[Any]:
    """A model, and all layers and operations in it, each once."""
    met: dict[int, Any] = {}
    waiting = [model]
    while waiting:
        one = waiting.pop(0)
        if id(one) not in met:
            met[id(one)] = one
            if isinstance(one, keras.layers.Layer):
                waiting += [*operations_of(one), *children_of(one).values()]
    return list(met.values())


def fixed_parts(layers: list[Any]) -> dict[int, Any]:
    """The layers that a layer of Keras or of this package creates in its code, by their ids: the layer around each."""
    around = (keras.layers.Wrapper, keras.layers.RNN, keras.layers.StackedRNNCells)  # of layers that are given
    return {
        id(part): layer
        for layer in layers
        if isinstance(layer, keras.layers.Layer) and is_of_library(layer)
        if not is_graph(layer) and not isinstance(layer, around)
        for part in every_layer(layer)[1:]
    }


def is_of_library(layer: Any) -> bool:
    """Whether the class of a layer or operation is one of Keras or of this package."""
    return type(layer).__module__.startswith(("keras.", f"{OWN_PACKAGE}."))


def _attributes(layer: Any) -> dict[str, Any]:
    """The attributes of a layer, without those of every layer; torch has modules elsewhere."""
    own = {**vars(layer), **(vars(layer).get("_modules") or {})}
    common = vars(keras.layers.Layer())
    return {name: value for name, value in own.items() if name not in common}
