"""Writes the measured part, the chart and the table of docs/propagation.md from benchmarks/results.

    python docs/make_propagation.py

The text between the two markers is replaced. The output is deterministic. Requires matplotlib. The reasons for
exceptions are written by hand, in benchmarks/results/propagation/reasons.toml.
"""

import json
import math
import sys
from pathlib import Path

import keras_actx as actx

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "docs"), str(ROOT / "benchmarks")]

import evidence_chart  # noqa: E402  (beside this file)
import full_table  # noqa: E402
import marked_part  # noqa: E402
import propagation_results as measured  # noqa: E402  (beside what measures)
from backends import TITLES  # noqa: E402
from propagation_results import BACKWARD, FORWARD, WITH_OTHERS, Row, Rows, holds, worst  # noqa: E402

PAGE = ROOT / "docs" / "propagation.md"
CHART = evidence_chart.FOLDER / "propagation.svg"
STARTS = {
    "critical": "critical",
    "looks_linear": "looks-linear",
    "glorot_uniform": "Keras's default",
    "he_normal": "he_normal",
    "torch_gain": "torch's gain",
    "forward_gain": "forward gain",
    "lsuv": "LSUV",
    "edge_of_chaos": "edge of chaos",
}
_CLOSER = 0.1  # the margin in the variance across inputs, as log10, for another initialization to be better
_KINDS = ("elementwise", "gated")
_ENDS = {
    "signal": "signal",
    "across_inputs": "across inputs",
    "gradient": "gradient",
    "signal_farthest": "signal, farthest",
    "gradient_farthest": "gradient, farthest",
}
_PARAMETERS = {
    "beta": "β",
    "beta_gate": "β of the gate",
    "q": "q",
    "chi_q": "χ_q",
    "nonlinearity": "nonlinearity",
}

Results = dict[str, Rows]


def main() -> None:
    """Replace the measured part of the page, the chart and the table."""
    marked_part.replace(PAGE, measured_part())
    evidence_chart.dots(CHART, shown(), "largest deviation of log10 from the first layer / bound", (0.01, 1000))
    full_table.write(tables())


def read() -> Results:
    """The rows of all backends."""
    return {one: measured.read(one) for one in TITLES}


def measured_part() -> str:
    """A summary, the chart and small tables."""
    results = read()
    parts = (_about(), _chart(), _counts(results), _stay_apart(results), _exceptions(results), _lost(results))
    return "\n".join(line for part in (*parts, _build_time()) for line in part)


def shown() -> evidence_chart.Dots:
    """What the chart shows: deviations over the bounds, of the worst layer and seed, by initialization."""
    found: evidence_chart.Dots = {title: {"signal": [], "gradient": []} for title in STARTS.values()}
    for (_, start), row in measured.read(WITH_OTHERS).items():
        if "none" not in row:
            found[STARTS[start]]["signal"].append(worst(row["signal_farthest"]) / FORWARD)
            found[STARTS[start]]["gradient"].append(worst(row["gradient_farthest"]) / BACKWARD)
    return found


def tables() -> dict[str, list[full_table.Row]]:
    """The rows of the full table, by the name of the file."""
    return {
        "propagation.csv": [
            _row(name, start, backend, row)
            for backend, rows in read().items()
            for (name, start), row in rows.items()
            if row.get("none") != "n/a"
        ]
    }


def _row(name: str, start: str, backend: str, row: Row) -> full_table.Row:
    found = {"activation": name, "kind": actx.describe(name).kind, "initialization": STARTS[start]}
    found |= {"backend": TITLES[backend], "within the bound": "yes" if holds(row) else row.get("none", "no")}
    for what, title in _ENDS.items():
        found[title] = f"{round(worst(row[what]), 2) + 0.0:.2f}" if what in row else ""  # no minus before 0
    for what, title in _PARAMETERS.items():
        found[title] = f"{float(row[what]):.4g}" if row.get(what) is not None else ""
    return found


def names(results: Results, kind: str) -> list[str]:
    """The measured activations of one kind."""
    every = [name for name, scheme in results[WITH_OTHERS] if scheme == "critical"]
    return [name for name in every if actx.describe(name).kind == kind]


def _about() -> list[str]:
    about = [measured.about(one) for one in TITLES]
    versions = dict(item for one in about for item in one["versions"].items())
    first = about[0]
    return [
        f"{first['depth']} layers of {first['width']} units, {first['batch']} inputs, {len(first['seeds'])} seeds; "
        + ", ".join(f"{name} {version}" for name, version in versions.items())
        + f". The other initializations were measured only on {TITLES[WITH_OTHERS]}.",
        "",
    ]


def _chart() -> list[str]:
    return [
        "![For each activation and initialization, the largest deviation of signal and gradient from those of the "
        f"first layer, over the bound; bars are medians](charts/{CHART.name})",
        "",
    ]


def _counts(results: Results) -> list[str]:
    lines = [
        "The number of activations whose signal and gradient satisfy the bound at every layer and for every seed, of "
        "those for which the initialization exists:",
        "",
        "| initialization | backend | elementwise | gated |",
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
    """Whether the last layer still distinguishes the inputs."""
    lines = [
        "With critical, the variance across inputs changes by at most a factor of ten end to end, in the worst seed:"
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
        "### Exceptions",
        "",
        "Activations that exceed the bound with critical. A test fails if the list is incomplete, or if an activation "
        "in the list satisfies the bound.",
        "",
        "| activation | backends | reason |",
        "|---|---|---|",
    ]
    for name, backends in measured.exceptions(results).items():
        where = "all" if len(backends) == len(results) else ", ".join(TITLES[one] for one in backends)
        lines.append(f"| {name} | {where} | {why.get(name, '')} |")
    return [*lines, ""]


def decades(value: float) -> str:
    """With a sign, at most three digits."""
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    text = f"{value:+.2f}" if abs(value) < 9.995 else f"{value:+.0f}"
    return ("0.00" if float(text) == 0 else text).replace("-", "−")


def _lost(results: Results) -> list[str]:
    rows = results[WITH_OTHERS]
    lines = [
        "### Where another initialization is better",
        "",
        "These satisfy the bound too, and preserve the variance across inputs better than critical, by "
        f"{_CLOSER:g} or more.",
        "",
        "| initialization | activations |",
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


def _build_time() -> list[str]:
    results = [json.loads((measured.FOLDER.parent / "build_time" / f"{one}.json").read_text()) for one in TITLES]
    lines = [
        "### Cost of building a layer",
        "",
        f"`DenseBlock({results[0]['units']})` with as many inputs, relative to Keras's `Dense` with the same "
        "distribution: the median ratio of paired, interleaved runs, its quartiles, and both medians, in milliseconds "
        "of processor time. Bold: more than 1.1. The rows `constructed and built` include the constructor, which "
        "creates three Keras layers (the block, its Dense and its activation) instead of one. This adds about a "
        "millisecond for any size.",
        "",
        "| block / Dense | " + " | ".join(TITLES[one["backend"]] for one in results) + " |",
        "|---|" + "---|" * len(results),
    ]
    for case in results[0]["build"]:
        lines.append(f"| {case}, built | " + " | ".join(_ratio(one["build"][case]) for one in results) + " |")
    for case in results[0]["build"]:
        cells = (_ratio(one["build"][case]["made"]) for one in results)
        lines.append(f"| {case}, constructed and built | " + " | ".join(cells) + " |")
    for case in results[0]["stack"]:
        cells = (_ratio(one["stack"][case]) for one in results)
        lines.append(f'| `DenseStack(64, "mish", depth=20)` / twenty {case} | ' + " | ".join(cells) + " |")
    lines += [
        "",
        "The time for a new function, in milliseconds: the median of several; in parentheses, the first in a process.",
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
