"""Writes the measured parts, the chart and the tables of docs/speed.md from benchmarks/results/speed.

    python docs/make_speed.py

The text between the two markers is replaced, there and in docs/tables/speed_calls.md. The output is deterministic.
Requires matplotlib.
"""

import json
import sys
from pathlib import Path
from statistics import median, quantiles
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "docs"))

import evidence_chart  # noqa: E402  (beside this file)
import full_table  # noqa: E402
import marked_part  # noqa: E402
import speed_gpu  # noqa: E402
import speed_names  # noqa: E402
from backends import TITLES  # noqa: E402

PAGE = ROOT / "docs" / "speed.md"
FOLDER = ROOT / "benchmarks" / "results" / "speed"
GPU = FOLDER.parent / "gpu.json"
CALLS = full_table.FOLDER / "speed_calls.md"
CHART = evidence_chart.FOLDER / "speed.svg"
WAYS = {"xla": "XLA", "jit": "jit", "eager": "eager", "fused": "fused, the others eager"}
OTHERS = {"composite": "naive formula", "keras": "Keras's", "native": "backend's", "kept": "not memory-efficient"}
LIBRARIES = {"addons": "tensorflow-addons", "timm": "timm"}
#: The full tables, and what their times are of.
FILES = {"speed": "both", "speed_forward": "forward"}
#: The size of the chart: 2^20 elements.
SHOWN = 20

Row = dict[str, Any]


def main() -> None:
    """Replace the measured parts of the pages, the chart and the tables."""
    marked_part.replace(PAGE, measured_part())
    marked_part.replace(CALLS, calls_part())
    evidence_chart.dots(CHART, shown(), "time of this package / time of the other", (0.1, 10))
    full_table.write(tables())


def results(what: str = "") -> dict[str, dict[str, Any]]:
    """The results by backend: of activations, or with "steps-", "names-" and "import-" of these."""
    return {one: json.loads((FOLDER / f"{what}{one}.json").read_text(encoding="utf-8")) for one in TITLES}


def gpu() -> dict[str, Any]:
    """The results on a GPU."""
    return json.loads(GPU.read_text(encoding="utf-8"))


def measured_part() -> str:
    """The chart, a summary and small tables."""
    found = results()
    versions = dict(item for one in found.values() for item in one["versions"].items())
    machines = sorted({one["machine"] for one in found.values()})
    lines = [
        "![For each activation, backend and mode, the time of this package with gradient over that of other "
        f"implementations, at 2^{SHOWN} elements; bars are medians](charts/{CHART.name})",
        "",
        *_summary(found),
        f"{'; '.join(machines)}; " + ", ".join(f"{name} {version}" for name, version in versions.items()) + ".",
        "",
    ]
    return "\n".join([*lines, *_steps(results("steps-")), *speed_gpu.summary(gpu())])


def calls_part() -> str:
    """The tables of docs/tables/speed_calls.md."""
    lines = _growth(results())
    lines += _calls(json.loads((FOLDER / "calls-torch.json").read_text(encoding="utf-8")))
    lines += speed_names.part(results("import-"), results("names-")) + speed_gpu.part(gpu())
    return "\n".join(lines)


def shown() -> evidence_chart.Dots:
    """What the chart shows: ratios with gradient, by backend and mode."""
    return {
        f"{title}, {WAYS[way]}": {
            name: [row["both"][other][0] for row in rows if other in row["both"]] for other, name in OTHERS.items()
        }
        for backend, title in TITLES.items()
        for way, size, rows in _by_way(results()[backend]["rows"])
        if size == SHOWN
    }


def tables() -> dict[str, list[full_table.Row]]:
    """The rows of the full tables, by the name of the file."""
    every = [(title, row) for backend, title in TITLES.items() for row in results()[backend]["rows"]]
    times = {f"{file}.csv": [_row(title, row, what) for title, row in every] for file, what in FILES.items()}
    return {**times, "speed_gpu.csv": speed_gpu.rows(gpu())}


def _row(title: str, row: Row, what: str) -> full_table.Row:
    found = {"activation": row["name"], "backend": title, "mode": WAYS[row["way"]], "elements": f"2^{row['size']}"}
    found["ms"] = f"{row[what]['ms']:g}"
    for other, name in (OTHERS | LIBRARIES).items():
        found |= full_table.with_spread(row[what].get(other), name)
    return found


def _by_way(rows: list[Row]) -> list[tuple[str, int, list[Row]]]:
    return [
        (way, size, [row for row in rows if (row["way"], row["size"]) == (way, size)])
        for way, size in sorted({(row["way"], row["size"]) for row in rows})
    ]


def _summary(found: dict[str, dict[str, Any]]) -> list[str]:
    lines = [
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
        "## Time per element",
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


def _steps(found: dict[str, dict[str, Any]]) -> list[str]:
    first = found["jax"]
    lines = [
        "### Training step",
        "",
        f"{first['depth']} layers of {first['width']} units, a batch of {first['batch']}, SGD: `DenseBlock`s relative "
        "to Keras's `Dense` with the same activation, and to native layers with the backend's function. For plain "
        "names that Keras defines (relu, gelu, silu, mish), both use Keras's function.",
        "",
        "| | activation | ms | over Dense | over native |",
        "|---|---|---|---|---|",
    ]
    for backend, title in TITLES.items():
        for name, row in found[backend]["steps"].items():
            cells = f"{row['ms']:g} | {_ratio(row.get('keras'))} | {_ratio(row.get('native'))}"
            lines.append(f"| {title} | {name} | {cells} |")
    return [*lines, ""]


def _calls(found: dict[str, Any]) -> list[str]:
    lines = [
        "## Call of a small tensor",
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


if __name__ == "__main__":
    main()
