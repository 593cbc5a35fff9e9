"""Writes the measured part, the chart and the table of docs/memory.md from benchmarks/results/memory.

    python docs/make_memory.py

The text between the two markers is replaced. The output is deterministic. Requires matplotlib.
"""

import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "docs"))

import evidence_chart  # noqa: E402  (beside this file)
import full_table  # noqa: E402
import marked_part  # noqa: E402
from backends import TITLES  # noqa: E402

PAGE = ROOT / "docs" / "memory.md"
CHART = evidence_chart.FOLDER / "memory.svg"
CONTENDERS = {
    "lean": "`DenseBlock`",
    "plain": "not memory-efficient",
    "composite": "`Dense`, naive formula",
    "keras": "`Dense`, Keras's function",
    "native": "native layers",
}
FOLDER = ROOT / "benchmarks" / "results" / "memory"
#: What is counted of each activation, and its titles.
KEPT = {
    "lean": "this package",
    "plain": "not memory-efficient",
    "keras": "Keras's function",
    "native": "backend's function",
}


def main() -> None:
    """Replace the measured part of the page, the chart and the table."""
    marked_part.replace(PAGE, measured_part())
    evidence_chart.dots(CHART, shown(), "memory saved by an activation / size of its input", (0.1, 100))
    full_table.write(tables())


def results(what: str = "") -> dict[str, dict]:
    """The results of benchmarks/memory.py by backend, or with "peak-" those of benchmarks/peak_memory.py."""
    return {one: json.loads((FOLDER / f"{what}{one}.json").read_text(encoding="utf-8")) for one in TITLES}


def shown() -> evidence_chart.Dots:
    """What the chart shows: the memory that each activation saves."""
    return {
        TITLES[backend]: {
            title: [row[which] for row in of_backend["kept"].values() if which in row] for which, title in KEPT.items()
        }
        for backend, of_backend in results().items()
    }


def tables() -> dict[str, list[full_table.Row]]:
    """The rows of the full table, by the name of the file."""
    rows = [
        {"activation": name, "backend": TITLES[backend]}
        | {title: f"{row[which]:g}" if which in row else "" for which, title in KEPT.items()}
        | (_compiled(of_backend["compiled"], name) if "compiled" in of_backend else {})
        for backend, of_backend in results().items()
        for name, row in of_backend["kept"].items()
    ]
    return {"memory.csv": rows}


def measured_part() -> str:
    """A summary, the chart and small tables."""
    found = results()
    versions = dict(item for one in found.values() for item in one["versions"].items())
    lines = [
        "![The memory that each activation saves for the backward pass over the size of its input; bars are medians]"
        f"(charts/{CHART.name})",
        "",
        *_summary(found),
        ", ".join(f"{name} {version}" for name, version in versions.items()) + ".",
        "",
    ]
    return "\n".join([*lines, *_peak(results("peak-")), *_xla(found["jax"]["compiled"])])


def _summary(found: dict[str, dict]) -> list[str]:
    lines = [
        "The most memory that an activation saves for the backward pass, as a multiple of the input's size.",
        "",
        "| | most saved | most saved, not memory-efficient | activations | of these, without recomputation |",
        "|---|---|---|---|---|",
    ]
    for backend, title in TITLES.items():
        kept = found[backend]["kept"]
        lean, plain = ([row[which] for row in kept.values()] for which in ("lean", "plain"))
        frugal = sum(row["plain"] <= 1.0 for row in kept.values())
        lines.append(f"| {title} | {max(lean):g} | {max(plain):g} | {len(kept)} | {frugal} |")
    return [*lines, ""]


def _peak(found: dict[str, dict]) -> list[str]:
    first = found["jax"]
    lines = [
        "### Memory of training",
        "",
        f"Increase of the maximum resident set size, in MiB, of a process that trains {first['depth']} layers of "
        f"{first['width']} units, from one step on one example to {first['steps']} steps on a batch of "
        f"{first['batch']}. Each number is from a separate process. The output of a layer is "
        f"{4 * first['width'] * first['batch'] / 2**20:.0f} MiB. "
        f"{'; '.join(sorted({one['machine'] for one in found.values()}))}. "
        "Measured by `KERAS_BACKEND=torch python benchmarks/peak_memory.py`.",
        "",
        "| | activation | " + " | ".join(CONTENDERS.values()) + " |",
        "|---|---|" + "---|" * len(CONTENDERS),
    ]
    for backend, title in TITLES.items():
        for name, row in found[backend]["bytes"].items():
            cells = [f"{row[one] / 2**20:.0f}" if one in row else "" for one in CONTENDERS]
            lines.append(f"| {title} | {name} | " + " | ".join(cells) + " |")
    return [*lines, ""]


def _xla(compiled: dict) -> list[str]:
    shallow, deep = compiled["depths"]
    relu = compiled["bytes"]["relu"]["native"]
    most = [max(_over_relu(row["lean"], relu)[more] for row in compiled["bytes"].values()) for more in (0, 1)]
    plain = [max(_over_relu(row["plain"], relu)[more] for row in compiled["bytes"].values()) for more in (0, 1)]
    return [
        "### Temporary memory in XLA",
        "",
        f"The temporary memory of the compiled gradient of {shallow} Dense layers of {compiled['width']} units with a "
        f"batch of {compiled['batch']}, on the CPU, relative to that of `jax.nn.relu`, {relu[0] / 2**20:.0f} MiB; and "
        "the memory of an additional layer relative to that with `jax.nn.relu`, "
        f"{(relu[1] - relu[0]) / (deep - shallow) / 2**20:.0f} MiB, computed from {deep} layers. Both are in the "
        f"[full table](tables/memory.md). Over all activations, they are at most {most[0]:.2f} and {most[1]:.2f}; not "
        f"memory-efficient, {plain[0]:.2f} and {plain[1]:.2f}.",
        "",
    ]


def _compiled(compiled: dict, name: str) -> full_table.Row:
    relu, row = compiled["bytes"]["relu"]["native"], compiled["bytes"].get(name, {})
    found = {}
    for more, what in enumerate((f"XLA, {compiled['depths'][0]} layers", "XLA, additional layer")):
        for which, title in {"lean": "", "plain": ", not memory-efficient", "native": ", jax.nn"}.items():
            found[what + title] = f"{_over_relu(row[which], relu)[more]:.2f}" if which in row else ""
    return found


def _over_relu(planned: list[int], relu: list[int]) -> tuple[float, float]:
    """The memory of the first depth and of an additional layer."""
    return planned[0] / relu[0], (planned[1] - planned[0]) / (relu[1] - relu[0])


if __name__ == "__main__":
    main()
