"""What benchmarks/propagation.py measured: reading it, and the bar; for its page and its test."""

import json
import math
import tomllib
from pathlib import Path
from typing import Any

BACKENDS = ("tensorflow", "jax", "torch")
#: The one that the other starts are measured on, since they cost more time than all else.
WITH_OTHERS = "jax"
#: The schemes of this package, and then the starts of others, of benchmarks/starts.py.
SCHEMES = (
    "critical",
    "looks_linear",
    "glorot_uniform",
    "he_normal",
    "torch_gain",
    "forward_gain",
    "lsuv",
    "edge_of_chaos",
)
#: Factors of ten from the first layer's second moment, in the worst layer of the worst seed: 1.26 and 2.6 times.
FORWARD, BACKWARD = 0.1, 0.415
FOLDER = Path(__file__).resolve().parent / "results" / "propagation"

Row = dict[str, Any]
Rows = dict[tuple[str, str], Row]


def about(backend: str) -> dict[str, Any]:
    """The whole file of one backend: sizes, versions, and the rows as a list."""
    return json.loads((FOLDER / f"{backend}.json").read_text(encoding="utf-8"))


def read(backend: str) -> Rows:
    """The rows of one backend, by name and scheme."""
    return {(row["name"], row["scheme"]): row for row in about(backend)["rows"]}


def reasons() -> dict[str, str]:
    """Why some do not hold, by name; written by hand."""
    return tomllib.loads((FOLDER / "reasons.toml").read_text(encoding="utf-8"))


def worst(values: list) -> float:
    """The seed farthest from 0; what is not a number is infinitely far."""
    numbers = [math.inf if math.isnan(float(one)) else float(one) for one in values]
    return max(numbers, key=abs)


def holds(row: Row) -> bool:
    """Whether signal and gradient stay within the bar, in the worst layer of the worst seed."""
    if "none" in row:
        return False
    return worst(row["signal_farthest"]) <= FORWARD and worst(row["gradient_farthest"]) <= BACKWARD


def exceptions(results: dict[str, Rows]) -> dict[str, list[str]]:
    """The names that do not hold with "critical", and the backends on which they do not."""
    found: dict[str, list[str]] = {}
    for backend, rows in results.items():
        for (name, scheme), row in rows.items():
            if scheme == "critical" and not holds(row):
                found.setdefault(name, []).append(backend)
    return dict(sorted(found.items()))
