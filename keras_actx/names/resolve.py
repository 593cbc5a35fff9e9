"""`get` and its relatives: whatever names an activation becomes something callable."""

from collections.abc import Callable
from typing import Any

import keras

from keras_actx.declaration import registry
from keras_actx.declaration.activation import Activation
from keras_actx.declaration.declaration import Declaration
from keras_actx.names import keras_table, layer_names
from keras_actx.names.identify import Identified, identify
from keras_actx.names.suggest import did_you_mean, quote

KINDS = ("elementwise", "vector", "gated", "learnable", "parametric", "stochastic", "layer")


def get(identifier: Any) -> Callable[..., Any]:
    """Whatever names an activation, as a callable to pass to any layer's `activation=`.

    Args:
        identifier: a string (`"snake"`, `"snake(alpha=2.0)"`, `"swish(beta=1.5, learnable=True)"`,
            `"package>name"`, or one of Keras's own names), None (linear), a config dict, or a callable.

    Returns:
        Keras's own function for its plain names; an `Activation` value for a fixed activation (equal strings give
        equal values); a new layer for a learnable or stochastic one, so that two layers never share parameters.

    Raises:
        ValueError: for an unknown or misspelt name, an unknown key, a value out of range, or an activation that
            changes the shape (`swiglu`, `maxout`), with the layer to use instead.

    Example:

    >>> import keras_actx as actx
    >>> actx.get("snake(alpha=2.0)")
    snake(alpha=2.0)
    """
    if isinstance(identifier, str):
        own = keras_table.keras_function(identifier)
        return own if own is not None else from_string(identifier)
    return keras.activations.get(identifier)


def from_string(identifier: str) -> Callable[..., Any]:
    """What a string that is not one of Keras's plain names stands for. Raises `ValueError`, see `get`."""
    try:
        identified = identify(identifier)
    except ValueError as error:
        # Keras's own words first: code that matches on them keeps working.
        message = f"Could not interpret activation function identifier: {quote(identifier)}. {error}"
        raise ValueError(message + _keras_hint(identifier, str(error))) from None
    refuse_gated(identified.activation)
    return build(identified)


def refuse_gated(activation: Activation) -> None:
    """Raise `ValueError` for an activation that halves the axis: layers would report the wrong shape."""
    if activation.declaration.kind == "gated":
        name = activation.declaration.identifier
        raise ValueError(
            f"{name!r} halves the last axis, so it cannot be the `activation=` of a layer, which would report the "
            f"wrong output shape. Use keras_actx.layers.DenseBlock(units, activation={name!r}), or the layer "
            f"keras_actx.layers.GatedLinearUnit({name!r}) after a layer of twice the width."
        )


def build(identified: Identified) -> Callable[..., Any]:
    """The value, or a new layer if it has state of its own."""
    from keras_actx.layers.learnable_activation import LearnableActivation
    from keras_actx.layers.stochastic_activation import StochasticActivation

    if identified.learnable:
        return LearnableActivation(identified.activation, num_parameters=identified.num_parameters)
    if identified.stochastic:
        return StochasticActivation(identified.activation)
    return identified.activation


def names(kind: str | None = None) -> tuple[str, ...]:
    """All activations by identifier, sorted.

    Args:
        kind: "elementwise", "vector" or "gated" for that shape of function; "learnable" for those whose plain name
            learns, "parametric" for those with a parameter that can, "stochastic" for those random in training;
            "layer" for names that are layers of their own (`maxout`), which are in no other list.

    Raises:
        ValueError: for another `kind`.

    Example:

    >>> import keras_actx as actx
    >>> "swiglu" in actx.names(kind="gated")
    True
    """
    if kind is not None and kind not in KINDS:
        raise ValueError(f"kind={quote(kind)} is not allowed; use None or one of {', '.join(KINDS)}")
    if kind == "layer":
        return layer_names.every()
    return tuple(one.identifier for one in registry.every() if kind is None or kind in _kinds(one))


def _kinds(declaration: Declaration) -> set[str]:
    facts = {
        "learnable": declaration.learnable,
        "parametric": bool(declaration.learnable_parameters),
        "stochastic": declaration.stochastic,
    }
    return {declaration.kind} | {name for name, holds in facts.items() if holds}


def describe(name: str) -> Declaration:
    """The declaration of an activation: formula, parameters with ranges, defaults, references, kinks, aliases, kind.

    Raises:
        ValueError: for an unknown name, with the nearest one; for a layer's name (`maxout`), with the layer.

    Example:

    >>> import keras_actx as actx
    >>> actx.describe("snake").defaults
    {'alpha': 1.0}
    """
    return layer_names.declared(name)


def serialize(activation: Any) -> Any:
    """What a saved model holds for an activation: a plain name for Keras's own, a config dict for others.

    Raises:
        ValueError: for something Keras cannot save.

    Example:

    >>> import keras_actx as actx
    >>> actx.serialize(actx.get("snake"))["config"]
    {'name': 'snake', 'params': {'alpha': 1.0}}
    """
    return keras.activations.serialize(activation)


def deserialize(config: Any) -> Callable[..., Any]:
    """The activation that `serialize` wrote down.

    Raises:
        ValueError: for an unknown name or parameters that are not allowed.

    Example:

    >>> import keras_actx as actx
    >>> actx.deserialize(actx.serialize(actx.get("snake(alpha=2.0)")))
    snake(alpha=2.0)
    """
    return get(config)


def _keras_hint(identifier: str, said: str) -> str:
    """The nearest of Keras's own names, if our own table had none near."""
    if "Did you mean" in said or "unknown activation" not in said:
        return ""
    return did_you_mean(identifier.partition("(")[0].strip(), keras_table.keras_names())
