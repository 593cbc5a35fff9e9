"""What docs/speed.md and its tables have about a GPU, from benchmarks/results/gpu.json."""

from statistics import median
from typing import Any

DTYPES = ("float32", "bfloat16")
ERRORS = ("value", "derivative", "float16", "bfloat16")


def summary(found: dict[str, Any]) -> list[str]:
    """A paragraph, as lines."""
    versions = ", ".join(f"{name} {version}" for name, version in found["versions"].items() if version)
    return [
        "### On a GPU, PyTorch",
        "",
        f"{found['card']}; {versions}. Kernels and the formula {_agreement(found['wrong'])} in all layouts, parameters "
        "and modes that are compared. The time of a forward and a backward pass over 2^26 elements, in units of a copy "
        f"of the tensor, which takes {found['copy_ms']:g} ms in float32: {_counts(found['activations'])} Reading and "
        "writing each tensor once is 2.5, and 2 for a gated activation. [All activations](tables/speed_gpu.md).",
        "",
    ]


def part(found: dict[str, Any]) -> list[str]:
    """The tables of calls and training steps, as lines."""
    return [*_calls(found["calls"]), *_steps(found["steps"])]


def rows(found: dict[str, Any]) -> list[dict[str, str]]:
    """The rows of the full table."""
    native = [{"activation": f"PyTorch's {name}"} | _times(row) for name, row in found["native"].items()]
    return native + [
        {"activation": name}
        | _times(row["copies"])
        | {f"error, {what}": _error(row["errors"][what]) for what in ERRORS}
        for name, row in sorted(found["activations"].items())
    ]


def _agreement(wrong: dict[str, str]) -> str:
    return "agree" if not wrong else "do not agree in " + ", ".join(sorted(wrong)) + ", but agree"


def _counts(rows: dict[str, Any]) -> str:
    columns = {dtype: [row["copies"][dtype] for row in rows.values()] for dtype in DTYPES}
    text = "; ".join(
        f"in {dtype}, the median of {len(times)} is {median(times):.2f}, and {sum(one <= 3.2 for one in times)} take "
        "at most 3.2"
        for dtype, times in columns.items()
    )
    return f"{text}."


def _times(row: dict[str, float]) -> dict[str, str]:
    return {f"copies, {dtype}": f"{row[dtype]:.2f}" for dtype in DTYPES}


def _error(value: float) -> str:
    return f"{value:.2g}" if value < 1e4 else f"{value:.0e}"


def _calls(calls: dict[str, dict[str, float]]) -> list[str]:
    return [
        "## Call of a small tensor on a GPU",
        "",
        "Microseconds of a forward and a backward pass over 2^18 elements until the GPU is done, by turns: the first "
        "decile of 100. The first call compiles the kernels.",
        "",
        "| activation | first call, ms | this package | its formula, without kernels | PyTorch's function | ratio |",
        "|---|---|---|---|---|---|",
        *_rows(calls, ("first_ms", "ours", "formula", "native", "ratio")),
    ]


def _steps(steps: dict[str, dict[str, float]]) -> list[str]:
    return [
        "## Training step on a GPU",
        "",
        "Eight `Dense(2048)`, a batch of 8192, SGD, eagerly: milliseconds of a step, and MiB of memory beside that of "
        "the weights.",
        "",
        "| dtype policy, activation | ms | MiB | ms without kernels | MiB without kernels |",
        "|---|---|---|---|---|",
        *_rows(steps, ("ms", "MiB", "formula_ms", "formula_MiB")),
    ]


def _rows(found: dict[str, dict[str, float]], columns: tuple[str, ...]) -> list[str]:
    """A row for each name, with empty cells for what was not measured."""
    cells = {name: " | ".join(f"{row[one]:g}" if one in row else "" for one in columns) for name, row in found.items()}
    return [*(f"| {name} | {of_name} |" for name, of_name in cells.items()), ""]
