"""What benchmarks/speed compares: the same functions, timed by turns in every way. Nothing is timed here."""

import sys

import keras
import numpy as np
import pytest
import scripts

import keras_actx as actx
from keras_actx.testing.backend import gradient

sys.path.insert(0, str(scripts.ROOT / "benchmarks" / "speed"))

from composites import COMPOSITES
from libraries import ADDONS, TIMM, otherwise

LIBRARIES = {"addons": ADDONS, "timm": TIMM}
COMPARED = {f"composites-{name}": (name, function) for name, function in COMPOSITES.items()} | {
    f"{which}-{name}": (name, function)
    for which, library in LIBRARIES.items()
    for name, function in otherwise(library).items()
}


@pytest.mark.parametrize(("name", "function"), COMPARED.values(), ids=COMPARED)
def test_what_is_compared_is_the_same_function(name, function):
    x = keras.ops.convert_to_tensor(np.linspace(-6, 6, 402, dtype="float32").reshape(-1, 6))
    ours, other = (keras.ops.convert_to_numpy(one(x)) for one in (actx.Activation(name, ()), function))
    np.testing.assert_allclose(ours, other, rtol=1e-4, atol=3e-5)


@pytest.mark.parametrize("name", otherwise(TIMM))
def test_derivatives_by_hand_are_derivatives(name):
    x = keras.ops.convert_to_tensor(np.linspace(-5.9, 5.9, 60, dtype="float32"))
    by_hand, other = (keras.ops.convert_to_numpy(gradient(one, x)) for one in (TIMM[name], COMPOSITES[name]))
    np.testing.assert_allclose(by_hand, other, atol=1e-5)


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


def test_a_way_that_is_a_setting_is_of_ours_alone(monkeypatch):
    import ways

    seen = []
    way = ways.WAYS[-1]
    monkeypatch.setitem(ways.SETTINGS, way, (lambda: seen.append("on"), lambda: seen.append("off")))
    for ours in (True, False):
        ways.call(way, lambda x: seen.append("run") or x * x, np.ones(8, "float32"), "forward", ours=ours)()
    assert seen == ["on", "run", "off", "run"]


def test_rows_of_other_contenders_are_timed_again():
    main = scripts.load("benchmarks/speed/__main__.py")
    mish = actx.Activation("keras_actx>mish", ())
    row = {"name": "mish", "both": dict.fromkeys(["ms", *main.contenders(mish)])}
    del row["both"]["ours"]
    assert main.complete(row, mish)
    del row["both"]["timm"]
    assert not main.complete(row, mish)
    assert not main.complete(None, mish)
