"""The JavaScript of every activation against the package: values, derivatives, moments, gain."""

import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scripts
from browser.derivatives import derivatives

import keras_actx as actx

NAMES = [
    name
    for name in actx.names()
    if actx.describe(name).package == "keras_actx" and actx.describe(name).kind != "vector"
]
VALUE = 0.75  # of a gated activation
#: Where the package itself is less accurate: it does not know the kinks of pade's denominator apart from 0, finds them
#: by halving panels, and is off by 6e-6 in the moment of the derivative.
TOLERANCES = {("pade", "slope"): 1e-5}


@pytest.fixture(scope="module")
def cases(site):
    """For every activation: its parameters at the defaults, and elsewhere on their sliders."""
    text = (site / "explorer/formulas.js").read_text(encoding="utf-8")
    assert text.count("values: function") >= len(NAMES)
    rng = np.random.default_rng(3)
    found = []
    for name in NAMES:
        declared = actx.describe(name).parameters
        sets = [[one.default for one in declared]]
        if declared:
            sets.append([_elsewhere(one) for one in declared])
        for values in sets:
            found.append((name, values, np.sort(rng.normal(scale=3.0, size=24))))
    return found


def _elsewhere(parameter):
    """A value of a parameter other than its default."""
    if parameter.kind is bool:
        return not parameter.default
    low, high = _sliders().slider(parameter)
    return low + 0.37 * (high - low)


def _sliders():
    sys.path.insert(0, str(scripts.ROOT / "docs"))  # where the script finds the others
    return scripts.load("docs/make_explorer.py")


@pytest.fixture(scope="module")
def computed(cases, site, browser):
    """What the page computes for the cases."""
    page = browser.new_page()
    page.goto(f"{site.as_uri()}/explorer.html")
    found = page.evaluate(
        """([cases, value]) => cases.map(([name, parameters, x]) => {
            const bound = actx.bound(name, parameters);
            const moments = actx.moments(bound, 2.25);
            return [x.map((one) => bound.values(one, value)), moments];
        })""",
        [[[name, values, x.tolist()] for name, values, x in cases], VALUE],
    )
    page.close()
    return found


def _activation(name, values):
    names = (one.name for one in actx.describe(name).parameters)
    return getattr(actx.activations, name).bind(**dict(zip(names, values, strict=True)))


def test_values_and_derivatives(cases, computed):
    wrong = []
    for (name, values, x), (found, _) in zip(cases, computed, strict=True):
        activation = _activation(name, values)
        gated = actx.describe(name).kind == "gated"

        def of(x, activation=activation, gated=gated):
            return activation(jnp.stack([jnp.full_like(x, VALUE), x], axis=-1))[..., 0] if gated else activation(x)

        for order, one in enumerate(derivatives(of, x)):
            ours = np.array([row[order] for row in found], dtype="float64")
            if not np.allclose(ours, one, rtol=1e-8, atol=1e-11 * max(1.0, np.abs(one).max())):
                wrong.append((name, values, order, float(np.abs(ours - one).max())))
    assert wrong == []


def test_moments_and_gain(cases, computed):
    wrong = []
    for (name, values, _), (_, found) in zip(cases, computed, strict=True):
        activation = _activation(name, values)
        expected = actx.moments(activation, variance=2.25)
        second = expected.second_moment
        pairs = {
            "mean": expected.mean,
            "second": second,
            "variance": expected.variance,
            "slope": expected.derivative_second_moment,
            "gain": second**-0.5,
        }
        for key, one in pairs.items():
            if not np.isclose(found[key], one, rtol=TOLERANCES.get((name, key), 1e-7), atol=1e-9 * np.sqrt(second)):
                wrong.append((name, values, key, found[key], one))
    assert wrong == []


def test_an_unknown_operation_is_refused():
    javascript = _sliders().javascript
    unknown = (jax.lax.lgamma, lambda x: jnp.sum(jnp.stack([x, x])), lambda x: 1.0 + x.astype("float32"))
    for function in unknown:
        with pytest.raises(javascript.UnknownOperationError):
            javascript.program(lambda x, function=function: (function(x),), ["x"])
    assert javascript.program(lambda x, y: (x * y,), ["x", "y"]) == "const v0 = (x * y);\nreturn [v0];"
