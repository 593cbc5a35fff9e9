"""`compare`: the verdict on planted results and in real training, equal conditions for all, and bad input."""

import dataclasses
import json
import math
import random
import sys
import types
import weakref

import keras
import numpy as np
import pytest
import scipy.stats

import keras_actx as actx
from keras_actx.models.compare import compare as module
from keras_actx.models.compare.comparison import Comparison, Run
from keras_actx.models.compare.paired_t import paired_test, t_quantile, t_tail

L = keras.layers
SMALL = {"epochs": 1, "seeds": 1, "batch_size": 256, "verbose": False}
X = np.linspace(-1, 1, 320, dtype="float32").reshape(-1, 1)
Y = 2 * X / (1 + np.exp(-2 * X))


@pytest.fixture(autouse=True)
def _no_collection(monkeypatch):
    """It takes longer than such a small model; `monkeypatch.undo()` brings it back."""
    monkeypatch.setattr(module, "gc", types.SimpleNamespace(collect=lambda: None))


def build(activation, rate=0.1):
    """One unit, which fits Y if its activation is silu."""
    start = keras.initializers.RandomUniform(1.5, 2.0)
    model = keras.Sequential([keras.Input((1,)), L.Dense(1, activation, kernel_initializer=start)])
    # TensorFlow traces longer than such a model trains; `test_metrics_direction_and_structured_data` traces one.
    model.compile(keras.optimizers.Adam(rate), "mse", run_eagerly=keras.backend.backend() == "tensorflow")
    return model


def comparison(scores, metric="val_loss", mode="min"):
    """The result of runs with these scores; NaN for a run that diverged."""
    return Comparison(
        metric,
        mode,
        tuple(
            Run(name, seed, score, math.isnan(score), 1, 1, 0.5, {metric: (score,)})
            for name, found in scores.items()
            for seed, score in enumerate(found)
        ),
    )


NOISE = np.random.default_rng(0).normal(size=(3, 5))


def test_verdict_on_a_planted_difference_and_on_none_in_training():
    """One activation that cannot fit the target, and two names of the same function."""
    budget = {"epochs": 2, "patience": None, "seeds": 3, "batch_size": 160, "validation_data": (X, Y)}
    activations = ["linear", "silu", "swish"]
    result = actx.compare(lambda it: build(it, 0.2), X, Y, activations=activations, **budget, verbose=False)
    assert result.scores["silu"] == result.scores["swish"]
    assert result.verdict == (
        "No difference: 'silu' and 'swish' have the same score with each seed: they are names of one function, the "
        "metric cannot tell them apart, or `build` does not use its argument. 'linear' is worse than 'silu'."
    )
    assert min(result.scores["linear"]) > 2 * max(result.scores["silu"])
    assert len(result.runs) == 9
    assert all(run.epochs == run.best_epoch == 2 for run in result.runs)
    assert all(run.score == run.history["val_loss"][-1] for run in result.runs)


def test_verdict_names_the_best():
    worse = 1 + 0.1 * NOISE
    result = comparison({"relu": worse[0], "snake": worse[1] - 0.8, "gelu": worse[2]})
    assert result.best == "snake"
    test = result.tests["snake", result.rows[1]["activation"]]
    assert result.verdict == (
        f"'snake' is best: its val_loss is {test.difference:.4g} less than that of the next, "
        f"{result.rows[1]['activation']!r} (95 % interval {test.low:.4g} to {test.high:.4g}, 5 seeds)."
    )
    accuracy = comparison({"relu": worse[0], "snake": worse[1] - 0.8, "gelu": worse[2] + 9}, "val_accuracy", "max")
    assert accuracy.verdict.startswith("'gelu' is best: its val_accuracy is 8.9")
    assert " more than that of the next, 'relu'" in accuracy.verdict


@pytest.mark.same_everywhere
def test_no_difference_is_said_of_equal_distributions():
    """In 400 comparisons of four equal activations, a difference is stated in no more than 5 %, as documented."""
    rng = np.random.default_rng(1)
    found = 0
    for _ in range(400):
        result = comparison(dict(zip("abcd", rng.normal(size=(4, 5)), strict=True)))
        said = result.verdict.startswith("No difference: the spread between 5 seeds is too large to tell")
        differs = any(test.differs for test in result.tests.values())
        assert differs or (said and "worse" not in result.verdict)
        found += differs
    assert found <= 28  # 20 expected at most; 5 % plus two standard deviations of a binomial


def test_a_difference_that_is_not_to_the_best_is_said():
    noise = np.array([-1.0, 1.0, 0.0, -1.0, 1.0])
    result = comparison({"a": 1 + 9 * noise, "b": 2 + 0.01 * noise, "c": 3 - 0.01 * noise})
    assert result.verdict.endswith("'a', which has the lowest mean val_loss, from 'b' and 'c'. 'c' is worse than 'b'.")


def test_too_few_seeds():
    result = comparison({"relu": [1.0], "tanh": [2.0]})
    assert result.verdict == ("Too few seeds to tell: 'relu' has the lowest mean val_loss, with 1 seed; use 3 or more.")
    assert math.isnan(result.rows[0]["spread"])
    assert result.rows[1]["difference"] == 1
    assert "with 2 seeds; use 3" in comparison({"relu": [1.0, 1.0], "tanh": [2.0, 2.0]}).verdict


def test_a_run_that_diverged_is_worst_and_named():
    result = comparison({"relu": [0.0, math.nan, 0.0, 0.0], "tanh": [2.0] * 4, "elu": [1.0] * 4})
    assert list(result.scores) == ["elu", "tanh", "relu"]
    assert result.verdict.startswith("'elu' is best: ")
    assert result.verdict.endswith("'relu' diverged with 1 of 4 seeds (1), and counts as worst.")
    assert "1 of 4 diverged" in str(result)
    assert math.isnan(result.rows[2]["mean"])
    one = comparison({"relu": [math.nan] * 3, "tanh": [2.0] * 3})
    assert one.verdict.startswith("'tanh' is the only activation that did not diverge.")
    none = comparison({"relu": [math.nan] * 3, "tanh": [2.0, math.nan, 1.0]})
    assert none.verdict.startswith("No verdict: every activation diverged with at least one seed. 'tanh' diverged")


def test_a_run_that_diverges_ends_and_the_others_go_on():
    def explode(x):
        return x * np.float32(1e38) * np.float32(1e38)

    result = actx.compare(build, X, Y, activations=[explode, "tanh"], **{**SMALL, "epochs": 3})
    assert result.best == "tanh"
    assert [(run.activation, run.diverged, run.epochs) for run in result.runs] == [
        ("explode", True, 1),
        ("tanh", False, 3),
    ]
    assert "'explode' diverged with 1 of 1 seeds (0)" in result.verdict


def test_runs_are_equal_but_for_the_activation():
    """The same rows, in the same order, from the same weights; a repeated comparison gives the same scores."""
    seen = []

    class Recording(keras.Sequential):
        def fit(self, batches, **kwargs):
            train = [batches[i] for i in range(len(batches))]
            seen.append((self.get_weights(), train, kwargs["validation_data"]))
            return super().fit(batches, **kwargs)

    def recorded(activation):
        model = Recording([keras.Input((1,)), L.Dense(3, activation), L.Dropout(0.5), L.Dense(1)])
        model.compile("sgd", "mse", run_eagerly=keras.backend.backend() == "tensorflow")
        return model

    x, y = np.arange(40.0).reshape(-1, 1), np.arange(40.0)
    results = [
        actx.compare(recorded, x, y, activations=["relu", None], **{**SMALL, "batch_size": 16, "seeds": seeds})
        for seeds in ([0, 1], [1])
    ]
    relu, linear, other_seed, _ = seen[:4]
    keras.tree.map_structure(np.testing.assert_array_equal, relu, linear)
    assert not np.array_equal(relu[2][0], other_seed[2][0])
    rows = np.concatenate([*(batch[0] for batch in relu[1]), relu[2][0]])
    assert sorted(rows.ravel()) == sorted(x.ravel())
    assert len(relu[2][0]) == 8
    assert {name: scores[1:] for name, scores in results[0].scores.items()} == results[1].scores
    assert list(results[0].scores) == sorted(results[0].scores, key=lambda it: np.mean(results[0].scores[it]))


def test_batches_are_shuffled_by_the_seed_alone():
    from keras_actx.models.compare.rows import Data

    train, _ = Data(X, Y, 0.25, None, 16).split(3)
    first, _ = train[0]
    train.on_epoch_end()
    second, _ = train[0]
    train.restart()
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(first, train[0][0])
    assert len(train) == 15


def test_random_state_is_kept():
    random.seed(3), np.random.seed(3)
    keras.utils.set_random_seed(3)

    def drawn():
        numbers = [random.random(), np.random.rand()]
        if keras.backend.backend() == "torch":
            numbers.append(float(keras.random.dropout(keras.ops.ones(64), 0.5).sum()))
        return numbers

    expected = drawn()
    keras.utils.set_random_seed(3)
    actx.compare(build, X, Y, activations=["relu", "tanh"], **SMALL)
    assert drawn() == expected

    def interrupted(activation):
        random.random(), np.random.rand()
        raise KeyboardInterrupt

    keras.utils.set_random_seed(3)
    with pytest.raises(KeyboardInterrupt):
        actx.compare(interrupted, X, Y, activations=["relu", "tanh"], **SMALL)
    assert drawn() == expected


def test_an_interrupt_has_the_results_of_the_complete_seeds():
    made = []

    def ends(activation):
        made.append(activation)
        if len(made) == 6:  # two models are built before any is trained
            raise KeyboardInterrupt
        return build(activation)

    with pytest.raises(KeyboardInterrupt) as found:
        actx.compare(ends, X, Y, activations=["relu", "tanh"], **{**SMALL, "seeds": [7, 8]})
    kept = found.value.__notes__[-1].splitlines()
    assert kept[0] == "compare: the results with the seeds 7:"
    assert {line.split()[0] for line in kept[3:5]} == {"relu", "tanh"}
    assert kept[5].startswith("Too few seeds to tell: ")


@pytest.mark.same_everywhere
def test_metrics_that_are_arrays():
    def classifier(activation):
        model = build(activation)
        metric = keras.metrics.F1Score(name="f1", threshold=0.5)
        model.compile("sgd", "mse", metrics=[metric], run_eagerly=keras.backend.backend() == "tensorflow")
        return model

    data = {"x": X, "y": (X > 0).astype("float32"), "activations": ["relu", "tanh"]}
    result = actx.compare(classifier, **data, **SMALL)
    assert len(json.loads(json.dumps(result.to_dict()))["runs"][0]["history"]["val_f1"][0]) == 1
    with pytest.raises(ValueError, match=r"metric='val_f1' is an array of the shape \(1,\) and not one number"):
        actx.compare(classifier, **data, **SMALL, metric="val_f1")


@pytest.mark.same_everywhere
def test_early_stopping_and_the_best_epoch():
    """Nothing is learned: the first epoch is the best."""
    result = actx.compare(
        lambda activation: build(activation, rate=0.0), X, Y, activations=["relu", "tanh"],
        **{**SMALL, "epochs": 9, "patience": 2, "seeds": [5]},
    )  # fmt: skip
    assert [(run.seed, run.epochs, run.best_epoch) for run in result.runs] == [(5, 3, 1)] * 2


def test_metrics_direction_and_structured_data():
    """Dicts of arrays, a metric to be maximized, learnable activations, and a new layer for each run."""
    made = []

    def two_inputs(activation):
        made.append(activation)
        a, b = keras.Input((1,), name="a"), keras.Input((1,), name="b")
        out = L.Dense(2, "softmax")(L.Dense(4, activation)(L.Concatenate()([a, b])))
        model = keras.Model({"a": a, "b": b}, out)
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        return model

    activations = {"mine": actx.layers.LearnableActivation("snake"), "name": "swish(learnable=True)"}
    data = {"a": X, "b": X}, (X[:, 0] > 0).astype("int64")
    result = actx.compare(two_inputs, *data, activations=activations, metric="val_accuracy", **SMALL)
    assert result.mode == "max"
    assert list(result.scores) == sorted(activations, key=lambda it: -np.mean(result.scores[it]))
    layers = [one for one in made if isinstance(one, keras.layers.Layer)]
    assert len({id(one) for one in layers}) == len(layers) == 2
    assert activations["mine"] not in layers
    unknown = {"metric": "val_acuracy", **SMALL}
    with pytest.raises(ValueError, match=r"'val_acuracy' is not in the logs of the model; .*'val_accuracy'\?"):
        actx.compare(two_inputs, *data, activations=["relu", "tanh"], **unknown)


def test_models_are_freed(monkeypatch):
    models, alive = [], []

    def counted(activation):
        alive.append(sum(one() is not None for one in models))
        model = build(activation)
        models.append(weakref.ref(model))
        return model

    monkeypatch.undo()
    actx.compare(counted, X, Y, activations=["relu", "tanh"], **{**SMALL, "seeds": 2})
    assert len(models) == 6  # two of them built before any is trained
    assert alive[3:] == [0, 0, 0]


@pytest.mark.same_everywhere
def test_table_rows_and_json():
    result = comparison({"snake(alpha=2.0)": 1 + 0.1 * NOISE[0], "[b]": 2 + 0.1 * NOISE[1]})
    text = str(result)
    assert repr(result) == text
    assert text.splitlines()[0].split() == [
        *"activation val_loss, mean ± spread min max difference, 95 % interval epochs s".split()
    ]
    assert text.splitlines()[2].startswith("snake(alpha=2.0) ")
    assert text.splitlines()[3].startswith("[b] ")
    assert " ".join(text.splitlines()[4:]) == result.verdict
    row = result.rows[1]
    assert row["mean"] == pytest.approx(2 + 0.1 * NOISE[1].mean())
    assert row["spread"] == pytest.approx(0.1 * NOISE[1].std(ddof=1))
    assert row["low"] < row["difference"] < row["high"]
    expected = scipy.stats.ttest_rel(result.scores["[b]"], result.scores["snake(alpha=2.0)"])
    assert row["p"] == pytest.approx(expected.pvalue)
    assert [row["low"], row["high"]] == pytest.approx(list(expected.confidence_interval(0.95)))
    found = json.loads(json.dumps(result.to_dict(), allow_nan=False))
    assert found["rows"][0]["p"] is None
    assert len(found["runs"]) == 10
    assert {one.name for one in dataclasses.fields(Run)} == set(found["runs"][0])


@pytest.mark.same_everywhere
def test_picture(monkeypatch):
    result = comparison({"relu": 1 + 0.1 * NOISE[0], "tanh": [math.nan, *NOISE[1][1:]], "elu": 3 + 0.1 * NOISE[2]})
    scores, differences = result.plot().axes
    assert [text.get_text() for text in scores.get_yticklabels()] == ["relu", "elu", "tanh"]
    assert [len(line.get_xdata()) for line in scores.lines] == [5, 2, 5, 2, 4]
    np.testing.assert_array_equal(scores.lines[0].get_xdata(), result.scores["relu"])
    assert [text.get_text() for text in scores.texts] == ["1 diverged"]
    bar = differences.containers[1]
    assert bar.lines[0].get_xdata() == [pytest.approx(result.rows[1]["difference"])]
    with pytest.raises(ValueError, match=r"give what keras_actx\.compare returns"):
        actx.plot.comparison("relu")
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"keras-actx\[plot\]"):
        result.plot()


@pytest.mark.same_everywhere
def test_t_distribution_is_that_of_scipy():
    for degrees in (1, 2, 3, 4, 5, 8, 9, 20, 99):
        for t in (0.0, 0.3, 2.0, 7.0, 50.0):
            assert t_tail(t, degrees) == pytest.approx(2 * scipy.stats.t.sf(t, degrees), abs=1e-13)
        for tail in (0.5, 0.05, 1e-3, 1e-5):
            assert t_quantile(tail, degrees) == pytest.approx(scipy.stats.t.isf(tail / 2, degrees), rel=1e-6)
    one, other = NOISE[:2]
    corrected = paired_test(one, other, error=0.05, tests=3)
    expected = scipy.stats.ttest_rel(one, other)
    assert [corrected.low, corrected.high] == pytest.approx(list(expected.confidence_interval(1 - 0.05 / 3)))
    assert corrected.p == pytest.approx(min(1, 3 * expected.pvalue))
    assert paired_test([1.0] * 3, [2.0] * 3, error=0.05, tests=1).p == 0
    rounded = paired_test([1.0, 1.0], [1.0 + 1e-7] * 2, error=0.05, tests=1)
    assert rounded.p == 1
    assert not rounded.differs
    # docs/choose.md, in standard deviations of the differences: 2 candidates, 3 and 6, with 5 seeds; 2 with 3 seeds.
    half = [t_quantile(0.05 / pairs, seeds - 1) / seeds**0.5 for pairs, seeds in ((1, 5), (3, 5), (15, 5), (1, 3))]
    assert [round(one, 1) for one in half] == [1.2, 1.8, 2.8, 2.5]


@pytest.mark.same_everywhere
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"activations": ["relu", "snak"]}, r"Did you mean 'snake'\?"),
        ({"activations": ["relu", "snake(alpah=1.0)"]}, r"Did you mean 'alpha'\?"),
        ({"activations": ["relu", "maxout"]}, "Maxout"),
        ({"activations": ["relu", "relu"]}, "'relu' more than once"),
        ({"activations": []}, "two or more"),
        ({"activations": ["relu"]}, "two or more"),
        ({"activations": "relu"}, "in a list"),
        ({"activations": ["relu", 3]}, "3 in activations is not allowed"),
        ({"activations": ["relu", L.PReLU]}, "is a class"),
        ({"activations": {"a": "relu", 2: "tanh"}}, "strings as names"),
        ({"x": np.where(X > 0.9, np.nan, X)}, "x and y has NaN or infinity"),
        ({"y": np.where(X > 0.9, np.inf, X)}, "x and y has NaN or infinity"),
        ({"y": Y[:-1]}, "they have 319 and 320"),
        ({"x": X[:0], "y": Y[:0]}, "at least one; they have 0"),
        ({"x": []}, "they have 0 and 320"),
        ({"y": None}, "None in x and y is not allowed"),
        ({"x": [[1.0], [2.0]]}, "use arrays, as in fit"),
        ({"validation_split": 1.0}, "between 0 and 1"),
        ({"validation_split": 0.001}, "leaves none"),
        ({"validation_data": (X,)}, r"use \(x, y\)"),
        ({"validation_data": (X, Y[1:])}, "validation_data must be arrays with the same number of rows"),
        ({"validation_data": (X, Y * np.nan)}, "validation_data has NaN"),
        ({"seeds": 2**40}, "a number of seeds from 1 on"),
        ({"seeds": 0}, "a number of seeds from 1 on"),
        ({"seeds": True}, "a number of seeds from 1 on"),
        ({"seeds": [1, 1]}, "a list of different whole numbers"),
        ({"seeds": [-1]}, "a list of different whole numbers"),
        ({"epochs": 0}, "epochs=0 is not allowed"),
        ({"batch_size": 1.5}, "batch_size=1.5 is not allowed"),
        ({"patience": 0}, "patience=0 is not allowed"),
        ({"mode": "up"}, "'auto', 'min' or 'max'"),
        ({"metric": None}, "the name of a value in the logs"),
        ({"verbose": 2}, "True or False"),
        ({"build": "relu"}, "a function of an activation"),
    ],
)  # fmt: skip
def test_refused_before_anything_is_built(change, message):
    def unused(activation):
        raise AssertionError

    arguments = {"build": unused, "x": X, "y": Y, "activations": ["relu", "tanh"], **SMALL, **change}
    with pytest.raises(ValueError, match=message):
        actx.compare(**arguments)


def test_models_that_are_refused():
    def refused(build, message, error=ValueError, **further):
        with pytest.raises(error, match=message) as found:
            actx.compare(build, X, Y, activations=["relu", "tanh"], **{**SMALL, **further})
        assert any("with the activation" in note for note in found.value.__notes__)

    shared, layer, optimizer = build("relu"), L.Dense(1), keras.optimizers.SGD()

    def with_shared_layer(activation):
        model = keras.Sequential([keras.Input((1,)), L.Dense(2, activation), layer])
        model.compile("sgd", "mse")
        return model

    def with_shared_optimizer(activation):
        model = build(activation)
        model.compile(optimizer, "mse")
        return model

    def frozen(activation):
        model = build(activation)
        model.trainable = False
        return model

    def not_compiled(activation):
        return keras.Sequential([keras.Input((1,)), L.Dense(2, activation)])

    refused(lambda _: None, "build returned None; it must return a Keras model", TypeError)
    refused(not_compiled, r"call model\.compile in build")
    refused(lambda _: shared, "the model of an earlier call")
    refused(with_shared_layer, r"the weight .*kernel' of an earlier call")
    refused(with_shared_optimizer, "the optimizer of an earlier call")
    refused(frozen, "nothing to train")
    refused(build, "Pass `mode='max'`|Invalid|not in the logs", metric="val_unknown")


def test_an_error_of_one_activation_names_it():
    with pytest.raises(ValueError, match="GatedLinearUnit") as found:
        actx.compare(build, X, Y, activations=["relu", "swiglu"], **SMALL)
    assert found.value.__notes__ == ["compare: with the activation 'swiglu' and the seed 0"]


@pytest.mark.same_everywhere
def test_progress_bar_counts_all_epochs(monkeypatch):
    made = []
    monkeypatch.setattr(module, "_progress", lambda shown, make=module._progress: made.append(make(shown)) or made[-1])
    actx.compare(build, X, Y, activations=["relu", "tanh"], **{**SMALL, "epochs": 2, "seeds": 1, "verbose": 1})
    (task,) = made[0].tasks
    assert task.finished
    assert task.completed == task.total == 4
    assert task.description == "tanh, seed 0"
