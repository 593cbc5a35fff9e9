"""`standardize=True`: an output of mean 0 and variance 1 at the start, by constants, and the kernel behind it."""

import keras
import numpy as np
import pytest
from deep import as_numpy, decades

import keras_actx as actx
from keras_actx.initializers import Paired
from keras_actx.layers import DenseBlock, DenseStack


def outputs(stack, x):
    """What each block hands on, in float64."""
    made = []
    for block in stack.blocks:
        x = block(x)
        made.append(as_numpy(x).astype("float64"))
    return made


def normal(*shape):
    return np.random.default_rng(0).normal(size=shape).astype("float32")


@pytest.mark.parametrize("name", ["relu", "sigmoid", "softplus", "swiglu"])
def test_mean_0_and_variance_1_under_critical(name):
    """Up to what the random bias of 256 units leaves."""
    for y in outputs(DenseStack(256, name, depth=4, scheme="critical", standardize=True, seed=1), normal(256, 256)):
        assert abs(y.mean()) < 0.2
        assert y.var() == pytest.approx(1.0, abs=0.3)


@pytest.mark.parametrize(
    ("name", "scheme"),
    [
        ("relu", "published"),
        ("sigmoid", "published"),
        ("gelu", "published"),
        ("relu", "looks_linear"),
        ("softplus", "looks_linear"),
    ],
)
def test_mean_0_and_variance_1(name, scheme):
    for y in outputs(DenseStack(256, name, depth=5, scheme=scheme, standardize=True, seed=1), normal(256, 256)):
        assert abs(y.mean()) < 0.05
        assert y.var() == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize("name", ["swiglu", "sine", "tanh"])
def test_one_layer_on_a_standardized_input(name):
    y = as_numpy(DenseBlock(256, name, standardize=True, input_standardized=True, seed=1)(normal(256, 256)))
    assert abs(y.mean()) < 0.05
    assert y.var() == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize("name", ["gelu", "softplus", "swiglu", "sigmoid"])
def test_the_critical_start_stays_the_same(name):
    """The same pre-activations as without, from equal seeds: centred columns take the shift away."""
    x = normal(32, 64)
    plain, scaled = (
        DenseStack(64, name, depth=8, scheme="critical", seed=3, standardize=one, dtype="float64")
        for one in (False, True)
    )
    without, with_ = outputs(plain, x), outputs(scaled, x)
    for before, after, block in zip(without, with_, scaled.blocks, strict=True):
        mean, deviation = block.pairing.output_mean, block.pairing.output_std
        np.testing.assert_allclose(after, (before - mean) / deviation, rtol=1e-4, atol=1e-4)
    first, second = plain.blocks[3].pairing, scaled.blocks[3].pairing
    assert second.gain == pytest.approx(first.gain * second.output_std, rel=1e-12)
    assert (second.bias_std, second.beta, second.q, second.chi_q) == (
        first.bias_std,
        first.beta,
        first.q,
        first.chi_q,
    )


@pytest.mark.sweep(1)
@pytest.mark.parametrize("name", ["sigmoid", "swiglu"])
def test_a_hundred_layers(name):
    signal, slope, across = decades(DenseStack(256, name, depth=100, scheme="critical", standardize=True, seed=1))
    assert abs(signal) < 0.1
    assert abs(slope) < 0.415
    assert abs(across) < 1.0


def test_a_hundred_layers_tell_a_wrong_scale():
    stack = DenseStack(256, "sigmoid", depth=100, scheme="critical", standardize=True, seed=1)
    for block in stack.blocks:
        mean, deviation = block._output_moments
        block._output_moments = (mean, 1.03 * deviation)
    signal, slope, _ = decades(stack)
    assert not (abs(signal) < 0.1 and abs(slope) < 0.415)


@pytest.mark.parametrize("name", ["relu", "gelu", "softplus"])
def test_looks_linear_stays_exact(name):
    """The shift cancels between a unit and its mirror image, so that the length stays what it was."""
    stack = DenseStack(12, name, depth=12, scheme="looks_linear", standardize=True, seed=1, dtype="float64")
    h, length = normal(5, 12).astype("float64"), None
    for block in stack.blocks:
        block.build((None, 12))
        z = as_numpy(block.dense(h))
        length = np.linalg.norm(z, axis=1) if length is None else length
        np.testing.assert_allclose(np.linalg.norm(z, axis=1), length, rtol=1e-6)
        h = as_numpy(block.activate(z))


def test_the_constants():
    """Those of the point that the block starts at."""
    for arguments in (
        {"scheme": "critical", "first_layer": True, "depth": 50},
        {"scheme": "looks_linear", "first_layer": True},
        {"first_layer": True},
        {"kernel_initializer": "he_normal"},
        {"normalization": "layer"},
        {"kernel_initializer": Paired("silu", "critical", input_activation="silu")},
    ):
        block = DenseBlock(4, "silu", standardize=True, **arguments)
        chosen = block.pairing
        point = {} if chosen is None or chosen.q is None else {"mean": chosen.beta, "variance": chosen.q}
        at = actx.moments("silu", **point)
        mean, deviation = block._output_moments
        assert mean == pytest.approx(at.mean, rel=1e-12)
        assert deviation == pytest.approx(np.sqrt(at.variance), rel=1e-9)
        if chosen is not None and chosen.output_mean is not None:
            assert (chosen.output_mean, chosen.output_std) == (mean, deviation)
    assert DenseBlock(4, "gelu", standardize=True, normalization="layer").pairing.output_mean == pytest.approx(
        0.282094791773878, rel=1e-12
    )


def test_published_kernels():
    """A published rule makes up for the layer's own activation; a standardized input needs 1 / sqrt(fan_in)."""
    assert actx.pairing("relu", input_standardized=True).gain == 1.0
    assert actx.pairing("relu", standardize=True, first_layer=True).gain == 1.0
    assert actx.pairing("sigmoid", standardize=True).gain == pytest.approx(actx.gain("sigmoid"))
    assert actx.pairing("relu", standardize=True, input_activation="tanh").gain == pytest.approx(actx.gain("tanh"))
    assert actx.pairing("sine", input_standardized=True).gain == pytest.approx(1 / 30)
    assert actx.pairing("softmax", input_standardized=True).reason == "Glorot"
    with pytest.raises(ValueError, match="SIREN's first layer"):
        actx.pairing("sine", standardize=True, first_layer=True)


def test_order_of_the_parts():
    """Behind the activation, before the input is added."""
    block = DenseBlock(4, "relu", standardize=True, residual=True, seed=1)
    x = normal(5, 4)
    block.build((None, 4))
    z = np.maximum(x @ as_numpy(block.dense.kernel), 0)
    expected = (z - 0.398942280401433) / np.sqrt(0.340845056908105) + x
    np.testing.assert_allclose(as_numpy(block(x)), expected, rtol=1e-4, atol=1e-5)
    dropped = as_numpy(DenseBlock(50, "relu", standardize=True, dropout=0.5, seed=1)(normal(50, 50), training=True))
    assert 0.4 < (dropped == 0).mean() < 0.6  # which is now the mean, so that dropout leaves it there


def test_alpha_dropout_keeps_mean_and_variance():
    y = as_numpy(
        DenseBlock(400, "selu", scheme="critical", first_layer=True, standardize=True, dropout=0.2, depth=100, seed=1)(
            normal(400, 400), training=True
        )
    )
    assert abs(y.mean()) < 0.05
    assert y.var() == pytest.approx(1.0, abs=0.1)


@pytest.mark.sweep(1)
@pytest.mark.parametrize(
    "arguments",
    [
        {"activation": "gelu", "scheme": "critical", "normalization": "layer", "dropout": 0.1},
        {"activation": "geglu", "scheme": "critical"},
        {"activation": "prelu", "residual": True},
    ],
)
@pytest.mark.filterwarnings("ignore:Layer .* does not have a `quantize` method")
def test_trains_saves_and_quantizes(arguments, tmp_path):
    stack = DenseStack(8, depth=3, standardize=True, seed=1, **arguments)
    model = keras.Sequential([keras.Input((8,)), stack, keras.layers.Dense(1)])
    model.compile("adam", keras.losses.MeanSquaredError())
    x = normal(16, 8)
    model.fit(x, np.ones((16, 1)), verbose=0)
    expected = as_numpy(model(x))
    for name in ("model.keras", "model.h5"):
        model.save(tmp_path / name)
        loaded = keras.models.load_model(tmp_path / name)
        np.testing.assert_array_equal(as_numpy(loaded(x)), expected)
        assert [one.pairing for one in loaded.layers[0].blocks] == [one.pairing for one in stack.blocks]
    clone = keras.models.clone_model(model)
    clone.set_weights(model.get_weights())
    np.testing.assert_array_equal(as_numpy(clone(x)), expected)
    stack.blocks[0].dense.enable_lora(2)
    np.testing.assert_allclose(as_numpy(model(x)), expected, rtol=1e-4, atol=1e-5)
    loaded.quantize("int8")
    assert np.abs(as_numpy(loaded(x)) - expected).max() < 0.3


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16", "float64"])
def test_dtypes(policy):
    block = DenseBlock(8, "softplus", standardize=True, dtype=policy)
    y = block(normal(4, 8))
    assert keras.backend.standardize_dtype(y.dtype) == block.compute_dtype


@pytest.mark.parametrize(
    ("activation", "says"),
    [("softmax", "mixes a whole axis"), (lambda x: 0 * x + 3.0, "variance is"), (keras.ops.softmax, "not elementwise")],
)
def test_what_cannot_be_standardized(activation, says):
    with pytest.raises(ValueError, match=says):
        DenseBlock(4, activation, standardize=True, scheme="published")


def test_bad_arguments():
    for name in ("standardize", "input_standardized"):
        with pytest.raises(ValueError, match=f"{name}=1"):
            DenseBlock(4, **{name: 1})
        with pytest.raises(ValueError, match=f"{name}=1"):
            actx.pairing("relu", **{name: 1})
