"""The string of a value reads back to an equal value; and one parameter needs no name."""

import inspect
import math
import struct
import sys
import time

import all_activations
import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import keras_actx as actx
from keras_actx import _keras_functions
from keras_actx.names import grammar
from keras_actx.testing.samples import with_sample_parameters

EVERY = all_activations.defaults("elementwise", "vector", "gated")
FLOATS = [
    5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, -1.7976931348623157e308, 1 / 3, -1.2345678901234567e-308,
    0.00012345678901234567, 1234567890123456.8, 9007199254740993.0, 1e16, 1e22, 1e-05, -0.0, 0.1 + 0.2,
]  # fmt: skip


def read(text):
    """What reads the string: `get`, or the layer of a gated one."""
    name = text.partition("(")[0].rpartition(">")[2]
    return actx.layers.GatedLinearUnit(text).activation if actx.describe(name).kind == "gated" else actx.get(text)


@pytest.mark.parametrize("activation", EVERY, ids=lambda one: one.name)
def test_every_value_reads_back(activation):
    for value in (activation, *with_sample_parameters(activation)):
        assert repr(value) == str(value)
        assert read(str(value)) == value
        if activation.declaration.kind != "gated":
            assert keras.layers.Dense(2, activation=str(value)).activation == value


def test_what_a_plain_name_would_leave_open_is_said():
    values = actx.activations
    assert str(values.prelu) == "prelu(negative_slope=0.25, learnable=False)"
    assert str(values.mish) == "keras_actx>mish"
    assert str(values.rrelu.bind(lower=0.25, upper=0.5)) == "rrelu(lower=0.25, upper=0.5, training=False)"
    assert str(values.snake.bind(alpha=2.0)) == "snake(alpha=2.0)"
    assert str(values.tanhexp) == "tanhexp"
    assert str(values.elu) == "elu(alpha=1.0)"
    assert str(values.glu) == "keras_actx>glu"


def test_a_name_that_a_later_keras_has(monkeypatch):
    monkeypatch.setitem(_keras_functions._functions, "tanhexp", keras.ops.tanh)
    assert actx.get("tanhexp") is keras.ops.tanh
    assert str(actx.activations.tanhexp) == "keras_actx>tanhexp"


def test_all_digits_of_every_parameter():
    names = actx.describe("rational").defaults
    value = actx.activations.rational.bind(**dict.fromkeys(names, -1.2345678901234567e-100 / 3))
    assert len(str(value)) > 200
    assert actx.get(str(value)) == value
    widest = {"a" * 39 + chr(97 + one % 26) + str(one): 0.0 for one in range(50)}
    heads = ", ".join(f"{name[-40:]}: float = -1.2345678901234567e-308" for name in widest)
    scope = {}
    exec(f"def {'w' * 40}(x, {heads}):\n    return x", scope)
    value = actx.register_activation(scope["w" * 40], package="p" * 40, learnable=True)
    assert len(str(value)) < grammar.LONGEST
    assert actx.get(str(value)) == value


@pytest.mark.parametrize("number", FLOATS, ids=repr)
def test_every_float_can_be_written(number):
    @actx.register_activation(package="test_every_float")
    def shifted(x, b: float = 0.0):
        return x + b

    for value in (shifted.bind(number), shifted.bind(b=np.float64(number))):
        again = actx.get(str(value))
        assert again == value
        assert math.copysign(1, again.params[0][1]) == math.copysign(1, number)


@settings(deadline=None, max_examples=300)
@given(st.binary(min_size=8, max_size=8))
def test_any_bits_of_a_float_can_be_written(bits):
    (number,) = struct.unpack("d", bits)
    if math.isfinite(number):
        written = grammar.read(f"name(key={number!r})").settings[0][1]
        assert struct.pack("d", written) == struct.pack("d", number)


def test_training_is_for_random_ones():
    assert isinstance(actx.get("rrelu"), actx.layers.StochasticActivation)
    fixed = actx.get("rrelu(training=False)")
    assert fixed == actx.activations.rrelu
    block = actx.layers.DenseBlock(2, "rrelu(training=False)")
    for one in (block, actx.layers.DenseBlock.from_config(block.get_config())):
        assert one.activation == fixed
    block = actx.layers.DenseBlock(2, "rrelu")
    for one in (block, actx.layers.DenseBlock.from_config(block.get_config())):
        assert isinstance(one.activation, actx.layers.StochasticActivation)
    for text, says in {
        "rrelu(training=True)": "training=False",
        "rrelu(training=0)": "training=False",
        "snake(training=False)": "no parameter 'training'",
    }.items():
        with pytest.raises(ValueError, match=says):
            actx.get(text)


def test_hostile_strings_are_quick():
    longest = grammar.LONGEST
    for text in (
        "a" * longest, "a(" + ")" * (longest - 2), "a(" + " " * (longest - 3) + "x", "a(" + "1," * (longest // 2 - 2),
        " " * longest, "a(" + ") " * (longest // 2 - 2), "a(b=" + "1" * (longest - 6) + ")", "a>" * (longest // 2),
        "snake(" + ",".join(f"a{one}=1" for one in range(500)) + ")", "snake(alpha=" + "9" * 45 + "e" * 9 + ")",
    ):  # fmt: skip
        start = time.perf_counter()
        with pytest.raises(ValueError) as caught:
            actx.get(text)
        assert time.perf_counter() - start < 1.0  # a hang, not a bar
        assert len(str(caught.value)) < 500


ONE = [one for one in EVERY if len(one.params) == 1]
OTHERS = [one for one in EVERY if len(one.params) != 1]


@pytest.mark.sweep(1)
@pytest.mark.parametrize("activation", ONE, ids=lambda one: one.name)
def test_one_parameter_needs_no_name(activation):
    ((name, default),) = activation.params
    samples = with_sample_parameters(activation)[1:] or [activation]
    x = np.array([[0.5, -1.0, 2.0, 1.5]], "float32")
    for value in samples:
        number = value.params[0][1]
        assert activation.bind(number) == activation.bind(**{name: number}) == value
        package = "keras_actx>"
        learns = ", learnable=False" * activation.declaration.learnable
        assert read(f"{package}{activation.name}({number!r}{learns})") == value
        for given_ in (number, keras.ops.convert_to_tensor(number, "float32"))[: 1 + (type(default) is float)]:
            y = activation(x, given_)
            np.testing.assert_array_equal(_numpy(y), _numpy(activation(x, **{name: given_})))
    kinds = [one.kind for one in inspect.signature(activation).parameters.values()]
    assert kinds == [inspect.Parameter.POSITIONAL_OR_KEYWORD] * 2
    assert inspect.signature(activation).bind(x, default)


@pytest.mark.parametrize("activation", OTHERS, ids=lambda one: one.name)
def test_several_parameters_are_named(activation):
    names = [name for name, _ in activation.params]
    for call in (
        lambda: activation.bind(0.5),
        lambda: activation(np.ones((1, 2), "float32"), 0.5),
        lambda: read(f"keras_actx>{activation.name}(0.5)"),
    ):
        with pytest.raises(ValueError, match=r"by name" if names else "no parameters") as caught:
            call()
        assert all(f"{name}=..." in str(caught.value) for name in names)


def test_positional_mistakes():
    leaky = actx.activations.leaky_relu
    for call in (
        lambda: leaky.bind(0.1, 0.2),
        lambda: leaky.bind(0.1, negative_slope=0.2),
        lambda: leaky(1.0, 0.1, negative_slope=0.2),
        lambda: actx.get("leaky_relu(0.1, 0.2)"),
        lambda: actx.get("leaky_relu(0.1, negative_slope=0.1)"),
    ):
        with pytest.raises(ValueError, match="one parameter, negative_slope, and it is given twice"):
            call()
    with pytest.raises(ValueError, match="any finite number"):
        leaky(1.0, "0.1")
    assert actx.get("leaky_relu( .1 )") == leaky.bind(0.1)
    assert actx.get("prelu(0.1, num_parameters=3)").weights[0].shape == (3,)
    assert isinstance(actx.get("swish(0.5, learnable=True)"), actx.layers.LearnableActivation)
    assert actx.get("gelu(True)") == actx.get("gelu(approximate=True)")
    assert actx.layers.LearnableActivation("swish(0.5)").activation == actx.activations.swish.bind(0.5)
    # What is saved has names.
    assert actx.activations.leaky_relu.bind(0.1).get_config() == {
        "name": "leaky_relu",
        "params": {"negative_slope": 0.1},
    }


def test_positional_in_a_graph():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, activation="leaky_relu(0.5)")])
    assert model.layers[0].activation == actx.activations.leaky_relu.bind(0.5)
    symbolic = actx.activations.leaky_relu(keras.Input((3,)), 0.5)
    assert symbolic.shape == (None, 3)


def test_the_users_own_takes_one_by_position():
    @actx.register_activation(package="test_positional")
    def tilted(x, self: float = 2.0):  # a name that methods have
        return self * x

    assert float(_numpy(tilted(np.float32(1), 3.0))) == float(_numpy(tilted(np.float32(1), self=3.0))) == 3.0
    assert actx.get("tilted(3.0)") == tilted.bind(3.0) == tilted.bind(self=3.0)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="tf.function reads signatures")
def test_tf_function():
    tf = sys.modules["tensorflow"]
    compiled = tf.function(actx.activations.leaky_relu)
    x = tf.constant([-1.0, 1.0])
    np.testing.assert_allclose(compiled(x).numpy(), [-0.2, 1.0])
    np.testing.assert_allclose(compiled(x, 0.5).numpy(), [-0.5, 1.0])
    np.testing.assert_allclose(compiled(x, negative_slope=0.5).numpy(), [-0.5, 1.0])


def _numpy(x):
    return keras.ops.convert_to_numpy(x)
