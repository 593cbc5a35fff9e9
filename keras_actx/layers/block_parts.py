"""The parts of a `DenseBlock`: from what the user wrote to Keras layers."""

from typing import Any

import keras

from keras_actx.declaration.activation import Activation
from keras_actx.layers.along_axis import AxisLayer
from keras_actx.layers.arguments import is_number, is_whole, refuse_unless
from keras_actx.layers.gated_linear_unit import GatedLinearUnit
from keras_actx.layers.learnable_activation import LearnableActivation
from keras_actx.layers.stochastic_activation import StochasticActivation
from keras_actx.names.identify import Identified, identify
from keras_actx.names.keras_table import keras_function
from keras_actx.names.suggest import did_you_mean, quote

_NORMALIZATIONS = {
    "batch": keras.layers.BatchNormalization,
    "layer": keras.layers.LayerNormalization,
    "rms": getattr(keras.layers, "RMSNormalization", None),
}


def check_arguments(*, units: Any, use_bias: Any, dropout: Any, seed: Any, **switches: Any) -> None:
    """Raise `ValueError` for a plain argument of a block that is out of range."""
    checks = (
        ("units", units, is_whole(units, 1), "a whole number above 0"),
        ("use_bias", use_bias, use_bias is None or isinstance(use_bias, bool), "None, True or False"),
        ("dropout", dropout, is_number(dropout) and 0 <= dropout < 1, "a number in [0, 1)"),
        *((name, value, isinstance(value, bool), "True or False") for name, value in switches.items()),
        ("seed", seed, seed is None or is_whole(seed), "None or a whole number"),
    )
    for name, value, holds, allowed in checks:
        refuse_unless(holds, "DenseBlock", name, value, allowed)


def activation_layer(given: Any, units: int, dtype: Any) -> keras.layers.Layer:
    """The layer that applies the activation: gated, learnable with a parameter a unit, or plain."""
    saved = isinstance(given, dict)
    if saved:
        given = keras.saving.deserialize_keras_object(given)
    if isinstance(given, str) and (_gated_in_keras(given) or keras_function(given) is None):
        identified = identify(given)
    elif isinstance(given, Activation):
        # A block whose activation is random has saved the layer that draws, not a value.
        identified = Identified(given, learnable=False, stochastic=given.declaration.stochastic and not saved)
    else:
        function = keras.activations.get(given)
        if isinstance(function, AxisLayer):
            raise ValueError(
                f"DenseBlock: activation={quote(function.name)} changes or mixes an axis, and a block gives as many "
                "numbers as it has units; write a DenseBlock with activation=None and the layer behind it"
            )
        if isinstance(function, keras.layers.Layer):
            return function
        return keras.layers.Activation(function, dtype=dtype, name="activation")
    if identified.activation.declaration.kind == "gated":
        return GatedLinearUnit(identified.activation, dtype=dtype, name="activation")
    if identified.learnable:
        count = identified.num_parameters or units
        return LearnableActivation(identified.activation, num_parameters=count, dtype=dtype, name="activation")
    if identified.stochastic:
        return StochasticActivation(identified.activation, dtype=dtype, name="activation")
    return keras.layers.Activation(identified.activation, dtype=dtype, name="activation")


def _gated_in_keras(name: str) -> bool:
    """Whether one of Keras's plain names halves the axis: only here, where the kernel is doubled, can that work."""
    return name == "glu"


def normalization_layer(given: Any, dtype: Any) -> keras.layers.Layer | None:
    """The layer a name, config or layer stands for. Raises `ValueError` for anything else."""
    if given is None or isinstance(given, keras.layers.Layer):
        return given
    if isinstance(given, dict):
        layer = keras.saving.deserialize_keras_object(given)
        if isinstance(layer, keras.layers.Layer):
            return layer
    if isinstance(given, str) and _NORMALIZATIONS.get(given) is not None:
        return _NORMALIZATIONS[given](dtype=dtype, name="normalization")
    hint = did_you_mean(given, _NORMALIZATIONS) if isinstance(given, str) else ""
    allowed = ", ".join(repr(name) for name, kind in _NORMALIZATIONS.items() if kind is not None)
    raise ValueError(
        f"DenseBlock: normalization={quote(given)} is not allowed; use None, {allowed} or a Keras layer.{hint}"
    )


def dropout_layer(rate: float, activation: Any, seed: int | None, dtype: Any) -> keras.layers.Layer | None:
    """Dropout; alpha dropout for selu, whose mean and variance it keeps."""
    if not rate:
        return None
    selu = getattr(activation, "__name__", "") == "selu"
    kind = keras.layers.AlphaDropout if selu else keras.layers.Dropout
    return kind(rate, seed=seed, dtype=dtype, name="dropout")
