"""Writes the measured part of docs/memory.md from benchmarks/results/memory.

    python docs/make_memory.py

What lies between the two markers is replaced; the same results give the same bytes.
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
    "plain": "switched off",
    "composite": "`Dense`, as one writes it",
    "keras": "`Dense`, Keras's",
    "native": "the backend's own",
}
FOLDER = ROOT / "benchmarks" / "results" / "memory"


def main() -> None:
    """Replace the measured part of the page."""
    marked_part.replace(PAGE, measured_part())


def results(what: str = "") -> dict[str, dict]:
    """What benchmarks/memory.py counted, by backend; with "peak-" what benchmarks/peak_memory.py measured."""
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
        "### In short",
        "",
        "| | most kept | most kept, switched off | of how many | that keep no more by themselves |",
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
        "### The memory of training",
        "",
        f"MiB by which a process that trains {first['depth']} layers of {first['width']} units grows at its highest, "
        f"from a step on one example to {first['steps']} on a batch of {first['batch']}, each number in a process of "
        f"its own. The output of a layer is {4 * first['width'] * first['batch'] / 2**20:.0f} MiB. "
        f"{'; '.join(sorted({one['machine'] for one in found.values()}))}. "
        "`KERAS_BACKEND=torch python benchmarks/peak_memory.py` measures it.",
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
        "### Kept for the backward pass",
        "",
        "As multiples of the input's size: as it is / switched off; then Keras's function of that name / the backend's "
        "own, where there is one.",
        "",
        "| activation | " + " | ".join(f"{title} | there" for title in TITLES.values()) + " |",
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
    relu = compiled["bytes"]["relu"]["lean"]
    lines = [
        "### What XLA plans",
        "",
        f"The temporary memory of the compiled gradient of {shallow} Dense layers of {compiled['width']} units, on a "
        f"batch of {compiled['batch']}, on the CPU, over that of relu, {relu[0] / 2**20:.0f} MiB; and what a layer "
        f"more takes over what it takes with relu, {(relu[1] - relu[0]) / (deep - shallow) / 2**20:.0f} MiB, from "
        f"{deep} layers.",
        "",
        f"| activation | {shallow} layers | switched off | jax.nn's | a layer more | switched off | jax.nn's |",
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
