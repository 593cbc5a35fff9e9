"""The record of benchmarks/numerics.py: within the bars, and shown."""

import known
import pytest
import scripts

from keras_actx.testing import derivatives, values

page_maker = scripts.load("docs/make_numerics.py")
BARS = values.BARS | dict.fromkeys(("compiled", "parameters"), values.BARS["float32"])
SLOPES = dict.fromkeys(("slope32", "slope64"), derivatives.BAR)

pytestmark = pytest.mark.same_everywhere


def beyond(row):
    """The columns of a row that exceed a bar without a known error."""
    excused = {one.quantity for one in known.ERRORS if one.name == row["activation"]}
    for quantity, bars in (("value", BARS), ("derivative", SLOPES)):
        for column, bar in bars.items():
            if row[column] and float(row[column]) > bar and quantity not in excused:
                yield column


def test_every_error_is_within_the_bar_or_known():
    rows = page_maker.rows()
    assert len(rows) > 250
    assert not {(row["activation"], row["backend"]): found for row in rows if (found := list(beyond(row)))}


def test_an_error_beyond_the_bar_is_noticed():
    row = page_maker.rows()[0] | {"float32": "4.5", "slope64": "8.5"}
    assert list(beyond(row)) == ["float32", "slope64"]


def test_the_page_is_written_from_them():
    assert page_maker.measured_part() in page_maker.PAGE.read_text(encoding="utf-8"), "run docs/make_numerics.py"


def test_the_chart_and_the_tables_are_of_them():
    assert page_maker.evidence_chart.is_of(page_maker.CHART, page_maker.shown()), "run docs/make_numerics.py"
    assert not page_maker.full_table.stale(page_maker.tables()), "run docs/make_numerics.py"


def test_the_table_has_every_error():
    shown = page_maker.tables()["numerics.csv"]
    numbers = [[one[title] for title, _ in page_maker.SHOWN.values()] for one in shown]
    assert numbers == [[one[column] for column in page_maker.SHOWN] for one in page_maker.rows()]
    assert set(page_maker.rows()[0]) == {"activation", "backend", "points", *page_maker.SHOWN}
    bounds = {column: bound for column, (_, bound) in page_maker.SHOWN.items() if column != "keras"}
    assert bounds == BARS | SLOPES
