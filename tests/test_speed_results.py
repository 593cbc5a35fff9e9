"""The committed results of benchmarks/speed: complete, within the bars, and shown. Nothing is timed here."""

import json
import sys

import numpy as np
import pytest
import scripts
from known import excused

import keras_actx as actx

sys.path.insert(0, str(scripts.ROOT / "benchmarks" / "speed"))

from composites import COMPOSITES
from libraries import ADDONS, TIMM, otherwise

page_maker = scripts.load("docs/make_speed.py")
RESULTS = page_maker.results()
NAMES = page_maker.results("names-")
IMPORTS = page_maker.results("import-")
LIBRARIES = {"addons": ADDONS, "timm": TIMM}
#: Of a look-up; and of an import, as Python counts it with -X importtime, which adds to it.
MICROSECONDS, MILLISECONDS = 20, 30


@pytest.mark.parametrize("backend", RESULTS)
def test_all_that_is_compared_is_timed(backend):
    rows = RESULTS[backend]["rows"]
    for way in {row["way"] for row in rows} - {"fused"}:  # of four steps or more
        assert {row["name"] for row in rows if (row["way"], row["size"]) == (way, 20)} >= set(COMPOSITES)
    for row in rows:
        assert row["both"]["ms"] > 0
        assert all(len(found) == 3 and min(found) > 0 for what, found in row["both"].items() if what != "ms")


@pytest.mark.parametrize("backend", RESULTS)
def test_formulas_of_libraries_are_timed(backend):
    for row in (one for one in RESULTS[backend]["rows"] if one["size"] == 20):
        theirs = {one for one, library in LIBRARIES.items() if row["name"] in otherwise(library)}
        assert theirs == set(LIBRARIES) & set(row["both"])


def grows_faster(rows, most=1.25):
    """Whether from 2^20 on ours takes longer among more elements, and the plain formula does not as much.

    An element itself takes longer where the caches are too small, of whatever function: the median of the ratios of
    those timed at both sizes.
    """
    few, many = (
        {(row["name"], row["way"]): row["both"]["composite"][0] for row in rows if row["size"] == size}
        for size in (20, 24)
    )
    found = [many[one] / few[one] for one in many if one in few]
    return bool(found) and np.median(found) > most


@pytest.mark.parametrize("backend", RESULTS)
def test_time_grows_as_that_of_the_plain_formula(backend):
    assert not grows_faster(RESULTS[backend]["rows"])


def test_the_check_of_growth_can_fail():
    rows = [{"name": "relu", "way": "eager", "size": 20, "both": {"composite": [1.0]}}]
    assert not grows_faster(rows)
    assert grows_faster([*rows, {"name": "relu", "way": "eager", "size": 24, "both": {"composite": [2.0]}}])


@pytest.mark.parametrize("backend", NAMES)
def test_looking_up_a_name_is_quick_and_flat(backend):
    lookup = NAMES[backend]["lookup"]
    assert [int(more) for more in lookup] == [0, 100, 1000, 10000]
    assert all(found["again"][0] <= MICROSECONDS and found["of Keras"][0] <= MICROSECONDS for found in lookup.values())
    for what in lookup["0"]:
        assert lookup["10000"][what][0] <= 1.25 * lookup["0"][what][0]


@pytest.mark.parametrize("backend", NAMES)
def test_building_a_layer_takes_no_longer_with_us(backend):
    dense = NAMES[backend]["dense"]
    assert dense["pairs"] >= 15
    _, low, _ = dense["ratio"]
    assert low <= 1.0, "even the lower quartile is slower"


@pytest.mark.parametrize("backend", IMPORTS)
def test_importing_is_quick(backend):
    found = IMPORTS[backend]
    assert found["runs"] >= 7
    assert found["keras_actx_adds_ms"]["median"] <= MILLISECONDS


def test_each_activation_is_measured_on_a_gpu():
    found = json.loads(page_maker.GPU.read_text(encoding="utf-8"))
    names = {*actx.names(kind="elementwise"), *actx.names(kind="gated")}
    assert found["activations"].keys() == {one for one in names if ">" not in one}  # not those of other tests
    assert not found["wrong"]
    known = excused()
    over = [
        (name, what)
        for name, row in found["activations"].items()
        for what, value in row["errors"].items()
        if not value <= 1.0 and (name, what) not in known
    ]
    assert not over


@pytest.mark.parametrize("backend", RESULTS)
def test_training_steps_are_timed(backend):
    found = page_maker.results("steps-")[backend]
    assert found["depth"] == 12
    assert len(found["steps"]) >= 5
    assert all(row["ms"] > 0 and "keras" in row for row in found["steps"].values())


def test_the_page_is_written_from_them():
    assert page_maker.measured_part() in page_maker.PAGE.read_text(encoding="utf-8"), "run docs/make_speed.py"


def test_the_page_of_calls_is_written_from_them():
    assert page_maker.calls_part() in page_maker.CALLS.read_text(encoding="utf-8"), "run docs/make_speed.py"


def test_the_chart_and_the_tables_are_of_them():
    assert page_maker.evidence_chart.is_of(page_maker.CHART, page_maker.shown()), "run docs/make_speed.py"
    assert not page_maker.full_table.stale(page_maker.tables()), "run docs/make_speed.py"


def test_the_table_has_every_number():
    rows = [(backend, row) for backend, found in RESULTS.items() for row in found["rows"]]
    for file, what in page_maker.FILES.items():
        for cells, (backend, row) in zip(page_maker.tables()[f"{file}.csv"], rows, strict=True):
            assert (cells["activation"], cells["backend"]) == (row["name"], page_maker.TITLES[backend])
            assert sum(bool(one) for one in cells.values()) == 4 + 1 + 3 * (len(row[what]) - 1)  # with quartiles
