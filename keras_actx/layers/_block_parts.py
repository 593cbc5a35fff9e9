"""The parts of a `DenseBlock`: Keras layers from the arguments of the user."""

import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from typing import Any, cast

import keras

from keras_actx._messages import did_you_mean, quote
from keras_actx.declaration.declaration import OWN_PACKAGE
from keras_actx.layers._arguments import is_number, is_size, keras_object, refuse_unless
from keras_actx.layers._axis_layer import AxisLayer
from keras_actx.layers.gated_linear_unit import GatedLinearUnit
from keras_actx.layers.learnable_activation import LearnableActivation
from keras_actx.layers.stochastic_activation import StochasticActivation
from keras_actx.names.resolve import resolve
from keras_actx.plain_numbers import Init

_NORMALIZATIONS: dict[str, Any] = {
    "batch": keras.layers.BatchNormalization,
    "layer": keras.layers.LayerNormalization,
    "rms": getattr(keras.layers, "RMSNormalization", None),
}


def check_arguments(owner: str, *, units: Any, use_bias: Any, dropout: Any, **switches: Any) -> None:
    """Raise `ValueError` for a plain argument of a block that is out of range."""
    checks = (
        ("units", units, is_size(units), "a whole number from 1 to 2**24"),
        ("use_bias", use_bias, use_bias is None or isinstance(use_bias, bool), "None, True or False"),
        ("dropout", dropout, is_number(dropout) and 0 <= dropout < 1, "a number in [0, 1)"),
        *((name, value, isinstance(value, bool), "True or False") for name, value in switches.items()),
    )
    for name, value, holds, allowed in checks:
        refuse_unless(holds, owner, name, value, allowed)


def activation_layer(given: Any, units: int, dtype: Any, seed: int | None = None) -> keras.layers.Layer:
    """The layer that applies the activation: gated, learnable with one parameter per unit, or plain."""
    saved = isinstance(given, dict)
    if saved:
        given = keras_object("DenseBlock", "activation", given, unbuilt)
    resolved = resolve(given) if isinstance(given, str) else keras_object("DenseBlock", "activation", given, resolve)
    layer = resolved.function if isinstance(resolved.function, keras.layers.Layer) else None
    activation = resolved.activation
    # Keras's Activation layer with a gated function, and Keras's `glu`, require a kernel of twice the width.
    if activation is not None and activation.declaration.kind == "gated" and type(layer) in _AROUND_FUNCTIONS:
        return GatedLinearUnit(activation, dtype=dtype, name="activation")
    if isinstance(layer, AxisLayer):
        raise _shape_error(quote(layer.name))
    if layer is not None:
        return layer
    if resolved.learnable:
        count = resolved.num_parameters or units
        return LearnableActivation(activation, num_parameters=count, dtype=dtype, name="activation")
    # A block with a random activation has saved the layer that draws, not a value.
    if resolved.stochastic and not saved:
        own_seed = None if seed is None else (seed * 1000003 + 1) % 2**31  # different from the dropout's
        return StochasticActivation(activation, seed=own_seed, dtype=dtype, name="activation")
    return keras.layers.Activation(resolved.function, dtype=dtype, name="activation")


#: The wrapper of a function: none, or Keras's Activation layer, which is equivalent.
_AROUND_FUNCTIONS = (type(None), keras.layers.Activation)


def unbuilt(config: dict[str, Any]) -> Any:
    """The object of a config, not built, since the block builds its parts: their paths then begin with its own."""
    return keras.saving.deserialize_keras_object({key: one for key, one in config.items() if key != "build_config"})


def _shape_error(written: str) -> ValueError:
    return ValueError(
        f"DenseBlock: activation={written} changes or mixes an axis, but the output size of a block is its number "
        "of units; write a DenseBlock with activation=None and the layer behind it"
    )


def keeps_shape(layer: keras.layers.Layer, inner: tuple[int | None, ...], expected: tuple[int | None, ...]) -> bool:
    """Whether the activation is known to have the output shape of the block.

    Raises:
        ValueError: if it is known to have another shape.
    """
    try:
        if type(layer) is keras.layers.Activation and not isinstance(layer.activation, keras.layers.Layer):
            # The layer would report its input shape.
            declared = resolve(layer.activation).activation
            kind = declared and (declared.declaration.package, declared.declaration.kind)
            is_known = kind == (OWN_PACKAGE, "elementwise")
            found = inner if is_known else layer.activation(keras.KerasTensor(inner)).shape  # pyright: ignore[reportAttributeAccessIssue]  (Keras has no types)
        else:
            found = layer.compute_output_shape(inner)
    except Exception:  # a backend function, or a layer of unknown shape: checked at the call
        return False
    check_shape(layer, found, expected)
    return True


def check_shape(layer: keras.layers.Layer, found: Any, expected: Any) -> None:
    """Raise `ValueError` unless all known sizes agree."""
    found, expected = tuple(found), tuple(expected)
    known = [both for both in zip(found, expected, strict=False) if None not in both]
    if len(found) != len(expected) or any(one != other for one, other in known):
        name = getattr(getattr(layer, "activation", None), "__name__", layer.name)
        raise _shape_error(f"{quote(name)} has the output shape {found} instead of {expected}: it")


def normalization_layer(given: Any, dtype: Any) -> keras.layers.Layer | None:
    """The layer for a name, config or layer. Raises `ValueError` for anything else."""
    if given is None or isinstance(given, keras.layers.Layer):
        return given
    if isinstance(given, dict):
        layer = keras_object("DenseBlock", "normalization", given, unbuilt)
        if isinstance(layer, keras.layers.Layer):
            return layer
    if isinstance(given, str) and _NORMALIZATIONS.get(given) is not None:
        return _NORMALIZATIONS[given](dtype=dtype, name="normalization")
    hint = did_you_mean(given, _NORMALIZATIONS) if isinstance(given, str) else ""
    allowed = ", ".join(repr(name) for name, kind in _NORMALIZATIONS.items() if kind is not None)
    raise ValueError(
        f"DenseBlock: normalization={quote(given)} is not allowed; use None, {allowed} or a Keras layer.{hint}"
    )


def dropout_layer(rate: float, activation: Any, seed: Any, dtype: Any) -> keras.layers.Layer | None:
    """Dropout; alpha dropout for selu, which preserves its mean and variance."""
    if not rate:
        return None
    selu = getattr(activation, "__name__", "") == "selu"
    kind = keras.layers.AlphaDropout if selu else keras.layers.Dropout
    return kind(rate, seed=seed, dtype=dtype, name="dropout")


class Parts(Sequence):
    """The parts of a block in `layers`, where `model.summary(expand_nested=True)` looks for them.

    Not a list: Keras would save the weights of its members a second time, under another path.
    """

    def __init__(self, parts: Iterable[keras.layers.Layer]) -> None:
        self._parts = tuple(parts)

    def __len__(self) -> int:
        return len(self._parts)

    def __getitem__(self, i: Any) -> Any:
        return self._parts[i]


#: The maximum number of blocks created from the configs in a block.
_MOST_NESTED = 100
#: The maximum number of objects that a stack creates from the configs that each of its blocks reads.
_MOST_OBJECTS = 200_000

#: Within the `__init__` of a block or a stack: whether it is a block's, and the number of blocks created in it.
_making: ContextVar[tuple[bool, list[int]] | None] = ContextVar("_making", default=None)


def bounded(init: Init, is_block: bool) -> Init:
    """The `__init__` of a block or stack with a limit on the number of blocks nested in its configs.

    A stack reads a config once for each block, so that a file of a few hundred bytes could create any number of blocks,
    through any wrapper.
    """

    @functools.wraps(init)
    def counting(self: Any, *args: Any, **kwargs: Any) -> None:
        inside_block, made = _making.get() or (False, [0])
        made[0] += inside_block and is_block
        if made[0] > _MOST_NESTED:
            raise ValueError(
                f"{type(self).__name__}: more than {_MOST_NESTED} blocks are nested in the configs of one; use other "
                "layers in normalization= and activation="
            )
        token = _making.set((inside_block or is_block, made))
        try:
            init(self, *args, **kwargs)
        finally:
            _making.reset(token)

    return cast(Init, counting)


def check_repeated(depth: int, arguments: Mapping[str, Any]) -> None:
    """Raise `ValueError` if reading the configs among the arguments once per block creates too many objects."""
    for name, value in arguments.items():
        count = sum(1 for _ in _objects(value))
        if depth * count > _MOST_OBJECTS:
            raise ValueError(
                f"DenseStack: the config in {name}= has {count} objects, which depth={depth} would make more than "
                f"{_MOST_OBJECTS}; use a smaller one, or a smaller depth"
            )


def _objects(config: Any) -> Iterator[Mapping[str, Any]]:
    """The objects in a config, including nested ones."""
    waiting = [config]
    while waiting:
        one = waiting.pop()
        if isinstance(one, Mapping):
            if "class_name" in one:
                yield one
            waiting.extend(one.values())
        elif isinstance(one, (list, tuple)):
            waiting.extend(one)
