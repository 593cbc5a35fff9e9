"""The committed results of benchmarks/numerics.py: complete, of today's formulas, shown, no worse than others'."""

import json
import math
import platform

import own
import pytest
import scripts

from keras_actx.testing import backend

FOLDER = scripts.ROOT / "benchmarks" / "results"
BACKENDS = ("tensorflow", "jax", "torch")
RESULTS = {one: json.loads((FOLDER / f"numerics-{one}.json").read_text()) for one in BACKENDS}
NAMES = {one.name for one in own.defaults("elementwise", "gated")}

#: The largest error on a grid is that of one unlucky point, which depends on where vector instructions end.
LUCK = 0.25


@pytest.mark.parametrize("name", BACKENDS)
def test_every_activation_is_measured_on_a_million_points(name):
    assert set(RESULTS[name]["activations"]) == NAMES
    assert RESULTS[name]["points"] >= 2**20


def is_stale(name, row):
    """Whether the formula, or its reference, is another than the one measured."""
    numerics = scripts.load("benchmarks/numerics.py")
    return row["key"] != numerics.key_of(name, numerics.read_options([]))


def test_every_result_is_of_the_formula_of_today():
    result = RESULTS[backend.BACKEND]
    if result["versions"]["python"].split(".")[:2] != platform.python_version().split(".")[:2]:
        pytest.skip("another Python's bytecode has another fingerprint")
    stale = [name for name, row in result["activations"].items() if is_stale(name, row)]
    assert not stale, "measure again: python benchmarks/numerics.py " + " ".join(stale)


def test_a_result_of_another_formula_is_noticed():
    assert is_stale("relu", RESULTS[backend.BACKEND]["activations"]["elu"])


def test_the_page_is_written_from_them():
    page_maker = scripts.load("docs/make_numerics.py")
    assert page_maker.measured_part() in page_maker.PAGE.read_text(encoding="utf-8"), "run docs/make_numerics.py"


def worse_than_others(row):
    """Where ours has a larger error than Keras's or the backend's own, by dtype."""
    for dtype, found in row["value"].items():
        theirs = [found[one]["ulps"] for one in ("keras", "native") if one in found and "lost" not in found[one]]
        theirs = [one for one in theirs if one is not None]  # another dtype came out
        ours = math.inf if "lost" in found["ours"] else found["ours"]["ulps"]
        if theirs and ours > min(theirs) + LUCK:
            yield dtype, ours, min(theirs)


@pytest.mark.parametrize("name", BACKENDS)
def test_none_is_worse_than_keras_or_the_backend(name):
    worse = {one: list(worse_than_others(row)) for one, row in RESULTS[name]["activations"].items()}
    assert not {one: it for one, it in worse.items() if it}


def test_a_worse_one_is_noticed():
    row = {"value": {"float32": {"ours": {"ulps": 1.0}, "keras": {"ulps": 0.5}}}}
    assert list(worse_than_others(row)) == [("float32", 1.0, 0.5)]
    row["value"]["float32"]["ours"] = {"ulps": 0.5, "lost": [1, 3.0, 3.0]}
    assert list(worse_than_others(row)) == [("float32", math.inf, 0.5)]
