"""Times what a name costs: looking it up, and building a layer from it, on the backend in use.

    KERAS_BACKEND=torch python benchmarks/speed/names.py

A string seen before, a plain name of Keras, and a string never seen, each again after more and more activations were
declared. A `Dense` layer is built in child processes, with keras_actx imported and without, by turns. The result
goes to benchmarks/results/speed/names-BACKEND.json; docs/make_speed.py writes the page.
"""

import contextlib
import itertools
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras

import keras_actx as actx

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "benchmarks" / "speed"))

from turns import about, quartiles, seconds  # noqa: E402

FOLDER = ROOT / "benchmarks" / "results" / "speed"
MORE = (0, 100, 1000, 10000)
SAMPLES, REPEATS = 31, 500
#: Processes differ from each other, in their layout of memory among other things: several, each for a few rounds.
PROCESSES, ROUNDS, LAYERS = 5, 5, 200
NEW = itertools.count(1)

_CHILD = """
import sys, time
import keras
{also}
def build(count):
    started = time.process_time()
    for _ in range(count):
        keras.layers.Dense(64, activation="relu")
    return (time.process_time() - started) / count
build({layers})
for _ in sys.stdin:
    print("seconds", build({layers}), flush=True)
"""


def main() -> None:
    """Measure, and write the result."""
    result = {**about(), "dense": dense(), "lookup": {str(more): _after(more) for more in MORE}}
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / f"names-{keras.backend.backend()}.json").write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))


def _after(more: int) -> dict[str, list[float]]:
    declare(more)
    return lookup()


def lookup() -> dict[str, list[float]]:
    """Microseconds of a look-up: median and quartiles."""
    return {
        "again": microseconds(lambda: actx.get("snake(alpha=2.0)"), REPEATS),
        "of Keras": microseconds(lambda: actx.get("relu"), REPEATS),
        "first": microseconds(lambda: actx.get(f"snake(alpha={next(NEW)}.5)"), REPEATS // 5),
    }


def microseconds(call: Callable[[], Any], repeats: int) -> list[float]:
    """Of one call, over samples of many."""
    seconds(call, repeats)
    return quartiles([1e6 * seconds(call, repeats) for _ in range(SAMPLES)])


def declare(count: int) -> None:
    """Fill up to so many activations of somebody else's."""
    for i in range(sum(name.startswith("many>") for name in actx.names()), count):

        def formula(x: Any, beta: float = 1.0) -> Any:
            return x * keras.ops.sigmoid(beta * x)

        formula.__name__ = formula.__qualname__ = f"function_{i}"
        actx.register_activation(formula, package="many")


def dense() -> dict[str, Any]:
    """Microseconds of `Dense(64, activation="relu")` with keras_actx imported, and the ratios to those without."""
    pairs = []
    for _ in range(PROCESSES):
        with child("import keras_actx") as ours, child("") as theirs:
            for i in range(ROUNDS):
                order = (ours, theirs) if i % 2 else (theirs, ours)
                found = {ask: ask() for ask in order}
                pairs.append((found[ours], found[theirs]))
    return {
        "pairs": len(pairs),
        "us": quartiles([1e6 * mine for mine, _ in pairs]),
        "ratio": quartiles([mine / other for mine, other in pairs]),
    }


@contextlib.contextmanager
def child(also: str) -> Iterator[Callable[[], float]]:
    """A process that builds layers when asked, and says how long one took."""
    code = _CHILD.format(also=also, layers=LAYERS)
    with subprocess.Popen(
        [sys.executable, "-P", "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:

        def ask() -> float:
            process.stdin.write("\n")
            process.stdin.flush()
            return float(process.stdout.readline().removeprefix("seconds"))

        ask()  # until it has imported everything
        yield ask
        process.stdin.close()


if __name__ == "__main__":
    main()
