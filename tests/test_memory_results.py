"""The committed results of benchmarks/memory.py: complete, within the bar, of today, and shown."""

import sys

import all_activations
import keras
import pytest
import scripts

page_maker = scripts.load("docs/make_memory.py")
RESULTS = page_maker.results()
PEAKS = page_maker.results("peak-")
EVERY = all_activations.defaults("elementwise", "gated")
ELEMENTWISE = {one.name for one in EVERY if one.declaration.kind == "elementwise"}
#: For a scalar parameter beside the input.
SLACK = 0.01


@pytest.mark.parametrize("backend", RESULTS)
def test_every_activation_is_counted(backend):
    assert list(RESULTS[backend]["kept"]) == [one.name for one in EVERY]


def too_much(kept):
    return {name for name, row in kept.items() if row["lean"] > 1.0 + SLACK}


@pytest.mark.parametrize("backend", RESULTS)
def test_none_keeps_more_than_its_input(backend):
    assert not too_much(RESULTS[backend]["kept"])
    without = too_much({name: {"lean": row["plain"]} for name, row in RESULTS[backend]["kept"].items()})
    assert len(without) > (40 if backend == "torch" else 60)  # the kernels of torch keep it alone


def over_relu(compiled, which):
    """By how much of that of `jax.nn.relu` a layer more takes more than with it."""
    relu = compiled["relu"]["native"]
    return {name: (row[which][1] - row[which][0]) / (relu[1] - relu[0]) - 1 for name, row in compiled.items()}


def test_a_layer_more_takes_no_more_than_with_relu():
    """In what XLA plans on the CPU."""
    compiled = RESULTS["jax"]["compiled"]["bytes"]
    assert set(compiled) == ELEMENTWISE
    assert max(over_relu(compiled, "lean").values()) <= SLACK
    assert max(over_relu(compiled, "plain").values()) > 1


def test_a_network_takes_no_more_than_with_relu():
    """Nor is anything else there in the steps of one layer."""
    compiled = RESULTS["jax"]["compiled"]["bytes"]
    relu = compiled["relu"]["native"]
    for which in range(len(relu)):
        assert max(row["lean"][which] for row in compiled.values()) <= relu[which]


@pytest.mark.parametrize("backend", PEAKS)
def test_the_memory_of_training_is_measured(backend):
    found = PEAKS[backend]
    assert found["depth"] == 12
    assert set(found["bytes"]) >= {"relu", "gelu", "silu", "mish", "snake", "tanhexp"}
    assert all({"lean", "plain", "composite"} <= set(row) for row in found["bytes"].values())


@pytest.mark.parametrize("backend", PEAKS)
def test_training_takes_less_than_with_every_step_kept(backend):
    rows = PEAKS[backend]["bytes"]
    for name, row in rows.items():
        assert row["lean"] <= 1.05 * row["plain"], name
    for name in ("gelu", "mish", "tanhexp"):  # of many steps
        assert rows[name]["lean"] < 0.75 * rows[name]["plain"], name


def test_results_are_of_today():
    """Every fifth, counted again."""
    backend = keras.backend.backend()
    if RESULTS[backend]["versions"][backend] != sys.modules[backend].__version__:
        pytest.skip("another version of the backend may keep something else")
    kept = scripts.load("benchmarks/memory.py").kept
    changed = [one.name for one in EVERY[::5] if kept(one) != RESULTS[backend]["kept"][one.name]]
    assert not changed, "count again: python benchmarks/memory.py"


def test_the_page_is_written_from_them():
    assert page_maker.measured_part() in page_maker.PAGE.read_text(encoding="utf-8"), "run docs/make_memory.py"


def test_the_chart_and_the_table_are_of_them():
    assert page_maker.evidence_chart.is_of(page_maker.CHART, page_maker.shown()), "run docs/make_memory.py"
    assert not page_maker.full_table.stale(page_maker.tables()), "run docs/make_memory.py"


def test_the_table_has_every_number():
    shown = page_maker.tables()["memory.csv"]
    found = [row for of_backend in RESULTS.values() for row in of_backend["kept"].values()]
    for row, one in zip(shown, found, strict=True):
        numbers = {title: one.get(what) for what, title in page_maker.KEPT.items()}
        assert {title: float(row[title]) if row[title] else None for title in numbers} == pytest.approx(numbers)
