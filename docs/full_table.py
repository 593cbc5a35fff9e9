"""The full tables of the evidence pages: CSV files in docs/tables, which the site shows with a filter and sorting.

The scripts make_*.py write the files. This module is also a hook of MkDocs (mkdocs.yml), which replaces

    <!-- table: speed.csv, by backend, mode -->

on a page by the file of that name beside it. For the columns after "by", docs/tables.js adds a list of their values.
The columns "x low" and "x high", or "x ±", are shown in the column "x".
"""

import csv
import html
import io
import re
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent / "tables"
SPREAD = (" ±", " low", " high")
_MARK = re.compile(r"<!-- table: (\S+\.csv)(?:, by ([^>]+))? -->")

Row = dict[str, Any]


def as_csv(rows: list[Row]) -> str:
    """The rows as the text of a file; None and missing values are empty."""
    file = io.StringIO()
    columns = dict.fromkeys(column for row in rows for column in row)
    writer = csv.DictWriter(file, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue()


def write(tables: dict[str, list[Row]]) -> None:
    """Write each table to the file of its name."""
    for name, rows in tables.items():
        (FOLDER / name).write_text(as_csv(rows), encoding="utf-8")


def stale(tables: dict[str, list[Row]]) -> list[str]:
    """The names of tables whose files have other rows."""
    return [name for name, rows in tables.items() if (FOLDER / name).read_text(encoding="utf-8") != as_csv(rows)]


def with_spread(found: list[float] | None, column: str) -> Row:
    """A median with its quartiles, as three columns."""
    cells = [f"{one:.2f}" for one in found] if found else [""] * 3
    return dict(zip((column, f"{column} low", f"{column} high"), cells, strict=True))


def on_page_content(content: str, page: Any, **_: Any) -> str:
    """Called by MkDocs with the HTML of each page."""
    beside = Path(page.file.abs_src_path).parent
    return _MARK.sub(lambda mark: as_html(beside / mark[1], mark[2] or ""), content)


def as_html(path: Path, by: str) -> str:
    """The table of a file."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    columns = [one for one in rows[0] if not one.endswith(SPREAD)]
    head = "".join(f'<th scope="col">{html.escape(one)}</th>' for one in columns)
    body = "\n".join(f"<tr>{''.join(_cell(row, one, one == columns[0]) for one in columns)}</tr>" for row in rows)
    return (
        f'<div class="full-table" data-by="{html.escape(by)}"><div class="full-table__box" tabindex="0">\n'
        f'<table class="full-table__table"><thead><tr>{head}</tr></thead>\n'
        f"<tbody>\n{body}\n</tbody></table></div></div>"
    )


def _cell(row: Row, column: str, is_first: bool) -> str:
    text = html.escape(row[column])
    half, low, high = (row.get(f"{column}{one}") for one in SPREAD)
    if half:
        text += f"<small>± {half}</small>"
    elif low:
        text += f"<small>{low} .. {high}</small>"
    return f'<th scope="row">{text}</th>' if is_first else f"<td>{text}</td>"
