"""Kernels of convolutions under "critical" and "looks_linear": zero but for their centre."""

import keras
import numpy as np
import pytest
from deep import as_numpy, one_thread

import keras_actx as actx
from keras_actx.initializers import Paired
from keras_actx.testing.backend import gradient

CONVOLUTIONS = {1: keras.layers.Conv1D, 2: keras.layers.Conv2D, 3: keras.layers.Conv3D}
DEPTH, CHANNELS = 30, 64


def start(activation="gelu", scheme="critical", **arguments):
    return Paired(activation, scheme, input_activation=activation, **arguments)


@pytest.mark.parametrize("taps", [(3,), (4,), (3, 5), (2, 3), (3, 1, 2)], ids=str)
def test_only_the_centre(taps):
    kernel = as_numpy(start(seed=1)((*taps, 64, 64))).astype("float64")
    centre = kernel[tuple((size - 1) // 2 for size in taps)]
    assert (kernel != 0).sum() == (centre != 0).sum() > 4000
    # The matrix that a Dense layer would get: centred, orthogonal but for the direction that centring takes.
    np.testing.assert_array_equal(centre, as_numpy(start(seed=1)((64, 64))).astype("float64"))
    lengths = np.linalg.svd(centre, compute_uv=False)
    np.testing.assert_allclose(lengths[:-1], actx.pairing("gelu", "critical").gain * np.sqrt(64 / 63), rtol=1e-4)


@pytest.mark.parametrize("distribution", ["uniform", "truncated_normal"])
def test_other_distributions(distribution):
    kernel = as_numpy(start(distribution=distribution, seed=1)((3, 3, 64, 64)))
    assert (kernel != 0).sum() <= 64 * 64
    assert kernel[1, 1].std() == pytest.approx(actx.pairing("gelu", "critical").gain / 8, rel=0.05)


def moments_of(layers, x, activate):
    """Second moment of every pre-activation, and of the gradient there."""
    signals = []

    def run(moved):
        signals.clear()
        h = x
        for layer, move in zip(layers, keras.ops.unstack(moved, len(layers)), strict=True):
            z = layer(h) + move
            signals.append(z)
            h = activate(z)
        return h * direction

    direction = keras.ops.convert_to_tensor(np.random.default_rng(1).normal(size=x.shape), "float32")
    still = keras.ops.zeros((len(layers), *x.shape))
    gradients = as_numpy(gradient(run, still)).astype("float64")
    run(still)
    forward = [(as_numpy(keras.ops.stop_gradient(one)).astype("float64") ** 2).mean() for one in signals]
    return np.array(forward), (gradients**2).reshape(len(layers), -1).mean(axis=1)


def network(rank, activation, scheme, factor=1.0):
    layers = []
    for i in range(DEPTH):
        fed = {"first_layer": True} if i == 0 else {"input_activation": activation}
        kernel = Paired(activation, scheme, seed=i, depth=DEPTH, **fed)
        layer = CONVOLUTIONS[rank](
            CHANNELS,
            3,
            padding="same",
            kernel_initializer=kernel,
            bias_initializer=kernel.pairing.bias_initializer(seed=i),
        )
        layer.build((None, *(4 for _ in range(rank)), CHANNELS))
        layer.kernel.assign(factor * layer.kernel)
        layers.append(layer)
    return layers


@pytest.mark.sweep(4)
@pytest.mark.parametrize("rank", CONVOLUTIONS)
@pytest.mark.parametrize(("activation", "scheme"), [("gelu", "critical"), ("relu", "looks_linear")])
def test_thirty_layers(rank, activation, scheme):
    with one_thread():
        x = np.random.default_rng(0).normal(size=(4, *(4 for _ in range(rank)), CHANNELS)).astype("float32")
        x = keras.ops.convert_to_tensor(x)
        forward, backward = moments_of(network(rank, activation, scheme), x, actx.get(activation))
    tolerance = 0.15 if scheme == "critical" else 0.01
    assert np.abs(np.log10(forward / forward[0])).max() < tolerance
    assert np.abs(np.log10(backward / backward[-1])).max() < (0.42 if scheme == "critical" else 0.15)


def test_thirty_layers_tell_a_wrong_gain():
    with one_thread():
        x = keras.ops.convert_to_tensor(np.random.default_rng(0).normal(size=(4, 4, CHANNELS)), "float32")
        _, backward = moments_of(network(1, "gelu", "critical", factor=1.1), x, actx.get("gelu"))
    assert np.abs(np.log10(backward / backward[-1])).max() > 0.42


@pytest.mark.parametrize(
    "arguments", [{"strides": 2}, {"dilation_rate": 2}, {"padding": "valid"}, {"groups": 4}], ids=str
)
def test_strides_dilation_and_groups(arguments):
    """Every output pixel still is one input pixel times the centre, none of it padding."""
    layer = keras.layers.Conv1D(
        64,
        3,
        **{"padding": "same", **arguments},
        kernel_initializer=Paired("tanh", "critical", first_layer=True, seed=1),
    )
    x = np.random.default_rng(0).normal(size=(64, 8, 64)).astype("float32")
    y = as_numpy(layer(x)).astype("float64")
    q = actx.pairing("tanh", "critical", first_layer=True).q
    np.testing.assert_allclose((y**2).mean(axis=(0, 2)), q, rtol=0.1)


def test_published_fills_the_kernel():
    assert (as_numpy(Paired("gelu", seed=1)((3, 3, 8, 8))) != 0).all()


def test_depthwise():
    """One channel in, one out: each keeps its size, and a sum over channels has no part in it."""
    kernel = start("relu", depthwise=True, seed=1)
    layer = keras.layers.DepthwiseConv1D(
        3, padding="same", depthwise_initializer=kernel, bias_initializer=kernel.pairing.bias_initializer(seed=1)
    )
    h = np.maximum(np.random.default_rng(0).normal(size=(64, 8, 500)), 0).astype("float32")
    y = as_numpy(layer(h)).astype("float64")
    assert (y**2).mean() == pytest.approx(1.0, abs=0.15)
    size = np.abs(as_numpy(layer.kernel))[1]
    np.testing.assert_allclose(size, kernel.pairing.small_gain, rtol=1e-5)
    all_taps = as_numpy(Paired("relu", "published", depthwise=True, seed=1)((3, 3, 500, 1)))
    assert all_taps.std() == pytest.approx(np.sqrt(2 / 9), rel=0.05)  # fan_in is 9
    average = as_numpy(Paired("tanh", depthwise=True, seed=1)((3, 3, 500, 2)))
    assert average.std() == pytest.approx(np.sqrt(2 / (9 + 18)), rel=0.05)


def test_what_could_be_depthwise_is_asked_for():
    with pytest.raises(ValueError, match="depthwise=True or depthwise=False"):
        start()((3, 3, 8, 1))
    assert start(depthwise=False)((3, 3, 8, 1)).shape == (3, 3, 8, 1)
    assert Paired("gelu")((3, 3, 8, 1)).shape == (3, 3, 8, 1)
    with pytest.raises(ValueError, match="depthwise=1"):
        Paired("gelu", depthwise=1)
    with pytest.raises(ValueError, match="looks_linear"):
        start("relu", "looks_linear", depthwise=True)
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(start(depthwise=True)))
    assert again.depthwise is True
