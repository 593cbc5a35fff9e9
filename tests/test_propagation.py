"""A hundred layers: the committed results of benchmarks/propagation.py, a small slice of them live, and the picture."""

import json
import math
import sys

import all_activations
import keras
import numpy as np
import pytest
import scripts
from deep import one_thread

import keras_actx as actx
from keras_actx.layers import DenseStack
from keras_actx.propagation import PropagationProbe

sys.path.insert(0, str(scripts.ROOT / "benchmarks"))

import propagation_results as measured

BACKENDS = measured.BACKENDS
RESULTS = {one: measured.read(one) for one in BACKENDS}
ELEMENTWISE = {one.name for one in all_activations.defaults("elementwise")}
NAMES = ELEMENTWISE | {one.name for one in all_activations.defaults("gated")}


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    with one_thread():
        yield


# The committed results


@pytest.mark.parametrize("backend", BACKENDS)
def test_every_activation_is_measured(backend):
    expected = {(name, "critical") for name in NAMES}
    if backend == measured.WITH_OTHERS:
        expected = {(name, scheme) for name in NAMES for scheme in measured.SCHEMES}
    assert set(RESULTS[backend]) == expected
    about = measured.about(backend)
    assert (about["depth"], about["width"], len(about["seeds"])) == (100, 512, 5)
    assert about["batch"] >= 64
    for row in RESULTS[backend].values():
        assert "none" in row or len(row["signal"]) == 5


def stale(name, chosen_for):
    """The backends and schemes of whose results something else is chosen today."""
    is_same = scripts.load("benchmarks/propagation.py").is_same
    found = []
    for scheme in measured.SCHEMES:
        rows = {backend: RESULTS[backend][name, scheme] for backend in BACKENDS if (name, scheme) in RESULTS[backend]}
        key = chosen_for(name, scheme)["key"]
        found += [(backend, scheme) for backend, row in rows.items() if not is_same(row["key"], key)]
    return found


@pytest.mark.sweep(4)
@pytest.mark.parametrize("name", sorted(NAMES))
def test_results_are_of_what_is_chosen_today(name):
    """On whatever backend it is chosen: they all choose the same."""
    chosen_for = scripts.load("benchmarks/propagation.py").chosen_for
    assert not stale(name, chosen_for), "measure again: python benchmarks/propagation.py"


def test_another_choice_is_noticed():
    benchmark = scripts.load("benchmarks/propagation.py")
    found = stale("gelu", lambda name, scheme: benchmark.chosen_for("relu", scheme))
    assert {(backend, "critical") for backend in BACKENDS} <= set(found)
    assert benchmark.is_same("1 free gain=1.00001 bias=0", "1 free gain=1 bias=1e-6")
    assert not benchmark.is_same("1 free gain=1.01", "1 free gain=1")
    assert not benchmark.is_same("1 free gain=1", "1 centred gain=1")
    assert not benchmark.is_same("1 free gain=1", "2 free gain=1")
    assert not benchmark.is_same("1 n/a", "1 infeasible")


@pytest.mark.parametrize("backend", BACKENDS)
def test_nearly_all_elementwise_hold(backend):
    holding = [name for name in ELEMENTWISE if measured.holds(RESULTS[backend][name, "critical"])]
    assert len(holding) >= 0.95 * len(ELEMENTWISE)


def test_the_rest_has_reasons():
    assert set(measured.exceptions(RESULTS)) == set(measured.reasons())
    assert all(measured.reasons().values())


def test_what_the_bar_lets_through():
    row = {"signal_farthest": [0.05, 0.1], "gradient_farthest": [0.415, 0.2]}
    assert measured.holds(row)
    assert not measured.holds({**row, "signal_farthest": [0.05, 0.101]})
    assert not measured.holds({**row, "gradient_farthest": [0.1, "inf"]})
    assert not measured.holds({**row, "gradient_farthest": [0.1, "nan"]})
    assert not measured.holds({"none": "refused"})


@pytest.mark.parametrize("backend", BACKENDS)
def test_build_times_are_measured(backend):
    path = measured.FOLDER.parent / "build_time" / f"{backend}.json"
    found = json.loads(path.read_text(encoding="utf-8"))
    assert set(found["build"]) == set(scripts.load("benchmarks/build_time.py").CASES)
    assert {case: it["ratio"] for case, it in found["build"].items() if it["ratio"] > 1.1} == {}
    assert found["new function"]["moments"]["ms"] < 50


def test_the_page_is_written_from_them():
    page_maker = scripts.load("docs/make_propagation.py")
    assert page_maker.measured_part() in page_maker.PAGE.read_text(encoding="utf-8"), "run docs/make_propagation.py"
    assert page_maker.evidence_chart.is_of(page_maker.CHART, page_maker.shown()), "run docs/make_propagation.py"
    table = page_maker.tables()["propagation.csv"]
    assert not page_maker.full_table.stale({"propagation.csv": table}), "run docs/make_propagation.py"
    assert len(table) == sum(row.get("none") != "n/a" for rows in RESULTS.values() for row in rows.values())


# How they were measured


@pytest.mark.filterwarnings("ignore:.*is discontinuous:UserWarning")
@pytest.mark.parametrize(
    ("name", "scheme"),
    [
        ("gelu", "critical"),
        ("sign", "critical"),
        ("prelu", "critical"),
        ("swiglu", "critical"),
        ("silu", "looks_linear"),
    ],
)
def test_kept_draws_are_those_of_a_real_stack(name, scheme):
    starts = scripts.load("benchmarks/starts.py")
    kept = starts.paired_stack(name, scheme, 4, 32)
    starts.draw(kept, seed=3)
    real = DenseStack(32, name, depth=4, scheme=scheme, seed=3)
    real.build((None, 32))
    assert len(kept.weights) == len(real.weights)
    for one, other in zip(kept.weights, real.weights, strict=True):
        np.testing.assert_allclose(*map(keras.ops.convert_to_numpy, (one, other)), atol=1e-6)


@pytest.mark.parametrize("distribution", ["truncated_normal", "untruncated_normal", "uniform"])
def test_kernels_are_proportional_to_their_gain(distribution):
    draws = [
        keras.ops.convert_to_numpy(
            keras.initializers.VarianceScaling(scale, "fan_in", distribution, seed=5)(shape=(30, 20))
        )
        for scale in (1.0, 7.0)
    ]
    np.testing.assert_allclose(draws[1], math.sqrt(7.0) * draws[0], rtol=1e-6, atol=1e-6)


def test_lsuv_gives_every_layer_variance_one():
    starts = scripts.load("benchmarks/starts.py")
    stack = starts.empty_stack("relu", 5, 32)
    x = np.random.default_rng(0).normal(size=(200, 32)).astype("float32")
    starts.fill(stack, "lsuv", 1, x, {})
    for block in stack.blocks:
        assert np.var(keras.ops.convert_to_numpy(block.dense(x))) == pytest.approx(1.0, abs=0.11)
        x = block(x)


def as_numpy(x):
    return keras.ops.convert_to_numpy(keras.ops.stop_gradient(x))


def measure(stack, batch=64, seed=1):
    x = np.random.default_rng(seed).normal(size=(batch, stack.blocks[0].units)).astype("float32")
    if not stack.built:
        stack.build(x.shape)
    return PropagationProbe(stack)(stack, x, seed=seed)


@pytest.mark.parametrize("name", ["tanh", "prelu"])
def test_the_gradient_is_the_networks(name):
    """The one that the backend finds through the whole network at once."""
    from keras_actx.testing.backend import gradient

    stack = DenseStack(12, name, depth=4, scheme="critical", seed=1)
    found = measure(stack, batch=8)
    x = np.random.default_rng(1).normal(size=(8, 12)).astype("float32")
    z = stack.blocks[0].dense(x)
    top = np.random.default_rng(1).normal(size=(8, 12))
    top = (top / np.sqrt(np.mean(top**2))).astype("float32")

    def above(z):
        for below, block in zip(stack.blocks, stack.blocks[1:], strict=False):
            z = block.dense(below.activation_layer(z))
        return z * keras.ops.convert_to_tensor(top)

    true = np.mean(as_numpy(gradient(above, z)) ** 2)
    assert found.gradient[0] == pytest.approx(math.log10(true), abs=1e-4)
    last = as_numpy(above(z)) / top
    assert found.signal[-1] == pytest.approx(math.log10(np.mean(last**2)), abs=1e-4)
    assert found.across_inputs[-1] == pytest.approx(math.log10(np.mean(last.var(axis=0))), abs=1e-4)


def test_what_is_no_plain_stack_is_refused():
    for arguments in ({"normalization": "layer"}, {"dropout": 0.5}, {"residual": True}):
        stack = DenseStack(4, "relu", depth=3, **arguments)
        stack.build((None, 4))
        with pytest.raises(ValueError, match="more than a Dense"):
            PropagationProbe(stack)
    with pytest.raises(ValueError, match="not built"):
        PropagationProbe(DenseStack(4, "relu", depth=3))


# A slice, live

DEPTH, WIDTH = 50, 128
#: What is random about them grows with the root of depth / width.
_LUCK = math.sqrt(DEPTH / WIDTH) / math.sqrt(100 / 512)
SLICE = ("relu", "gelu", "silu", "tanh", "sigmoid", "selu", "softplus", "snake", "prelu")


def within(found):
    forward, backward = found.excursions()
    return forward <= measured.FORWARD * _LUCK and backward <= measured.BACKWARD * _LUCK


@pytest.mark.parametrize("name", SLICE)
def test_fifty_layers(name):
    assert within(measure(DenseStack(WIDTH, name, depth=DEPTH, scheme="critical", seed=1)))


@pytest.mark.parametrize("name", ["selu", "sigmoid"])
def test_the_forward_gain_alone_fails(name):
    assert not within(measure(DenseStack(WIDTH, name, depth=DEPTH, scheme="published", seed=1)))


def test_a_gradient_that_never_arrives_is_infinitely_far():
    found = measure(DenseStack(8, "sign", depth=3, seed=1))
    assert found.gradient[0] == -math.inf
    assert found.excursions()[1] == math.inf


# The picture


def test_a_picture():
    figure = actx.plot.propagation("mish", depth=6, width=16)
    titles = [axes.get_title().split(":")[0] for axes in figure.axes]
    assert titles == ["signal", "its variance across inputs", "gradient"]
    lines = {line.get_label(): line.get_ydata() for line in figure.axes[0].lines}
    assert list(lines) == ["published", "critical", "looks_linear: no rule"]
    stack = DenseStack(16, "mish", depth=6, scheme="critical", seed=0)
    x = np.random.default_rng(0).normal(size=(64, 16)).astype("float32")
    stack.build(x.shape)
    np.testing.assert_allclose(lines["critical"], PropagationProbe(stack)(stack, x).signal, rtol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"schemes": ("critcal",)}, "Did you mean 'critical'"),
        ({"schemes": ()}, "at least one"),
        ({"schemes": ("looks_linear",)}, "needs f"),
        ({"depth": 1}, "from 2 on"),
        ({"batch": 1.5}, "from 2 on"),
        ({"seed": -1}, "whole number"),
    ],
)
def test_a_picture_refuses(arguments, message):
    with pytest.raises(ValueError, match=message):
        actx.plot.propagation("mish", **arguments)


def test_without_matplotlib(monkeypatch):
    for name in ("matplotlib", "matplotlib.figure"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError, match=r"keras-actx\[plot\]"):
        actx.plot.propagation("relu", depth=2, width=4)
