"""Times activations, forward and with its gradient, beside what else computes it, on the backend in use.

    KERAS_BACKEND=torch python benchmarks/speed [NAME ...] [--sizes 12 16 20 24]

All that compute a function take turns, and a ratio is that of two neighbours in time, since machines differ and are
busy. Rows go to benchmarks/results/speed/BACKEND.json as each is there; those that are there are kept unless
--again. docs/make_speed.py writes the page.
"""

import argparse
import itertools
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

# One thread: the ratios are of work, not of how it is shared out.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")

import keras
import numpy as np

import keras_actx as actx
from keras_actx import backend
from keras_actx.declaration.evaluation import Formula

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "benchmarks" / "speed")]

import all_activations  # noqa: E402
import native  # noqa: E402  (what Keras and the backend have under a name)
import ways  # noqa: E402  (beside this file)
from composites import COMPOSITES  # noqa: E402
from libraries import ADDONS, TIMM, otherwise  # noqa: E402
from turns import ROUNDS, about, compared  # noqa: E402

FOLDER = ROOT / "benchmarks" / "results" / "speed"
BACKEND = keras.backend.backend()
SIZES = (12, 16, 20, 24)
#: Eagerly, 2^24 elements take up to five minutes a row: only these are timed there, unless names are given.
LARGEST, AT_LARGEST = 24, ("gelu", "mish", "relu", "silu", "snake", "tanhexp")
#: Of fewer elements, a compiled function's call is what counts.
FUSED = 20
#: The length of the axis that an activation mixes, if it does.
ALONG = 64
OURS = ("ours", "kept")

Row = dict[str, Any]


def main() -> None:
    """Time what is missing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="activations; those of composites.py if none is named")
    parser.add_argument("--sizes", nargs="*", type=int, default=SIZES, help="logarithms of the number of elements")
    parser.add_argument("--again", action="store_true", help="also what is there")
    options = parser.parse_args()
    rows = {} if not path().exists() else {key(row): row for row in json.loads(path().read_text())["rows"]}
    every = [
        one for one in all_activations.defaults("elementwise", "vector") if one.name in (options.names or COMPOSITES)
    ]
    started = time.monotonic()
    for done, activation in enumerate(every, start=1):
        for size, way in itertools.product(options.sizes, ways.WAYS):
            if size == LARGEST and not options.names and activation.name not in AT_LARGEST:
                continue
            if way == "fused" and (size < FUSED or not is_fused(activation)):
                continue
            if options.again or not complete(rows.get((activation.name, size, way)), activation):
                rows[activation.name, size, way] = timed(activation, size, way)
                write(rows)
        print(f"{done}/{len(every)} {activation.name} {time.monotonic() - started:.0f} s", flush=True)


def is_fused(activation: Any) -> bool:
    """Whether `config.set_fused` compiles it."""
    formula = Formula(activation.declaration, activation.params, (), "float32")
    return activation.declaration.kind == "elementwise" and backend.fuses(formula, (keras.ops.ones((4, 64)),))


def path() -> Path:
    return FOLDER / f"{BACKEND}.json"


def key(row: Row) -> tuple[str, int, str]:
    return row["name"], row["size"], row["way"]


def complete(row: Row | None, activation: Any) -> bool:
    """Whether all that is compared now was compared then."""
    return row is not None and set(row["both"]) == {"ms", *contenders(activation)} - {"ours"}


def contenders(activation: Any) -> dict[str, Callable[[Any], Any]]:
    """Ours first, then what it is compared with, where there is such a thing."""
    found = {
        "ours": activation,
        "kept": not_lean(activation),
        "composite": COMPOSITES.get(activation.name),
        "addons": otherwise(ADDONS).get(activation.name),
        "timm": otherwise(TIMM).get(activation.name),
        "keras": native.keras_native(activation),
        "native": native.backend_native(activation),
    }
    return {what: function for what, function in found.items() if function is not None}


def not_lean(activation: Any) -> Callable[[Any], Any]:
    """The same formula, keeping all its steps."""

    def kept(x: Any) -> Any:
        actx.config.set_memory_efficient(False)
        try:
            return activation(x)
        finally:
            actx.config.set_memory_efficient(True)

    return kept


def timed(activation: Any, size: int, way: str) -> Row:
    """One row: milliseconds of ours, and the ratios to the others, forward and with the gradient."""
    shape = 2**size if activation.declaration.kind == "elementwise" else (2**size // ALONG, ALONG)
    x = np.random.default_rng(0).normal(size=shape).astype("float32")
    row: Row = {"name": activation.name, "size": size, "way": way}
    for what in ("forward", "both"):
        row[what] = compared(
            {
                one: ways.call(way, function, x, what, ours=one in OURS)
                for one, function in contenders(activation).items()
            }
        )
    return row


def write(rows: dict[tuple[str, int, str], Row]) -> None:
    """Write the file, one row a line; at no moment is it half written."""
    lines = ",\n".join(json.dumps(rows[one]) for one in sorted(rows))
    FOLDER.mkdir(parents=True, exist_ok=True)
    part = path().with_suffix(f".{os.getpid()}")
    part.write_text(json.dumps({**about(), "rounds": ROUNDS})[:-1] + f', "rows": [\n{lines}\n]}}\n')
    part.replace(path())


if __name__ == "__main__":
    main()
