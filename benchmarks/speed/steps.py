"""Times a training step of twelve layers: `DenseBlock`s, Keras's `Dense` of the same activation, the backend's own.

    KERAS_BACKEND=torch python benchmarks/speed/steps.py

SGD on the squared error, 512 units, batches of 256. The result goes to benchmarks/results/speed/steps-BACKEND.json;
docs/make_speed.py writes the page.
"""

import json
import os
import sys
from dataclasses import asdict
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")

import keras

import keras_actx as actx

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "benchmarks" / "speed")]

import native  # noqa: E402  (what Keras and the backend have under a name)
from networks import OWN, Size, Step, of_keras  # noqa: E402  (beside this file)
from turns import ROUNDS, about, compared  # noqa: E402

FOLDER = ROOT / "benchmarks" / "results" / "speed"
BACKEND = keras.backend.backend()
SIZE = Size(depth=12, width=512, batch=256)
#: With a function of Keras, then without.
ACTIVATIONS = ("relu", "gelu", "silu", "mish", "snake", "tanhexp")


def main() -> None:
    """Measure, and write the result."""
    result = {
        **about(),
        "rounds": ROUNDS,
        **asdict(SIZE),
        "steps": {name: compared(contenders(name)) for name in ACTIVATIONS},
    }
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / f"steps-{BACKEND}.json").write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result["steps"], indent=1))


def contenders(name: str) -> dict[str, Step]:
    """Ours first."""
    found = {
        "ours": of_keras(SIZE, lambda: actx.layers.DenseBlock(SIZE.width, name, scheme="glorot")),
        "keras": of_keras(SIZE, lambda: keras.layers.Dense(SIZE.width, activation=name)),
    }
    function = native.backend_native(actx.Activation(f"keras_actx>{name}", ()))
    if function is not None and BACKEND in OWN:
        found["native"] = OWN[BACKEND](SIZE, function)
    return found


if __name__ == "__main__":
    main()
