"""`audit`: planted faults are found and named, healthy networks have none, and no model is changed."""

import io
import itertools
import json
import math
from dataclasses import replace

import keras
import numpy as np
import pytest
from keras import layers
from test_docs import run_doctest

import keras_actx as actx
from keras_actx.commands.main import main
from keras_actx.layers import DenseBlock, DenseStack
from keras_actx.models.audit.expected import expected_of
from keras_actx.models.audit.findings import Row, findings_of
from keras_actx.models.audit.report import Audit

L = layers
X = np.random.default_rng(1).normal(size=(256, 64)).astype("float32")


def constant(value):
    return keras.initializers.Constant(value)


def normal(stddev, seed=1):
    return keras.initializers.RandomNormal(stddev=stddev, seed=seed)


def he(seed):
    return keras.initializers.HeNormal(seed)


def network(*inner, shape=(64,)):
    return keras.Sequential([keras.Input(shape), *inner])


def verdicts(found):
    return {one.layer: one.verdict for one in found.findings}


def by_layer(found):
    return {row["layer"]: row for row in found.rows}


def values(model):
    return [keras.ops.convert_to_numpy(one) for one in model.variables]


def test_the_examples_of_the_docstrings():
    run_doctest(actx.audit.__doc__, {}, "audit")
    run_doctest(Audit.__doc__, {}, "Audit")


def healthy():
    hidden = [L.Dense(64, "relu", kernel_initializer=he(i)) for i in range(6)]
    return network(*hidden, L.Dense(10, "softmax", kernel_initializer=he(9)))


@pytest.mark.same_everywhere
def test_a_healthy_network_has_no_findings():
    for x in (None, X):
        found = actx.audit(healthy(), x)
        assert found.findings == ()
        assert found.verdict == "no findings in 7 layers"
        assert {row["verdict"] for row in found.rows} == {"ok"}


DEAD = [1, 3, 4, 5, 8, 11]


def test_dead_units_are_named():
    inner = keras.Sequential([L.Dense(16, name="kernel"), L.ReLU(name="act")], name="inner")
    model = network(L.Dense(8, "tanh", name="first"), inner, L.Dense(1, name="out"))
    bias = np.zeros(16)
    bias[DEAD] = -100.0
    inner.layers[0].bias.assign(bias)
    found = actx.audit(model, X)
    assert verdicts(found) == {"inner/kernel": "dead"}
    row = by_layer(found)["inner/kernel"]
    assert row["dead"] == tuple(DEAD)
    assert (row["units"], row["activation"], row["verdict"]) == (16, "relu", "dead")
    assert "6 of 16 units" in found.findings[0].problem
    assert "(units 1, 3, 4, 5, 8, 11)" in str(found.findings[0])
    assert 'replace_activations(model, {"relu": "leaky_relu"})' in row["remedy"]


@pytest.mark.same_everywhere
def test_a_dead_layer_is_one_finding_and_stops_the_gradient():
    model = network(
        L.Dense(8, "relu", name="first"), L.Dense(8, "relu", bias_initializer=constant(-100.0), name="b"), L.Dense(1)
    )
    found = actx.audit(model, X)
    assert verdicts(found) == {"b": "dead"}
    assert "no gradient reaches the layers before it" in found.findings[0].problem
    assert by_layer(found)["first"]["gradient"] == 0.0
    assert verdicts(actx.audit(model)) == {"first": "vanishing"}


@pytest.mark.same_everywhere
def test_a_network_that_died_in_training():
    model = network(L.Dense(32, "relu", name="hidden", kernel_initializer=he(1)), L.Dense(1, kernel_initializer=he(2)))
    assert actx.audit(model, X).findings == ()
    model.compile(keras.optimizers.SGD(30.0, clipnorm=1.0), "mse")
    model.fit(X, 10.0 + X[:, :1], batch_size=32, epochs=4, verbose=0)
    found = actx.audit(model, X)
    assert verdicts(found)["hidden"] == "dead"
    outputs = keras.ops.convert_to_numpy(model.layers[0](X))
    assert by_layer(found)["hidden"]["dead"] == tuple(map(int, np.flatnonzero((outputs == 0).all(axis=0))))


def test_units_of_a_convolution_are_its_channels():
    conv = L.Conv2D(4, 3, activation="relu", name="conv")
    model = network(conv, L.GlobalAveragePooling2D(), L.Dense(2), shape=(8, 8, 3))
    conv.bias.assign([0.0, -100.0, 0.0, -100.0])
    images = np.random.default_rng(2).normal(size=(16, 8, 8, 3))
    assert by_layer(actx.audit(model, images))["conv"]["dead"] == (1, 3)


@pytest.mark.same_everywhere
def test_dead_units_of_a_new_network_are_no_finding():
    """With as many units that are never off; few of them alone count if they are not those of many layers."""
    few, more = (
        Row("few", "Dense", units=16, dead=(1, 2, 3, 4, 5, 6)),
        Row("more", "Dense", units=16, dead=tuple(range(14))),
    )
    assert [one.layer for one in findings_of([few], None)] == ["few"]
    assert findings_of([replace(few, on=1)], None) == findings_of([replace(few, units=24)], None) == []
    assert len(findings_of([replace(more, units=4096, dead=tuple(range(2000)), on=300)], None)) == 1
    assert [one.layer for one in findings_of([*[few] * 40, more], None)] == ["more"]
    large_bias = L.Dense(8, bias_initializer=normal(100.0))
    model = network(large_bias, actx.layers.CReLU(), L.Dense(1))
    assert actx.audit(model, X).findings == ()


@pytest.mark.same_everywhere
def test_saturated_units():
    model = network(
        L.Dense(32, "tanh", kernel_initializer=normal(3.0), name="steep"),
        L.Dense(32, "tanh", kernel_initializer=normal(0.2), name="usual"),
        L.Dense(32, "hard_tanh", kernel_initializer=normal(0.2), bias_initializer=constant(30.0), name="flat"),
        L.Dense(1),
    )
    found = actx.audit(model, X)
    assert verdicts(found) == {"flat": "dead", "steep": "saturated"}
    assert by_layer(found)["usual"]["saturation"] < 0.1


def deep(activation, stddev, depth=50):
    hidden = [L.Dense(64, activation, kernel_initializer=normal(stddev, i)) for i in range(depth)]
    return network(*hidden, L.Dense(1, kernel_initializer=normal(0.1)))


@pytest.mark.same_everywhere
@pytest.mark.parametrize(
    ("model", "verdict"),
    [(lambda: deep("sigmoid", 0.125), "vanishing"), (lambda: deep("leaky_relu", 0.25), "exploding")],
    ids=["vanishing", "exploding"],
)
def test_fifty_layers(model, verdict):
    """By the weights alone, and by data, whose gradients agree to a factor of ten in fifty layers."""
    model = model()
    expected, measured = actx.audit(model), actx.audit(model, X)
    name = model.layers[0].name
    assert expected.findings[0].verdict == measured.findings[0].verdict == verdict
    assert expected.findings[0].layer == measured.findings[0].layer == name
    one, other = expected.rows[0]["expected_gradient"], measured.rows[0]["gradient"]
    assert abs(math.log10(one)) > 4
    assert abs(math.log10(one) - math.log10(other)) < 2
    assert "actx.pair(model)" in expected.findings[0].remedy


@pytest.mark.same_everywhere
@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "relu", "silu", "mish"])
def test_pair_is_the_remedy(activation):
    """Also without data, where the columns of critical kernels cancel the mean of the input, and pairs of units add."""
    hidden = [L.Dense(32, activation, name=f"hidden_{i}") for i in range(40)]
    model = keras.Sequential([keras.Input((32,)), *hidden, L.Dense(1)])
    actx.pair(model, seed=1)
    x = np.random.default_rng(1).normal(size=(256, 32)).astype("float32")
    for found in (actx.audit(model), actx.audit(model, x)):
        assert found.findings == ()
    for row in found.rows[:-1]:
        assert row["expected"] == pytest.approx(row["measured"], rel=0.35)
        assert row["expected_gradient"] == pytest.approx(row["gradient"], rel=0.35)


@pytest.mark.same_everywhere
def test_the_bound_is_between_22_and_30_layers_that_lose_half():
    """He et al. 2015: the former train, the latter do not."""
    for depth, wanted in ((22, []), (31, ["vanishing"])):
        assert [one.verdict for one in actx.audit(deep("relu", 0.125, depth)).findings] == wanted


@pytest.mark.same_everywhere
def test_results_that_are_equal_for_all_inputs():
    found = actx.audit(deep("sigmoid", 0.125, 12), X)
    assert "collapsed" in verdicts(found).values()


@pytest.mark.same_everywhere
def test_an_input_that_is_not_normalized():
    found = actx.audit(healthy(), X + 100.0)
    assert found.findings[0].verdict == "input scale"
    assert "is 100;" in found.findings[0].problem
    assert "Normalization" in found.findings[0].remedy
    assert "input scale" in verdicts(actx.audit(healthy(), X * 1e-3)).values()
    one_hot = np.eye(64, dtype="float32")
    assert "input scale" not in verdicts(actx.audit(healthy(), one_hot)).values()
    normalized = network(L.Dense(64), L.BatchNormalization(), L.ReLU(), L.Dense(1))
    assert actx.audit(normalized, X + 100.0).findings == ()


@pytest.mark.same_everywhere
def test_what_is_not_finite():
    model = healthy()
    model.layers[2].kernel.assign(np.full((64, 64), np.nan))
    for x in (None, X):
        found = actx.audit(model, x)
        assert verdicts(found) == {model.layers[2].name: "not finite"}
        assert "kernel has NaN" in found.findings[0].problem
    model = network(L.Dense(4, kernel_initializer=constant(1e30)), L.Dense(4, kernel_initializer=constant(1e30)))
    found = actx.audit(model, X)
    assert verdicts(found) == {model.layers[1].name: "not finite"}


KINDS = {
    "dense": lambda: [L.Dense(200, "relu"), L.Dense(200, "tanh"), L.Dense(200)],
    "conv": lambda: [L.Conv2D(64, 3, activation="gelu"), L.Conv2D(64, 3, strides=2, activation="relu"), L.Conv2D(8, 3)],
    "depthwise": lambda: [L.DepthwiseConv2D(3, depth_multiplier=16), L.ReLU(), L.DepthwiseConv2D(3)],
    "separable": lambda: [L.SeparableConv2D(64, 3, activation="relu"), L.SeparableConv2D(64, 3)],
    "transposed": lambda: [L.Conv2DTranspose(64, 4, strides=2, activation="relu"), L.Conv2DTranspose(64, 3)],
    "einsum": lambda: [L.EinsumDense("abcd,de->abce", (16, 16, 200), "silu", "e"), L.Dense(50)],
    "normalized": lambda: [
        L.Dense(200, use_bias=False),
        L.BatchNormalization(),
        L.ReLU(),
        L.LayerNormalization(),
        L.Dense(50),
    ],
    "blocks": lambda: [
        DenseStack(200, "mish", depth=2),
        DenseBlock(200, "swiglu"),
        DenseBlock(200, "relu", residual=True),
        L.Dense(50),
    ],
    "rescaled": lambda: [L.Rescaling(0.5, 1.0), L.Dense(200, "elu"), L.Dense(50)],
    "padded": lambda: [L.Cropping2D(6), *(L.Conv2D(64, 3, padding="same", activation="relu") for _ in range(4))],
    "strided": lambda: [
        L.Conv2D(64, 5, strides=4, padding="same", activation="relu"),
        L.SeparableConv2D(64, 5, padding="same", activation="relu"),
        L.Conv2D(64, 3, dilation_rate=2, padding="same"),
    ],
    "causal": lambda: [L.Reshape((256, 64)), L.Conv1D(200, 64, padding="causal", activation="relu"), L.Conv1D(64, 1)],
}


@pytest.mark.sweep(2)
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_expected_is_measured(kind):
    """The second moments of wide layers, for a normal input, and the gradients."""
    keras.utils.set_random_seed(3)
    model = network(*KINDS[kind](), shape=(16, 16, 64))
    rows = actx.audit(model, np.random.default_rng(3).normal(size=(4, 16, 16, 64))).rows
    assert len(rows) >= 2
    for row in rows:
        if row["gain"] is not None:
            assert row["measured"] == pytest.approx(row["expected"], rel=0.35)
            assert row["gradient"] == pytest.approx(row["expected_gradient"], rel=0.35)


@pytest.mark.same_everywhere
def test_concatenations_and_outputs_that_are_used_further():
    """A concatenation gives each of its inputs the part of its size; a tensor may be an output, too."""
    keras.utils.set_random_seed(4)
    x = inputs = keras.Input((64,))
    for i in range(8):
        x = L.Concatenate()([x, L.Dense(32, "relu", name=f"d{i}")(x)])
    first = L.Dense(64, name="first")(x)
    last = L.Dense(64, name="last")(L.Concatenate()([L.Activation("relu")(first), first]))
    model = keras.Model(inputs, [first, last])
    rows = [row for row in actx.audit(model, X).rows if row["gain"] is not None]
    assert len(rows) == 10
    for row in rows:
        assert row["expected"] == pytest.approx(row["measured"], rel=0.6)
        assert row["expected_gradient"] == pytest.approx(row["gradient"], rel=0.35)


def test_a_gradient_is_that_of_the_outputs():
    """Of a linear network of one output, it is the norm of the second kernel."""
    model = network(L.Dense(8), L.Dense(1))
    found = actx.audit(model, X)
    assert found.rows[0]["gradient"] == pytest.approx(float(np.linalg.norm(values(model)[2])), rel=1e-4)
    assert found.rows[1]["gradient"] == 1.0
    assert expected_of(model)[id(model.layers[1])].gradient == 1.0


def branches():
    a, b = keras.Input((64,), name="a"), keras.Input((5,), dtype="int32", name="b")
    shared = L.Dense(16, "relu", name="shared")
    x = shared(L.Dense(64, name="before")(a))
    x = L.Add()([x, L.Dense(16, name="branch")(x)])
    x = L.Concatenate()([shared(a), x, L.GRU(8, name="gru")(L.Embedding(7, 4, name="table")(b))])
    steps = L.TimeDistributed(L.Dense(3, "tanh", name="inner"), name="steps")(L.Reshape((4, 10))(x))
    out = L.Dense(2, name="out")(L.Flatten()(L.Dropout(0.5, seed=1)(steps)))
    return keras.Model([a, b], {"out": out, "more": L.BatchNormalization()(L.Dense(3, name="more")(x))})


class Own(keras.Model):
    """A model without a graph, with random numbers, a block and a layer that is called twice."""

    def __init__(self):
        super().__init__(name="own")
        self.block = DenseBlock(16, "gelu", normalization="batch", name="block")
        self.twice = L.Dense(16, "relu", name="twice")
        self.normalization = L.BatchNormalization()
        self.noise = keras.random.SeedGenerator(3)
        self.out = L.Dense(1, name="out")

    def call(self, x):
        x = self.normalization(self.twice(self.twice(self.block(x))))
        return self.out(x + 0.01 * keras.random.normal(keras.ops.shape(x), seed=self.noise))


MODELS = {
    "branches": (
        branches,
        lambda: {"a": X, "b": np.arange(5 * 256).reshape(256, 5) % 7},
        {"before", "shared", "branch", "gru", "table", "steps/inner", "out", "more"},
    ),
    "own": (Own, lambda: X, {"block", "twice", "out"}),
}


@pytest.mark.parametrize("kind", MODELS)
def test_every_kind_of_model_is_listed_and_not_changed(kind):
    make, data, names = MODELS[kind]
    model, x = make(), data()
    model(keras.tree.map_structure(lambda one: one[:2], x))
    model.compile("adam", "mse")
    before, own = values(model), [dict(vars(one)) for one in model._flatten_layers()]
    for given in (None, x):
        found = actx.audit(model, given)
    assert found.findings == ()
    rows = by_layer(found)
    assert set(rows) == names
    unmeasured = {name for name, row in rows.items() if row["measured"] is None}
    assert unmeasured == {name for name in names if name.startswith("steps")}
    assert all(row["gradient"] > 0.0 for name, row in rows.items() if name not in unmeasured)
    for one, other in zip(before, values(model), strict=True):
        np.testing.assert_array_equal(one, other)
    for one, layer in zip(own, model._flatten_layers(), strict=True):
        now = vars(layer)
        assert {key: now.get(key) for key in ("activation", "call")} == {
            key: one.get(key) for key in ("activation", "call")
        }


def test_a_batch_normalization_uses_the_sample():
    """Freshly built, its moving statistics are those of no data: in inference mode it would pass 1e6."""
    model = network(L.Dense(32, kernel_initializer=normal(1e3)), L.BatchNormalization(), L.Dense(32, name="after"))
    found = actx.audit(model, X)
    assert found.findings == ()
    assert by_layer(found)["after"]["measured"] < 10.0
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(model.layers[1].moving_mean), 0.0)


@pytest.mark.same_everywhere
def test_a_small_residual_branch_is_no_finding():
    """As with the LayerScale of ConvNeXt: what is before it gets its gradient past it."""
    x = inputs = keras.Input((64,))
    x = L.Dense(64, name="first")(x)
    for i in range(3):
        y = L.Dense(64, "gelu", name=f"branch_{i}")(L.LayerNormalization()(x))
        x = L.Add()([x, L.Rescaling(1e-6)(y)])
    model = keras.Model(inputs, L.Dense(1, name="out")(x))
    for data in (None, X):
        found = actx.audit(model, data)
        assert found.findings == ()
    assert by_layer(found)["branch_1"]["gradient"] < 1e-4 < by_layer(found)["first"]["gradient"]


def test_remat_and_a_frozen_part():
    with keras.RematScope(mode="full"):
        model = network(L.Dense(16, "relu", name="a"), DenseBlock(8, "mish"), L.Dense(1))
    model.layers[0].trainable = False
    found = actx.audit(model, X)
    assert all(row["measured"] is not None and row["gradient"] is not None for row in found.rows)


@pytest.mark.same_everywhere
def test_fewer_rows_for_many_values(monkeypatch):
    model = network(L.Dense(8, "relu"), L.Dense(1))
    assert actx.audit(model, X, max_rows=100).sample == 100
    monkeypatch.setattr("keras_actx.models.audit.passes._LARGEST", 90)
    assert actx.audit(model, X).sample == 10


@pytest.mark.same_everywhere
def test_the_result():
    found = actx.audit(network(L.Dense(8, "relu", bias_initializer=constant(-100.0), name="a" * 50), L.Dense(1)), X)
    assert str(found).count("\n") == 2 + 2 + 2 + 1
    table = [line for line in str(found).splitlines() if line.startswith(" ")]
    assert all(("a" * 50 in line) == ("dead" in line.split()[-1:]) for line in table[2:])
    row = found.rows[0]
    assert row["dead"] == tuple(range(8))
    assert (row["initializer"], row["kind"]) == ("GlorotUniform", "Dense")
    assert json.dumps(found.rows)
    signal, gradient, units = found.plot().axes
    assert [line.get_label() for line in signal.lines] == ["weights", "sample"]
    np.testing.assert_allclose(signal.lines[1].get_ydata()[0], row["measured"])
    assert len(gradient.lines) == 2
    assert list(units.lines[0].get_ydata()) == [1.0]


@pytest.mark.same_everywhere
def test_a_table_fits_a_terminal():
    from rich.console import Console

    model = network(L.Dense(8, "snake(alpha=2.0)", name="name_of_a_layer_" * 3), L.BatchNormalization(), L.Dense(1))
    for x, width in itertools.product((None, X), (80, 40)):
        console = Console(width=width, record=True, file=io.StringIO())
        found = actx.audit(model, x)
        console.print(found)
        lines = console.export_text().splitlines()
        assert max(map(len, lines)) <= width
        rows = [line.split() for line in lines if line.rstrip().endswith(" ok")]
        assert len(rows) == 2
        numbers = [float(cell) for row in rows for cell in row[2:-1] if cell not in ("-", "norm.") and cell[-1] != "%"]
        assert numbers  # none is cut


class Batches(keras.utils.PyDataset):
    """A dataset, which numpy would convert to an array."""

    def __len__(self):
        return 3

    def __getitem__(self, index):
        return X[:8], X[:8]


def test_what_cannot_be_audited():
    built = network(L.Dense(3, "relu"))
    for wrong in (3, None, L.Dense(3), keras.Model, "model.keras"):
        with pytest.raises(TypeError, match=r"audit: .* is not a keras\.Model"):
            actx.audit(wrong)
    with pytest.raises(ValueError, match="is not built, so it has no weights; call it"):
        actx.audit(keras.Sequential([L.Dense(3, "relu")]))
    with pytest.raises(ValueError, match="has no layer with a kernel"):
        actx.audit(network(L.ReLU(), L.Flatten()))
    before = values(built)
    for x, message in [
        (np.full((4, 64), np.nan), "x has NaN or infinity in its first 256 rows"),
        (np.zeros((0, 64)), "at least one"),
        (X[:1], "x has 1 row"),
        ([X, X[:3]], "same number of rows"),
        ("text", "use arrays"),
        (Batches(), "use arrays, as in fit, and of a dataset one batch"),
        (X[:, :5], "'sequential.*' cannot be called on x: .*incompatible with the layer"),
    ]:
        with pytest.raises(ValueError, match=f"audit: .*{message}"):
            actx.audit(built, x)
    with pytest.raises(ValueError, match="max_rows=1 is not allowed"):
        actx.audit(built, X, max_rows=1)
    for one, other in zip(before, values(built), strict=True):
        np.testing.assert_array_equal(one, other)


class Unknown(L.Layer):
    """A layer of a user, with a kernel of its own and no rule."""

    def build(self, shape):
        self.matrix = self.add_weight(shape=(shape[-1], 8), initializer=normal(0.1))

    def call(self, x):
        return keras.ops.sin(x @ self.matrix)


def test_unknown_layers_are_listed_with_what_is_known():
    model = network(L.Dense(16, "relu", name="before"), Unknown(name="unknown"), L.Dense(1, name="after"))
    rows = by_layer(actx.audit(model))
    assert rows["before"]["expected"] is not None
    assert rows["before"]["expected_gradient"] is rows["after"]["expected"] is None
    rows = by_layer(actx.audit(model, X))
    assert rows["unknown"]["measured"] > 0.0
    assert rows["unknown"]["gradient"] > 0.0

    class Halved(L.Dense):
        def call(self, inputs, training=None):
            return 0.5 * super().call(inputs)

    rows = by_layer(actx.audit(network(L.Dense(16, name="before"), Halved(8, name="halved"), L.Dense(1, name="after"))))
    assert rows["before"]["expected"] is not None
    assert rows["halved"]["expected"] is rows["after"]["expected"] is rows["before"]["expected_gradient"] is None


@pytest.mark.same_everywhere
def test_the_command(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    network(L.Dense(8, "relu", name="a"), L.Dense(1)).save("good.keras")
    network(L.Dense(8, "relu", bias_initializer=constant(-100.0), name="a"), L.Dense(1)).save("bad.keras")
    np.save("x.npy", X)
    assert main(["audit", "good.keras"]) == 0
    assert main(["audit", "good.keras", "--data", "x.npy", "--rows", "32"]) == 0
    capsys.readouterr()
    assert main(["audit", "bad.keras", "--data", "x.npy"]) == 1
    out = capsys.readouterr().out
    assert "dead (a)" in out
    assert main(["audit", "bad.keras", "--data", "x.npy", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["findings"][0]["layer"] == "a"
    assert found["rows"][0]["dead"] == list(range(8))
    assert found["rows"][1]["units"] is None


@pytest.mark.same_everywhere
@pytest.mark.filterwarnings("ignore")
def test_the_command_refuses(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    network(L.Dense(2), L.Lambda(lambda x: x + 1)).save("lambda.keras")
    network(L.Dense(2)).save("good.keras")
    network(L.ReLU()).save("empty.keras")
    whole = (tmp_path / "good.keras").read_bytes()
    (tmp_path / "corrupt.keras").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text.npy").write_text("no array")
    for arguments, message in [
        (["none.keras"], "there is no file none.keras"),
        (["corrupt.keras"], "corrupt.keras cannot be loaded"),
        (["lambda.keras"], "load it in Python"),
        (["empty.keras"], "has no layer with a kernel"),
        (["good.keras", "--data", "text.npy"], "cannot be read as data"),
        (["good.keras", "--data", "good.keras"], "has no arrays"),
    ]:
        assert main(["audit", *arguments]) == 2
        error = capsys.readouterr().err
        assert error.startswith("keras-actx audit: ")
        assert message in error
        assert error.count("\n") == 1


@pytest.mark.same_everywhere
@pytest.mark.sweep(4)
@pytest.mark.parametrize("name", ["ResNet50", "MobileNetV3Small", "EfficientNetB0", "ConvNeXtTiny"])
def test_applications(name):
    """Freshly built, they have no fault."""
    size = 32 if name != "EfficientNetB0" else 64
    model = getattr(keras.applications, name)(weights=None, input_shape=(size, size, 3))
    before = values(model)
    images = np.random.default_rng(1).uniform(0.0, 255.0, (4, size, size, 3))
    for x in (None, images if name != "ResNet50" else (images - 127.0) / 70.0):
        found = actx.audit(model, x)
        assert found.findings == ()
    known = [row for row in found.rows if row["gain"] is not None]
    assert len(known) > 40
    assert all(row["measured"] > 0.0 and row["gradient"] > 0.0 for row in known)
    for one, other in zip(before, values(model), strict=True):
        np.testing.assert_array_equal(one, other)
