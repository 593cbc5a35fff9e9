"""The public functions of names: `get`, `names`, `describe`, `serialize`, `deserialize`."""

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any, get_args

import keras

from keras_actx._keras_functions import keras_function
from keras_actx._messages import quote
from keras_actx.choices import NameKind
from keras_actx.declaration import registry
from keras_actx.declaration.activation import Activation
from keras_actx.declaration.declaration import Declaration
from keras_actx.names import asker, layer_names
from keras_actx.names.resolve import ResolvedActivation, resolve

KINDS = get_args(NameKind)


def get(identifier: Any) -> Callable[..., Any]:
    """Resolve an activation to a callable for the `activation=` of any layer.

    Args:
        identifier: a string (`"snake"`, `"snake(alpha=2.0)"`, `"swish(beta=1.5, learnable=True)"`,
            `"package>name"`, or one of Keras's own names), None (linear), a config dict, or a callable.

    Returns:
        Keras's own function for its plain names; an `Activation` value for a fixed activation (equal strings give
            equal values); a new layer for a learnable or stochastic one, so that layers do not share parameters.

    Raises:
        ValueError: for an unknown name, an unknown key, a value out of range, or an activation that changes the shape
            (`swiglu`, `maxout`), with the layer to use instead.

    Example:

    >>> import keras_actx as actx
    >>> actx.get("snake(alpha=2.0)")
    snake(alpha=2.0)
    """
    return get_for(identifier, sys._getframe(1))


def get_for(identifier: Any, frame: FrameType | None) -> Callable[..., Any]:
    """`get` for the code that runs in `frame`: an activation with weights becomes a sublayer of the calling layer."""
    if isinstance(identifier, str):
        return keras_function(identifier) or from_string(identifier, frame)
    found: Any = resolve(identifier).function
    if asker.is_keras_code(frame):
        refuse_other_shape(found)
    holder = asker.holder_at(frame)
    if holder is not None and hasattr(found, "held_by"):
        found.held_by(holder)
    return found


def from_string(identifier: str, frame: FrameType | None = None) -> Callable[..., Any]:
    """The activation for a string, for the calling code in `frame`.

    Raises:
        ValueError: see `get`.
    """
    try:
        resolved = resolve(identifier)
    except ValueError as error:
        # Begins with Keras's own message, for code that matches on it.
        message = f"Could not interpret activation function identifier: {quote(identifier)}. {error}"
        raise ValueError(message) from None
    activation = resolved.activation
    if activation is None or resolved.function is not activation:  # Keras's own, or a custom object of the user
        return resolved.function
    refuse_gated(activation)
    if not (resolved.learnable or resolved.stochastic):
        return activation
    if asker.is_asked_in_a_call(frame):
        has = "weights" if resolved.learnable else "a seed"
        raise ValueError(
            f"{quote(identifier)} has {has}, and a new one is made each time it is looked up, so that nothing would "
            "be trained or saved here, in `call`: look it up in `__init__`, self.activation = keras_actx.get(...), and "
            "call that"
        )
    return _new_layer(resolved, activation, asker.holder_at(frame))


def refuse_gated(activation: Activation) -> None:
    """Raise `ValueError` for an activation that halves the last axis: layers would report the wrong shape."""
    if activation.declaration.kind == "gated":
        name = activation.declaration.identifier
        raise ValueError(
            f"{name!r} halves the last axis, so it cannot be the `activation=` of a layer, which would report the "
            f"wrong output shape. Use keras_actx.layers.DenseBlock(units, activation={name!r}), or the layer "
            f"keras_actx.layers.GatedLinearUnit({name!r}) after a layer of twice the width."
        )


def refuse_other_shape(function: Any) -> None:
    """Raise `ValueError` for a value or a layer of this package whose output shape differs from its input shape."""
    if not getattr(function, "changes_shape", False) and not isinstance(function, Activation):
        return
    activation = getattr(function, "declared", function)
    if isinstance(activation, Activation):
        refuse_gated(activation)
    else:
        layer_names.refuse_layer(function)


def _new_layer(
    resolved: ResolvedActivation, activation: Activation, holder: keras.layers.Layer | None
) -> keras.layers.Layer:
    """A layer for an activation with state, which `holder` builds together with itself."""
    name = None if holder is None else asker.label_inside(holder, activation.declaration.name)
    if resolved.learnable:
        counts = {"num_parameters": resolved.num_parameters, "per_channel": resolved.per_channel}
        policy = None if holder is None else holder.variable_dtype  # its output has the dtype of its input
        layer = _layers["learnable"](activation, **counts, name=name, dtype=policy)
    else:
        layer = _layers["stochastic"](activation, name=name)
    if holder is not None:
        layer.held_by(holder)
    return layer


#: The layers for activations with state, by kind: "learnable" or "stochastic".
_layers: dict[str, Callable[..., keras.layers.Layer]] = {}


def use_for_state(kind: str, layer: Callable[..., keras.layers.Layer]) -> None:
    """Use this layer for names of a kind, "learnable" or "stochastic"; called by the layer's module."""
    _layers[kind] = layer


def names(kind: NameKind | None = None) -> tuple[str, ...]:
    """All activations by identifier, sorted.

    Args:
        kind: "elementwise", "vector" or "gated" for that shape of function; "learnable" for those whose plain name is
            learnable, "parametric" for those with a parameter that can be, "stochastic" for those random in training;
            "layer" for names of standalone layers (`maxout`), which are in no other list.

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
        ValueError: for an unknown name, with the nearest name; for the name of a layer (`maxout`), with the layer.

    Example:

    >>> import keras_actx as actx
    >>> actx.describe("snake").defaults
    {'alpha': 1.0}
    """
    return layer_names.declared(name)


def serialize(activation: Any) -> Any:
    """The saved form of an activation: a plain name for Keras's own, a config dict for others.

    Raises:
        ValueError: for an object that Keras cannot save.

    Example:

    >>> import keras_actx as actx
    >>> actx.serialize(actx.get("snake"))["config"]
    {'name': 'snake', 'params': {'alpha': 1.0}}
    """
    return keras.activations.serialize(activation)


def deserialize(config: Any) -> Callable[..., Any]:
    """The activation from its form returned by `serialize`.

    Raises:
        ValueError: for an unknown name or parameters that are not allowed.

    Example:

    >>> import keras_actx as actx
    >>> actx.deserialize(actx.serialize(actx.get("snake(alpha=2.0)")))
    snake(alpha=2.0)
    """
    return get_for(config, sys._getframe(1))
