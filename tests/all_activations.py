"""This package's own activations, for tests that run over all of them."""

import keras_actx as actx
from keras_actx.declaration import registry
from keras_actx.declaration.activation import Activation
from keras_actx.testing.samples import is_default, with_sample_parameters

_OWN = [one for one in registry.every() if one.package == "keras_actx"]


def names(kind: str | None = None) -> list[str]:
    """`keras_actx.names(kind)` without what other tests have declared."""
    return [one for one in actx.names(kind) if ">" not in one.removeprefix("keras_actx>")]


def defaults(*kinds: str) -> list[Activation]:
    """Every declared activation of these kinds with default parameters."""
    return [Activation(one.identifier, ()) for one in _OWN if one.kind in kinds]


def with_samples(*kinds: str) -> list[Activation]:
    """The same, and each with its parameters at their sample values and ends."""
    return [one for default in defaults(*kinds) for one in with_sample_parameters(default)]


def cases(*dtypes: str) -> list[tuple[Activation, str]]:
    """Every default in all these dtypes, and every other parameter sample in float32 if it is among them."""
    every = [(one, dtype) for one in defaults("elementwise", "gated") for dtype in dtypes]
    others = [one for one in with_samples("elementwise", "gated") if not is_default(one)]
    return every + [(one, "float32") for one in others if "float32" in dtypes]
