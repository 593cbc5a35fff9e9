"""`resolve`: interprets all arguments that specify an activation."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import keras

from keras_actx._keras_functions import KERAS_NAMES, keras_function, keras_get
from keras_actx._messages import quote
from keras_actx.declaration import registry
from keras_actx.declaration.activation import Activation
from keras_actx.declaration.declaration import OWN_PACKAGE, Declaration
from keras_actx.names import grammar
from keras_actx.names.layer_names import declared

_LARGEST_NUM_PARAMETERS = 2**24


@dataclass(frozen=True)
class ResolvedActivation:
    """A resolved specification of an activation.

    `given` is the form stored in arguments and configs: the name, or the callable. `function` is the callable: for a
    name, the fixed value, also if it is learnable. `subject` is the declared `Activation` if there is one, with its
    kinks and kind, otherwise the function. The other fields are the reserved keys of the string form.
    """

    given: Any
    function: Callable[..., Any]
    subject: Any
    learnable: bool = False
    num_parameters: int | None = None
    per_channel: bool = False
    stochastic: bool = False  # random in training

    @property
    def activation(self) -> Activation | None:
        """The declared activation; None for an undeclared callable."""
        return self.subject if isinstance(self.subject, Activation) else None


class ResolvedDeclaration(ResolvedActivation):
    """The same for a declared activation."""

    @property
    def activation(self) -> Activation:
        """The declared activation."""
        return self.subject


def resolve(value: Any) -> ResolvedActivation:
    """Resolve a name, a config, None, an `Activation`, a layer or any other callable.

    Keras's plain names refer to Keras's functions. The user's custom objects of Keras take precedence over this
    package's names while a file is loaded, and follow them otherwise.

    Raises:
        ValueError: for a malformed string, an unknown name or key, a value out of range, the name of a layer, or an
            object that is not an activation.
    """
    if isinstance(value, ResolvedActivation):
        return value
    if isinstance(value, str):
        return _from_string(value)
    if isinstance(value, Activation):
        return _of_value(value)
    return _from_other(value)


def resolve_declared(value: Any, owner: str = "") -> ResolvedDeclaration:
    """The same for a declared activation: a name of this package, an `Activation` or its config.

    Raises:
        ValueError: for anything else, or an activation that does not exist.
    """
    if isinstance(value, str):
        return _known(value)
    if isinstance(value, dict):
        value = Activation.from_config(value)
    if isinstance(value, Activation):
        return _of_value(value)
    raise ValueError(
        f"{owner}: activation={quote(value)} is not allowed; give a name such as 'swish(beta=1.0)', or an Activation. "
        "Declare your own function with @keras_actx.register_activation."
    )


def _of_value(value: Activation) -> ResolvedDeclaration:
    return ResolvedDeclaration(value, value, value, stochastic=value.declaration.stochastic)


def _from_other(value: Any) -> ResolvedActivation:
    """A layer, None, a config, or any callable."""
    if isinstance(inner := getattr(value, "declared", None), Activation):  # of a layer
        return ResolvedActivation(value, value, inner)
    if type(value) is keras.layers.Activation:
        return ResolvedActivation(value, value, resolve(value.activation).subject)
    try:
        found = keras_get(value)
    except (AttributeError, KeyError, IndexError) as error:  # a config of another form
        raise ValueError(f"{quote(value)} is not an activation; use a name, an Activation or a callable") from error
    if isinstance(value, dict) and not isinstance(found, dict):
        return replace(resolve(found), stochastic=False)  # a saved value is fixed
    return ResolvedActivation(found, found, _subject_of(found))  # pyright: ignore[reportArgumentType]  (Keras has no types)


def _from_string(text: str) -> ResolvedActivation:
    own = keras_function(text)
    if own is not None:
        return ResolvedActivation(text, own, _subject_of(own))
    given = _custom_object(text, in_scope=True)
    if given is None:
        try:
            return _known(text)
        except ValueError:
            given = _custom_object(text)
            if given is None:
                raise
    return ResolvedActivation(text, given, resolve(given).subject)


def _custom_object(name: str, in_scope: bool = False) -> Callable[..., Any] | None:
    """The user's custom object of Keras with this name; with `in_scope`, only of the current custom object scope.

    No classes: calling one would create an object specified by a file.
    """
    found = keras.saving.get_registered_object(name)
    if isinstance(found, type) or not callable(found):
        return None
    return None if in_scope and found is keras.saving.get_custom_objects().get(name) else found


def _subject_of(function: Any) -> Any:
    """The equivalent declaration of a Keras function; any other function itself."""
    name = getattr(function, "__name__", "")
    if not isinstance(name, str) or name not in KERAS_NAMES or keras_function(name) is not function:
        return function
    return _own_value(name, registry.edition()) or function


@lru_cache(maxsize=64)
def _own_value(name: str, edition: int) -> Activation | None:
    declaration = registry.find(f"{OWN_PACKAGE}>{name}")
    return None if declaration is None else Activation.of(declaration, {})


def _known(text: str) -> ResolvedDeclaration:
    """Resolve a string of the form `name(key=value, ..., learnable=True, num_parameters=8)` by our declarations."""
    if len(text) > grammar.LONGEST:
        grammar.read(text)  # raises, and keeps long strings out of the cache
    return _named(text, registry.edition())


@lru_cache(maxsize=256)
def _named(text: str, edition: int) -> ResolvedDeclaration:
    parsed = grammar.read(text)
    declaration = declared(parsed.name)
    settings: dict[str, Any] = dict(parsed.settings)
    training = settings.pop("training", None)
    learnable = settings.pop("learnable", declaration.learnable)
    num_parameters = settings.pop("num_parameters", None)
    per_channel = settings.pop("per_channel", False)
    for key, value in (("learnable", learnable), ("per_channel", per_channel)):
        if not isinstance(value, bool):
            raise ValueError(f"{parsed.name}: {key}={quote(value)} is not allowed; write True or False")
    check_num_parameters(num_parameters, parsed.name)
    if training is not None:
        _check_training(training, declaration)
    activation = Activation.of(declaration, declaration.by_name(parsed.values, settings))
    if learnable and not declaration.learnable_parameters:
        raise ValueError(f"{parsed.name} has no numeric parameter, so it cannot be learnable")
    if (num_parameters is not None or per_channel) and not learnable:
        key = "per_channel" if per_channel else "num_parameters"
        raise ValueError(f"{parsed.name}: {key} requires learnable=True")
    if num_parameters is not None and per_channel:
        raise ValueError(f"{parsed.name}: per_channel=True counts the channels itself; leave out num_parameters")
    random = declaration.stochastic and training is None
    return ResolvedDeclaration(text, activation, activation, learnable, num_parameters, per_channel, random)


def _check_training(value: Any, declaration: Declaration) -> None:
    if not declaration.stochastic:
        declaration.complete({"training": value})  # raises an error that lists the parameters
    if value is not False:
        raise ValueError(
            f"{declaration.identifier}: training={quote(value)} is not allowed; write training=False for its form "
            "outside of training, or the plain name"
        )


def check_num_parameters(value: Any, owner: str) -> None:
    """Raise `ValueError` unless `value` is None or a sensible count."""
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= _LARGEST_NUM_PARAMETERS:
        raise ValueError(
            f"{owner}: num_parameters={quote(value)} is not allowed; "
            f"use None (shared) or a whole number from 1 to {_LARGEST_NUM_PARAMETERS}"
        )
