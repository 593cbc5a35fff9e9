"""Writes the measured part of docs/numerics.md from benchmarks/results and the ledger of the tests.

    python docs/make_numerics.py

What lies between the two markers is replaced; the same results give the same bytes.
"""

import json
import sys
from pathlib import Path

from keras_actx.testing.grids import DTYPES

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "docs"), str(ROOT / "tests")]

import ledger  # noqa: E402  (beside the tests, which use it too)
import marked_part  # noqa: E402  (beside this file)
from backends import TITLES  # noqa: E402

PAGE = ROOT / "docs" / "numerics.md"


def main() -> None:
    """Replace the measured part of the page."""
    marked_part.replace(PAGE, measured_part())


def measured_part() -> str:
    """The tables of all backends, and the ledger."""
    results = [json.loads((ROOT / "benchmarks" / "results" / f"numerics-{one}.json").read_text()) for one in TITLES]
    parts = (*map(_backend, results), _cancelling(), _ledger())
    return "\n".join(line for part in parts for line in part)


def _backend(result: dict) -> list[str]:
    versions = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
    compilers = list(dict.fromkeys(c for row in result["activations"].values() for c in row["value"]["float32"]))
    compilers = [one for one in compilers if one not in ("ours", "keras", "native")]
    lines = [
        f"### {TITLES[result['backend']]}",
        "",
        f"{versions}; {result['machine']}. {result['points']:,} points in 32 and 64 bits at default parameters, "
        f"{result['parameter_points']:,} at the samples and ends of each parameter's range, "
        f"{result['derivative_points']:,} for derivatives; all 65,536 numbers in 16 bits.",
        "",
        f"Each cell: ours / Keras's / the backend's own, where there is one. Compiled: by {' and '.join(compilers)}, "
        "the worst, in float32. Parameters: the worst of all samples and ends, in float32. Derivative: in units of f' "
        "/ of its largest term, float32.",
        "",
        "| activation | " + " | ".join(DTYPES) + " | compiled | parameters | derivative |",
        "|---|" + "---|" * (len(DTYPES) + 3),
    ]
    for name, row in result["activations"].items():
        cells = [_cell(row["value"][dtype]) for dtype in DTYPES]
        compiled = [row["value"]["float32"][one] for one in compilers if one in row["value"]["float32"]]
        parameters = list(row["parameters"]["float32"].values())
        own, term = row["derivative"]["float32"], row["derivative_of_term"]["float32"]
        cells += [_worst(compiled), _worst(parameters), f"{_number(own)} / {_number(term)}"]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return [*lines, ""]


def _cell(found: dict) -> str:
    parts = [_number(found["ours"])]
    if "keras" in found or "native" in found:
        parts += [_number(found[one]) if one in found else "–" for one in ("keras", "native")]
    return " / ".join(parts)


def _worst(found: list[dict]) -> str:
    return _number(max(found, key=lambda one: ("lost" in one, one["ulps"] or 0.0))) if found else "–"


def _number(found: dict) -> str:
    """The largest error; "lost" where a finite result came out as NaN or infinite."""
    if found["ulps"] is None:
        return "other dtype"
    return "lost" if "lost" in found else f"{found['ulps']:.3g}"


def _cancelling() -> list[str]:
    """Where a derivative is right in units of its largest term only."""
    lines = [
        "### Derivatives whose terms cancel",
        "",
        "Right in units of their largest term, and not in their own: the largest error in their own units. A test "
        "fails when one is not listed, and when one that is listed no longer cancels.",
        "",
        "| activation | dtype | backend | ulp | at x = | why |",
        "|---|---|---|---|---|---|",
    ]
    rows = [(one, backend) for backend in TITLES for one in ledger.cancelling(backend)]
    for one, backend in sorted(rows, key=lambda row: (row[0].name, row[0].dtype)):
        lines.append(f"| {one.name} | {one.dtype} | {TITLES[backend]} | {one.ulps:g} | {one.at:g} | {one.reason} |")
    return [*lines, ""]


def _ledger() -> list[str]:
    lines = [
        "### The ledger",
        "",
        "Where a bar is exceeded, by how many units in the last place at most, with which parameters it is worst, and "
        "what prevents better. Of values the units are those of max(|f|, |x f'|), of derivatives those of the largest "
        "term. A test fails when an entry is no longer needed.",
        "",
        "| activation | of the | dtype | backend | x | ulp | worst for | reason |",
        "|---|---|---|---|---|---|---|---|",
    ]
    rows = [(one, backend) for backend in TITLES for one in ledger.read(backend)]
    for known, backend in sorted(rows, key=lambda row: (row[0].entry.name, row[0].entry.quantity)):
        one, (of, way, _) = known.entry, known.witnesses[0]
        worst = f"`{of}`" + (f" by {way}" if way != "eager" else "")
        where = f"{one.low:g} .. {one.high:g}"
        lines.append(
            f"| {one.name} | {one.quantity} | {one.dtypes} | {TITLES[backend]} | {where} | {one.ulps:g} | {worst} | "
            f"{one.reason} |"
        )
    return [*lines, ""]


if __name__ == "__main__":
    main()
