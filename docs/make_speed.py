"""Writes the measured part of docs/speed.md, and its charts, from benchmarks/results/speed.

    python docs/make_speed.py

What lies between the two markers is replaced; the same results give the same bytes. It needs matplotlib.
"""

import json
import sys
from pathlib import Path
from statistics import median, quantiles
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "docs"))

import marked_part  # noqa: E402  (beside this file)
import speed_chart  # noqa: E402
import speed_names  # noqa: E402
from backends import TITLES  # noqa: E402

PAGE = ROOT / "docs" / "speed.md"
FOLDER = ROOT / "benchmarks" / "results" / "speed"
CHARTS = ROOT / "docs" / "charts"
WAYS = {"xla": "XLA", "jit": "jit", "eager": "eagerly", "fused": "ours fused, the others eagerly"}
OTHERS = {"composite": "as one writes it", "keras": "Keras's", "native": "the backend's", "kept": "switched off"}
LIBRARIES = {"addons": "tensorflow-addons", "timm": "timm"}
#: Of the other sizes, what is on the page is in short; the rows are in the results.
SHOWN = 20

Row = dict[str, Any]


def main() -> None:
    """Replace the measured part of the page, and the charts."""
    marked_part.replace(PAGE, measured_part())
    for backend, found in results().items():
        speed_chart.write(chart(backend), found["rows"], WAYS)


def results(what: str = "") -> dict[str, dict[str, Any]]:
    """What was measured, by backend: activations, or with "steps-", "names-" and "import-" those."""
    return {one: json.loads((FOLDER / f"{what}{one}.json").read_text(encoding="utf-8")) for one in TITLES}


def chart(backend: str) -> Path:
    """Where the picture of a backend is."""
    return CHARTS / f"speed-{backend}.svg"


def measured_part() -> str:
    """All tables."""
    found = results()
    versions = dict(item for one in found.values() for item in one["versions"].items())
    machines = sorted({one["machine"] for one in found.values()})
    lines = [
        f"{'; '.join(machines)}; " + ", ".join(f"{name} {version}" for name, version in versions.items()) + ".",
        "",
    ]
    lines += _summary(found) + _growth(found) + _libraries(found) + _steps(results("steps-"))
    lines += speed_names.part(results("import-"), results("names-"))
    for backend, title in TITLES.items():
        lines += [
            f"### {title}",
            "",
            f"![For each activation, on {title}: the time of ours with the gradient over that of the formula as one "
            f"writes it, and over that of the backend's function or Keras's, at 2^{SHOWN} elements; median and "
            f"quartiles](charts/{chart(backend).name})",
            "",
        ]
        for way, size, rows in _by_way(found[backend]["rows"]):
            if size == SHOWN:
                lines += [f"#### {title}, {WAYS[way]}, 2^{size} elements", "", *_table(rows)]
    return "\n".join(lines)


def _by_way(rows: list[Row]) -> list[tuple[str, int, list[Row]]]:
    return [
        (way, size, [row for row in rows if (row["way"], row["size"]) == (way, size)])
        for way, size in sorted({(row["way"], row["size"]) for row in rows})
    ]


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
        for way, size, rows in _by_way(found[backend]["rows"]):
            cells = [
                _in_short([(row["both"][other][0], row["name"]) for row in rows if other in row["both"]])
                for other in OTHERS
            ]
            lines.append(f"| {title}, {WAYS[way]} | 2^{size} | " + " | ".join(cells) + " |")
    return [*lines, ""]


def growth(rows: list[Row]) -> dict[tuple[str, int], dict[str, float]]:
    """Nanoseconds an element of ours, with the gradient: by way and size, by activation."""
    return {
        (way, size): {row["name"]: 1e6 * row["both"]["ms"] / 2**size for row in those}
        for way, size, those in _by_way(rows)
    }


def _growth(found: dict[str, dict[str, Any]]) -> list[str]:
    lines = [
        "### By the number of elements",
        "",
        "Nanoseconds an element of ours, with the gradient: the median over activations, the quartiles, and of how "
        "many. Where work grows as the number of elements does, these stay the same; a call costs something by itself, "
        "which few elements share, and beyond the caches every tensor does, of whatever function: relu itself takes "
        "several times as long for an element of 2^24 as for one of 2^20. There it is the ratios that stay, or fall.",
        "",
    ]
    by_backend = {backend: growth(found[backend]["rows"]) for backend in TITLES}
    sizes = sorted({size for cells in by_backend.values() for _, size in cells})
    lines += ["| | " + " | ".join(f"2^{size}" for size in sizes) + " |", "|---|" + "---|" * len(sizes)]
    for backend, title in TITLES.items():
        for way in sorted({way for way, _ in by_backend[backend]}):
            cells = [_spread(by_backend[backend].get((way, size), {})) for size in sizes]
            lines.append(f"| {title}, {WAYS[way]} | " + " | ".join(cells) + " |")
    return [*lines, ""]


def _spread(values: dict[str, float]) -> str:
    if len(values) < 2:
        return ""
    low, middle, high = quantiles(values.values(), n=4)
    return f"{middle:.3g} ({low:.3g} .. {high:.3g}), {len(values)}"


def _libraries(found: dict[str, dict[str, Any]]) -> list[str]:
    lines = [
        "### tensorflow-addons and timm",
        "",
        f"Ours over theirs where theirs is not the formula as one writes it, with the gradient, at 2^{SHOWN} elements.",
        "",
    ]
    columns = {
        f"{title}, {WAYS[way]}": {row["name"]: row["both"] for row in rows}
        for backend, title in TITLES.items()
        for way, size, rows in _by_way(found[backend]["rows"])
        if size == SHOWN
    }
    lines += ["| activation | " + " | ".join(columns) + " |", "|---|" + "---|" * len(columns)]
    for library, title in LIBRARIES.items():
        names = sorted({name for rows in columns.values() for name, row in rows.items() if library in row})
        for name in names:
            cells = [_ratio(rows.get(name, {}).get(library)) for rows in columns.values()]
            lines.append(f"| {name}, {title} | " + " | ".join(cells) + " |")
    return [*lines, ""]


def _steps(found: dict[str, dict[str, Any]]) -> list[str]:
    first = found["jax"]
    lines = [
        "### A training step",
        "",
        f"{first['depth']} layers of {first['width']} units, a batch of {first['batch']}, SGD: `DenseBlock`s over "
        "Keras's `Dense` with the same activation, and over the backend's own layers with the backend's own function. "
        "A plain name that Keras has too is Keras's function in both: relu, gelu, silu, mish.",
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
