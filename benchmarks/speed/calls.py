"""Times a call of a small tensor, with its gradient, relative to torch's own function of the same name.

    KERAS_BACKEND=torch python benchmarks/speed/calls.py

A call of few elements is overhead: of this package, of Keras, of torch. The result goes to
benchmarks/results/speed/calls-torch.json; docs/make_speed.py writes the page.
"""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import keras
import numpy as np

import keras_actx as actx

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "benchmarks" / "speed")]

import native  # noqa: E402  (what Keras and the backend have under a name)
import ways  # noqa: E402  (beside this file)
from turns import ROUNDS, about, compared  # noqa: E402

FOLDER = ROOT / "benchmarks" / "results" / "speed"
NAMES = ("elu", "gelu", "hard_silu", "log_sigmoid", "mish", "silu", "softplus", "tanh")
#: Logarithms of the number of elements.
SIZES = (8, 12)

Function = Callable[[Any], Any]


def main() -> None:
    """Measure, and write the result; on another backend, do nothing."""
    if keras.backend.backend() != "torch":
        return
    result = {**about(), "rounds": ROUNDS, "calls": {str(size): table(size) for size in SIZES}}
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / "calls-torch.json").write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result["calls"], indent=1))


def table(size: int) -> dict[str, Any]:
    """By name and path, the ratios."""
    x = np.random.default_rng(0).normal(size=(2 ** (size // 2), 2 ** (size - size // 2))).astype("float32")
    return {name: row(name, x) for name in NAMES}


def row(name: str, x: np.ndarray) -> dict[str, Any]:
    """Microseconds of torch's function, and the ratio of each path to it."""
    activation = actx.Activation(f"keras_actx>{name}", ())
    of_torch = native.backend_native(activation)
    layers = [keras.layers.Activation(one) for one in (activation, of_torch)]
    paths = {
        "a call": (activation, of_torch, False),
        "set_fused": (activation, of_torch, True),
        "keras.layers.Activation": (*layers, False),
    }
    found = {path: ratio(*given, x) for path, given in paths.items()}
    return {"microseconds": found["a call"][1], **{path: one for path, (one, _) in found.items()}}


def ratio(ours: Function, other: Function, fused: bool, x: np.ndarray) -> tuple[list[float], float]:
    """Of ours to the other: the median and the quartiles; and the microseconds of the other."""
    way = "fused" if fused else "eager"
    calls = {"ours": ways.call(way, ours, x, "both", ours=True), "other": ways.call("eager", other, x, "both")}
    found = compared(calls)
    return found["other"], float(f"{1e3 * found['ms'] / found['other'][0]:.3g}")


if __name__ == "__main__":
    main()
