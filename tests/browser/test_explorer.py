"""The explorer: its sliders move the curves, its numbers are the package's, its address holds the state."""

import json
import re

import keras
import numpy as np
import pytest
from browser.derivatives import derivatives

import keras_actx as actx

EXPLORER = "explorer.html"


@pytest.fixture
def explorer(page, site):
    page.goto(f"{site.as_uri()}/{EXPLORER}")
    _drawn(page)
    return page


def _drawn(page, *words):
    """Wait until what is drawn is what was chosen; return the state."""
    page.wait_for_function(
        "words => words.every((one) => (document.querySelector('.explorer').dataset.drawn || '').includes(one))",
        arg=list(words),
    )
    return json.loads(page.get_attribute(".explorer", "data-drawn"))


def _numbers(page, column):
    cells = page.locator(f".numbers td:nth-of-type({column})")
    return [float(one) for one in cells.evaluate_all("all => all.map((one) => one.dataset.number)")]


def _expected(text, x, q):
    """The numbers of the table, from the package."""
    activation = actx.get(text)
    found, unit = actx.moments(activation, variance=q), actx.gain(activation)
    at = [float(one[0]) for one in derivatives(activation, [x])]
    gain = found.second_moment**-0.5
    moments = [found.mean, found.second_moment, found.variance, found.derivative_second_moment]
    return [*at, *moments, gain, unit]


def _slide(page, name, fraction):
    """Put a slider at a fraction of its width."""
    page.locator(f"input[type=range][name='{name}']").evaluate(
        """(one, fraction) => {
            one.value = Number(one.min) + fraction * (Number(one.max) - Number(one.min));
            one.dispatchEvent(new Event("input", { bubbles: true }));
        }""",
        fraction,
    )


def test_a_slider_moves_curve_and_numbers(page, address, pictures):
    page.goto(f"{address}/{EXPLORER}")
    _drawn(page)
    before = {name: page.get_attribute(f"svg.{name} .a", "d") for name in ("f", "f1", "f2", "outputs")}
    _slide(page, "a.beta", 0.9)
    (first, second), q, x, _ = _drawn(page, "swish(beta=")
    assert first == "swish(beta=2.6)"
    assert second == "relu"
    for name, path in before.items():
        assert page.get_attribute(f"svg.{name} .a", "d") != path
    assert _numbers(page, 1) == pytest.approx(_expected("keras_actx>" + first, x, q), rel=1e-6)
    assert _numbers(page, 2) == pytest.approx(_expected("keras_actx>relu", x, q), rel=1e-6)
    _slide(page, "q", 0.75)
    _slide(page, "x", 0.3)
    page.wait_for_function("() => document.querySelector('.explorer').dataset.drawn.includes('-3.2')")
    _, q, x, _ = _drawn(page)
    assert q == pytest.approx(10.0)
    assert x == pytest.approx(-3.2)
    assert _numbers(page, 1) == pytest.approx(_expected("keras_actx>" + first, x, q), rel=1e-6)
    page.screenshot(path=pictures / "explorer.png", full_page=True)


@pytest.mark.parametrize(("chart", "order"), [("f", 0), ("f1", 1), ("f2", 2)])
def test_the_curve_is_the_function(page, site, chart, order):
    """The drawn points from -4 to 4, scaled to the heights of the first and of the highest point."""
    page.goto(f"{site.as_uri()}/{EXPLORER}#a=swish(beta=1.5)&b=none")
    _drawn(page, "swish(beta=1.5)")
    path = page.get_attribute(f"svg.{chart} .line.a", "d")
    assert path.count("M") == 1  # one line, without a gap
    across, down = np.array([one.split() for one in path[1:].split("L")], dtype="float64").T
    x = np.interp(across, [across[0], across[-1]], [-4.0, 4.0])
    expected = derivatives(actx.get("swish(beta=1.5)"), x)[order]
    top = int(np.argmax(expected))
    scaled = (down - down[0]) / (down[top] - down[0])
    np.testing.assert_allclose(scaled, (expected - expected[0]) / (expected[top] - expected[0]), atol=1e-3)


def test_the_address_holds_the_state(explorer):
    explorer.select_option(".panel.a select", "srelu")
    explorer.fill("[name='a.t_right.number']", "1.25")
    explorer.select_option(".panel.b select", "none")
    state = _drawn(explorer, "srelu(t_right=1.25)")
    assert state[0] == ["srelu(t_right=1.25)"]
    link = explorer.url
    again = explorer.context.new_page()
    again.goto(link)
    assert _drawn(again, "srelu") == state
    again.goto(link.partition("#")[0] + "#a=gelu(approximate=True)&b=relu(max_value=6.0)&q=2&x=0.5&range=3")
    again.reload()
    assert _drawn(again, "gelu") == [["gelu(approximate=True)", "relu(max_value=6.0)"], 2, 0.5, 3]
    assert _numbers(again, 1) == pytest.approx(_expected("gelu(approximate=True)", 0.5, 2.0), rel=1e-6)
    assert _numbers(again, 2) == pytest.approx(_expected("relu(max_value=6.0)", 0.5, 2.0), rel=1e-6)


def test_a_wrong_address_is_reported(page, site):
    page.goto(f"{site.as_uri()}/{EXPLORER}#a=swish(gamma=1)&b=elu(alpha=-1)")
    assert _drawn(page, "swish")[0] == ["swish", "relu"]
    said = page.inner_text(".errors")
    assert "swish has no parameter gamma" in said
    assert "alpha accepts a number in [0, inf)" in said


def test_the_code_line(explorer):
    _slide(explorer, "a.beta", 0.9)
    _drawn(explorer, "swish(beta=2.6)")
    explorer.select_option(".panel.b select", "swiglu_clamped")
    _drawn(explorer, "swiglu_clamped")
    lines = explorer.locator(".panel .code code").all_inner_texts()
    variables = {"keras": keras, "keras_actx": actx}
    for line in lines:
        exec(line, variables)
        assert variables.pop("layer") is not None
    assert lines[0] == 'layer = keras.layers.Dense(64, activation="swish(beta=2.6)")'
    button = explorer.locator(".panel.a .code button")
    button.click()
    button.filter(has_text=re.compile("Copied|Selected")).wait_for()


def test_an_error_of_a_number_is_kept_out(explorer):
    explorer.select_option(".panel.a select", "elu")
    _drawn(explorer, "elu")
    explorer.fill("[name='a.alpha.number']", "-1")
    assert not explorer.locator("[name='a.alpha.number']").evaluate("one => one.checkValidity()")
    assert _drawn(explorer)[0][0] == "elu"
