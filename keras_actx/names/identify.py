"""From a string to the declaration and settings it names."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from keras_actx._messages import quote
from keras_actx.declaration import registry
from keras_actx.declaration.activation import Activation
from keras_actx.declaration.declaration import Declaration
from keras_actx.names import grammar
from keras_actx.names.layer_names import declared

_LARGEST_NUM_PARAMETERS = 2**24


@dataclass(frozen=True)
class Identified:
    """A named activation, with what the reserved keys of the string form say."""

    activation: Activation
    learnable: bool
    num_parameters: int | None = None
    per_channel: bool = False
    stochastic: bool = False  # random in training


def identify(text: str) -> Identified:
    """Look up a string of the form `name(key=value, ..., learnable=True, num_parameters=8)`.

    Raises:
        ValueError: for a malformed string, an unknown name or key, a value out of range, or the name of a layer.
    """
    if len(text) > grammar.LONGEST:
        grammar.read(text)  # raises; and nothing so long is remembered
    return _identified(text, registry.edition())


@lru_cache(maxsize=256)
def _identified(text: str, edition: int) -> Identified:
    parsed = grammar.read(text)
    declaration = declared(parsed.name)
    settings = dict(parsed.settings)
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
        raise ValueError(f"{parsed.name}: {key} only goes with learnable=True")
    if num_parameters is not None and per_channel:
        raise ValueError(f"{parsed.name}: per_channel=True counts the channels itself; leave out num_parameters")
    random = declaration.stochastic and training is None
    return Identified(activation, learnable, num_parameters, per_channel, random)


def _check_training(value: Any, declaration: Declaration) -> None:
    if not declaration.stochastic:
        declaration.complete({"training": value})  # raises, naming what there is
    if value is not False:
        raise ValueError(
            f"{declaration.identifier}: training={quote(value)} is not allowed; write training=False for what it is "
            "when it is not random, or the plain name"
        )


def check_num_parameters(value: Any, owner: str) -> None:
    """Raise `ValueError` unless `value` is None or a sensible count."""
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= _LARGEST_NUM_PARAMETERS:
        raise ValueError(
            f"{owner}: num_parameters={quote(value)} is not allowed; "
            f"use None (one for all) or a whole number from 1 to {_LARGEST_NUM_PARAMETERS}"
        )
