"""The scheme "critical" for gated activations: two means, one variance, and a hundred layers."""

import all_activations
import keras
import numpy as np
import pytest
from deep import as_numpy, decades

import keras_actx as actx
from keras_actx.initializers import Paired
from keras_actx.initializers.gated_bias import GatedBias
from keras_actx.layers import DenseBlock, DenseStack, GatedLinearUnit

GATED = all_activations.names(kind="gated")


@pytest.mark.sweep(1)
@pytest.mark.parametrize("depth", [None, 30])
@pytest.mark.parametrize("name", GATED)
def test_the_point_is_a_fixed_point(name, depth):
    """The variance returns to q and the gradient keeps its size, by moments at the point."""
    chosen = actx.pairing(name, "critical", depth=depth)
    at = actx.moments(name, mean=(chosen.beta, chosen.beta_gate), variance=chosen.q)
    assert chosen.gain**2 * at.variance + chosen.bias_std**2 == pytest.approx(chosen.q, rel=1e-9)
    assert chosen.gain**2 * at.derivative_second_moment == pytest.approx(1.0, rel=1e-12)
    assert (chosen.bias_mean, chosen.bias_mean_gate) == (chosen.beta, chosen.beta_gate)
    assert chosen.halves
    if name != "bilinear":  # for which it is 1 everywhere
        assert chosen.chi_q <= 0.97
    assert chosen.nonlinearity <= (0.75 if depth is None else 2.0 / depth)


def test_moments_at_two_means():
    """E[v g] for independent v and g, in closed form."""
    at = actx.moments("bilinear", mean=(2.0, -1.0), variance=0.25)
    v2, g2 = 4.25, 1.25
    assert at.mean == pytest.approx(-2.0, rel=1e-12)
    assert at.second_moment == pytest.approx(v2 * g2, rel=1e-12)
    assert at.derivative_second_moment == pytest.approx(v2 + g2, rel=1e-12)
    # Var = q^2 + q (mean of v squared + mean of g squared), so its slope is 2 q + 5.
    assert at.variance_slope == pytest.approx(5.5, rel=1e-9)
    with pytest.raises(ValueError, match="mean="):
        actx.moments("gelu", mean=(0.0, 1.0))


def test_the_growth_of_the_gradient():
    """What chi_1 claims, from numbers drawn: the gradient in front of a kernel, from that behind it."""
    draw = np.random.default_rng(0)
    chosen = actx.pairing("swiglu", "critical", depth=50)
    v = chosen.beta + np.sqrt(chosen.q) * draw.normal(size=400_000)
    g = chosen.beta_gate + np.sqrt(chosen.q) * draw.normal(size=400_000)
    sigmoid = 1 / (1 + np.exp(-g))
    silu, slope = g * sigmoid, sigmoid * (1 + g * (1 - sigmoid))
    assert chosen.gain**2 * ((silu**2).mean() + ((v * slope) ** 2).mean()) == pytest.approx(1.0, rel=0.02)


@pytest.mark.parametrize("before", ["relu", "swiglu", "geglu", "gelu"])
@pytest.mark.parametrize("own", ["relu", "swiglu"])
def test_gated_and_elementwise_after_each_other(own, before):
    chosen = actx.pairing(own, "critical", input_activation=before, depth=20)
    target, source = (actx.pairing(one, "critical", depth=20) for one in (own, before))
    mean = source.beta if source.beta_gate is None else (source.beta, source.beta_gate)
    at = actx.moments(before, mean=mean, variance=source.q)
    assert (chosen.beta, chosen.beta_gate, chosen.q) == (target.beta, target.beta_gate, target.q)
    assert chosen.gain**2 * at.variance + chosen.bias_std**2 == pytest.approx(target.q, rel=1e-9)
    assert chosen.gain**2 * at.derivative_second_moment == pytest.approx(target.q / source.q, rel=1e-9)


@pytest.mark.parametrize("activation", ["swiglu", GatedLinearUnit("swiglu", gate="first", interleaved=True)])
def test_halves(activation):
    """Each half an orthogonal matrix of its own, each with its mean of the bias, wherever the layer looks for them."""
    arguments = {"scheme": "critical", "input_activation": "relu", "seed": 1}
    block = DenseBlock(64, activation, **arguments)
    block.build((None, 64))
    kernel, bias = as_numpy(block.dense.kernel).astype("float64"), as_numpy(block.dense.bias)
    if isinstance(activation, str):
        value, gate = np.split(kernel, 2, axis=1)
        of_value, of_gate = np.split(bias, 2)
    else:
        (gate, value), (of_gate, of_value) = (kernel[:, ::2], kernel[:, 1::2]), (bias[::2], bias[1::2])
    chosen = block.pairing
    # Centring takes one direction; the others are orthogonal.
    for half in (value, gate):
        np.testing.assert_allclose(half.mean(axis=0), 0.0, atol=1e-6)
        lengths = np.linalg.svd(half, compute_uv=False)
        np.testing.assert_allclose(lengths[:-1], chosen.gain * np.sqrt(64 / 63), rtol=1e-4)
    assert abs(np.corrcoef(value.ravel(), gate.ravel())[0, 1]) < 0.06
    error = 5 * chosen.bias_std / 8
    assert of_value.mean() == pytest.approx(chosen.bias_mean, abs=error)
    assert of_gate.mean() == pytest.approx(chosen.bias_mean_gate, abs=error)
    assert abs(chosen.bias_mean - chosen.bias_mean_gate) > 2 * error
    again = DenseBlock.from_config(block.get_config())
    again.build((None, 64))
    np.testing.assert_array_equal(as_numpy(again.dense.bias), bias)
    np.testing.assert_array_equal(as_numpy(again.dense.kernel), as_numpy(block.dense.kernel))


def test_in_words():
    said = str(DenseBlock(8, "swiglu", scheme="critical", input_activation="swiglu", depth=5).pairing)
    assert "bias of the value: normal, mean 3.5, standard deviation " in said
    assert "bias of the gate: normal, mean 0.5, standard deviation " in said
    assert "mean of the gate 0.5 (beta_gate)" in said


def test_the_bias_saves_and_refuses():
    start = actx.pairing("glu", "critical").bias_initializer(seed=3, gate="first")
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(start))
    assert again.get_config() == start.get_config()
    np.testing.assert_array_equal(as_numpy(again((6,))), as_numpy(start((6,))))
    for arguments, says in (
        ({"value_mean": "a"}, "value_mean='a'"),
        ({"stddev": -1.0}, "from 0 on"),
        ({"gate": "left"}, "'first' or 'last'"),
        ({"interleaved": 1}, "True or False"),
        ({"seed": 0.5}, "seed"),
    ):
        with pytest.raises(ValueError, match=says):
            GatedBias(**{"value_mean": 0.0, "gate_mean": 1.0, **arguments})
    with pytest.raises(ValueError, match="even"):
        start((5,))
    with pytest.raises(ValueError, match="even number of columns"):
        Paired("swiglu", "critical", first_layer=True)((4, 5))


def test_without_the_bias_there_is_a_warning():
    with pytest.warns(UserWarning, match="in every layer"):
        DenseBlock(8, "swiglu", scheme="critical", input_activation="swiglu", use_bias=False)
    chosen = DenseBlock(8, "swiglu", scheme="critical", input_activation="swiglu", normalization="layer").pairing
    assert (chosen.beta, chosen.beta_gate, chosen.bias_mean_gate, chosen.bias_std) == (0.0, 0.0, 0.0, 0.0)


DEEP = ("glu", "swiglu", "geglu", "reglu", "bilinear")


@pytest.mark.sweep(4)
@pytest.mark.parametrize("name", DEEP)
def test_a_hundred_layers(name):
    signal, slope, across = decades(DenseStack(256, name, depth=100, scheme="critical", seed=1))
    assert abs(signal) < 0.1  # a factor of 1.26
    assert abs(slope) < 0.415  # 2.6
    assert abs(across) < 1.0


@pytest.mark.sweep(1)
@pytest.mark.parametrize("fault", ["gain", "gate_mean"])
def test_a_hundred_layers_tell_a_wrong_start(fault):
    stack = DenseStack(256, "swiglu", depth=100, scheme="critical", seed=1)
    stack.build((None, 256))
    for block in stack.blocks[1:]:
        if fault == "gain":
            block.dense.kernel.assign(1.02 * block.dense.kernel)
        else:  # both halves with the value's mean
            move = np.repeat([0.0, block.pairing.beta - block.pairing.beta_gate], 256)
            block.dense.bias.assign(block.dense.bias + keras.ops.convert_to_tensor(move, "float32"))
    signal, slope, across = decades(stack)
    assert not (abs(signal) < 0.1 and abs(slope) < 0.415 and abs(across) < 1.0)
