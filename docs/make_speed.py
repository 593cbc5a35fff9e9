"""Writes the measured part of docs/speed.md from benchmarks/results/speed.

    python docs/make_speed.py

What lies between the two markers is replaced; the same results give the same bytes.
"""

import json
import sys
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "docs"))

import marked_part  # noqa: E402  (beside this file)
from backends import TITLES  # noqa: E402

PAGE = ROOT / "docs" / "speed.md"
FOLDER = ROOT / "benchmarks" / "results" / "speed"
WAYS = {"xla": "XLA", "eager": "eagerly", "jit": "jit"}
OTHERS = {"composite": "as one writes it", "keras": "Keras's", "native": "the backend's", "kept": "switched off"}

Row = dict[str, Any]


def main() -> None:
    """Replace the measured part of the page."""
    marked_part.replace(PAGE, measured_part())


def results() -> dict[str, dict[str, Any]]:
    """What benchmarks/speed timed, by backend."""
    return {one: json.loads((FOLDER / f"{one}.json").read_text(encoding="utf-8")) for one in TITLES}


def steps() -> dict[str, dict[str, Any]]:
    """What benchmarks/speed/steps.py timed, by backend."""
    return {one: json.loads((FOLDER / f"steps-{one}.json").read_text(encoding="utf-8")) for one in TITLES}


def measured_part() -> str:
    """All tables."""
    found = results()
    versions = dict(item for one in found.values() for item in one["versions"].items())
    machines = sorted({one["machine"] for one in found.values()})
    lines = [
        f"{'; '.join(machines)}; " + ", ".join(f"{name} {version}" for name, version in versions.items()) + ".",
        "",
    ]
    lines += _summary(found) + _steps(steps())
    for backend, title in TITLES.items():
        for way, size in sorted({(row["way"], row["size"]) for row in found[backend]["rows"]}):
            rows = [row for row in found[backend]["rows"] if (row["way"], row["size"]) == (way, size)]
            lines += [f"### {title}, {WAYS[way]}, 2^{size} elements", "", *_table(rows)]
    return "\n".join(lines)


def _summary(found: dict[str, dict[str, Any]]) -> list[str]:
    lines = [
        "### In short",
        "",
        "The median over activations of the ratio with the gradient, and the largest; above 1 ours is slower.",
        "",
        "| | elements | " + " | ".join(OTHERS.values()) + " |",
        "|---|---|" + "---|" * len(OTHERS),
    ]
    for backend, title in TITLES.items():
        for way, size in sorted({(row["way"], row["size"]) for row in found[backend]["rows"]}):
            rows = [row for row in found[backend]["rows"] if (row["way"], row["size"]) == (way, size)]
            cells = [
                _in_short([(row["both"][other][0], row["name"]) for row in rows if other in row["both"]])
                for other in OTHERS
            ]
            lines.append(f"| {title}, {WAYS[way]} | 2^{size} | " + " | ".join(cells) + " |")
    return [*lines, ""]


def _steps(found: dict[str, dict[str, Any]]) -> list[str]:
    first = found["jax"]
    lines = [
        "### A training step",
        "",
        f"{first['depth']} layers of {first['width']} units, a batch of {first['batch']}, SGD: `DenseBlock`s over "
        "Keras's `Dense` with the same activation, and over the backend's own layers with the backend's own function.",
        "",
        "| activation | " + " | ".join(f"{title}, ms | over Dense | over its own" for title in TITLES.values()) + " |",
        "|---|" + "---|---|---|" * len(TITLES),
    ]
    for name in first["steps"]:
        rows = [found[backend]["steps"][name] for backend in TITLES]
        cells = [
            cell for row in rows for cell in (f"{row['ms']:g}", _ratio(row.get("keras")), _ratio(row.get("native")))
        ]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return [*lines, ""]


def _ratio(found: list[float] | None) -> str:
    return "" if found is None else f"{found[0]:.2f} ({found[1]:.2f} .. {found[2]:.2f})"


def _in_short(ratios: list[tuple[float, str]]) -> str:
    if not ratios:
        return ""
    largest, name = max(ratios)
    return f"{median(one for one, _ in ratios):.2f}, {largest:.3g} ({name}), of {len(ratios)}"


def _table(rows: list[Row]) -> list[str]:
    lines = [
        "| activation | ms | "
        + " | ".join(OTHERS.values())
        + " | ms with gradient | "
        + " | ".join(OTHERS.values())
        + " |",
        "|---|---|" + "---|" * len(OTHERS) + "---|" + "---|" * len(OTHERS),
    ]
    for row in rows:
        cells = [cell for what in ("forward", "both") for cell in _cells(row[what])]
        lines.append(f"| {row['name']} | " + " | ".join(cells) + " |")
    return [*lines, ""]


def _cells(found: dict[str, Any]) -> list[str]:
    return [f"{found['ms']:g}", *(_ratio(found.get(other)) for other in OTHERS)]


if __name__ == "__main__":
    main()
