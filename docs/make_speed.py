"""Writes the measured part of docs/speed.md, and its charts, from benchmarks/results/speed.

    python docs/make_speed.py

The text between the two markers is replaced. The output is deterministic. Requires matplotlib.
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
import speed_gpu  # noqa: E402
import speed_names  # noqa: E402
from backends import TITLES  # noqa: E402

PAGE = ROOT / "docs" / "speed.md"
FOLDER = ROOT / "benchmarks" / "results" / "speed"
GPU = FOLDER.parent / "gpu.json"
CHARTS = ROOT / "docs" / "charts"
WAYS = {"xla": "XLA", "jit": "jit", "eager": "eager", "fused": "fused, the others eager"}
OTHERS = {"composite": "naive formula", "keras": "Keras", "native": "backend", "kept": "not memory-efficient"}
LIBRARIES = {"addons": "tensorflow-addons", "timm": "timm"}
#: The page has only a summary of the other sizes; their rows are in the results.
SHOWN = 20

Row = dict[str, Any]


def main() -> None:
    """Replace the measured part of the page, and the charts."""
    marked_part.replace(PAGE, measured_part())
    for backend, found in results().items():
        speed_chart.write(chart(backend), found["rows"], WAYS)


def results(what: str = "") -> dict[str, dict[str, Any]]:
    """The results by backend: of activations, or with "steps-", "names-" and "import-" of these."""
    return {one: json.loads((FOLDER / f"{what}{one}.json").read_text(encoding="utf-8")) for one in TITLES}


def chart(backend: str) -> Path:
    """The path of the chart of a backend."""
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
    lines += _calls(json.loads((FOLDER / "calls-torch.json").read_text(encoding="utf-8")))
    lines += speed_names.part(results("import-"), results("names-"))
    lines += speed_gpu.part(json.loads(GPU.read_text(encoding="utf-8")))
    for backend, title in TITLES.items():
        lines += [
            f"### {title}",
            "",
            f"![For each activation, on {title}: the time of this package with gradient over that of the naive "
            f"formula, and over that of the backend's or Keras's function, at 2^{SHOWN} elements; median and quartiles]"
            f"(charts/{chart(backend).name})",
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
        "### Summary",
        "",
        "The ratio with gradient: the median over activations, the largest, and the number of activations. Above 1, "
        "this package is slower.",
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
    """Nanoseconds per element of this package, with gradient: by way and size, by activation."""
    return {
        (way, size): {row["name"]: 1e6 * row["both"]["ms"] / 2**size for row in those}
        for way, size, those in _by_way(rows)
    }


def _growth(found: dict[str, dict[str, Any]]) -> list[str]:
    lines = [
        "### Time per element",
        "",
        "Nanoseconds per element of this package, with gradient: the median over activations, the quartiles, and the "
        "number of activations. The time per element is constant where the total time is proportional to the number of "
        "elements. It is larger for small tensors, because of the cost of a call, and for tensors beyond the size of "
        "the caches, for any function: relu takes several times as long per element of 2^24 as of 2^20, while the "
        "ratios stay constant or decrease.",
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
        f"The time of this package over that of the library, where its formula is not the naive one, with gradient, at "
        f"2^{SHOWN} elements.",
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
        "### Training step",
        "",
        f"{first['depth']} layers of {first['width']} units, a batch of {first['batch']}, SGD: `DenseBlock`s relative "
        "to Keras's `Dense` with the same activation, and to native layers with the backend's function. For plain "
        "names that Keras defines (relu, gelu, silu, mish), both use Keras's function.",
        "",
        "| activation | " + " | ".join(f"{title}, ms | over Dense | over native" for title in TITLES.values()) + " |",
        "|---|" + "---|---|---|" * len(TITLES),
    ]
    for name in first["steps"]:
        rows = [found[backend]["steps"][name] for backend in TITLES]
        cells = [
            cell for row in rows for cell in (f"{row['ms']:g}", _ratio(row.get("keras")), _ratio(row.get("native")))
        ]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return [*lines, ""]


def _calls(found: dict[str, Any]) -> list[str]:
    lines = [
        "### Call of a small tensor",
        "",
        "On PyTorch in eager mode, with gradient: the time of a call over that of PyTorch's function of the same name, "
        "for a matrix of the given number of elements. In the last two columns, this package's is called "
        "with `config.set_fused(True)`, and both are called through `keras.layers.Activation`. Measured by "
        "`KERAS_BACKEND=torch python benchmarks/speed/calls.py`.",
        "",
    ]
    paths = list(next(iter(next(iter(found["calls"].values())).values())))[1:]
    lines += [
        "| | elements | PyTorch's, microseconds | " + " | ".join(paths) + " |",
        "|---|---|---|" + "---|" * len(paths),
    ]
    for size, rows in found["calls"].items():
        for name, row in rows.items():
            cells = [_ratio(row[path]) for path in paths]
            lines.append(f"| {name} | 2^{size} | {row['microseconds']:g} | " + " | ".join(cells) + " |")
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
