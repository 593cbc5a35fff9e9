"""Symbolic Keras tensors, and tensors, as input and parameters of an activation, in every mixture."""

import all_activations
import keras
import numpy as np
import pytest

import keras_actx as actx
from keras_actx.testing.tensors import to_float64

PARAMETERS = [
    (one, parameter.name, parameter.default)
    for one in all_activations.defaults("elementwise", "gated")
    for parameter in one.declaration.parameters
    if parameter.kind is float and not parameter.optional
]


@pytest.mark.sweep(4)
@pytest.mark.parametrize(("activation", "name", "value"), PARAMETERS, ids=str)
def test_a_symbolic_input_with_a_tensor(activation, name, value):
    found = activation(keras.Input((8,)), **{name: keras.ops.convert_to_tensor(np.float32(value))})
    assert tuple(found.shape) == (None, 4 if activation.declaration.kind == "gated" else 8)
    assert found.dtype == "float32"


X = np.linspace(-2, 2, 16, dtype="float32").reshape(2, 8)
ALPHA = np.linspace(0.5, 2, 8, dtype="float32")


@pytest.mark.parametrize("symbolic", [("x",), ("alpha",), ("x", "alpha")], ids=str)
@pytest.mark.parametrize("of", [keras.ops.convert_to_tensor, np.asarray], ids=["tensor", "array"])
@pytest.mark.parametrize("name", ["snake", "swish"])
def test_a_model_of_it_computes_the_same(name, of, symbolic):
    parameter = {"snake": "alpha", "swish": "beta"}[name]
    activation = actx.Activation(f"keras_actx>{name}", ())
    given = {"x": X, "alpha": ALPHA[None] * np.ones((2, 1), "float32")}
    inputs = {key: keras.Input((8,)) for key in symbolic}
    x, alpha = (inputs.get(key, of(given[key] if "alpha" in symbolic or key == "x" else ALPHA)) for key in given)
    model = keras.Model(list(inputs.values()), activation(x, **{parameter: alpha}))
    expected = activation(X, **{parameter: given["alpha"]})
    found = model([given[key] for key in symbolic])
    np.testing.assert_allclose(to_float64(found), to_float64(expected), rtol=1e-5, atol=1e-6)


def test_a_model_of_it_is_saved(tmp_path):
    x = keras.Input((8,))
    model = keras.Model(x, actx.activations.snake(x, alpha=keras.ops.convert_to_tensor(ALPHA)))
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(to_float64(again(X)), to_float64(model(X)), rtol=1e-6)
