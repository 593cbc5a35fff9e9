"""The page "Which activation?": generated from the records, and its recommendations are what the records say."""

from statistics import median

import pytest
import scripts

pytestmark = pytest.mark.same_everywhere

page_maker = scripts.load("docs/make_which.py")
RUNS = page_maker.all_runs()
SINE = page_maker.CRITICAL["sine(w0=1.0)"]


def test_the_page_is_generated_from_the_records():
    text = page_maker.PAGE.read_text(encoding="utf-8")
    parts = page_maker.parts()
    assert set(parts) == {"short", "stack", "keras", "tasks", "times"}
    for name, part in parts.items():
        assert f"<!-- {name}: begin -->\n\n{part}\n<!-- {name}: end -->" in text, "run docs/make_which.py"


def test_the_rule_of_the_best():
    def runs(**scores):
        return {
            ("digits", 3, name, optimizer, "stack"): values
            for name, both in scores.items()
            for optimizer, values in zip(("adam", "sgd"), both, strict=True)
        }

    high, near, low = [0.8, 0.9, 0.95], [0.6, 0.7, 0.8], [0.1, 0.2, 0.3]
    found = runs(a=(high, near), b=(near, high), c=(high, low), d=(low, low))
    assert page_maker.best(found, "digits", 3, "stack") == ["a", "b"]
    assert page_maker.scores(found, "digits", 3, "stack") == {
        "a": pytest.approx(0.8), "b": pytest.approx(0.8), "c": pytest.approx(0.55), "d": pytest.approx(0.2),
    }  # fmt: skip


def among(depth, start="stack"):
    return set(page_maker.best(RUNS, "digits", depth, start))


def accuracy(depth, name, optimizer, start):
    return median(RUNS["digits", depth, name, optimizer, start])


def test_the_recommendations_are_among_the_best():
    assert {"relu", "leaky_relu"} <= among(3)
    assert not {"sigmoid", "relu_squared"} & among(3, "keras")
    assert {"silu", "tanh", "selu"} <= among(10)
    assert "tanh" in among(30) & among(50) & among(100)
    assert "hard_silu" in among(30) & among(100)
    assert "silu" in among(50) & among(100)
    for depth in (3, 10, 30):
        assert {"tanh", "hard_tanh", "selu", "elu"} <= among(depth, "keras")


def test_what_fails_fails():
    for name in ("silu", "relu"):
        assert accuracy(10, name, "sgd", "keras") < 0.6
        assert accuracy(10, name, "sgd", "stack") > 0.9
    for name in ("selu", "elu", "mish", "serf", "telu", "snake", "gaussian"):
        assert min(accuracy(100, name, one, "stack") for one in page_maker.OPTIMIZERS) < 0.2
    assert len(among(3)) > 10
    assert all(accuracy(100, cell[2], "adam", "keras") < 0.6 for cell in RUNS if cell[4] == "keras")
    assert all(median(found) < 0.6 for cell, found in RUNS.items() if (*cell[:2], cell[4]) == ("digits", 100, "keras"))


def test_other_tasks_are_as_described():
    for task in ("breast_cancer", "wine"):
        for depth in page_maker.DEPTHS:
            found = page_maker.scores(RUNS, task, depth, "stack")
            best = page_maker.best(RUNS, task, depth, "stack")
            assert all(found[name] < 0.7 for name in set(found) - set(best))
    for depth in (3, 10, 30):
        found = page_maker.scores(RUNS, "diamonds", depth, "stack")
        assert max(found.values()) - min(found.values()) < 0.02
    images = page_maker.scores(RUNS, "digits_images", 30, "stack")
    assert min(images["tanh"], images["hard_tanh"]) > images["relu"] + 0.04


def test_sine_is_shown_as_it_is_recommended():
    assert {cell[2] for cell in RUNS if cell[4] == "stack" and "sine" in cell[2]} == {SINE}
    assert f"| {SINE} | " in page_maker.parts()["stack"]
    assert "| sine(w0=1.0) | " in page_maker.parts()["keras"]
