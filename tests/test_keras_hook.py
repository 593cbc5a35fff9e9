"""What Keras's own functions do with our names, with what users registered, and without the hook."""

import inspect
import json
import os
import subprocess
import sys

import h5py
import keras
import numpy as np
import pytest
from keras import layers as L

import keras_actx as actx


def test_deserialize_knows_our_names():
    assert keras.activations.deserialize("relu") is keras.activations.relu
    assert keras.activations.deserialize("snake") == actx.activations.snake
    assert keras.activations.deserialize("leaky_relu(negative_slope=0.1)") == actx.get("leaky_relu(negative_slope=0.1)")
    value = actx.activations.snake.bind(alpha=2.0)
    assert keras.activations.deserialize(keras.activations.serialize(value)) == value
    assert keras.activations.deserialize("mine", custom_objects={"mine": value}) is value
    with pytest.raises(ValueError, match="'snake'"):
        keras.activations.deserialize("snak")


@pytest.mark.parametrize("name", ["Addons>snake", "snake", "mine"])
@pytest.mark.parametrize("form", ["value", "function"])
def test_custom_objects_of_a_legacy_file(name, form, tmp_path):
    """Files of TensorFlow up to 2.12 hold the name as a string."""
    value = actx.activations.snake.bind(alpha=3.0)
    given = {"value": value, "function": lambda x: value(x)}[form]
    model = keras.Sequential([keras.Input((4,)), L.Dense(3, activation="relu")])
    model.save(tmp_path / "old.h5")
    with h5py.File(tmp_path / "old.h5", "a") as file:
        config = file.attrs["model_config"]
        config = config if isinstance(config, str) else config.decode()
        file.attrs["model_config"] = config.replace('"relu"', json.dumps(name))
    loaded = keras.models.load_model(tmp_path / "old.h5", compile=False, custom_objects={name: given})
    x = np.random.default_rng(0).normal(size=(2, 4)).astype("float32")
    z = keras.ops.matmul(x, model.layers[0].kernel) + model.layers[0].bias
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(loaded(x)), keras.ops.convert_to_numpy(value(z)), rtol=1e-5, atol=1e-6
    )


def test_what_the_user_registered_with_keras_is_found_after_ours():
    def my_act(x):
        return 2.0 * x

    registry = keras.saving.get_custom_objects()
    registry.update({"my_registered_act": my_act, "snake": my_act, "MyClass": dict})
    try:
        assert L.Dense(2, activation="my_registered_act").activation is my_act
        assert actx.get("my_registered_act") is my_act
        assert actx.get("snake") == actx.activations.snake  # ours first
        with pytest.raises(ValueError, match="MyClass"):
            actx.get("MyClass")  # a class is no activation
        with pytest.raises(ValueError, match="unknown activation"):
            actx.get("keras_actx>Activation")
    finally:
        for name in ("my_registered_act", "snake", "MyClass"):
            del registry[name]


@pytest.mark.parametrize(
    ("name", "says", "never"),
    [
        ("Addons>mish", "Did you mean 'mish'?", "smish"),
        ("Addons>gelu", "Did you mean 'gelu'?", "gelu_"),
        ("Addons>hardshrink", "Did you mean 'hard_shrink'?", "tanh"),
        ("keras_hub>nothing_like_it", "Import the module that declares it", "Did you mean"),
        ("none", "Write None or 'linear'", "cosine"),
        ("None", "Write None or 'linear'", "cosine"),
        ("my_act", "Import the module that declares it", "Did you mean"),
        ("snak", "Did you mean 'snake'?", "Import"),
    ],
)
def test_hints(name, says, never):
    with pytest.raises(ValueError, match="Could not interpret") as caught:
        keras.activations.get(name)
    assert says in str(caught.value)
    assert never not in str(caught.value).replace(repr(name), "")


LAYERS = {
    "AdaptiveActivation": lambda: actx.layers.AdaptiveActivation("tanh"),
    "CReLU": lambda: actx.layers.CReLU(),
    "DenseBlock": lambda: actx.layers.DenseBlock(4, "prelu", normalization="batch", dropout=0.1),
    "DenseStack": lambda: actx.layers.DenseStack(4, "mish", depth=2),
    "Dice": lambda: actx.layers.Dice(),
    "DynamicReLU": lambda: actx.layers.DynamicReLU(),
    "FunnelReLU": lambda: actx.layers.FunnelReLU(),
    "GatedLinearUnit": lambda: actx.layers.GatedLinearUnit("swiglu"),
    "GroupSort": lambda: actx.layers.GroupSort(),
    "LearnableActivation": lambda: actx.layers.LearnableActivation("prelu", axis=-1),
    "Maxout": lambda: actx.layers.Maxout(2),
    "MetaACON": lambda: actx.layers.MetaACON(),
    "PolyNorm": lambda: actx.layers.PolyNorm(),
    "StochasticActivation": lambda: actx.layers.StochasticActivation("rrelu"),
}


def bases():
    """Whatever a layer of Keras inherits on one backend or another, as far as it is installed."""
    found = [keras.layers.Layer]
    if keras.backend.backend() == "torch":
        import torch

        found.append(torch.nn.Module)
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        found.append(tf.Module)
    return found


def shadowing(layer):
    """Names of ours that hide a method or property of theirs; a method may override a method."""
    set_by_keras = vars(keras.layers.Activation("relu")).keys()
    ours = {one: inspect.getattr_static(type(layer), one) for one in dir(type(layer))}
    found = set()
    for base in bases():
        for name in dir(base):
            theirs = inspect.getattr_static(base, name)
            if name.startswith("__") or not (callable(theirs) or isinstance(theirs, (property, classmethod))):
                continue
            hidden = name in vars(layer) and name not in set_by_keras
            if hidden or type(ours.get(name, theirs)) is not type(theirs):
                found.add(name)
    return found


def test_every_layer_is_walked():
    assert set(LAYERS) == {name for name in dir(actx.layers) if isinstance(getattr(actx.layers, name), type)}


@pytest.mark.parametrize("make", LAYERS.values(), ids=LAYERS)
def test_no_attribute_hides_one_of_the_framework(make):
    layer = make()
    layer(np.ones((2, 4, 4, 4) if type(layer).__name__ == "FunnelReLU" else (2, 4), "float32"))
    assert not shadowing(layer)


def test_a_hidden_attribute_is_noticed():
    class Hides(actx.layers.CReLU):
        __module__ = "keras_actx.layers.hides"
        count_params = 3

    assert shadowing(Hides()) == {"count_params"}
    layer = actx.layers.CReLU()
    layer.get_weights = ()
    assert shadowing(layer) == {"get_weights"}


@pytest.mark.skipif(keras.backend.backend() != "torch", reason="torch's own methods")
def test_torch_sees_the_parameters_of_each_layer():
    layer = actx.layers.LearnableActivation("prelu", axis=-1)
    layer.build((None, 3))
    assert [tuple(one.shape) for one in layer.parameters()] == [(3,)]
    layer.requires_grad_(False)
    layer.zero_grad()


WITHOUT_HOOK = """
import sys, warnings
import keras
module = sys.modules["keras.src.activations"]
del module.ALL_OBJECTS_DICT
with warnings.catch_warnings(record=True) as seen:
    warnings.simplefilter("always")
    import keras_actx as actx
assert sum("keras_actx.get" in str(one.message) for one in seen) == 1, [str(one.message) for one in seen]
assert actx.get("elu") is keras.activations.elu
assert actx.get("swish") is keras.activations.silu
assert actx.get("snake") == actx.activations.snake
block = actx.layers.DenseBlock(4, "mish")
assert block.activation is keras.activations.mish, block.activation
again = actx.layers.DenseBlock.from_config(block.get_config())
assert again.activation is keras.activations.mish, again.activation
assert actx.layers.DenseBlock(4, keras.activations.relu, scheme="published").pairing.reason.startswith("He")
assert actx.moments(keras.activations.relu) == actx.moments("relu")
dense = keras.layers.Dense(3, activation=actx.get("swish(learnable=True)"))
dense.build((None, 2))
assert [one.name for one in dense.weights] == ["kernel", "bias", "beta"]
print("fine")
"""


def test_without_the_hook_plain_names_are_keras_and_all_else_works():
    command = [sys.executable, "-c", WITHOUT_HOOK]
    result = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ})
    assert result.stdout.strip().endswith("fine"), result.stderr[-2000:]
