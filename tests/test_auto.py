"""What "auto" is: for a layer on its own, and in a stack. That the study chose it is in test_training_study.py."""

import keras
import numpy as np
import pytest

import keras_actx as actx
from keras_actx.initializers import Paired
from keras_actx.layers import DenseBlock, DenseStack

as_numpy = keras.ops.convert_to_numpy


@keras.saving.register_keras_serializable("test_auto")
def cubed(x):
    return x * x * x


@keras.saving.register_keras_serializable("test_auto")
def mixes(x):
    return keras.ops.softmax(x)


@keras.saving.register_keras_serializable("test_auto")
def explodes(x):
    return keras.ops.exp(x * x)


def words(argument):
    return getattr(argument, "__name__", None) or getattr(argument, "name", None) or str(argument)


@pytest.mark.parametrize(
    ("activation", "scheme"),
    [
        *(
            (name, "published")
            for name in ("relu", "mish", "tanh", "selu", "sigmoid", "linear", "prelu", "sign", cubed)
        ),
        *((name, "published") for name in ("swish(beta=2.0, learnable=True)", "sine", "sine(w0=1.0)", "swiglu")),
        *((name, "published") for name in ("softmax", actx.layers.Maxout(8, pieces=2))),
        (mixes, "glorot"),
        (explodes, "glorot"),
    ],
    ids=words,
)
def test_alone(activation, scheme):
    assert actx.pairing(activation).scheme == Paired(activation).pairing.scheme == scheme


def test_standardized_layers_are_not_keras_own():
    assert actx.pairing("relu", standardize=True).scheme == "published"
    assert actx.pairing("relu", input_standardized=True).scheme == "published"


@pytest.mark.parametrize("name", ["tanh", "softmax", "sigmoid", None, mixes])
def test_an_output_starts_as_keras_dense(name):
    block = DenseBlock(5, name, seed=3)
    block.build((None, 7))
    np.testing.assert_array_equal(
        as_numpy(block.dense.kernel), as_numpy(keras.initializers.GlorotUniform(seed=3)((7, 5)))
    )
    assert not as_numpy(block.dense.bias).any()


@pytest.mark.sweep(1)
@pytest.mark.parametrize(
    ("activation", "shallow", "deep"),
    [
        *(
            (name, "looks_linear", "looks_linear")
            for name in ("relu", "gelu", "prelu", None, "leaky_relu(negative_slope=0.1)")
        ),
        *(
            (name, "glorot", "critical")
            for name in ("mish", "tanh", "sigmoid", cubed, "elu(alpha=1.0, learnable=True)")
        ),
        ("sine", "published", "published"),  # SIREN's start belongs to its method
        ("sine(w0=5.0)", "published", "published"),
        (actx.activations.sine.bind(w0=5.0), "published", "published"),
        ("swiglu", "critical", "critical"),
        ("softmax", "published", "published"),
        ("sign", "glorot", "published"),
    ],
    ids=words,
)
def test_stacked(activation, shallow, deep):
    """Every block in the same way, and the same again from its config."""
    for depth, scheme in ((1, shallow), (5, shallow), (6, deep), (30, deep)):
        stack = DenseStack(8, activation, depth=depth, seed=1)
        assert {block.pairing.scheme for block in stack.blocks} == {scheme}, depth
        assert stack.scheme == "auto"
        again = DenseStack.from_config(stack.get_config())
        assert (again.scheme, again.pairing) == ("auto", stack.pairing)


@pytest.mark.parametrize(
    ("arguments", "scheme"),
    [
        ({"units": 7}, "critical"),  # no pairs
        ({"input_activation": "gelu"}, "critical"),  # whose units are no pairs
        ({"standardize": True}, "critical"),
        ({"standardize": True, "depth": 3}, "critical"),
        ({"use_bias": False}, "looks_linear"),  # needs none
        ({"use_bias": False, "units": 7}, "published"),  # critical does
        ({"bias_initializer": "ones", "units": 7}, "published"),
        ({"residual": True}, "published"),
        ({"normalization": "layer"}, "published"),
        ({"scheme": "published"}, "published"),
        ({"dropout": 0.5}, "looks_linear"),
    ],
    ids=words,
)
def test_a_stack_that_is_not_plain(arguments, scheme):
    stack = DenseStack(**{"depth": 30, "units": 8, "activation": "relu", **arguments})
    assert {block.pairing.scheme for block in stack.blocks} == {scheme}


def test_a_stack_with_kernels_of_its_own_has_no_pairing():
    assert DenseStack(8, "relu", depth=10, kernel_initializer="he_normal").pairing is None


def test_a_saved_stack(tmp_path):
    model = keras.Sequential([keras.Input((5,)), DenseStack(6, "mish", depth=8, seed=1)])
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    x = np.random.default_rng(0).normal(size=(3, 5)).astype("float32")
    np.testing.assert_array_equal(as_numpy(model(x)), as_numpy(loaded(x)))
    assert loaded.layers[0].pairing == model.layers[0].pairing


def test_an_unknown_scheme_of_a_stack():
    with pytest.raises(ValueError, match="Did you mean 'critical'"):
        DenseStack(4, "relu", depth=3, scheme="critcal")
