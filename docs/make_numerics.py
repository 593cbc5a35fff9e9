"""Writes the measured part of docs/numerics.md from benchmarks/results/numerics.csv and tests/known_errors.toml.

    python docs/make_numerics.py

The text between the two markers is replaced. The output is deterministic.
"""

import csv
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "docs"))

import marked_part  # noqa: E402  (beside this file)
from backends import TITLES  # noqa: E402

PAGE = ROOT / "docs" / "numerics.md"
MEASURED = ROOT / "benchmarks" / "results" / "numerics.csv"
KNOWN = ROOT / "tests" / "known_errors.toml"
#: The columns of the file that are shown for each backend.
SHOWN = {"float32": "f", "float64": "f, 64", "slope32": "f'", "slope64": "f', 64"}


def main() -> None:
    """Replace the measured part of the page."""
    marked_part.replace(PAGE, measured_part())


def rows() -> list[dict[str, str]]:
    """The results."""
    with MEASURED.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def measured_part() -> str:
    """A table of errors, and one of what exceeds a bound."""
    return "\n".join([*_errors(), *_known()])


def _errors() -> list[str]:
    of = {(one["activation"], one["backend"]): one for one in rows()}
    heads = [f"{TITLES[backend]} {title}" for backend in TITLES for title in SHOWN.values()]
    lines = ["| activation | " + " | ".join(heads) + " | 16 bits | Keras f |", "|---|" + "---|" * (len(heads) + 2)]
    for name in sorted({name for name, _ in of}):
        here = {backend: of.get((name, backend), {}) for backend in TITLES}
        cells = [here[backend].get(column, "") for backend in TITLES for column in SHOWN]
        cells.append(_largest([one.get(dtype, "") for one in here.values() for dtype in ("float16", "bfloat16")]))
        cells.append(_largest([one.get("keras", "") for one in here.values()]))
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return [*lines, ""]


def _largest(cells: list[str]) -> str:
    return max(filter(None, cells), key=float, default="")


def _known() -> list[str]:
    lines = [
        "### Known errors",
        "",
        "Where a bound is exceeded, the largest error, and the reason. A test fails when an entry is no longer needed.",
        "",
        "| activation | quantity | range of x | largest error | reason |",
        "|---|---|---|---|---|",
    ]
    for one in tomllib.loads(KNOWN.read_text(encoding="utf-8"))["error"]:
        where = f"{one.get('low', '-inf')} .. {one.get('high', 'inf')}"
        where += "" if one.get("defaults", True) else ", non-default parameters"
        where += f", {one['dtypes']}" if "dtypes" in one else ""
        where += f", {one['backends'].replace(' ', ', ')}" if "backends" in one else ""
        most = "2 eps max \\|f'\\|" if one.get("tail") else f"{one['error']:g}"
        lines.append(f"| {one['name']} | {one['quantity']} | {where} | {most} | {one['reason']} |")
    return [*lines, ""]


if __name__ == "__main__":
    main()
