"""Writes the measured part of docs/propagation.md from benchmarks/results.

    python docs/make_propagation.py

What lies between the two markers is replaced; the same results give the same bytes. Why an activation is an exception
is written by hand, in benchmarks/results/propagation/reasons.toml.
"""

import json
import math
import sys
from pathlib import Path

import keras_actx as actx

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "docs"), str(ROOT / "benchmarks")]

import marked_part  # noqa: E402  (beside this file)
import propagation_results as measured  # noqa: E402  (beside what measures)
from backends import TITLES  # noqa: E402
from propagation_results import WITH_OTHERS, Row, Rows, holds, worst  # noqa: E402

PAGE = ROOT / "docs" / "propagation.md"
STARTS = {
    "critical": "critical",
    "mirrored": "mirrored",
    "glorot_uniform": "Keras's default",
    "he_normal": "he_normal",
    "torch_gain": "torch's gain",
    "forward_gain": "forward gain",
    "lsuv": "LSUV",
    "edge_of_chaos": "edge of chaos",
}
_CLOSER = 0.1  # what another start's inputs must stay apart better by, to be called better
_KINDS = ("elementwise", "gated")

Results = dict[str, Rows]


def main() -> None:
    """Replace the measured part of the page."""
    marked_part.replace(PAGE, measured_part())


def measured_part() -> str:
    """All tables."""
    results = {one: measured.read(one) for one in TITLES}
    parts = (_about(), _counts(results), _stay_apart(results), _exceptions(results), _side_by_side(results))
    parts += (_lost(results), _critical(results), _build_time())
    return "\n".join(line for part in parts for line in part)


def names(results: Results, kind: str) -> list[str]:
    """The names measured, of one kind."""
    every = [name for name, scheme in results[WITH_OTHERS] if scheme == "critical"]
    return [name for name in every if actx.describe(name).kind == kind]


def _about() -> list[str]:
    about = [measured.about(one) for one in TITLES]
    versions = dict(item for one in about for item in one["versions"].items())
    first = about[0]
    return [
        f"{first['depth']} layers of {first['width']} units, {first['batch']} inputs, {len(first['seeds'])} seeds; "
        + ", ".join(f"{name} {version}" for name, version in versions.items())
        + f". The other starts were measured on {TITLES[WITH_OTHERS]} alone.",
        "",
    ]


def _counts(results: Results) -> list[str]:
    lines = [
        "### How many hold",
        "",
        "Signal and gradient within the bar, in the worst layer of the worst seed; of how many that the start exists "
        "for.",
        "",
        "| start | backend | elementwise | gated |",
        "|---|---|---|---|",
    ]
    for start, title in STARTS.items():
        for backend in results if start == "critical" else (WITH_OTHERS,):
            cells = []
            for kind in _KINDS:
                rows = [results[backend][name, start] for name in names(results, kind)]
                there = [row for row in rows if "none" not in row]
                cells.append(f"{sum(map(holds, there))} of {len(there)}")
            lines.append(f"| {title} | {TITLES[backend]} | {cells[0]} | {cells[1]} |")
    return [*lines, ""]


def _stay_apart(results: Results) -> list[str]:
    """Whether the inputs are still told apart behind the last layer."""
    lines = ["### Inputs stay apart", ""]
    lines += [
        "With critical, the variance across inputs stays within a factor of ten from end to end, in the worst seed:"
    ]
    for backend, title in TITLES.items():
        found = {
            name: worst(row["across_inputs"])
            for (name, scheme), row in results[backend].items()
            if scheme == "critical" and "none" not in row
        }
        beyond = [f"{name} ({decades(one)})" for name, one in sorted(found.items()) if abs(one) > 1.0]
        lines += [
            "",
            f"- {title}: {len(found) - len(beyond)} of {len(found)}"
            + (f"; not {', '.join(beyond)}." if beyond else "."),
        ]
    return [*lines, ""]


def _exceptions(results: Results) -> list[str]:
    why = measured.reasons()
    lines = [
        "### What does not hold with critical",
        "",
        "A test fails when one is not listed, and when one that is listed holds.",
        "",
        "| activation | on | why |",
        "|---|---|---|",
    ]
    for name, backends in measured.exceptions(results).items():
        where = "all" if len(backends) == len(results) else ", ".join(TITLES[one] for one in backends)
        lines.append(f"| {name} | {where} | {why.get(name, '')} |")
    return [*lines, ""]


def _side_by_side(results: Results) -> list[str]:
    rows = results[WITH_OTHERS]
    lines = [
        "### Side by side",
        "",
        "Signal / across inputs / gradient, from one end to the other, in factors of ten: the seed farthest from 0. "
        "Bold: within the bar at every layer. –: no such start for this activation.",
        "",
        "| activation | " + " | ".join(STARTS.values()) + " |",
        "|---|" + "---|" * len(STARTS),
    ]
    for kind in _KINDS:
        for name in names(results, kind):
            lines.append(f"| {name} | " + " | ".join(_cell(rows[name, start]) for start in STARTS) + " |")
    return [*lines, ""]


def _cell(row: Row) -> str:
    if "none" in row:
        return "infeasible" if row["none"] == "infeasible" else "–"
    text = " / ".join(decades(worst(row[what])) for what in ("signal", "across_inputs", "gradient"))
    return f"**{text}**" if holds(row) else text


def decades(value: float) -> str:
    """With a sign, three digits at most."""
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    text = f"{value:+.2f}" if abs(value) < 9.995 else f"{value:+.0f}"
    return ("0.00" if float(text) == 0 else text).replace("-", "−")


def _lost(results: Results) -> list[str]:
    rows = results[WITH_OTHERS]
    lines = [
        "### Where another start is better",
        "",
        f"It holds the bar too, and keeps its inputs apart better, by {_CLOSER:g} or more.",
        "",
        "| start | activations |",
        "|---|---|",
    ]
    for start, title in STARTS.items():
        better = [
            name
            for kind in _KINDS
            for name in names(results, kind)
            if start != "critical" and holds(rows[name, start]) and _apart(rows[name, "critical"], rows[name, start])
        ]
        if better:
            lines.append(f"| {title} | {', '.join(better)} |")
    return [*lines, ""]


def _apart(ours: Row, theirs: Row) -> bool:
    mine = abs(worst(ours["across_inputs"])) if holds(ours) else math.inf
    return abs(worst(theirs["across_inputs"])) <= mine - _CLOSER


def _critical(results: Results) -> list[str]:
    lines = [
        "### What critical chooses",
        "",
        "For a hundred layers: mean (of a gated one, of value and gate) and variance of the pre-activations, by how "
        "much a deviation of the variance grows from layer to layer, and how far the function is from a straight line "
        "there. Then the farthest from the first layer's, at any depth, on any backend.",
        "",
        "| activation | β | q | χ_q | nonlinearity | signal | gradient | holds |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for kind in _KINDS:
        for name in names(results, kind):
            rows = [results[backend][name, "critical"] for backend in TITLES]
            if "none" in rows[0]:
                lines.append(f"| {name} | – | – | – | – | – | – | {rows[0]['none'].partition(':')[0]} |")
                continue
            chosen = [_short(rows[0][one]) for one in ("beta", "q", "chi_q", "nonlinearity")]
            if rows[0]["beta_gate"] is not None:
                chosen[0] += f", {_short(rows[0]['beta_gate'])}"
            far = [worst([worst(row[one]) for row in rows]) for one in ("signal_farthest", "gradient_farthest")]
            lines.append(
                f"| {name} | {' | '.join(chosen)} | {' | '.join(map(_size, far))} | "
                f"{'yes' if all(map(holds, rows)) else 'no'} |"
            )
    return [*lines, ""]


def _short(value: float | None) -> str:
    return "–" if value is None else f"{float(value):.4g}".replace("-", "−")


def _size(value: float) -> str:
    return decades(value).removeprefix("+")


def _build_time() -> list[str]:
    results = [json.loads((measured.FOLDER.parent / "build_time" / f"{one}.json").read_text()) for one in TITLES]
    lines = [
        "### What it costs to build",
        "",
        f"`DenseBlock({results[0]['units']})` on as many inputs, over Keras's `Dense` with the same distribution: the "
        "median of the ratio of paired runs in turns, its quartiles, and both medians, in milliseconds of processor "
        "time. Bold: more than 1.1. Made and built is with the constructor, in which Keras makes three layers, the "
        "block, its Dense and its activation, where there is one beside it: about a millisecond more for any size.",
        "",
        "| block / Dense | " + " | ".join(TITLES[one["backend"]] for one in results) + " |",
        "|---|" + "---|" * len(results),
    ]
    for case in results[0]["build"]:
        lines.append(f"| {case}, built | " + " | ".join(_ratio(one["build"][case]) for one in results) + " |")
    for case in results[0]["build"]:
        cells = (_ratio(one["build"][case]["made"]) for one in results)
        lines.append(f"| {case}, made and built | " + " | ".join(cells) + " |")
    lines += [
        "",
        "A function never seen before, in milliseconds: the median of a few, and in brackets the process's first.",
        "",
        "| | " + " | ".join(TITLES[one["backend"]] for one in results) + " |",
        "|---|" + "---|" * len(results),
    ]
    for what in results[0]["new function"]:
        cells = [
            f"{one['new function'][what]['ms']:.0f} ({one['new function'][what]['first_ms']:.0f})" for one in results
        ]
        lines.append(f"| {what} | " + " | ".join(cells) + " |")
    return [*lines, ""]


def _ratio(found: dict) -> str:
    low, high = found["quartiles"]
    ratio = f"**{found['ratio']:.2f}**" if found["ratio"] > 1.1 else f"{found['ratio']:.2f}"
    return f"{ratio} ({low:.2f} .. {high:.2f}), {found['ms']:.3g} / {found['keras_ms']:.3g} ms"


if __name__ == "__main__":
    main()
