"""The gallery: its properties are right, and its filters show what has them."""

import json
import re

import pytest

import keras_actx as actx

GALLERY = "explorer/gallery.html"
#: What is known of some: bounded, monotone, smooth, zero-centred, year.
KNOWN = {
    "relu": ("below", True, "no: kinks", False, 2010),
    "tanh": ("both sides", True, "all derivatives", True, None),
    "silu": ("below", False, "all derivatives", False, 2017),
    "elu": ("below", True, "at least the first derivative", False, 2015),
    "selu": ("below", True, "no: kinks", True, 2017),
    "log_sigmoid": ("above", True, "all derivatives", False, None),
    "exponential": ("below", True, "all derivatives", False, None),
    "hard_shrink": ("no", True, "no: jumps", True, None),
    "arctan": ("both sides", True, "all derivatives", True, None),
    "gcu": ("no", False, "all derivatives", True, 2021),
    "nlrelu": ("below", True, "no: kinks", False, 2019),
    "glu": ("no", None, "all derivatives", True, 2016),
    "gtu": ("both sides", None, "all derivatives", True, 2016),
    "softmax": (None, None, None, None, 1990),
}


@pytest.fixture
def properties(site):
    found = json.loads((site / "explorer/properties.json").read_text(encoding="utf-8"))
    return {one["name"]: one for one in found}


def test_properties(properties):
    assert set(properties) == {name for name in actx.names() if actx.describe(name).package == "keras_actx"}
    keys = ("bounded", "monotone", "smooth", "centred", "year")
    assert {name: tuple(properties[name][key] for key in keys) for name in KNOWN} == KNOWN
    assert "torch.nn" in " ".join(properties["mish"]["libraries"])
    assert properties["prelu"]["learnable"] == "by default"
    assert properties["swish"]["learnable"] == "on request"
    assert properties["glu"]["learnable"] == properties["mish"]["learnable"] == "no"


def _shown(page):
    return set(page.locator(".cards article:visible strong").all_inner_texts())


def test_filters(page, address, properties, pictures):
    page.goto(f"{address}/{GALLERY}")
    assert _shown(page) == set(properties)
    page.select_option("[name=bounded]", "both sides")
    page.select_option("[name=monotone]", "yes")
    expected = {name for name, one in properties.items() if one["bounded"] == "both sides" and one["monotone"]}
    assert _shown(page) == expected
    assert "tanh" in expected
    assert page.inner_text("#gallery-count") == f"{len(expected)} of {len(properties)}"
    page.screenshot(path=pictures / "gallery.png")
    page.reload()  # the address holds the filters
    assert _shown(page) == expected
    page.click("form.gallery button[type=reset]")
    page.wait_for_function("() => !location.hash")
    assert _shown(page) == set(properties)
    page.fill("[name=from]", "2018")
    page.fill("[name=to]", "2019")
    assert _shown(page) == {name for name, one in properties.items() if one["year"] in (2018, 2019)}


def test_every_filter_shows_what_it_says(page, site, properties):
    page.goto(f"{site.as_uri()}/{GALLERY}")
    for key in ("kind", "learnable", "bounded", "smooth", "monotone", "centred", "libraries"):
        values = page.locator(f"[name={key}] option").evaluate_all("all => all.map((one) => one.value)")
        assert len(values) >= 3, key
        for value in values[1:]:
            page.select_option(f"[name={key}]", value)
            wanted = {"yes": True, "no": False}.get(value, value) if key in ("monotone", "centred") else value
            expected = {
                name
                for name, one in properties.items()
                if (wanted in one[key] if isinstance(one[key], list) else one[key] == wanted)
            }
            assert expected
            assert _shown(page) == expected, (key, value)
        page.select_option(f"[name={key}]", "")


def test_text_filter(page, site):
    page.goto(f"{site.as_uri()}/{GALLERY}")
    page.fill("[name=text]", "ReLU squared")  # both words, in any order
    found = _shown(page)
    assert "relu_squared" in found
    assert "relu" not in found
    page.fill("[name=text]", "squared_relu")  # an alias
    assert _shown(page) == {"relu_squared"}
    card = page.locator(".cards article:visible")
    assert card.locator("a").first.get_attribute("href") == "../catalogue/relu_squared.html"
    assert re.match(r"M[\d. ]+L", card.locator("svg path").last.get_attribute("d"))
    card.get_by_text("Explore").click()
    page.wait_for_selector(".panel.a select")
    assert page.input_value(".panel.a select") == "relu_squared"
