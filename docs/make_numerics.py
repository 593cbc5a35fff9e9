"""Writes the measured part, the chart and the tables of docs/numerics.md.

    python docs/make_numerics.py

The source is benchmarks/results/numerics.csv and tests/known_errors.toml. The text between the two markers is
replaced. The output is deterministic. Requires matplotlib.
"""

import csv
import sys
import tomllib
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "docs"))

import evidence_chart  # noqa: E402  (beside this file)
import full_table  # noqa: E402
import marked_part  # noqa: E402
from backends import TITLES  # noqa: E402

PAGE = ROOT / "docs" / "numerics.md"
CHART = evidence_chart.FOLDER / "numerics.svg"
MEASURED = ROOT / "benchmarks" / "results" / "numerics.csv"
KNOWN = ROOT / "tests" / "known_errors.toml"
#: The columns of the file, their titles and their bounds.
SHOWN = {
    "float32": ("value, float32", 4),
    "float64": ("value, float64", 4),
    "slope32": ("derivative, float32", 8),
    "slope64": ("derivative, float64", 8),
    "float16": ("value, float16", 1),
    "bfloat16": ("value, bfloat16", 1),
    "compiled": ("compiled, float32", 4),
    "parameters": ("other parameters, float32", 4),
    "keras": ("Keras's value, float32", 4),
}


def main() -> None:
    """Replace the measured part of the page, the chart and the tables."""
    marked_part.replace(PAGE, measured_part())
    evidence_chart.dots(CHART, shown(), "largest error of an activation / bound", (0.01, 1000))
    full_table.write(tables())


def rows() -> list[dict[str, str]]:
    """The results."""
    with MEASURED.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def tables() -> dict[str, list[full_table.Row]]:
    """The rows of the full tables, by the name of the file."""
    errors = [
        {"activation": one["activation"], "backend": TITLES[one["backend"]], "points": one["points"]}
        | {title: one[column] for column, (title, _) in SHOWN.items()}
        for one in rows()
    ]
    return {"numerics.csv": errors, "known_errors.csv": [_known(one) for one in known()]}


def known() -> list[dict]:
    """The errors that exceed a bound for a known reason."""
    return tomllib.loads(KNOWN.read_text(encoding="utf-8"))["error"]


def _known(one: dict) -> full_table.Row:
    return {
        "activation": one["name"],
        "quantity": one["quantity"],
        "from x": one.get("low", "-inf"),
        "to x": one.get("high", "inf"),
        "parameters": "default" if one.get("defaults", True) else "not default",
        "dtypes": one.get("dtypes", "float32 float64").replace(" ", ", "),
        "backends": one.get("backends", "all").replace(" ", ", "),
        "largest error": "2 eps max |f'|" if one.get("tail") else f"{one['error']:g}",
        "reason": one["reason"],
    }


def shown() -> evidence_chart.Dots:
    """What the chart shows: errors over their bounds, on the worst backend."""
    found: evidence_chart.Dots = {}
    for column, (title, bound) in SHOWN.items():
        worst: dict[str, float] = {}
        for one in rows():
            if one[column]:
                worst[one["activation"]] = max(float(one[column]) / bound, worst.get(one["activation"], 0.0))
        name = "Keras" if column == "keras" else "this package"
        found.setdefault(title.removeprefix("Keras's "), {})[name] = list(worst.values())
    return found


def measured_part() -> str:
    """A summary and the chart."""
    lines = [
        "| | bound | " + " | ".join(TITLES.values()) + " |",
        "|---|---|" + "---|" * len(TITLES),
    ]
    every = rows()
    for column, (title, bound) in SHOWN.items():
        measured = [(one["backend"], float(one[column]), one["activation"]) for one in every if one[column]]
        cells = [_in_short([one for backend, *one in measured if backend == here], bound) for here in TITLES]
        lines.append(f"| {title} | {bound} | " + " | ".join(cells) + " |")
    names = {one["name"] for one in known()}
    lines += [
        "",
        f"This package exceeds a bound only by [known errors](tables/known_errors.md), of {len(names)} activations.",
    ]
    chart = f"![The largest error of each activation over its bound; bars are medians](charts/{CHART.name})"
    return "\n".join([chart, "", *lines, ""])


def _in_short(errors: list[list], bound: float) -> str:
    largest, name = max(errors)
    above = sum(one > bound for one, _ in errors)
    text = f"{median(one for one, _ in errors):.2g}; {largest:g}"
    return text + (f" ({name}); {above} of {len(errors)}" if above else "")


if __name__ == "__main__":
    main()
