"""The training study: that of real models, concluded by its protocol; and a slice of it, trained again."""

import sys

import keras
import numpy as np
import pytest
import scripts

import keras_actx as actx
from keras_actx.initializers import auto

if keras.backend.backend() != "jax":
    pytest.skip("the study trains on JAX", allow_module_level=True)

sys.path.insert(0, str(scripts.ROOT / "benchmarks" / "training"))
study = scripts.load("benchmarks/training/__main__.py")
import nets  # noqa: E402
import start_weights  # noqa: E402
import tasks  # noqa: E402

page_maker = scripts.load("docs/make_training.py")
selection = page_maker.selection


@pytest.fixture(scope="module")
def rows():
    return page_maker.rows()


@pytest.fixture(scope="module")
def scores(rows):
    return selection.scores_of(selection.first(rows))


def test_the_study_is_whole_and_of_todays_numbers(rows):
    stale = {cell: missing for cell in study.cells() if (missing := study.missing(cell, rows))}
    assert not stale, "train again: python benchmarks/training"


def test_the_page_is_written_from_it(rows):
    assert page_maker.PAGE.read_text(encoding="utf-8") == page_maker.page(rows), "run docs/make_training.py"


def test_the_chart_and_the_tables_are_of_it(rows):
    assert page_maker.evidence_chart.is_of(page_maker.CHART, page_maker.shown(rows)), "run docs/make_training.py"
    tables = page_maker.tables(rows)
    assert not page_maker.full_table.stale(tables), "run docs/make_training.py"
    trained = {(*selection.setting_of(row), row["start"]) for row in rows if row["start"] in selection.TITLES}
    titles = [page_maker.plain(one) for one in selection.TITLES]
    assert sum(bool(row[title]) for row in tables["training.csv"] for title in titles) == len(trained)


#: The starts of the study that a scheme gives.
SCHEMES = {"keras": "glorot", "published": "published", "critical depth": "critical"}


def test_auto_is_what_was_decided_for_a_block(scores):
    """Not by the protocol, which takes Keras's default for one small data set."""
    assert set(selection.chosen(scores, "a single block").values()) == {"keras"}
    for activation in study.ACTIVATIONS:
        found = actx.layers.DenseBlock(nets.WIDTH, activation).pairing.scheme
        assert found == selection.DECIDED["a single block"]


def test_auto_is_what_was_chosen_for_a_stack(scores):
    chosen = selection.chosen(scores, "a stack")
    rule, others = zip(*(one.split(", else ") for one in chosen.values()), strict=True)
    assert set(rule) == {"looks_linear"}
    assert dict(zip(chosen, (SCHEMES[one] for one in others), strict=True)) == auto.STACKED
    for depth, scheme in auto.STACKED.items():
        for activation in study.ACTIVATIONS:
            found = actx.layers.DenseStack(nets.WIDTH, activation, depth=depth).pairing.scheme
            if activation.startswith("sine"):
                assert found == "published"
            else:
                assert found == ("looks_linear" if start_weights.exists("looks_linear", activation) else scheme)


def test_a_start_with_other_numbers_is_noticed(monkeypatch, rows):
    cell = study.cells()[0]
    monkeypatch.setattr(actx, "gain", lambda _: 1.25)
    assert "forward gain" in study.missing(cell, rows)


def test_the_rules_of_the_protocol(monkeypatch):
    def found(depth, rest, **better):
        return {("digits", depth, "relu", "adam"): dict.fromkeys(selection.PLACES["a single block"][0], rest) | better}

    close = found(3, 0.9, published=0.899, **{"forward gain": 0.907})
    assert selection.verdict(close, "a single block")[0][0] == "published"  # a tie goes to the published one
    apart = found(3, 0.5, keras=0.9, published=0.8, **{"forward gain": 0.95})
    assert selection.verdict(apart, "a single block")[0][0] == "forward gain"
    # Where the best on average loses to Keras's default, the next is taken: for that depth if the depth is known.
    two = found(3, 0.9, published=0.8) | found(10, 0.1, he=0.2, published=0.9)
    best, *_ = selection.verdict(two, "a single block")
    assert (best[0], best[2]) == ("published", ["digits, 3 layers: 0.100"])
    assert selection.chosen(two, "a single block") == {3: "he", 10: "he"}
    monkeypatch.setattr(selection, "KNOWS_ITS_DEPTH", ("a single block",))
    assert selection.chosen(two, "a single block") == {3: "he", 10: "published"}


def test_splits_of_the_data_are_averaged():
    row = {"task": "wine", "depth": 3, "activation": "relu", "optimizer": "adam", "start": "he"}
    rows = [row | {"test": [0.1, 0.5, 0.9]}, row | {"test": [0.7, 0.7, 0.7], "split": 1}]
    assert selection.scores_of(rows) == {("wine", 3, "relu", "adam"): {"he": pytest.approx(0.6)}}
    one, other = tasks.load("wine"), tasks.load("wine", 1)
    assert one.test[0].shape == other.test[0].shape
    assert not np.array_equal(one.test[1], other.test[1])


@pytest.mark.parametrize("start", ["published", "critical depth", "looks_linear", "standardized"])
@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_a_real_keras_model_trains_the_same(start, optimizer):
    """The study's scan against a `DenseStack`, Keras's optimizer and its losses."""
    task, depth, steps = tasks.load("wine"), 6, 8
    network = start_weights.network(start, "gelu", depth, *nets.kernel_shapes(task), task.outputs, seed=3)
    scheme = "critical" if start in ("critical depth", "standardized") else start
    standardize = start == "standardized"
    stack = actx.layers.DenseStack(nets.WIDTH, "gelu", depth=depth, scheme=scheme, standardize=standardize, seed=3)
    model = keras.Sequential([keras.Input((13,)), stack, keras.layers.Dense(task.outputs)])
    model.layers[-1].set_weights(network.output)
    batches = np.random.default_rng(0).integers(0, len(task.train[0]), (steps, nets.BATCH))
    rate = {"adam": 0.001, "sgd": 0.01}[optimizer]
    of_keras = {"adam": keras.optimizers.Adam(rate), "sgd": keras.optimizers.SGD(rate, momentum=0.9)}[optimizer]
    model.compile(of_keras, keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    expected = [model.train_on_batch(task.train[0][one], task.train[1][one]) for one in batches]
    weights = {"first": network.first, "hidden": network.hidden, "output": network.output}
    train = nets.trainer(task, "gelu")
    numbers = np.float32(network.scale), np.float32(network.shift)
    losses, *_ = train(weights, *numbers, batches.astype("int32"), np.float32(rate), optimizer == "adam")
    np.testing.assert_allclose(np.asarray(losses), np.asarray(expected), rtol=2e-4)


def test_the_convolution_is_keras_own():
    x, kernel = np.random.default_rng(0).normal(size=(2, 4, 4, 8)), np.random.default_rng(1).normal(size=(3, 3, 8, 8))
    expected = keras.ops.conv(x.astype("float32"), kernel.astype("float32"), padding="same")
    np.testing.assert_allclose(nets.layer(kernel.astype("float32"), x.astype("float32")), expected, atol=2e-5)


def test_a_slice_of_the_study():
    """30 layers of sigmoid on wine, SGD, 2 seeds of 5: Keras's start learns nothing, the critical one does."""
    task = tasks.load("wine")
    train = nets.trainer(task, "sigmoid")
    scores = {}
    for start in ("keras", "critical depth"):
        for seed in (0, 1):
            network = start_weights.network(start, "sigmoid", 30, *nets.kernel_shapes(task), task.outputs, seed)
            weights = {"first": network.first, "hidden": network.hidden, "output": network.output}
            batches = np.random.default_rng(seed).integers(0, len(task.train[0]), (nets.STEPS, nets.BATCH))
            numbers = (np.float32(network.scale), np.float32(network.shift))
            *_, test = train(weights, *numbers, batches.astype("int32"), np.float32(0.01), False)
            scores.setdefault(start, []).append(nets.score(test, task.test[1], task))
    print(f"of {len(study.cells())} cells and splits, one: wine, 30 layers of sigmoid, SGD 0.01, two seeds: {scores}")
    assert max(scores["keras"]) < 0.5
    assert min(scores["critical depth"]) > 0.8


@pytest.mark.parametrize(
    ("start", "initializer"), [("keras", "GlorotUniform"), ("he", "HeNormal"), ("lecun", "LecunNormal")]
)
def test_starts_of_keras_are_keras_own(start, initializer):
    """The study draws once for a scale of 1 and multiplies."""
    kernel = start_weights.network(start, "relu", 2, (13, 64), (64, 64), 3, seed=5).hidden[0][0]
    expected = getattr(keras.initializers, initializer)(seed=(5 * 1000003 + 1) % 2**31)((64, 64))
    np.testing.assert_allclose(kernel, expected, rtol=1e-6)
