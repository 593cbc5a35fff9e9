"""The activation that a layer or operation of a model applies."""

from collections.abc import Mapping
from typing import Any

import keras

from keras_actx._keras_functions import KERAS_NAMES
from keras_actx.declaration import registry
from keras_actx.declaration.activation import Activation
from keras_actx.declaration.declaration import OWN_PACKAGE
from keras_actx.layers._base import DeclaredActivationLayer
from keras_actx.layers.learnable_activation import LearnableActivation
from keras_actx.layers.stochastic_activation import StochasticActivation
from keras_actx.names.resolve import resolve

#: Keras's layers and operations that apply one activation: its name by the letters of the class ("ReLU", "Relu").
_KERAS_CLASSES = {registry.letters(name): name for name in (*KERAS_NAMES, "prelu")}
#: The layers of this package that are around one elementwise activation.
AROUND_ONE = (LearnableActivation, StochasticActivation)


def subject_of_layer(layer: Any) -> Any:
    """The activation that a layer or operation applies and that is all it does; None for any other."""
    if isinstance(layer, AROUND_ONE):
        return as_named(layer.declared)
    if isinstance(layer, DeclaredActivationLayer) or not type(layer).__module__.startswith("keras."):
        return None
    if type(layer) is keras.layers.Activation:
        return as_named(getattr(tried(resolve, layer.activation), "subject", None))
    name = type(layer).__name__
    return of_keras_class(name, layer.get_config()) if registry.letters(name) in _KERAS_CLASSES else None


def of_keras_class(name: str, config: Mapping[str, Any]) -> Any:
    """The activation that a layer or operation of Keras with this class name and config applies; None for any other."""
    found = registry.find(f"{OWN_PACKAGE}>{_KERAS_CLASSES.get(registry.letters(name))}")
    if found is None:
        return None
    params = {one.name: config[one.name] for one in found.parameters if one.name in config}
    return as_named(tried(Activation.of, found, params) or Activation.of(found, {}))


def as_named(subject: Any) -> Any:
    """The activation that a user would name: a relu with a slope is `leaky_relu`, one that ends at 6 is `relu6`."""
    if not isinstance(subject, Activation) or subject.declaration is not registry.find(f"{OWN_PACKAGE}>relu"):
        return subject
    slope, end, threshold = (dict(subject.params)[name] for name in ("negative_slope", "max_value", "threshold"))
    if slope and end is None and not threshold:
        return _own("leaky_relu", {"negative_slope": slope})
    return _own("relu6", {}) if end == 6 and not slope and not threshold else subject


def written(subject: Any) -> str:
    """The activation as a user writes it."""
    if isinstance(subject, Activation):
        return subject.name if dict(subject.params) == subject.declaration.defaults else str(subject)
    return getattr(subject, "__name__", None) or type(subject).__name__


def _own(name: str, params: dict[str, Any]) -> Activation:
    return Activation.of(registry.find_declaration(f"{OWN_PACKAGE}>{name}"), params)


def tried(function: Any, *args: Any) -> Any:
    """The result, or None: a config may hold anything under any name."""
    try:
        return function(*args)
    except Exception:
        return None
