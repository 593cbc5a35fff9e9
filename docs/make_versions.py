"""Writes the table of versions of docs/compatibility.md from benchmarks/results/versions.json.

    python docs/make_versions.py

The text between the two markers is replaced. The output is deterministic.
"""

import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "docs"), str(ROOT / "benchmarks")]

import marked_part  # noqa: E402  (beside this file)
from backends import TITLES  # noqa: E402
from versions import REDUCED, RESULTS  # noqa: E402

PAGE = ROOT / "docs" / "compatibility.md"


def main() -> None:
    """Replace the table of the page."""
    marked_part.replace(PAGE, table(), "versions")


def table() -> str:
    """The runs, with the versions and the results."""
    found = json.loads(RESULTS.read_text(encoding="utf-8"))
    lines = [
        REDUCED,
        "",
        "| Python | Keras | backend | numpy | passed | skipped | failed | command |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, row in sorted(found.items()):
        backend = row["backend"]
        lines.append(
            f"| {row['python']} | {row['keras']} | {TITLES[backend]} {row[backend]} | {row['numpy']} | {row['passed']} "
            f"| {row['skipped']} | {len(row['failed'])} | `tox run -e {name} -- --record` |"
        )
    failed = [f"- {name}: `{one}`" for name, row in sorted(found.items()) for one in row["failed"]]
    return "\n".join([*lines, "", *(["Failed tests:", "", *failed, ""] if failed else [])])


if __name__ == "__main__":
    main()
