"""`replace_activations`: a copy of a model with other activations and the same weights."""

from collections.abc import Mapping
from types import FunctionType
from typing import Any

import keras

from keras_actx._messages import quote
from keras_actx.declaration.activation import Activation
from keras_actx.declaration.declaration import OWN_PACKAGE
from keras_actx.layers._applied import subject_of_layer, written
from keras_actx.models.instances import check_model
from keras_actx.models.named_functions import named_functions
from keras_actx.models.start import Start
from keras_actx.models.uses import (
    Key,
    every_layer,
    fixed_parts,
    is_activation_argument,
    subject_of_config,
    uses_of_layer,
)
from keras_actx.models.weights import Carrier, is_replaced
from keras_actx.names.public import get
from keras_actx.names.resolve import resolve
from keras_actx.seeds import checked_seed_number


def replace_activations(
    model: keras.Model, activations: Mapping[Any, Any], *, pair: bool = False, seed: int | None = None
) -> keras.Model:
    """Copy a model, with other activations and the same weights.

    Activations are replaced in all layers, also in nested models, wrappers and recurrent cells: as `activation=` and
    `recurrent_activation=`; as `Activation`, `ReLU`, `LeakyReLU`, `ELU`, `PReLU` and `Softmax` layers and layers of
    this package; and as functions in a functional model (`keras.ops.relu(x)`). Only those that are named are replaced,
    also in the output. The copy has the class, names, dtype policies and flags `trainable` of the model and its layers.
    It is not compiled.

    Args:
        model: a built `Sequential` or functional model; or a subclassed one whose config has the activations. It is not
            changed.
        activations: the new activation for each old one. An old one is a name, which matches with any parameters
            (`"leaky_relu"`); a string with parameters or an `Activation`, which match exactly; or a function. `"relu"`
            is the relu without further parameters: one with a slope is `"leaky_relu"`, one with the maximum 6 is
            `"relu6"`. A new one is whatever a layer accepts as `activation=`, or a layer, of which every place gets a
            new one. Learnable ones have new weights.
        pair: whether kernels whose activation is replaced start again, as `keras_actx.initializers.Paired` draws them
            for the new one, together with their bias, and a normalization between the two; a `DenseBlock` or
            `DenseStack` as its scheme says. These are the kernels of dense and convolutional layers, whose activation
            is their own or the next layer. False keeps all weights.
        seed: for `pair=True`, a whole number from 0 to 2**31 - 1 for the same kernels after every restart.

    Returns:
        The copy. A weight starts again if its shape differs, behind an activation that changes the shape.

    Raises:
        TypeError: for a `model` that is no Keras model, or `activations` that are not a dict.
        ValueError: for a model that is not built, an unknown name (with the nearest one), an activation that the model
            does not have (with those that it has), one that is written in the code of a layer and not in its config,
            and for layers that are shared between models.

    Example:

    >>> import keras, keras_actx as actx
    >>> layers = [keras.Input((4,)), keras.layers.Dense(8, "relu"), keras.layers.Dense(2, "softmax")]
    >>> model = keras.Sequential(layers)
    >>> new = actx.replace_activations(model, {"relu": "snake(alpha=2.0)"})
    >>> new.layers[0].activation, new.layers[1].activation.__name__
    (snake(alpha=2.0), 'softmax')
    """
    check_model(model, "replace_activations")
    if not isinstance(pair, bool):
        raise ValueError(f"replace_activations: pair={quote(pair)} is not allowed; use True or False")
    replacements = Replacements(activations)
    start = Start(replacements.target_for, checked_seed_number(seed, "replace_activations")) if pair else None
    every = every_layer(model)
    with named_functions(every) as functions:
        config = _config_of(model)
    with keras.saving.custom_object_scope({**_custom_objects([*every, *replacements.layers]), **functions}):
        found = replacements.rewrite(config, start)
        replacements.check_found(found, every)
        new = _from_config(config)
    carrier = Carrier(lambda layer: is_replaced(replacements.keys, layer), start.find(model) if start else ())
    carrier.carry(model, new)
    replacements.check_copied(carrier.pairs)
    if start:
        start.draw(carrier.pairs)
    return new


class Target:
    """A new activation: the `argument` of a layer, the `layer` for it as a config, and the activation it `is`."""

    def __init__(self, given: Any) -> None:
        if isinstance(given, keras.layers.Layer):
            self.subject = getattr(given, "declared", given)
            self.argument = self.layer = _saved(given)
            return
        try:
            resolved = resolve(given)
        except TypeError as error:
            raise ValueError(f"{quote(given)} is not an activation; use a name, a callable or a layer") from error
        if isinstance(given, type) or not callable(resolved.function):
            raise ValueError(f"{quote(given)} is not an activation; use a name, a callable or a layer")
        self.subject = resolved.subject
        has_state = isinstance(given, str) and (resolved.learnable or resolved.stochastic)
        self.argument = given if has_state else resolved.function
        self.layer: dict[str, Any] | None = _saved(get(given)) if has_state else None
        if isinstance(self.argument, keras.layers.Layer):  # from a config
            self.argument = self.layer = _saved(self.argument)

    def as_layer(self, old: dict[str, Any]) -> dict[str, Any]:
        """The config of the layer in the place of another layer or operation."""
        kept = {name: old["config"][name] for name in ("name", "trainable", "dtype") if name in old["config"]}
        if "dtype" not in kept and (dtype := _dtype_of_input(old)):  # an operation has that of its input
            kept["dtype"] = dtype
        new = self.layer or {
            "module": "keras.layers",
            "class_name": "Activation",
            "config": {"activation": self.argument},
            "registered_name": None,
        }
        config = {**new, "config": {**new["config"], **kept}}
        if "inbound_nodes" in old:
            config |= {"name": old["name"], "inbound_nodes": list(map(_without_mask, old["inbound_nodes"]))}
        return config

    @property
    def value(self) -> Any:
        """The activation as a value, for a layer that takes no other form."""
        return self.subject if isinstance(self.subject, Activation) else self.argument


class Replacements:
    """The activations to be replaced and the new ones.

    Raises:
        TypeError: if they are not in a dict.
        ValueError: for an unknown name, or an object that is not an activation.
    """

    def __init__(self, activations: Any) -> None:
        if not isinstance(activations, Mapping):
            raise TypeError(
                f"replace_activations: activations={quote(activations)} is not allowed; give a dict of the new "
                "activation for each old one, {'relu': 'snake'}"
            )
        if not activations:
            raise ValueError("replace_activations: activations is empty; name an activation to replace")
        made: dict[Key, Target] = {}
        for old, new in activations.items():
            try:
                key, made_of = Key.of(old), Target(new)
                if _is_gated(key.subject) != _is_gated(made_of.subject):
                    raise ValueError(
                        "an activation that halves the last axis can replace, and be replaced by, only such"
                    )
                if (same := next((one for one in made if key.is_same(one)), None)) is not None:
                    raise ValueError(f"{quote(same.given)} is the same activation; give one of the two")
                made[key] = made_of
            except ValueError as error:
                raise ValueError(f"replace_activations: {quote(old)}: {quote(new)} is not allowed: {error}") from error
        # Those with parameters first, which are more special.
        self._made = dict(sorted(made.items(), key=lambda item: bool(item[0].declarations)))
        self.keys = tuple(self._made)
        self.layers = [one for one in activations.values() if isinstance(one, keras.layers.Layer)]

    def target_for(self, subject: Any) -> Target | None:
        """The new activation for an old one; None to keep it."""
        if subject is None:
            return None
        return next((target for key, target in self._made.items() if key.matches(subject)), None)

    def rewrite(self, config: Any, start: Start | None) -> list[Any]:
        """Replace the activations in the config of a model, and return all that it had."""
        found: list[Any] = []
        changed: set[int] = set()  # the ids of the configs of such layers

        def replaced_in(node: Any) -> Any:
            if isinstance(node, list):
                return [replaced_in(one) for one in node]
            if not isinstance(node, dict):
                return node
            if (subject := _subject_of_node(node)) is not None:
                found.append(subject)
                target = self.target_for(subject)
                return node if target is None else target.as_layer(node)
            node.pop("build_config", None)  # a layer is built by the graph or layer that it is in, as in the model
            for name, value in node.items():
                if name == "inbound_nodes" or (isinstance(name, str) and name.endswith("initializer")):
                    continue
                subject = subject_of_config(value) if is_activation_argument(name) else None
                if subject is None:
                    node[name] = replaced_in(value)
                    continue
                found.append(subject)
                if (target := self.target_for(subject)) is not None:
                    node[name] = target.value if _is_value(value) else target.argument
                    changed.add(id(node))
            if start and id(node.get("config")) in changed:
                start.rewrite_block(node)
            return node

        config["config"] = replaced_in(config["config"])  # the model itself keeps how it is built
        return found

    def check_found(self, in_config: list[Any], layers: list[Any]) -> None:
        """Raise `ValueError` for a key that matches nothing in the config of the model."""
        in_code = [(layer, subject) for layer in layers for subject in _subjects_in(layer)]
        fixed = fixed_parts(layers)
        for key in self.keys:
            if any(map(key.matches, in_config)):
                continue
            for layer, subject in in_code:
                if key.matches(subject):
                    raise _in_code(subject, layer, fixed.get(id(layer)))
            has = sorted({_as_key(one) for one in (*in_config, *(subject for _, subject in in_code))})
            raise ValueError(
                f"replace_activations: the model has no activation {quote(key.given)}; it has "
                f"{', '.join(has) or 'none'}"
            )

    def check_copied(self, pairs: list[tuple[Any, Any]]) -> None:
        """Raise `ValueError` if a layer of the copy has an activation that was to be replaced, or another function."""
        fixed = fixed_parts([old for old, _ in pairs])
        for old, new in pairs:
            now = dict(uses_of_layer(new))
            uses = [(subject, now.get(name)) for name, subject in uses_of_layer(old)]
            if (subject := subject_of_layer(old)) is not None:
                uses.append((subject, subject_of_layer(new)))
            for before, after in uses:
                target = self.target_for(before)
                if target is None:
                    _check_same_function(before, after, old)
                elif after == before != target.subject and id(old) not in fixed:
                    raise _in_code(before, old)


def _subjects_in(layer: Any) -> list[Any]:
    """The activations of a layer: those of its attributes, and the one that it applies."""
    found = [subject for _, subject in uses_of_layer(layer)]
    applied = subject_of_layer(layer)
    return found if applied is None else [*found, applied]


def _as_key(subject: Any) -> str:
    """How a user names the activation in `activations`."""
    name = written(subject)
    if isinstance(subject, (Activation, keras.layers.Layer)):
        return repr(name)
    registered = keras.saving.get_registered_name(subject) if isinstance(subject, FunctionType) else name
    return f"the function {name}" if registered == name else repr(registered)


def _check_same_function(before: Any, after: Any, layer: Any) -> None:
    """Raise `ValueError` if a function that stays is another one in the copy."""
    if not isinstance(before, FunctionType) or after is None:
        return
    if getattr(after, "__code__", None) is not before.__code__:  # one in the code of a layer is created again
        raise ValueError(
            f"replace_activations: the config of {quote(layer.name)} gives another function for its "
            f"{before.__name__!r}; register yours with keras.saving.register_keras_serializable, or rename it"
        )


def _is_value(config: Any) -> bool:
    """Whether it is that of an `Activation` in a layer around it."""
    return isinstance(config, dict) and set(config) == {"name", "params"}


def _without_mask(node: Any) -> Any:
    """The call of a `Softmax` layer, without the argument that other activations do not have."""
    if not isinstance(node, dict) or "mask" not in node["kwargs"]:
        return node
    if node["kwargs"]["mask"] is not None:
        raise ValueError("replace_activations: a Softmax layer that is called with a mask cannot be replaced")
    return {**node, "kwargs": {name: one for name, one in node["kwargs"].items() if name != "mask"}}


def _is_gated(subject: Any) -> bool:
    return isinstance(subject, Activation) and subject.declaration.kind == "gated"


def _subject_of_node(node: dict[str, Any]) -> Any:
    """The activation that a layer or operation applies, by its config; None for any other object."""
    is_layer = isinstance(node.get("config"), dict) and "class_name" in node and node["class_name"] != "function"
    if not is_layer or node.get("registered_name") == f"{OWN_PACKAGE}>Activation":
        return None
    return subject_of_config(node)


def _in_code(subject: Any, layer: Any, owner: Any = None) -> ValueError:
    if owner is not None:
        return ValueError(
            f"replace_activations: {written(subject)!r} is part of {quote(owner.name)}: {type(owner).__name__} has no "
            "argument for it"
        )
    return ValueError(
        f"replace_activations: {written(subject)!r} of {quote(layer.name)} is not in the config that the model is "
        "copied by as `activation` or `..._activation`, but under another name or in the code of a layer or model. "
        "Make it an argument `activation` there and return it from `get_config`; if it is that of a functional model's "
        "class, give keras.Model(model.inputs, model.outputs), which has its layers in the config"
    )


def _dtype_of_input(node: dict[str, Any]) -> str | None:
    try:
        return node["inbound_nodes"][0]["args"][0]["config"]["dtype"]
    except (KeyError, IndexError, TypeError):
        return None


def _saved(thing: Any, without: str = "build_config") -> dict[str, Any]:
    """The config of a layer or model with its class, without one entry."""
    config: Any = keras.saving.serialize_keras_object(thing)
    return {name: one for name, one in config.items() if name != without}


def _config_of(model: Any) -> dict[str, Any]:
    try:
        return _saved(model, "compile_config")
    except NotImplementedError as error:
        raise ValueError(
            f"replace_activations: {quote(model.name)} cannot be copied, since {type(model).__name__} has no "
            "`get_config`"
        ) from error
    except Exception as error:  # any error of the code of a layer
        raise ValueError(f"replace_activations: {quote(model.name)} has no config to copy it by: {error}") from error


def _from_config(config: dict[str, Any]) -> Any:
    try:
        # A function in a `Lambda` layer of this process is as safe as the model.
        new: Any = keras.saving.deserialize_keras_object(config, safe_mode=False)
    except Exception as error:  # any error of the code of a layer
        reason = str(error).rpartition("Exception encountered: ")[2]
        raise ValueError(f"replace_activations: the copy cannot be created from its config: {reason}") from error
    if not new.built:
        raise ValueError(f"replace_activations: the copy of {quote(new.name)} from its config cannot be built")
    return new


def _custom_objects(layers: list[Any]) -> dict[str, Any]:
    """The classes and functions of a model that are not registered with Keras, by name."""
    found: dict[str, Any] = {}
    for layer in layers:
        functions = [
            one for name, one in vars(layer).items() if isinstance(one, FunctionType) and not hasattr(type(layer), name)
        ]
        for one in (type(layer), *functions):
            name = one.__name__
            if str(one.__module__).startswith(("keras.", "keras_actx.")) or name == "<lambda>":
                continue
            if keras.saving.get_registered_name(one) != name:
                continue
            if found.setdefault(name, one) is not one:
                raise ValueError(
                    f"replace_activations: the model has two objects of the name {name!r}; register them with "
                    "keras.saving.register_keras_serializable"
                )
    return found
