"""The full tables and the charts of the evidence pages: docs/full_table.py and docs/evidence_chart.py."""

import re
import types
from xml.etree import ElementTree

import pytest
import scripts

full_table = scripts.load("docs/full_table.py")
evidence_chart = scripts.load("docs/evidence_chart.py")
PAGES = sorted(full_table.FOLDER.glob("*.md"))
ROWS = [
    {"name": "relu", "ratio": "1.00", "ratio low": "0.90", "ratio high": "1.10", "score": "0.5", "score ±": "0.1"},
    {"name": "a < b", "ratio": "", "ratio low": "", "ratio high": "", "score": None},
]
DOTS = {"one": {"a": [0.001, 0.5, 0.5], "b": [3.0]}, "other": {"a": [float("inf")]}}

pytestmark = pytest.mark.same_everywhere


def html_of(page):
    """The tables of a page, as elements."""
    content = full_table.on_page_content(
        page.read_text(encoding="utf-8"), types.SimpleNamespace(file=types.SimpleNamespace(abs_src_path=str(page)))
    )
    return [
        ElementTree.fromstring(one)
        for one in re.findall(r'<div class="full-table".*?</table></div></div>', content, re.S)
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda one: one.stem)
def test_the_tables_of_a_page_are_shown(page):
    """With the columns that can be chosen by, and a link to each file."""
    text = page.read_text(encoding="utf-8")
    tables = html_of(page)
    names = re.findall(r"<!-- table: ([\w.]+)", text)
    assert len(tables) == len(names)
    for name, table in zip(names, tables, strict=True):
        assert f"[{name}]({name})" in text
        titles = [one.text for one in table.iter("th") if one.get("scope") == "col"]
        assert len(set(titles)) == len(titles)
        by = table.get("data-by")
        assert set(by.split(", ") if by else ()) <= set(titles)
        lines = (full_table.FOLDER / name).read_text(encoding="utf-8").splitlines()
        assert len(list(table.iter("tr"))) == len(lines)


def test_every_file_is_on_one_page():
    named = [name for page in PAGES for name in re.findall(r"<!-- table: ([\w.]+)", page.read_text(encoding="utf-8"))]
    assert sorted(named) == sorted(one.name for one in full_table.FOLDER.glob("*.csv"))


def test_the_site_shows_them():
    settings = (scripts.ROOT / "docs" / "mkdocs.yml").read_text(encoding="utf-8")
    assert all(re.search(rf"^ +- {one}\b", settings, re.M) for one in ("full_table.py", "tables.js", "tables.css"))


def test_a_table_is_written_and_shown(tmp_path, monkeypatch):
    monkeypatch.setattr(full_table, "FOLDER", tmp_path)
    full_table.write({"some.csv": ROWS})
    assert not full_table.stale({"some.csv": ROWS})
    assert full_table.stale({"some.csv": ROWS[:1]}) == ["some.csv"]
    page = tmp_path / "page.md"
    page.write_text("<p>Before.</p>\n<!-- table: some.csv, by name, ratio -->\n", encoding="utf-8")
    (table,) = html_of(page)
    assert table.get("data-by") == "name, ratio"
    head, *rows = [["".join(cell.itertext()) for cell in row] for row in table.iter("tr")]
    assert head == ["name", "ratio", "score"]
    assert rows == [["relu", "1.000.90 .. 1.10", "0.5± 0.1"], ["a < b", "", ""]]


def test_the_same_values_draw_the_same_chart(tmp_path):
    paths = [tmp_path / "one.svg", tmp_path / "other.svg"]
    for path in paths:
        evidence_chart.dots(path, DOTS, "label", (0.01, 10))
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert evidence_chart.is_of(paths[0], DOTS)
    assert not evidence_chart.is_of(paths[0], DOTS | {"other": {"a": [2.0]}})
    drawn = [one.text for one in ElementTree.fromstring(paths[0].read_text()).iter("{http://www.w3.org/2000/svg}text")]
    assert {"one", "other", "a", "b", "label", "≤ 0.01", "≥ 10"} <= set(drawn)


def test_lines_are_drawn(tmp_path):
    shown = {"some": {3: 0.1, 10: 0.2}, "more": {3: 0.3, 10: 0.2}}
    evidence_chart.lines(tmp_path / "one.svg", shown, ("layers", "gap"))
    assert evidence_chart.is_of(tmp_path / "one.svg", shown)
    text = (tmp_path / "one.svg").read_text(encoding="utf-8")
    assert all(f">{one}</text>" in text for one in ("some", "more", "layers", "gap", "3", "10"))
