"""Checks of serialization and of learning."""

import pickle
import warnings

import keras
import numpy as np

from keras_actx.declaration.activation import Activation
from keras_actx.names.resolve import resolve_declared
from keras_actx.testing.tensors import to_float64


def assert_written_down(activation: Activation) -> None:
    """Assert that string, config and pickle restore an equal value, and a saved model the same results."""
    assert resolve_declared(str(activation)).activation == activation, f"{activation} is not restored from its string"
    config = keras.saving.serialize_keras_object(activation)
    assert keras.saving.deserialize_keras_object(config) == activation, f"{activation} is not restored from its config"
    assert pickle.loads(pickle.dumps(activation)) == activation, f"{activation} is not restored from its pickle"  # noqa: S301
    inputs = keras.Input((4,))
    model = keras.Model(inputs, activation(inputs))
    again = keras.models.model_from_json(model.to_json())
    x = np.linspace(-2, 2, 8, dtype="float32").reshape(2, 4)
    np.testing.assert_array_equal(to_float64(again(x)), to_float64(model(x)))


def assert_learns(activation: Activation) -> None:
    """Assert that its parameters are weights inside a Dense layer, and that one step of training changes them."""
    declaration = activation.declaration
    if declaration.kind == "gated" or declaration.stochastic or not declaration.learnable_parameters:
        return
    settings = ", ".join([*(f"{key}={value!r}" for key, value in activation.params), "learnable=True"])
    moved = False
    for target in (-10.0, 10.0):  # a parameter at a bound of its range changes in one direction only
        layer = keras.layers.Dense(4, activation=f"{declaration.identifier}({settings})")
        model = keras.Sequential([keras.Input((3,)), layer])
        model.compile(optimizer=keras.optimizers.Adam(1e-2), loss="mse")
        before = [keras.ops.convert_to_numpy(one).copy() for one in layer.activation.weights]  # pyright: ignore[reportFunctionMemberAccess]  (a layer of ours)
        assert len(before) == len(declaration.learnable_parameters), f"{activation} has {len(before)} weights"
        x = np.random.default_rng(0).normal(size=(16, 3))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Keras warns of a weight without gradient; here that is a failure
            model.fit(x, np.full((16, 4), target), epochs=1, verbose=0)  # pyright: ignore[reportArgumentType]  (Keras has no types)
        after = [keras.ops.convert_to_numpy(one) for one in layer.activation.weights]  # pyright: ignore[reportFunctionMemberAccess]  (a layer of ours)
        assert all(np.isfinite(one).all() for one in after), f"the parameters of {activation} become {after}"
        moved |= any(not np.array_equal(one, other) for one, other in zip(before, after, strict=True))
    assert moved, f"no parameter of {activation} learns"
