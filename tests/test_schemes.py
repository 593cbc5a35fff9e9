"""The schemes "critical" and "looks_linear": what they choose, what is drawn, and what a hundred layers make of it."""

from dataclasses import replace

import keras
import numpy as np
import pytest
from deep import as_numpy, decades

import keras_actx as actx
from keras_actx.initializers import Paired
from keras_actx.layers import DenseBlock, DenseStack


def critical(activation, **arguments):
    return Paired(activation, "critical", input_activation=arguments.pop("input_activation", activation), **arguments)


#: activation -> gain, variance of the bias, chi_q, at z ~ N(0, 1); closed forms, or quadrature by another program
KNOWN = {
    "relu": (np.sqrt(2), 1 / np.pi, 1 - 1 / np.pi),
    "leaky_relu(negative_slope=0.2)": (1.38675049056307, 0.1959, 0.8041),
    "elu": (1.22342855755262, 0.0732, 0.7972),
    "selu": (0.966025776973901, 0.0668, 0.7304),
    "gelu": (1.48111441270835, 0.2418, 0.8053),
    "mish": (1.44475523254732, 0.1765, 0.8244),
    "tanh": (1.4674136915808, 0.1510, 0.3915),
    "sigmoid": (4.72264608593797, 0.0325, 0.6958),
    "sine(w0=1.0)": (1.32725060028458, 0.2384, 0.2384),
    "snake": (0.816542235438059, 0.2529, 0.6787),
    "gaussian": (1.67185076244106, 0.6817, 0.1211),
}


@pytest.mark.parametrize("name", KNOWN)
def test_critical_numbers(name):
    chosen = actx.pairing(name, "critical")
    gain, bias, chi_q = KNOWN[name]
    assert (chosen.beta, chosen.q, chosen.chi_1) == (0.0, 1.0, 1.0)
    assert chosen.gain == pytest.approx(gain, rel=1e-6)
    assert chosen.bias_std**2 == pytest.approx(bias, abs=6e-5)
    assert chosen.chi_q == pytest.approx(chi_q, abs=6e-5)


@pytest.mark.parametrize("name", ["silu", "hard_silu"])
def test_an_unstable_start_is_moved(name):
    """At z ~ N(0, 1) their chi_q is 0.908 and 0.980."""
    chosen = actx.pairing(name, "critical")
    assert chosen.beta > 0
    assert chosen.chi_q <= 0.9


@pytest.mark.parametrize("name", ["softplus", "exponential", "relu_squared", "star_relu"])
def test_without_a_stable_point_the_start_is_nearly_straight(name):
    chosen = actx.pairing(name, "critical")
    assert "nearly straight" in chosen.reason
    assert chosen.q == (0.001 if name == "exponential" else 0.01)
    assert chosen.nonlinearity < 0.01
    assert chosen.chi_q < 1.002
    assert chosen.distribution == "orthogonal"


def test_the_fixed_point_is_one():
    """What the numbers claim, from moments at the point: the variance returns to q, the gradient is multiplied by 1."""
    for name in ("gelu", "silu", "hard_silu", "softplus", "cosine", "sine", "celu", "squareplus", "tanh_shrink"):
        for depth in (None, 30):
            chosen = actx.pairing(name, "critical", depth=depth)
            at = actx.moments(name, mean=chosen.beta, variance=chosen.q)
            assert chosen.gain**2 * at.variance + chosen.bias_std**2 == pytest.approx(chosen.q, rel=1e-9)
            assert chosen.gain**2 * at.derivative_second_moment == pytest.approx(1.0, rel=1e-12)
            assert chosen.bias_mean == chosen.beta


@pytest.mark.parametrize("name", ["relu", "gelu", "silu", "mish", "tanh", "elu", "snake", "sigmoid"])
def test_depth_straightens(name):
    least = [actx.pairing(name, "critical", depth=depth).nonlinearity for depth in (1, 10, 30, 100)]
    assert least == sorted(least, reverse=True)
    assert all(one <= 2.0 / depth for one, depth in zip(least[1:], (10, 30, 100), strict=True))


def test_another_activation_in_front():
    """The kernel makes up for what comes in, the bias brings it to where the block's own is used."""
    chosen = actx.pairing("tanh", "critical", input_activation="silu", depth=20)
    own, before = (actx.pairing(one, "critical", depth=20) for one in ("tanh", "silu"))
    assert (chosen.beta, chosen.q) == (own.beta, own.q)
    at = actx.moments("silu", mean=before.beta, variance=before.q)
    assert chosen.gain**2 * at.variance + chosen.bias_std**2 == pytest.approx(own.q, rel=1e-9)
    # The gradient keeps its size relative to the deviation of what it belongs to.
    assert chosen.gain**2 * at.derivative_second_moment == pytest.approx(own.q / before.q, rel=1e-9)


def test_a_users_own_function_and_its_time():
    chosen = actx.pairing(lambda x: x * keras.ops.sigmoid(2.0 * x), "critical")
    assert chosen.chi_q <= 0.9
    same = actx.pairing("swish(beta=2.0)", "critical")
    assert (chosen.gain, chosen.bias_std) == pytest.approx((same.gain, same.bias_std), rel=1e-9)


def test_what_jumps_gets_the_forward_gain_with_a_warning():
    with pytest.warns(UserWarning, match="is discontinuous"):
        chosen = actx.pairing("hard_shrink", "critical")
    assert chosen.gain == pytest.approx(actx.gain("hard_shrink"))
    assert chosen.bias_std == 0.0


def test_what_is_flat_is_refused():
    with pytest.raises(ValueError, match="flat"):
        actx.pairing(keras.ops.zeros_like, "critical")


SHAPES = [(64, 64), (96, 32), (32, 96), (64, 63)]


@pytest.mark.sweep(1)
@pytest.mark.parametrize("distribution", ["orthogonal", "truncated_normal", "untruncated_normal", "uniform"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_centred_kernels(shape, distribution):
    initializer = critical("gelu", distribution=distribution, seed=3)
    kernel = as_numpy(initializer(shape)).astype("float64")
    assert kernel.shape == shape
    flat = kernel.reshape(-1, shape[-1])
    fan_in, fan_out = flat.shape
    deviation = initializer.pairing.gain / np.sqrt(fan_in)
    np.testing.assert_allclose(flat.mean(axis=0), 0.0, atol=1e-6)
    assert np.sqrt((flat**2).mean()) == pytest.approx(deviation, rel=1e-5 if distribution == "orthogonal" else 0.05)
    if distribution == "orthogonal":
        x = np.random.default_rng(0).normal(size=(20, fan_in))
        x -= x.mean(axis=1, keepdims=True)
        if fan_out < fan_in:  # the columns are orthogonal
            np.testing.assert_allclose(flat.T @ flat, fan_in * deviation**2 * np.eye(fan_out), atol=1e-5)
        else:  # every input keeps its length, but for sqrt(out / in) and the direction that centring removes
            ratio = np.linalg.norm(x @ flat, axis=1) / np.linalg.norm(x, axis=1)
            np.testing.assert_allclose(ratio, deviation * np.sqrt(fan_out * fan_in / (fan_in - 1)), rtol=1e-5)


def test_orthogonal_without_centring():
    """What Keras's own Orthogonal lacks: with more units than inputs, the signal keeps its variance."""
    for fan_in, fan_out in ((40, 120), (40, 40)):
        kernel = as_numpy(Paired("tanh", "critical", first_layer=True, seed=1)((fan_in, fan_out))).astype("float64")
        np.testing.assert_allclose(kernel @ kernel.T, fan_out / fan_in * np.eye(fan_in), atol=1e-5)
    tall = as_numpy(Paired("mish", "published", distribution="orthogonal", seed=1)((120, 40))).astype("float64")
    np.testing.assert_allclose(tall.T @ tall, actx.gain("mish") ** 2 * np.eye(40), atol=1e-5)


def test_a_few_inputs_are_not_centred():
    """With one input a centred kernel would be zero; the size makes up for the mean that stays."""
    initializer = critical("relu", distribution="untruncated_normal", seed=1)
    kernel = as_numpy(initializer((4, 4000)))
    assert abs(kernel.mean(axis=0)).max() > 0.5
    at = actx.moments("relu")
    assert (kernel**2).mean() * 4 == pytest.approx(2.0 * at.variance / at.second_moment, rel=0.05)
    assert np.abs(as_numpy(initializer((1, 5)))).max() > 0


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_kernels_in_other_dtypes(dtype):
    kernel = critical("relu", seed=1)((20, 20), dtype=dtype)
    assert keras.backend.standardize_dtype(kernel.dtype) == dtype


def test_seeds():
    for scheme in ("critical", "looks_linear"):
        made = [Paired("gelu", scheme, input_activation="gelu", seed=seed) for seed in (1, 1, 2, None, None)]
        kernels = [as_numpy(one((20, 20))) for one in made]
        np.testing.assert_array_equal(kernels[0], kernels[1])
        assert len({one.tobytes() for one in kernels}) == 4
    block = DenseBlock(400, "gelu", scheme="critical", input_activation="gelu", seed=1)
    block.build((None, 400))
    bias, row = as_numpy(block.dense.bias), as_numpy(block.dense.kernel)[0]
    assert abs(np.corrcoef(bias, row)[0, 1]) < 0.2
    again = DenseBlock(400, "gelu", scheme="critical", input_activation="gelu", seed=1)
    again.build((None, 400))
    np.testing.assert_array_equal(as_numpy(again.dense.bias), bias)


def test_the_bias_comes_with_the_scheme():
    block = DenseBlock(4000, "gelu", scheme="critical", input_activation="gelu", depth=50, seed=1)
    block.build((None, 20))
    chosen = block.pairing
    assert chosen == actx.pairing("gelu", "critical", depth=50)
    bias = as_numpy(block.dense.bias)
    assert bias.mean() == pytest.approx(chosen.beta, abs=4 * chosen.bias_std / np.sqrt(4000))
    assert bias.std() == pytest.approx(chosen.bias_std, rel=0.05)
    first = DenseBlock(8, "gelu", scheme="critical", first_layer=True, depth=50)
    first.build((None, 20))
    np.testing.assert_allclose(as_numpy(first.dense.bias), chosen.beta, rtol=1e-6)
    own = Paired("gelu", "critical", input_activation="gelu", depth=50)
    given = DenseBlock(8, "gelu", kernel_initializer=own)
    assert given.pairing is own.pairing
    assert given.dense.bias_initializer.stddev == chosen.bias_std
    again = DenseBlock.from_config(given.get_config())
    assert again.dense.bias_initializer.stddev == chosen.bias_std


def test_what_the_user_gives_wins():
    block = DenseBlock(8, "relu", scheme="critical", input_activation="relu", bias_initializer="ones")
    assert isinstance(block.dense.bias_initializer, keras.initializers.Ones)
    assert "forward gain" in block.pairing.reason  # which needs no bias, and for relu keeps the gradient too
    block = DenseBlock(8, "gelu", scheme="critical", input_activation="gelu", kernel_initializer="he_normal")
    assert isinstance(block.dense.bias_initializer, keras.initializers.Zeros)
    assert block.pairing is None


def test_without_a_bias():
    assert DenseBlock(8, "relu", scheme="critical", input_activation="relu", use_bias=False).pairing.form == "free"
    with pytest.warns(UserWarning, match=r"factor of 1\.18 in every layer"):
        DenseBlock(8, "tanh", scheme="critical", input_activation="tanh", use_bias=False)
    chosen = DenseBlock(8, "tanh", scheme="critical", input_activation="tanh", normalization="batch").pairing
    assert (chosen.beta, chosen.q, chosen.bias_std) == (0.0, 1.0, 0.0)


MIRRORED = ["relu", "leaky_relu", "gelu", "gelu_tanh", "quick_gelu", "silu", "hard_silu", "softplus", "log_sigmoid"]


@pytest.mark.sweep(1)
@pytest.mark.parametrize("name", [*MIRRORED, "squareplus", "sparse_plus", "prelu", "snake"])
def test_looks_linear_is_exact(name):
    x = np.random.default_rng(0).normal(size=(5, 12))
    stack = DenseStack(12, name, depth=12, scheme="looks_linear", seed=1, dtype="float64")
    stack.build((None, 12))
    h, length = x, None
    for block in stack.blocks:
        z = as_numpy(block.dense(h))
        np.testing.assert_allclose(z[:, :6], -z[:, 6:], atol=1e-9)
        length = np.linalg.norm(z, axis=1) if length is None else length
        np.testing.assert_allclose(np.linalg.norm(z, axis=1), length, rtol=1e-6)
        h = as_numpy(block.activation_layer(z))


@pytest.mark.parametrize("name", ["mish", "tanh", "elu", "cosine", "swiglu", "softmax", "relu6"])
def test_looks_linear_refuses_the_rest(name):
    with pytest.raises(ValueError, match=r"Use scheme='critical' or 'published'"):
        actx.pairing(name, "looks_linear")


def test_looks_linear_needs_pairs():
    for shape in ((8, 7), (7, 8), (8, 0)):
        with pytest.raises(ValueError, match="even"):
            Paired("relu", "looks_linear", input_activation="relu")(shape)
    assert Paired("relu", "looks_linear", first_layer=True)((7, 8)).shape == (7, 8)


def test_the_input_must_be_known():
    for make in (lambda **more: DenseBlock(8, "gelu", **more), lambda **more: Paired("gelu", **more)):
        for scheme in ("critical", "looks_linear"):
            with pytest.raises(ValueError, match=r"input_activation='gelu' .* or first_layer=True"):
                make(scheme=scheme)


def test_in_words():
    said = str(actx.pairing("mish", "critical", depth=40))
    first, *lines = said.splitlines()
    assert first == "mish: critical: stable, and straight enough for 40 layers"
    titles = "scheme kernel bias input gradient error nonlinearity source".split()
    assert [line.split()[0].strip(":") for line in lines] == titles
    assert max(map(len, [first, *lines[:-1]])) <= 90
    for part in ("bias: normal, mean ", "(beta)", "(q)", "(chi_1)", "(chi_q), so it decays", "1611.01232"):
        assert part in said
    assert "by 1.5 in each layer (chi_q), so it grows" in str(replace(actx.pairing("mish", "critical"), chi_q=1.5))
    assert "(chi_q), so it stays" in str(actx.pairing("relu", "looks_linear"))
    standardized = str(actx.pairing("sigmoid", "critical", standardize=True))
    assert "(f(z) - output_mean) / output_std, output_mean = 0.5 and output_std = 0.2083" in standardized
    assert "looks linear: f(x) - f(-x) = 1 x cancels" in str(actx.pairing("relu", "looks_linear"))
    assert str(actx.pairing("relu")) == str(DenseBlock(8, "relu").pairing)


def test_config_round_trip():
    for one in (
        critical("silu", depth=20, seed=3, distribution="uniform"),
        Paired("relu", "looks_linear", first_layer=True),
        critical("relu", input_activation=keras.activations.gelu, normalized=True),
    ):
        again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(one))
        assert again.get_config() == one.get_config()
        assert again.pairing == one.pairing
        assert one.clone().pairing == one.pairing


# A hundred layers

DEEP = ("relu", "elu", "gelu", "silu", "mish", "tanh", "softplus", "snake")


@pytest.mark.sweep(1)
@pytest.mark.parametrize("name", DEEP)
def test_a_hundred_layers(name):
    signal, slope, across = decades(DenseStack(256, name, depth=100, scheme="critical", seed=1))
    assert abs(signal) < 0.15
    assert abs(slope) < 0.5
    assert abs(across) < 1.0


@pytest.mark.parametrize("name", ["silu", "tanh", "softplus"])
def test_a_hundred_layers_tell_a_wrong_start(name):
    signal, slope, _ = decades(DenseStack(256, name, depth=100, scheme="published", seed=1))
    assert not (abs(signal) < 0.15 and abs(slope) < 0.5)


def test_a_stack(tmp_path):
    stack = DenseStack(
        8, "snake", depth=3, scheme="critical", normalization="layer", dropout=0.1, residual=True, seed=2
    )
    model = keras.Sequential([keras.Input((5,)), stack, keras.layers.Dense(1)])
    assert [block.residual for block in stack.blocks] == [False, True, True]
    assert len({as_numpy(block.dense.kernel).tobytes() for block in stack.blocks}) == 3
    assert {block.depth for block in stack.blocks} == {3}
    model.compile("adam", keras.losses.MeanSquaredError())
    x = np.random.default_rng(0).normal(size=(16, 5)).astype("float32")
    model.fit(x, np.ones((16, 1)), verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(as_numpy(loaded(x)), as_numpy(model(x)))
    assert loaded.layers[0].pairing == stack.pairing
    assert stack.pairing is stack.blocks[-1].pairing
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(DenseStack(4, "gelu", depth=2)))
    assert again.get_config() == DenseStack(4, "gelu", depth=2, name=again.name).get_config()
    behind = DenseStack(8, "gelu", depth=2, scheme="critical", input_activation="relu")
    assert behind.blocks[0].pairing == actx.pairing("gelu", "critical", input_activation="relu", depth=2)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"depth": 0}, "depth=0"),
        ({"depth": 10**9}, "10000"),
        ({"seed": "one"}, "seed"),
        ({"first_layer": True}, "DenseStack sets it"),
        ({"activation": keras.layers.ReLU()}, "a name"),
        ({"normalization": keras.layers.LayerNormalization()}, "a name"),
        ({"kernel_initializer": keras.initializers.HeNormal()}, "a name"),
    ],
)
def test_bad_stacks(arguments, says):
    with pytest.raises(ValueError, match=says):
        DenseStack(**{"depth": 2, "units": 4, **arguments})


@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [
        ((20, "mish"), TypeError, "missing 1 required keyword-only argument: 'depth'"),
        ((20, 64), TypeError, "missing 1 required keyword-only argument: 'depth'"),
        ((20, 64, "mish"), TypeError, "takes from 2 to 3 positional arguments"),
    ],
)
def test_the_depth_is_a_keyword(arguments, error, says):
    """Which was the first argument: in that order a call is an error, not another network."""
    with pytest.raises(error, match=says):
        DenseStack(*arguments)
    with pytest.raises(ValueError, match="activation=64 is not allowed"):
        DenseStack(20, 64, depth=2)
