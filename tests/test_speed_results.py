"""The committed results of benchmarks/speed: complete and shown; and that what is compared is the same function.

Nothing is timed here.
"""

import sys

import keras
import numpy as np
import pytest
import scripts

import keras_actx as actx

sys.path.insert(0, str(scripts.ROOT / "benchmarks" / "speed"))

from composites import COMPOSITES

page_maker = scripts.load("docs/make_speed.py")
RESULTS = page_maker.results()


@pytest.mark.parametrize("backend", RESULTS)
def test_all_that_is_compared_is_timed(backend):
    rows = RESULTS[backend]["rows"]
    for way in {row["way"] for row in rows}:
        assert {row["name"] for row in rows if (row["way"], row["size"]) == (way, 20)} >= set(COMPOSITES)
    for row in rows:
        assert row["both"]["ms"] > 0
        assert all(len(found) == 3 and min(found) > 0 for what, found in row["both"].items() if what != "ms")


@pytest.mark.parametrize("backend", RESULTS)
def test_training_steps_are_timed(backend):
    found = page_maker.steps()[backend]
    assert found["depth"] == 12
    assert len(found["steps"]) >= 5
    assert all(row["ms"] > 0 and "keras" in row for row in found["steps"].values())


def test_the_page_is_written_from_them():
    assert page_maker.measured_part() in page_maker.PAGE.read_text(encoding="utf-8"), "run docs/make_speed.py"


@pytest.mark.parametrize("name", COMPOSITES)
def test_what_is_compared_is_the_same_function(name):
    x = keras.ops.convert_to_tensor(np.linspace(-6, 6, 401, dtype="float32"))
    ours, other = (keras.ops.convert_to_numpy(one(x)) for one in (actx.Activation(name, ()), COMPOSITES[name]))
    np.testing.assert_allclose(ours, other, rtol=1e-4, atol=3e-5)


def test_that_check_can_fail():
    x = keras.ops.convert_to_tensor(np.linspace(-6, 6, 401, dtype="float32"))
    other = COMPOSITES["silu"](x)
    assert not np.allclose(
        keras.ops.convert_to_numpy(actx.activations.mish(x)), keras.ops.convert_to_numpy(other), atol=3e-5
    )


def test_ratios_of_two_that_do_the_same(monkeypatch):
    """Of samples that are told, not measured: ours takes twice as long as the other."""
    import turns

    times = {"ours": 2.0, "other": 1.0}
    monkeypatch.setattr(turns, "seconds", lambda call, repeats: call())
    found = turns.compared({one: (lambda one=one: times[one]) for one in times})
    assert found == {"ms": 2000.0, "other": [2.0, 2.0, 2.0]}


@pytest.mark.parametrize("what", ["forward", "both"])
def test_every_way_runs(what):
    import ways

    seen = []
    for way in ways.WAYS:
        ways.call(way, lambda x: seen.append(x) or x * x, np.ones(8, "float32"), what)()
    assert len(seen) >= len(ways.WAYS)
