"""Writes the measured part of docs/memory.md from benchmarks/results/memory.

    python docs/make_memory.py

The text between the two markers is replaced. The output is deterministic.
"""

import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "docs"))

import marked_part  # noqa: E402  (beside this file)
from backends import TITLES  # noqa: E402

PAGE = ROOT / "docs" / "memory.md"
CONTENDERS = {
    "lean": "`DenseBlock`",
    "plain": "not memory-efficient",
    "composite": "`Dense`, naive formula",
    "keras": "`Dense`, Keras's function",
    "native": "native layers",
}
FOLDER = ROOT / "benchmarks" / "results" / "memory"


def main() -> None:
    """Replace the measured part of the page."""
    marked_part.replace(PAGE, measured_part())


def results(what: str = "") -> dict[str, dict]:
    """The results of benchmarks/memory.py by backend, or with "peak-" those of benchmarks/peak_memory.py."""
    return {one: json.loads((FOLDER / f"{what}{one}.json").read_text(encoding="utf-8")) for one in TITLES}


def measured_part() -> str:
    """All tables."""
    found = results()
    versions = dict(item for one in found.values() for item in one["versions"].items())
    lines = [", ".join(f"{name} {version}" for name, version in versions.items()) + ".", ""]
    return "\n".join(
        [*lines, *_summary(found), *_peak(results("peak-")), *_kept(found), *_compiled(found["jax"]["compiled"])]
    )


def _summary(found: dict[str, dict]) -> list[str]:
    lines = [
        "### Summary",
        "",
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


def _kept(found: dict[str, dict]) -> list[str]:
    lines = [
        "### Saved for the backward pass",
        "",
        "As multiples of the input's size: this package, memory-efficient / not memory-efficient. The column `others` "
        "has Keras's function of that name / the backend's function, where they exist.",
        "",
        "| activation | " + " | ".join(f"{title} | others" for title in TITLES.values()) + " |",
        "|---|" + "---|---|" * len(TITLES),
    ]
    for name in found["jax"]["kept"]:
        cells = []
        for backend in TITLES:
            row = found[backend]["kept"][name]
            cells += [f"{row['lean']:g} / {row['plain']:g}", _theirs(row)]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return [*lines, ""]


def _theirs(row: dict[str, float]) -> str:
    both = [f"{row[one]:g}" if one in row else "–" for one in ("keras", "native")]
    return "" if both == ["–", "–"] else " / ".join(both)


def _compiled(compiled: dict) -> list[str]:
    shallow, deep = compiled["depths"]
    relu = compiled["bytes"]["relu"]["native"]
    lines = [
        "### Temporary memory in XLA",
        "",
        f"The temporary memory of the compiled gradient of {shallow} Dense layers of {compiled['width']} units with a "
        f"batch of {compiled['batch']}, on the CPU, relative to that of `jax.nn.relu`, {relu[0] / 2**20:.0f} MiB; and "
        "the memory of an additional layer relative to that with `jax.nn.relu`, "
        f"{(relu[1] - relu[0]) / (deep - shallow) / 2**20:.0f} MiB, computed from {deep} layers.",
        "",
        f"| activation | {shallow} layers | not memory-efficient | jax.nn | additional layer | not memory-efficient "
        "| jax.nn |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, row in compiled["bytes"].items():
        lines.append(
            f"| {name} | "
            + " | ".join(_ratio(row.get(one), relu, 0) for one in ("lean", "plain", "native"))
            + " | "
            + " | ".join(_ratio(row.get(one), relu, 1) for one in ("lean", "plain", "native"))
            + " |"
        )
    return [*lines, ""]


def _ratio(planned: list[int] | None, relu: list[int], more: int) -> str:
    if planned is None:
        return ""
    return f"{planned[0] / relu[0]:.2f}" if not more else f"{(planned[1] - planned[0]) / (relu[1] - relu[0]):.2f}"


if __name__ == "__main__":
    main()
