"""Measures what pairing costs: a block's build beside a plain Dense's, a stack's, and the moments of a new function.

    KERAS_BACKEND=jax python benchmarks/build_time.py

`DenseBlock(1024)` on 1024 inputs against `Dense(1024)` whose initializer draws from the same distribution, in turns,
after the moments are known: their builds, and constructor and build together; `DenseStack(64, "mish", depth=20)`
against twenty `Dense(64, "mish")`; and a function never seen before. In processor time, which other programs on the
machine do not lengthen. The result goes to benchmarks/results/build_time/BACKEND.json; docs/make_propagation.py shows
it.
"""

import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras

import keras_actx as actx

FOLDER = Path(__file__).resolve().parent / "results" / "build_time"
UNITS, PAIRS, FEWER, FUNCTIONS = 1024, 60, 15, 5
_PUBLISHED, _RELU = {"scheme": "published"}, {"input_activation": "relu"}
#: our block's arguments, Keras's initializer of the same distribution, pairs of runs
CASES: dict[str, tuple[dict[str, Any], Callable[[], Any], int]] = {
    "published relu / HeNormal": ({"activation": "relu", **_PUBLISHED}, keras.initializers.HeNormal, PAIRS),
    "published tanh / GlorotUniform": ({"activation": "tanh", **_PUBLISHED}, keras.initializers.GlorotUniform, PAIRS),
    "published mish / VarianceScaling": (
        {"activation": "mish", **_PUBLISHED},
        lambda: keras.initializers.VarianceScaling(actx.gain("mish") ** 2, "fan_in", "truncated_normal"),
        PAIRS,
    ),
    "critical relu / Orthogonal": (
        {"activation": "relu", "scheme": "critical", **_RELU},
        keras.initializers.Orthogonal,
        FEWER,
    ),
    "looks_linear relu / Orthogonal": (
        {"activation": "relu", "scheme": "looks_linear", **_RELU},
        keras.initializers.Orthogonal,
        FEWER,
    ),
}


def main() -> None:
    """Measure, and write the result."""
    backend = keras.backend.backend()
    versions = {"python": platform.python_version(), "keras": keras.__version__}
    result: dict[str, Any] = {
        "backend": backend,
        "versions": {**versions, backend: sys.modules[backend].__version__},
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "units": UNITS,
        "build": {name: ratio(*case) for name, case in CASES.items()},
        "stack": {f"Dense, {one}": stack_ratio(one) for one in ("glorot_uniform", "orthogonal")},
        "new function": new_function(),
    }
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / f"{backend}.json").write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))


def ratio(arguments: dict[str, Any], initializer: Callable[[], Any], pairs: int) -> dict[str, Any]:
    """The time of our block over that of Keras's layer: each pair runs both, first one, then the other, in turns."""

    def ours() -> Any:
        return actx.layers.DenseBlock(UNITS, **arguments)

    def theirs() -> Any:
        return keras.layers.Dense(UNITS, activation=arguments["activation"], kernel_initializer=initializer())

    for one in (ours, theirs):
        seconds(one)
    both = []
    for i in range(pairs):
        order = (ours, theirs) if i % 2 else (theirs, ours)
        found = {one: seconds(one) for one in order}
        both.append((found[ours], found[theirs]))
    whole = [(sum(mine), sum(other)) for mine, other in both]
    return {"pairs": pairs, **_compared([(mine[1], other[1]) for mine, other in both]), "made": _compared(whole)}


def stack_ratio(initializer: str) -> dict[str, Any]:
    """The time to construct and build a stack over that of as many layers of Keras."""

    def ours() -> Any:
        actx.layers.DenseStack(64, "mish", depth=20).build((None, 64))

    def theirs() -> Any:
        for layer in [keras.layers.Dense(64, "mish", kernel_initializer=initializer) for _ in range(20)]:
            layer.build((None, 64))

    both = []
    for i in range(FEWER + 1):
        found = {}
        for one in (ours, theirs) if i % 2 else (theirs, ours):
            started = time.process_time()
            one()
            found[one] = time.process_time() - started
        both.append((found[ours], found[theirs]))
    return _compared(both[1:])  # the first warms both up


def _compared(both: list[tuple[float, float]]) -> dict[str, Any]:
    low, middle, high = statistics.quantiles([mine / other for mine, other in both], n=4)
    return {
        "ratio": round(middle, 3),
        "quartiles": [round(low, 3), round(high, 3)],
        "ms": round(1e3 * statistics.median(mine for mine, _ in both), 2),
        "keras_ms": round(1e3 * statistics.median(other for _, other in both), 2),
    }


def seconds(make: Callable[[], Any]) -> tuple[float, float]:
    """Of the constructor, and of the build, until the weights are there."""
    started = time.process_time()
    layer = make()
    made = time.process_time()
    layer.build((None, UNITS))
    keras.ops.convert_to_numpy(layer.weights[0][:1, :1])  # JAX runs ahead of Python
    return made - started, time.process_time() - made


def new_function() -> dict[str, float]:
    """Milliseconds for functions never seen before, the median of a few, and the first, which warms the backend up."""
    what: dict[str, Callable[[Any], Any]] = {
        "moments": actx.moments,
        "pairing, critical": lambda function: actx.pairing(function, "critical"),
        "pairing, critical, depth=100": lambda function: actx.pairing(function, "critical", depth=100),
    }
    found = {}
    for name, measure in what.items():
        times = []
        for i in range(FUNCTIONS):
            function = _never_seen(1.0 + 0.1 * i)
            started = time.process_time()
            measure(function)
            times.append(1e3 * (time.process_time() - started))
        found[name] = {"ms": round(statistics.median(times), 1), "first_ms": round(times[0], 1)}
    return found


def _never_seen(slope: float) -> Callable[[Any], Any]:
    return lambda x: x * keras.ops.sigmoid(slope * x)


if __name__ == "__main__":
    main()
