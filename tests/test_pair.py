"""`pair`: every kernel of a Keras model starts for the activation behind it, and nothing else changes."""

import keras
import numpy as np
import pytest
from models import AttentionBlock, Subclassed
from sklearn.datasets import load_digits
from test_docs import run_doctest

import keras_actx as actx
from keras_actx.layers import DenseBlock, DenseStack
from keras_actx.models.pair.pair import PairReport

L = keras.layers
PAIR = actx.pair


def as_numpy(x):
    return keras.ops.convert_to_numpy(x)


def values(model):
    return {weight.path: as_numpy(weight) for weight in model.weights}


def changed(model, before):
    """The paths of the weights that differ."""
    return {path for path, value in values(model).items() if not np.array_equal(value, before[path])}


def chain(layers, width=64):
    return keras.Sequential([keras.Input((width,)), *layers])


def by_layer(report):
    return {row["layer"]: row for row in report.rows}


def test_the_examples_of_the_docstrings():
    run_doctest(PAIR.__doc__, {}, "pair")
    run_doctest(PairReport.__doc__, {}, "PairReport")


GELU = actx.gain("gelu")
#: A layer in front of pooling, so that it has the published rule, and the standard deviation of its kernel.
PUBLISHED = {
    "relu": (lambda: L.Conv2D(64, 3, activation="relu"), np.sqrt(2 / (9 * 32))),
    "selu": (lambda: L.Conv2D(64, 3, activation="selu"), np.sqrt(1 / (9 * 32))),
    "gelu": (lambda: L.Conv2D(64, 3, activation="gelu"), GELU / np.sqrt(9 * 32)),
    "string": (lambda: L.Conv2D(64, 3, activation="leaky_relu(negative_slope=0.5)"), np.sqrt(2 / 1.25 / (9 * 32))),
    "linear": (lambda: L.Conv2D(64, 3), np.sqrt(2 / (9 * (32 + 64)))),
    "function": (lambda: L.Conv2D(64, 3, activation=lambda x: 2.0 * keras.ops.relu(x)), np.sqrt(0.5 / (9 * 32))),
    "depthwise": (lambda: L.DepthwiseConv2D(3, depth_multiplier=8, activation="relu"), np.sqrt(2 / 9)),
    "transposed": (lambda: L.Conv2DTranspose(64, 3, activation="relu"), np.sqrt(2 / (9 * 32))),
    "grouped": (lambda: L.Conv2D(64, 3, groups=4, activation="relu"), np.sqrt(2 / (9 * 8))),
    "einsum": (lambda: L.EinsumDense("abcd,de->abce", (None, None, 64), activation="relu"), np.sqrt(2 / 32)),
    "wrapped": (lambda: L.TimeDistributed(L.Dense(64, "relu")), np.sqrt(2 / 32)),
}  # fmt: skip


@pytest.mark.parametrize("kind", PUBLISHED)
def test_a_kernel_has_the_published_rule_of_its_activation(kind):
    make, deviation = PUBLISHED[kind]
    layer = make()
    model = keras.Sequential([keras.Input((8, 8, 32)), L.MaxPooling2D(), layer, L.GlobalAveragePooling2D()])
    report = PAIR(model, seed=1)
    kernel = next(weight for weight in layer.weights if weight.name == "kernel")
    assert float(as_numpy(kernel).std()) == pytest.approx(deviation, rel=0.05)
    assert report.rows[0]["drawn"]
    assert report.rows[0]["scheme"] == "published"


def test_both_parts_of_a_separable_convolution():
    layer = L.SeparableConv2D(64, 3, depth_multiplier=4, activation="relu")
    PAIR(keras.Sequential([keras.Input((8, 8, 32)), L.MaxPooling2D(), layer]), seed=1)
    depthwise, pointwise = as_numpy(layer.depthwise_kernel), as_numpy(layer.pointwise_kernel)
    assert depthwise.std() == pytest.approx(np.sqrt(2 / (9 * (1 + 4))), rel=0.05)
    assert pointwise.std() == pytest.approx(np.sqrt(2 / 128), rel=0.05)


def followed(*layers):
    """A Dense layer with these layers or operations behind it, with a known input of another layer."""
    dense = L.Dense(256, name="before")
    x = inputs = keras.Input((256,))
    x = dense(L.Reshape((256,))(L.GlobalAveragePooling1D()(L.Reshape((1, 256))(x))))
    for layer in layers:
        x = layer(x)
    return keras.Model(inputs, x)


@pytest.mark.parametrize(
    ("layers", "activation", "normalized"),
    [
        ([L.ReLU], "relu", False),
        ([L.BatchNormalization, L.ReLU], "relu", True),
        ([L.LayerNormalization, lambda: L.Dropout(0.1), lambda: L.Activation("mish")], "mish", True),
        ([lambda: keras.ops.silu], "silu", False),
        ([lambda: L.LeakyReLU(0.3)], "leaky_relu(negative_slope=0.3)", False),
        ([lambda: actx.layers.LearnableActivation("snake")], "snake", False),
        ([lambda: actx.layers.GatedLinearUnit("swiglu")], "swiglu", False),
        ([lambda: L.Activation("linear"), L.ReLU], "relu", False),
        ([lambda: chain([L.ReLU()], 256)], "relu", False),
        ([L.GlobalAveragePooling1D], "linear", False),
    ],
)
def test_the_activation_that_follows(layers, activation, normalized):
    layers = [make() for make in layers]
    if isinstance(layers[0], L.GlobalAveragePooling1D):
        layers.insert(0, L.Reshape((16, 16)))
    model = followed(*layers)
    row = by_layer(PAIR(model, seed=1))["before"]
    assert row["activation"] == activation
    assert ("normalized" in row["why"]) is normalized
    assert isinstance(model.get_layer("before").kernel_initializer, actx.initializers.Paired)


@pytest.mark.parametrize("activation", ["tanh", "mish", "relu", "gelu", "sine"])
def test_a_chain_starts_as_a_stack(activation):
    layers = [L.Dense(64, activation) for _ in range(20)]
    report = PAIR(chain(layers), depth=20, seed=1)
    stack = DenseStack(64, activation, depth=20)
    for layer, block in zip(layers, stack.blocks, strict=True):
        found, wanted = layer.kernel_initializer.pairing, block.pairing
        assert (found.scheme, found.form, found.bias_std) == (wanted.scheme, wanted.form, wanted.bias_std)
        assert found.gain == pytest.approx(wanted.gain)
    if stack.blocks[1].pairing.bias_std:
        assert as_numpy(layers[3].bias).std() > 0
    assert len(report.rows) == 20


def test_odd_sizes_and_shallow_networks():
    odd = [L.Dense(63, "relu") for _ in range(20)]
    PAIR(chain(odd))
    assert {layer.kernel_initializer.pairing.scheme for layer in odd} == {"critical"}
    shallow = [L.Dense(64, "mish"), L.Dense(64, "mish"), L.Dense(1)]
    PAIR(chain(shallow))
    assert {layer.kernel_initializer.pairing.scheme for layer in shallow[:2]} == {
        actx.layers.DenseStack(64, "mish", depth=3).blocks[0].pairing.scheme
    }
    PAIR(chain(shallow), depth=50)
    assert {layer.kernel_initializer.pairing.scheme for layer in shallow[:2]} == {"critical"}


def residual(normalize):
    x = inputs = keras.Input((64,))
    for i in range(4):
        y = L.Dense(64, "relu", name=f"first_{i}")(x)
        y = L.Dense(64, name=f"last_{i}")(y)
        x = x + (L.BatchNormalization()(y) if normalize else y)
    return keras.Model(inputs, L.Dense(10, "softmax", name="out")(x))


def test_residual_branches():
    model = residual(normalize=False)
    rows = by_layer(PAIR(model, seed=1))
    glorot = np.sqrt(2 / 128)
    for i in range(4):
        assert as_numpy(model.get_layer(f"first_{i}").kernel).std() == pytest.approx(np.sqrt(2 / 64), rel=0.05)
        assert as_numpy(model.get_layer(f"last_{i}").kernel).std() == pytest.approx(glorot / 2, rel=0.05)
        assert "residual" in rows[f"last_{i}"]["why"]
    model = residual(normalize=True)
    PAIR(model, seed=1)
    assert as_numpy(model.get_layer("last_0").kernel).std() == pytest.approx(glorot, rel=0.05)


def factors(model, x=None):
    """What each kernel is multiplied by, as the report says."""
    found = {}
    for row in PAIR(model, x, seed=1).rows:
        found[row["layer"]] = float(row["why"].split("times ")[1].split(";")[0]) if "times" in row["why"] else 1.0
    return found


@pytest.mark.same_everywhere
def test_only_the_ends_of_branches_are_scaled():
    """Not the projection in a shortcut; also with an activation at the end, and one kernel of a separable one."""
    x = inputs = keras.Input((8, 16))
    x = L.Add()([L.Dense(32, name="shortcut")(x), L.Dense(32, name="end")(L.Dense(32, "relu", name="start")(x))])
    x = x + L.Dropout(0.1)(L.Dense(32, "relu", name="relu")(x))
    x = x + L.Activation("gelu")(L.Dense(32, name="gelu")(x))
    x = x + L.SeparableConv1D(32, 3, padding="same", depth_multiplier=4, name="separable")(x)
    one, other = L.Dense(32, name="one")(x), L.Dense(32, name="other")(x)
    model = keras.Model(inputs, L.Dense(2, name="out")(one + other))
    half = dict.fromkeys(("end", "relu", "gelu", "separable"), 0.447)
    assert factors(model) == {"shortcut": 1.0, "start": 1.0, "out": 1.0, "one": 0.707, "other": 0.707, **half}
    layer = model.get_layer("separable")
    assert as_numpy(layer.depthwise_kernel).std() == pytest.approx(np.sqrt(2 / (3 * (1 + 4))), rel=0.1)
    assert as_numpy(layer.pointwise_kernel).std() == pytest.approx(np.sqrt(2 / 160 / 5), rel=0.05)


@pytest.mark.same_everywhere
@pytest.mark.parametrize("activation", ["relu", "gelu", "tanh"])
def test_thirty_branches_that_end_in_an_activation(activation):
    x = inputs = keras.Input((64,))
    for _ in range(30):
        x = x + L.Dense(64, activation)(x)
    model = keras.Model(inputs, L.Dense(1)(x))
    PAIR(model, seed=1)
    data = np.random.default_rng(1).normal(size=(64, 64)).astype("float32")
    for found in (actx.audit(model), actx.audit(model, data)):
        assert found.findings == ()


@pytest.mark.same_everywhere
def test_two_activations_in_a_row():
    """The second one has no known input, as one behind a sum: f(x) - f(-x) of what arrives is not linear."""
    layers = [layer for _ in range(3) for layer in (L.Dense(32, "relu"), L.Activation("tanh"))]
    report = PAIR(chain(layers, 32), seed=1)
    assert [row["scheme"] for row in report.rows] == ["looks_linear", "published", "published"]
    assert "not known" in report.rows[1]["input"]
    inputs = keras.Input((32,))
    x = L.ReLU()(inputs + L.Dense(32)(inputs))
    model = keras.Model(inputs, L.Dense(1)(L.Dense(32, "relu", name="after")(x)))
    rows = by_layer(PAIR(model, np.random.default_rng(1).normal(size=(64, 32)).astype("float32"), seed=1))
    assert "scaled by data" in rows["after"]["why"]


@pytest.mark.same_everywhere
def test_strides_of_a_transposed_convolution():
    """Each output is a sum over one in strides taps, so that He's fan_in is smaller."""
    for activation, deviation in (("relu", np.sqrt(2 / (4 * 32))), ("tanh", np.sqrt(2 / (4 * 32 + 16 * 64)))):
        layer = L.Conv2DTranspose(64, 4, strides=2, activation=activation)
        report = PAIR(keras.Sequential([keras.Input((8, 8, 32)), L.MaxPooling2D(), layer]), seed=1)
        assert as_numpy(layer.kernel).std() == pytest.approx(deviation, rel=0.05)
        assert "strides: times" in report.rows[0]["why"]
        assert report.rows[0]["drawn"]


@pytest.mark.same_everywhere
def test_a_gate_in_front():
    """A bias that a rule draws is for the order of value and gate."""
    layers = [layer for _ in range(3) for layer in (L.Dense(64), actx.layers.GatedLinearUnit("swiglu", gate="first"))]
    PAIR(chain(layers, 32), seed=1)
    bias = as_numpy(layers[2].bias)
    assert layers[2].kernel_initializer.pairing.scheme == "critical"
    assert bias[:32].mean() == pytest.approx(0.5, abs=0.3)
    assert bias[32:].mean() > 2.0


class Fixed(L.Dense):
    """A class whose config does not create it."""

    def __init__(self):
        super().__init__(8, "relu")


@pytest.mark.same_everywhere
def test_layers_that_no_rule_draws():
    model = keras.Sequential([keras.Input((4, 8)), Fixed(), L.Dense(6), L.EinsumDense("abc,c->ab", (4,)), L.Dense(2)])
    before = values(model)
    rows = PAIR(model, seed=1).rows
    assert rows[0]["why"] == "kept: a Fixed cannot be created from its config"
    assert rows[2]["why"] == "kept: its kernel has one axis"
    assert changed(model, before) == {model.layers[1].kernel.path, model.layers[3].kernel.path}


@pytest.mark.same_everywhere
def test_a_bias_of_an_earlier_rule_does_not_stay():
    layers = [L.Dense(64, "tanh") for _ in range(3)]
    model = chain(layers)
    PAIR(model, depth=50, seed=1)
    assert as_numpy(layers[1].bias).std() > 0
    PAIR(model, depth=3, seed=1)
    assert all(np.all(as_numpy(layer.bias) == 0) for layer in layers)


def test_seeds():
    def kernels(seed):
        model = chain([L.Dense(8, "tanh"), L.Dense(8, "tanh"), DenseBlock(8, "mish"), L.SeparableConv1D(4, 2)][:3], 8)
        PAIR(model, seed=seed)
        return [as_numpy(weight) for weight in model.weights if len(weight.shape) > 1]

    first = kernels(3)
    for one, other in zip(first, kernels(3), strict=True):
        np.testing.assert_array_equal(one, other)
    for one, other in zip(first, kernels(4), strict=True):
        assert not np.array_equal(one, other)
    assert not np.array_equal(first[0], first[1])
    assert not np.array_equal(kernels(None)[0], kernels(None)[0])


def test_blocks_are_drawn_as_their_scheme_says():
    block = DenseBlock(64, "tanh", scheme="published", seed=7)
    stack = DenseStack(64, "mish", depth=3)
    model = chain([block, stack, L.Dense(64, "tanh")])
    before = values(model)
    pairings = [one.pairing for one in (block, *stack.blocks)]
    rows = by_layer(PAIR(model, seed=1))
    assert [one.pairing for one in (block, *stack.blocks)] == pairings
    assert {path for path in changed(model, before) if path.endswith("kernel")} == {
        path for path in before if path.endswith("kernel")
    }
    assert rows[block.name]["scheme"] == "published"
    own = chain([DenseBlock(64, "tanh", kernel_initializer="he_normal")])
    assert PAIR(own).rows[0]["why"] == "the initializer of the block"


def test_what_is_kept():
    frozen, lora, plain = L.Dense(16, "relu", trainable=False), L.Dense(16, "relu"), L.Dense(16, "relu")
    x = inputs = keras.Input((4, 16))
    x = plain(lora(frozen(x)))
    x = L.MultiHeadAttention(2, 4, name="attention")(x, x)
    x = L.Bidirectional(L.LSTM(8, return_sequences=True, name="lstm"), name="both")(x)
    model = keras.Model(inputs, x)
    lora.enable_lora(2)
    before = values(model)
    report = PAIR(model, seed=1)
    assert changed(model, before) == {plain.kernel.path}
    why = {row["layer"]: row["why"] for row in report.rows if not row["drawn"]}
    assert why.pop(frozen.name) == "kept: it is frozen"
    assert why.pop(lora.name) == "kept: LoRA is enabled"
    assert "attention" in why.pop("attention")
    assert why
    assert all("recurrent" in one for one in why.values())
    assert f"{model.name}: 1 of {len(report.rows)} kernels drawn" in str(report)


def test_a_subclassed_model():
    model = Subclassed("relu")
    model(np.ones((2, 6), "float32"))
    before = values(model)
    report = PAIR(model, seed=1)
    drawn = {row["layer"] for row in report.rows if row["drawn"]}
    assert drawn
    assert all(row["scheme"] == "published" for row in report.rows if row["drawn"])
    kept = [row for row in report.rows if not row["drawn"]]
    assert all("no graph shows what follows it" in row["why"] for row in kept)
    assert len(changed(model, before)) == len(drawn)


def test_a_layer_that_two_models_share():
    shared = L.Dense(64, "relu")
    inner = chain([shared, L.MaxPooling1D()][:1])
    inputs = keras.Input((64,))
    model = keras.Model(inputs, L.Add()([inner(inputs), inner(inner(inputs))]))
    assert [row["layer"] for row in PAIR(model).rows] == [f"{inner.name}/{shared.name}"]


def moments_of(model, layer, x):
    """The variance of what a layer returns, with batch statistics."""
    inner = keras.Model(model.inputs, layer.output)
    return float(np.var(as_numpy(inner(x, training=True))))


def pooled(activation="relu"):
    return keras.Sequential(
        [
            keras.Input((16, 16, 3)),
            L.Conv2D(16, 3, activation=activation, name="first"),
            L.MaxPooling2D(),
            L.Conv2D(16, 3, name="second"),
            L.ReLU(),
            L.MaxPooling2D(),
            L.DepthwiseConv2D(2, name="third"),
            L.BatchNormalization(name="normalization"),
            L.ReLU(),
            L.GlobalAveragePooling2D(),
            L.Dense(32, name="fourth"),
            L.Activation("mish"),
            L.Dense(4, "softmax", name="last"),
        ]
    )


def test_data_scales_what_no_rule_knows():
    x = np.random.default_rng(1).normal(3.0, 20.0, size=(64, 16, 16, 3)).astype("float32")
    model = pooled()
    rows = by_layer(PAIR(model, x, seed=1))
    assert [name for name, row in rows.items() if "data" in row["why"]] == ["second", "fourth"]
    np.testing.assert_array_equal(as_numpy(model.get_layer("normalization").moving_mean), np.zeros(16))
    for name in ("second", "fourth"):
        assert moments_of(model, model.get_layer(name), x) == pytest.approx(1.0, rel=0.03)
    other = pooled()
    PAIR(other, seed=1)
    np.testing.assert_array_equal(as_numpy(model.get_layer("first").kernel), as_numpy(other.get_layer("first").kernel))
    assert not hasattr(model.get_layer("second").call, "__wrapped__")
    assert "call" not in vars(model.get_layer("second"))


def test_data_scales_a_subclassed_model():
    class Own(keras.Model):
        def __init__(self):
            super().__init__()
            self.one, self.two = L.Dense(64), L.Dense(32, "tanh")

        def call(self, x):
            return self.two(keras.ops.sin(self.one(x)))

    x = np.random.default_rng(1).normal(size=(64, 8)).astype("float32") * 5
    model = Own()
    model(x)
    for _ in range(2):  # the second time, there is nothing left to scale
        PAIR(model, x, seed=1)
        assert float(np.var(as_numpy(model.one(x)))) == pytest.approx(1.0, rel=0.03)


class Standardized(L.Dense):
    """A layer in which the scale of the kernel has no effect."""

    def call(self, inputs, training=None):
        return self.activation(inputs @ (self.kernel / keras.ops.std(self.kernel)))


def test_data_and_other_layers():
    """Saturating ones, ones that are called at each step or rematerialized; and a scale that data cannot give."""
    with keras.RematScope(mode="full"):
        layers = [L.MaxPooling2D(), L.Conv2D(8, 3, activation="tanh", name="tanh"), L.MaxPooling2D()]
        layers += [L.TimeDistributed(L.Dense(16, "relu", name="steps"), name="each"), L.MaxPooling2D()]
        layers += [Standardized(8, name="standardized"), L.Flatten(), L.Dense(1, name="out")]
        model = keras.Sequential([keras.Input((32, 32, 3)), *layers])
    x = np.random.default_rng(1).normal(size=(16, 32, 32, 3)).astype("float32")
    rows = by_layer(PAIR(model, x, seed=1))
    for name in ("tanh", "each/steps"):
        assert "; scaled by data" in rows[name]["why"]
    before = keras.Model(model.inputs, model.get_layer("each").input)
    steps = model.get_layer("each").layer
    z = as_numpy(before(x)) @ as_numpy(steps.kernel)
    assert float(np.var(z)) == pytest.approx(1.0, rel=0.03)
    assert "; not scaled by data, with which" in rows["standardized"]["why"]
    assert rows["out"]["why"] == "Glorot"
    assert as_numpy(model.get_layer("standardized").kernel).std() > 0.1
    assert "variance 0" in by_layer(PAIR(pooled(), 0.0 * x[:, :16, :16]))["second"]["why"]


def test_a_trained_model_is_refused_unless_told():
    model = chain([L.Dense(8), L.BatchNormalization(), L.ReLU(), L.Dense(1)], 4)
    model.compile("adam", "mse")
    PAIR(model)
    model.fit(np.ones((8, 4)), np.ones((8, 1)), verbose=0)
    before = values(model)
    with pytest.raises(ValueError, match=r"trained for 1 steps.*overwrite=True"):
        PAIR(model)
    assert not changed(model, before)
    PAIR(model, overwrite=True)
    assert np.all(as_numpy(model.layers[0].bias) == 0)
    assert len(changed(model, before)) >= 4
    outer = chain([model, L.Dense(2)], 4)
    with pytest.raises(ValueError, match=f"{model.name!r} was trained for 1 steps"):
        PAIR(outer)
    model.trainable = False
    assert [row["drawn"] for row in PAIR(outer).rows] == [False, False, True]


def nothing():
    return keras.Sequential([keras.Input((3,)), L.ReLU()])


BAD = [
    (lambda: "model", {}, TypeError, "is not a keras.Model"),
    (lambda: keras.Model, {}, TypeError, "give an instance"),
    (lambda: keras.Sequential([L.Dense(3)]), {}, ValueError, "not built"),
    (nothing, {}, ValueError, "has no kernels"),
    (None, {"depth": 0}, ValueError, "depth=0 is not allowed; use 'auto' or"),
    (None, {"depth": "deep"}, ValueError, "depth='deep'"),
    (None, {"depth": True}, ValueError, "depth=True"),
    (None, {"overwrite": 1}, ValueError, "overwrite=1"),
    (None, {"seed": -1}, ValueError, "seed=-1"),
    (None, {"x": np.full((2, 4), np.nan)}, ValueError, "x has NaN"),
    (None, {"x": np.zeros((0, 4))}, ValueError, "number of rows"),
    (None, {"x": "text"}, ValueError, "use arrays"),
    (None, {"x": np.zeros((2, 5))}, ValueError, "pair: .* cannot be called on x: .*incompatible"),
    (None, {"x": (np.zeros((2, 4)) for _ in range(2))}, ValueError, "use arrays.* of a dataset one batch"),
    (None, {"x": np.zeros((2, 4), complex)}, ValueError, "use arrays"),
]


@pytest.mark.parametrize(("make", "arguments", "error", "words"), BAD)
def test_bad_input(make, arguments, error, words):
    model = chain([L.Dense(4, "relu"), L.Reshape((4,)), L.Dense(2)], 4) if make is None else make()
    before = values(model) if make is None else None
    with pytest.raises(error, match=words):
        PAIR(model, **arguments)
    if before:
        assert not changed(model, before)
        assert not isinstance(model.layers[0].kernel_initializer, actx.initializers.Paired)


def test_it_is_saved_and_cloned(tmp_path):
    model = chain([L.Dense(64, "mish"), L.Dense(64, "mish"), L.Dense(10, "softmax")])
    PAIR(model, seed=1, depth=30)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    for one, other in zip(model.weights, loaded.weights, strict=True):
        np.testing.assert_array_equal(as_numpy(one), as_numpy(other))
    assert loaded.layers[0].kernel_initializer.pairing == model.layers[0].kernel_initializer.pairing
    fresh = keras.models.clone_model(loaded)
    np.testing.assert_array_equal(as_numpy(fresh.layers[1].kernel), as_numpy(model.layers[1].kernel))


def forty_layers():
    return chain([*(L.Dense(64, "relu") for _ in range(40)), L.Dense(10, "softmax")], 64)


def test_a_network_trains_that_did_not():
    """Forty layers of Keras's own start learn nothing of the digits in four epochs, and after `pair` most of them."""
    x, y = load_digits(return_X_y=True)
    x, y = ((x - x.mean()) / x.std()).astype("float32")[:1200], y[:1200]
    trained = forty_layers()  # compiled once for all
    trained.compile(keras.optimizers.Adam(1e-3), "sparse_categorical_crossentropy", metrics=["accuracy"])
    state = None
    for seed in (1, 2, 3):
        reached = []
        for paired in (False, True):
            keras.utils.set_random_seed(seed)
            start = forty_layers()
            if paired:
                PAIR(start, seed=seed)
            trained.set_weights(start.get_weights())
            trained.optimizer.build(trained.trainable_variables)
            state = state or [as_numpy(one) for one in trained.optimizer.variables]
            for variable, value in zip(trained.optimizer.variables, state, strict=True):
                variable.assign(value)
            reached.append(trained.fit(x, y, epochs=4, batch_size=100, verbose=0).history["accuracy"][-1])
        assert reached[0] < 0.3
        assert reached[1] > 0.8


APPLICATIONS = ("ResNet50", "MobileNetV3Small", "EfficientNetB0", "ConvNeXtTiny")


@pytest.mark.sweep(4)
@pytest.mark.parametrize("name", APPLICATIONS)
def test_applications(name):
    model = getattr(keras.applications, name)(weights=None, input_shape=(32, 32, 3), classes=10)
    before = values(model)
    report = PAIR(model, seed=1)
    kernels = {path for path, value in before.items() if path.endswith("kernel")}
    assert {path for path in changed(model, before) if path.endswith("kernel")} == kernels
    assert len(report.rows) == len(kernels)
    assert all(row["drawn"] for row in report.rows)
    activations = {row["activation"] for row in report.rows}
    assert {"ResNet50": "relu", "MobileNetV3Small": "hard_silu", "EfficientNetB0": "silu", "ConvNeXtTiny": "gelu"}[
        name
    ] in activations


def test_an_attention_block_keeps_what_no_graph_shows():
    inputs = keras.Input((4, 3))
    model = keras.Model(inputs, AttentionBlock("relu")(inputs))
    before = values(model)
    report = PAIR(model)
    drawn = {row["layer"] for row in report.rows if row["drawn"]}
    assert len(changed(model, before)) == len(drawn)
