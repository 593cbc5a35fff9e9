"""Measures the memory of training twelve layers: how far a process grows at its highest, over what it was before.

    KERAS_BACKEND=torch python benchmarks/peak_memory.py [NAME ...] [--again]

Each number is of a process of its own, one after the other: it builds the network, takes a step on one example, which
compiles what is compiled, then steps on whole batches; the growth of the greatest resident size between the two is what
is reported. The result goes to benchmarks/results/memory/peak-BACKEND.json after every process; what is there is kept
unless --again. docs/make_memory.py shows it.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")

import keras

import keras_actx as actx

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "benchmarks" / "speed")]

import native  # noqa: E402  (what Keras and the backend have under a name)
from composites import COMPOSITES  # noqa: E402
from networks import OWN, Size, Step, of_keras  # noqa: E402
from turns import about  # noqa: E402

FOLDER = ROOT / "benchmarks" / "results" / "memory"
BACKEND = keras.backend.backend()
#: Few units and many examples: the outputs of a layer, 16 MiB, outweigh its kernel, and a step is quick.
SIZE, STEPS = Size(depth=12, width=256, batch=16384), 2
ACTIVATIONS = ("relu", "gelu", "silu", "mish", "snake", "tanhexp")

Result = dict[str, Any]


def main() -> None:
    """Measure what is missing; or, as a child, one network."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=ACTIVATIONS, help="activations")
    parser.add_argument("--again", action="store_true", help="also what is there")
    parser.add_argument("--child", choices=CONTENDERS, help="measure this one here, for the first name")
    options = parser.parse_args()
    if options.child:
        print("grew by", grown(CONTENDERS[options.child](options.names[0])))
        return
    before = json.loads(path().read_text())["bytes"] if path().exists() else {}
    for name in options.names:
        row = {} if options.again else before.get(name, {})
        for contender in (one for one in CONTENDERS if one not in row and exists(one, name)):
            row[contender] = of_child(name, contender)
            before[name] = row
            write(before)
            print(name, contender, f"{row[contender] / 2**20:.0f} MiB", flush=True)


def path() -> Path:
    return FOLDER / f"peak-{BACKEND}.json"


def write(rows: dict[str, dict[str, int]]) -> None:
    """Write the file, the activations in their order; at no moment is it half written."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    part = path().with_suffix(f".{os.getpid()}")
    ordered = {name: rows[name] for name in sorted(rows)}
    part.write_text(json.dumps({**about(), **asdict(SIZE), "steps": STEPS, "bytes": ordered}, indent=1) + "\n")
    part.replace(path())


def of_child(name: str, contender: str) -> int:
    """The bytes that a process of its own reports."""
    command = [sys.executable, __file__, name, "--child", contender]
    # glibc then gives large blocks back when they are free, instead of keeping them with holes between.
    environment = {**os.environ, "MALLOC_MMAP_THRESHOLD_": "65536"}
    found = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=environment).stdout
    return int(found.splitlines()[-1].removeprefix("grew by"))


def grown(step_of: Callable[[Size], Step]) -> int:
    """By how many bytes the process grows from a step on one example to steps on whole batches."""
    step_of(Size(SIZE.depth, SIZE.width, 1))()
    step = step_of(SIZE)
    before = greatest()
    for _ in range(STEPS):
        step()
    return greatest() - before


def greatest() -> int:
    """The greatest resident size so far, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def exists(contender: str, name: str) -> bool:
    """Whether there is such a thing for the activation."""
    activation = actx.Activation(f"keras_actx>{name}", ())
    return {
        "lean": True,
        "plain": True,
        "composite": name in COMPOSITES,
        "keras": native.keras_native(activation) is not None,
        "native": native.backend_native(activation) is not None and BACKEND in OWN,
    }[contender]


def block(name: str, efficient: bool) -> Callable[[Size], Step]:
    """`DenseBlock`s of our function, with the memory switch on or off."""
    actx.config.set_memory_efficient(efficient)
    ours = f"keras_actx>{name}"  # a plain name of Keras is Keras's function
    return lambda size: of_keras(size, lambda: actx.layers.DenseBlock(size.width, ours, scheme="glorot"))


def dense(activation: Any) -> Callable[[Size], Step]:
    """Keras's own layers."""
    return lambda size: of_keras(size, lambda: keras.layers.Dense(size.width, activation=activation))


def own(name: str) -> Callable[[Size], Step]:
    """The backend's own layers and function."""
    function = native.backend_native(actx.Activation(f"keras_actx>{name}", ()))
    return lambda size: OWN[BACKEND](size, function)


CONTENDERS: dict[str, Callable[[str], Callable[[Size], Step]]] = {
    "lean": lambda name: block(name, True),
    "plain": lambda name: block(name, False),
    "composite": lambda name: dense(COMPOSITES[name]),
    "keras": dense,
    "native": own,
}


if __name__ == "__main__":
    main()
