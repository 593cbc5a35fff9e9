"""Measures how far every activation is from the truth, on the backend in use.

    KERAS_ACTX_ORACLE=FOLDER KERAS_BACKEND=jax python benchmarks/numerics.py [NAMES] [--points 16384]

16 bits: all 65,536 numbers. 32 and 64 bits: about --points of them; a quarter for derivatives, a sixteenth for each
other value of a parameter. Errors are in units of the bars (docs/numerics.md). Compiled: jax.jit; tf.function and XLA;
torch.compile without its code generator.

The result, a row for each activation, replaces the rows of the backend in benchmarks/results/numerics.csv, or those of
the activations named. KERAS_ACTX_ORACLE is where exact values are kept between backends. docs/make_numerics.py writes
the tables of docs/numerics.md from it.
"""

import argparse
import csv
import os
import sys
import time
from pathlib import Path

os.environ.setdefault("JAX_ENABLE_X64", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

import keras_actx as actx
from keras_actx.declaration.activation import Activation
from keras_actx.testing import backend, derivatives, values
from keras_actx.testing.grids import DTYPES
from keras_actx.testing.samples import with_sample_parameters

HERE = Path(__file__).resolve().parent
FILE = HERE / "results" / "numerics.csv"
sys.path.insert(0, str(HERE.parent / "tests"))

from native import keras_native  # noqa: E402  (beside the tests, which use it too)

COLUMNS = ("activation", "backend", "points", *DTYPES, "compiled", "parameters", "slope32", "slope64", "keras")


def main() -> None:
    """Measure, and write the rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="activations; all of them if none is named")
    parser.add_argument("--points", type=int, default=2**14, help="points in 32 and 64 bits, default 2^14")
    options = parser.parse_args()
    every = [one for one in actx.names() if actx.describe(one).kind in ("elementwise", "gated")]
    started = time.monotonic()
    found = []
    for name in options.names or every:
        found.append(measured(Activation(name, ()), options.points))
        print(f"{time.monotonic() - started:.0f} s: {', '.join(map(str, found[-1].values()))}", flush=True)
    kept = [one for one in rows() if one["backend"] != backend.BACKEND or options.names]
    write([*kept, *found])


def rows() -> list[dict[str, str]]:
    """What is on record."""
    with FILE.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def write(every: list[dict[str, str]]) -> None:
    """Of two rows for the same activation and backend, the later is kept."""
    latest = {(one["activation"], one["backend"]): one for one in every}
    with FILE.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(latest[key] for key in sorted(latest))


def measured(activation: Activation, points: int) -> dict[str, str]:
    """The largest errors of one activation."""

    def of_values(function, one: Activation, dtype: str, count: int = points) -> float:
        return _largest(values.measure(function, one, dtype, 2**16 if dtype.endswith("16") else count))

    row = {dtype: of_values(activation, activation, dtype) for dtype in DTYPES}
    row["compiled"] = _worst(of_values(one, activation, "float32") for one in backend.compiled(activation).values())
    others = with_sample_parameters(activation)[1:]
    row["parameters"] = _worst(of_values(one, one, "float32", points // 16) for one in others)
    for bits in (32, 64):
        row[f"slope{bits}"] = _largest(derivatives.measure(activation, activation, f"float{bits}", points // 4))
    theirs = keras_native(activation)
    row["keras"] = None if theirs is None else of_values(theirs, activation, "float32")
    name = activation.name.removeprefix("keras_actx>")
    return {
        "activation": name,
        "backend": backend.BACKEND,
        "points": str(points),
        **{key: "" if one is None else f"{one:.2g}" for key, one in row.items()},
    }


def _largest(found: values.Measured) -> float:
    return float(np.max(found.errors))


def _worst(errors) -> float | None:
    return max(errors, default=None)


if __name__ == "__main__":
    main()
