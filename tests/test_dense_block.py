"""`DenseBlock` and `Paired`: the parts, the start weights, and everything around them."""

import copy
import pickle

import keras
import numpy as np
import pytest

import keras_actx as actx
from keras_actx.initializers import Paired
from keras_actx.layers import DenseBlock, GatedLinearUnit, LearnableActivation

VARIANTS = {
    "plain": {"activation": "mish"},
    "keras_name": {"activation": "relu"},
    "learnable": {"activation": "swish(beta=1.5, learnable=True)"},
    "learnable_shared": {"activation": "prelu(num_parameters=1)"},
    "gated": {"activation": "swiglu"},
    "keras_glu": {"activation": "glu"},
    "stochastic": {"activation": "rrelu"},
    "batch": {"activation": "snake(alpha=2.0)", "normalization": "batch"},
    "layer_dropout": {"activation": "gelu", "normalization": "layer", "dropout": 0.2, "seed": 3},
    "rms": {"activation": "serf", "normalization": "rms"},
    "own_normalization": {"activation": "elu", "normalization": keras.layers.LayerNormalization(epsilon=1e-3)},
    "residual": {"activation": "logish", "residual": True, "dropout": 0.1},
    "selu": {"activation": "selu", "dropout": 0.1},
    "sine": {"activation": "sine", "first_layer": True},
    "critical": {"activation": "silu", "scheme": "critical", "input_activation": "relu", "depth": 3, "seed": 5},
    "looks_linear": {"activation": "gelu", "scheme": "looks_linear", "input_activation": "gelu"},
    "layer_instance": {"activation": keras.layers.LeakyReLU(negative_slope=0.1)},
    "value": {"activation": actx.activations.snake.bind(alpha=3.0)},
    "own_initializers": {"activation": "elu", "kernel_initializer": "he_normal", "bias_initializer": "ones"},
    "regularized": {
        "activation": "relu",
        "kernel_regularizer": keras.regularizers.L2(0.1),
        "bias_regularizer": "l1",
        "activity_regularizer": "l2",
        "kernel_constraint": "non_neg",
        "bias_constraint": keras.constraints.MaxNorm(2.0),
    },
}
variants = pytest.mark.parametrize("arguments", VARIANTS.values(), ids=VARIANTS)


def make(arguments, units=6):
    config = {
        key: type(one).from_config({**one.get_config(), "dtype": None}) if isinstance(one, keras.layers.Layer) else one
        for key, one in arguments.items()
    }
    return DenseBlock(units, **config)


def as_numpy(x):
    return keras.ops.convert_to_numpy(x)


@pytest.mark.sweep(4)
@variants
def test_trains_saves_and_reloads(arguments, tmp_path):
    model = keras.Sequential([keras.Input((6,)), make(arguments), keras.layers.Dense(2)])
    x = np.random.default_rng(0).normal(size=(16, 6)).astype("float32")
    assert model.layers[0].output.shape == (None, 6)
    model.compile(keras.optimizers.Adam(0.01), keras.losses.MeanSquaredError())
    before = model.get_weights()
    model.fit(x, np.ones((16, 2)), epochs=2, verbose=0)
    for old, new in zip(before, model.get_weights(), strict=True):
        assert np.isfinite(new).all()
        assert old.size == 0 or not np.array_equal(old, new) or old.ndim == 0 or old.dtype == "uint32"
    expected = as_numpy(model(x, training=False))
    for other in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        np.testing.assert_array_equal(as_numpy(other(x, training=False)), expected)
    for name in ("model.keras", "model.h5"):  # after the copies: a model once saved as .h5 pickles another optimizer
        model.save(tmp_path / name)
        loaded = keras.models.load_model(tmp_path / name)
        np.testing.assert_array_equal(as_numpy(loaded(x, training=False)), expected)
    model.save_weights(tmp_path / "model.weights.h5")
    fresh = keras.Sequential([keras.Input((6,)), make(arguments), keras.layers.Dense(2)])
    fresh.load_weights(tmp_path / "model.weights.h5")
    np.testing.assert_array_equal(as_numpy(fresh(x, training=False)), expected)


@variants
def test_config_round_trip(arguments):
    block = make(arguments)
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(block))
    first, second = block.get_config(), again.get_config()
    assert first == second
    assert sorted(dir(block)) == sorted(dir(again))
    assert str(block.pairing) == str(again.pairing)


@pytest.mark.sweep(4)
@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16", "float64"])
@variants
def test_dtype_policies(arguments, policy):
    keras.config.set_dtype_policy(policy)
    block = make(arguments)
    x = np.random.default_rng(0).normal(size=(4, 6))
    y = block(x)
    assert keras.backend.standardize_dtype(y.dtype) == keras.config.dtype_policy().compute_dtype
    assert np.isfinite(as_numpy(keras.ops.cast(y, "float32"))).all()
    assert {one.dtype for one in block.weights} <= {"float64" if policy == "float64" else "float32", "uint32", "int64"}


def test_a_block_with_its_own_policy():
    block = DenseBlock(4, activation="prelu", normalization="layer", dropout=0.1, dtype="mixed_bfloat16")
    y = block(np.ones((2, 3), "float32"))
    assert keras.backend.standardize_dtype(y.dtype) == "bfloat16"
    assert {one.dtype for one in block.trainable_weights} == {"float32"}


def test_parts():
    block = DenseBlock(8, activation="swiglu", normalization="batch", dropout=0.5)
    block.build((None, 3))
    assert tuple(block.dense.kernel.shape) == (3, 16)
    assert block.dense.bias is None
    assert isinstance(block.activation_layer, GatedLinearUnit)
    assert tuple(block.normalization.gamma.shape) == (16,)
    assert DenseBlock(8, normalization="batch", use_bias=True).dense.use_bias
    learnable = DenseBlock(8, activation="prelu")
    assert isinstance(learnable.activation_layer, LearnableActivation)
    learnable.build((None, 3))
    assert [tuple(one.shape) for one in learnable.activation_layer.weights] == [(8,)]
    assert isinstance(DenseBlock(4, activation="selu", dropout=0.1).dropout_layer, keras.layers.AlphaDropout)
    assert isinstance(DenseBlock(4, activation="relu", dropout=0.1).dropout_layer, keras.layers.Dropout)


def test_the_activation_before_is_no_part():
    block = DenseBlock(6, "relu", scheme="critical", input_activation=LearnableActivation("prelu", num_parameters=6))
    block.build((None, 6))
    assert len(block.weights) == 2
    assert block.pairing == actx.pairing("relu", "critical", input_activation="prelu")


def test_order_of_the_parts():
    block = DenseBlock(4, activation="relu", normalization="layer", residual=True)
    x = np.random.default_rng(0).normal(size=(5, 4)).astype("float32")
    y = as_numpy(block(x))
    z = x @ as_numpy(block.dense.kernel)
    z = (z - z.mean(1, keepdims=True)) / np.sqrt(z.var(1, keepdims=True) + 1e-3)
    np.testing.assert_allclose(y, np.maximum(z, 0) + x, rtol=1e-4, atol=1e-5)


def test_masks_and_ranks():
    inputs = keras.Input((4,), dtype="int32")
    x = keras.layers.Embedding(5, 6, mask_zero=True)(inputs)
    x = DenseBlock(6, activation="prelu", residual=True)(x)
    model = keras.Model(inputs, keras.layers.LSTM(3)(x))
    assert model(np.array([[1, 2, 0, 0]])).shape == (1, 3)
    assert DenseBlock(3).compute_output_shape((2, 5, 7)) == (2, 5, 3)
    assert DenseBlock(3, activation="geglu")(np.ones((2, 5, 7))).shape == (2, 5, 3)


@pytest.mark.filterwarnings("ignore:Layer .* does not have a `quantize` method")  # Keras's own layers among them
def test_lora_and_quantization_work_on_the_part():
    x = np.random.default_rng(0).normal(size=(4, 8)).astype("float32")
    block = DenseBlock(8, activation="mish")
    expected = as_numpy(block(x))
    block.dense.enable_lora(2)
    np.testing.assert_allclose(as_numpy(block(x)), expected, rtol=1e-5, atol=1e-6)
    model = keras.Sequential([keras.Input((8,)), DenseBlock(8, activation="mish")])
    expected = as_numpy(model(x))
    model.quantize("int8")
    assert np.abs(as_numpy(model(x)) - expected).max() < 0.2


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"units": 0}, "units"),
        ({"units": -3}, "units"),
        ({"units": 2.0}, "units"),
        ({"units": True}, "units"),
        ({"units": 4, "activation": "mihs"}, "mish"),
        ({"units": 4, "activation": "snake(alpha=-1)"}, r"\(0, inf\)"),
        ({"units": 4, "scheme": "critical"}, "first_layer=True"),
        ({"units": 4, "scheme": "looks_linear", "activation": "gelu"}, "input_activation='gelu'"),
        ({"units": 4, "scheme": "looks_linear", "activation": "mish", "first_layer": True}, "Use scheme='critical'"),
        ({"units": 4, "activation": actx.layers.Maxout(2)}, "the layer behind it"),
        ({"units": 4, "scheme": "critical", "activation": "softmax", "input_activation": "relu"}, "mixes a whole axis"),
        ({"units": 4, "scheme": "critical", "input_activation": "mihs"}, "mish"),
        ({"units": 4, "depth": 0}, "depth=0"),
        ({"units": 4, "depth": True}, "depth=True"),
        ({"units": 4, "scheme": "publshed"}, "Did you mean 'published'"),
        ({"units": 4, "scheme": None}, "'auto'"),
        ({"units": 4, "normalization": "bach"}, "'batch'"),
        ({"units": 4, "normalization": 3}, "'batch'"),
        ({"units": 4, "dropout": 1.0}, "dropout"),
        ({"units": 4, "dropout": float("nan")}, "dropout"),
        ({"units": 4, "dropout": True}, "dropout"),
        ({"units": 4, "residual": 1}, "residual"),
        ({"units": 4, "use_bias": 0}, "use_bias"),
        ({"units": 4, "seed": 1.5}, "seed"),
        ({"units": 4, "activation": lambda x: keras.ops.softmax(x), "scheme": "published"}, "not elementwise"),
    ],
)
def test_bad_arguments(arguments, says):
    with pytest.raises(ValueError, match=says):
        DenseBlock(**arguments)


def test_residual_needs_the_same_width():
    with pytest.raises(ValueError, match="input of units=4 features, not 3"):
        DenseBlock(4, residual=True)(np.ones((2, 3)))


#: activation -> what its kernel's standard deviation is, for fan_in 400 and fan_out 300
STANDARD_DEVIATIONS = {
    "relu": np.sqrt(2 / 400),
    "leaky_relu": np.sqrt(2 / (1 + 0.2**2) / 400),
    "leaky_relu(negative_slope=0.5)": np.sqrt(2 / 1.25 / 400),
    "prelu": np.sqrt(2 / (1 + 0.25**2) / 400),
    "rrelu": np.sqrt(2 / (1 + (11 / 48) ** 2) / 400),
    "selu": np.sqrt(1 / 400),
    "tanh": np.sqrt(2 / 700),
    "sigmoid": np.sqrt(2 / 700),
    "softmax": np.sqrt(2 / 700),
    None: np.sqrt(2 / 700),
    "gelu": 1.5335304411955 / np.sqrt(400),
    "mish": 1.4868475812732 / np.sqrt(400),
    "swiglu": 1.6765324703311 / np.sqrt(400),
    "sine(w0=30.0)": np.sqrt(2 / 400) / 30,
}


@pytest.mark.parametrize("activation", STANDARD_DEVIATIONS, ids=str)
def test_published_standard_deviations(activation):
    kernel = as_numpy(Paired(activation, scheme="published", seed=1)((400, 300)))
    assert kernel.std() == pytest.approx(STANDARD_DEVIATIONS[activation], rel=0.01)
    assert abs(kernel.mean()) < 4 * kernel.std() / np.sqrt(kernel.size)


def test_siren_ranges():
    first = as_numpy(Paired("sine", first_layer=True)((100, 500)))
    assert 0.0099 < np.abs(first).max() <= 0.01
    hidden = as_numpy(Paired("sine(w0=30.0)")((100, 500)))
    bound = np.sqrt(6 / 100) / 30
    assert 0.99 * bound < np.abs(hidden).max() <= bound


def test_halves_are_independent():
    block = DenseBlock(200, activation="glu", seed=1)
    block.build((None, 300))
    kernel = as_numpy(block.dense.kernel)
    value, gate = kernel[:, :200], kernel[:, 200:]
    assert abs(np.corrcoef(value.ravel(), gate.ravel())[0, 1]) < 0.02


def test_signal_keeps_its_size():
    """The forward gain's promise: after 5 blocks the second moment is the first block's."""
    x = np.random.default_rng(0).normal(size=(256, 256)).astype("float32")
    for activation in ("mish", "gelu", "snake", "logish", "relu_squared", "elu"):
        y = as_numpy(DenseBlock(512, activation=activation, scheme="published", seed=1)(x / actx.gain(activation)))
        assert np.mean(y.astype("float64") ** 2) == pytest.approx(1 / actx.gain(activation) ** 2, rel=0.25), activation


def test_seeds_reproduce_and_differ():
    kernels = [as_numpy(Paired("mish", seed=seed)((8, 8))) for seed in (1, 1, 2, None, None)]
    np.testing.assert_array_equal(kernels[0], kernels[1])
    assert len({one.tobytes() for one in kernels}) == 4


def test_paired_in_any_layer(tmp_path):
    model = keras.Sequential(
        [
            keras.Input((6, 6, 3)),
            keras.layers.Conv2D(
                8, 3, activation="mish", kernel_initializer=Paired("mish", "published", distribution="uniform", seed=1)
            ),
            keras.layers.Flatten(),
            keras.layers.Dense(2, kernel_initializer=Paired("snake(alpha=2.0)")),
        ]
    )
    kernel = as_numpy(model.layers[0].kernel)
    assert np.abs(kernel).max() <= np.sqrt(3 / 27) * actx.gain("mish")
    assert kernel.std() == pytest.approx(actx.gain("mish") / np.sqrt(27), rel=0.15)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.layers[0].kernel_initializer.get_config() == model.layers[0].kernel_initializer.get_config()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"activation": "mihs"}, "mish"),
        ({"activation": "mish", "scheme": "he"}, "'published'"),
        ({"activation": "mish", "distribution": "normal"}, "truncated_normal"),
        ({"activation": "mish", "seed": "one"}, "seed"),
        ({"activation": "mish", "first_layer": 1}, "first_layer"),
    ],
)
def test_bad_paired(arguments, says):
    with pytest.raises(ValueError, match=says):
        Paired(**arguments)


def test_paired_refuses_what_is_no_kernel():
    for shape in ((), (4,)):
        with pytest.raises(ValueError, match="fan_in, fan_out"):
            Paired("mish")(shape)


def test_pairing_in_words():
    block = DenseBlock(8, activation="mish", scheme="published")
    assert str(block.pairing).startswith("mish: forward gain\n")
    assert "\n  kernel: truncated_normal, standard deviation 1.48685 / sqrt(fan_in)\n  bias: 0\n" in str(block.pairing)
    assert "He et al. 2015" in str(DenseBlock(8, scheme="published").pairing)
    assert str(DenseBlock(8).pairing).startswith("relu: He\n")
    assert DenseBlock(8, kernel_initializer="zeros").pairing is None
    own = Paired("gelu", distribution="uniform")
    assert DenseBlock(8, kernel_initializer=own).pairing is own.pairing


def test_a_users_own_function_is_paired():
    def cubed(x):
        return x * x * x

    assert DenseBlock(4, activation=cubed, scheme="published").pairing.gain == pytest.approx(1 / np.sqrt(15), rel=1e-12)


def test_blocks_built_inside_a_trace():
    """Moments are computed while Keras traces shapes, and inside `jit` or `tf.function`."""
    for activation in ("tanhexp", "serf"):
        model = keras.Sequential([DenseBlock(4, activation=activation), keras.layers.Dense(1)])
        model.compile("sgd", keras.losses.MeanSquaredError())
        model.fit(np.ones((4, 3)), np.ones((4, 1)), verbose=0)

    class Lazy(keras.Model):
        def call(self, x):
            if not hasattr(self, "gain"):
                self.gain = actx.gain(f"snake(alpha={self.alpha})")
            return x * self.gain

    model = Lazy()
    model.alpha = 1.2345
    model.compile("sgd", keras.losses.MeanSquaredError())
    assert np.isfinite(model.predict(np.ones((2, 3)), verbose=0)).all()
    assert isinstance(model.gain, float)
