"""Counts what every activation keeps for its backward pass, with the switch on and off, beside the backend's own.

    KERAS_BACKEND=jax python benchmarks/memory.py

Bytes kept, as multiples of the input's size: an activation as it is (`lean`), with
`keras_actx.config.set_memory_efficient(False)` (`plain`), Keras's and the backend's own functions of its name. On JAX
also the temporary memory that XLA plans for the gradient of six and of eight Dense layers of 1024 units on a batch of
4096. Nothing is timed, so the same versions give the same numbers. The result goes to
benchmarks/results/memory/BACKEND.json; docs/make_memory.py shows it.
"""

import contextlib
import json
import os
import platform
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras

import keras_actx as actx
from keras_actx.testing import memory
from keras_actx.testing.structure import inputs

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

import all_activations  # noqa: E402
import native  # noqa: E402  (what Keras and the backend have under a name)

FOLDER = ROOT / "benchmarks" / "results" / "memory"
DEPTHS, WIDTH, BATCH = (6, 8), 1024, 4096
BACKEND = keras.backend.backend()


def main() -> None:
    """Count, and write the result."""
    versions = {"python": platform.python_version(), "keras": keras.__version__}
    activations = all_activations.defaults("elementwise", "gated")
    result: dict[str, Any] = {
        "backend": BACKEND,
        "versions": {**versions, BACKEND: sys.modules[BACKEND].__version__},
        "kept": {one.name: kept(one) for one in activations},
    }
    if BACKEND == "jax":
        result["compiled"] = {
            "depths": DEPTHS,
            "width": WIDTH,
            "batch": BATCH,
            "bytes": {one.name: compiled(one) for one in activations if one.declaration.kind == "elementwise"},
        }
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / f"{BACKEND}.json").write_text(json.dumps(result, indent=1) + "\n")
    print(f"{len(activations)} activations; the most kept: {max(one['lean'] for one in result['kept'].values())}")


def kept(activation: actx.Activation) -> dict[str, float]:
    """Multiples of the input's size, by what computes the function."""
    found = {"lean": in_inputs(activation, activation, True), "plain": in_inputs(activation, activation, False)}
    for name, function in (
        ("keras", native.keras_native(activation)),
        ("native", native.backend_native(activation)),
    ):
        if function is not None:
            found[name] = in_inputs(function, activation, True)
    return found


def in_inputs(function: Callable[[Any], Any], activation: actx.Activation, efficient: bool) -> float:
    """The bytes kept over those of the input."""
    x = inputs(activation, memory.SHAPE, "float32")
    with switched(efficient):
        return round(memory.bytes_kept(function, x) / (4 * x.shape[0] * x.shape[1]), 3)


@contextlib.contextmanager
def switched(efficient: bool) -> Iterator[None]:
    """The switch, put back afterwards."""
    before = actx.config.memory_efficient()
    actx.config.set_memory_efficient(efficient)
    try:
        yield
    finally:
        actx.config.set_memory_efficient(before)


def compiled(activation: actx.Activation) -> dict[str, list[int]]:
    """The bytes planned at each depth."""
    found = {}
    for name, function, efficient in (
        ("lean", activation, True),
        ("plain", activation, False),
        ("native", native.backend_native(activation), True),
    ):
        if function is not None:
            with switched(efficient):
                found[name] = [memory.compiled_bytes(function, depth, WIDTH, BATCH) for depth in DEPTHS]
    return found


if __name__ == "__main__":
    main()
