"""What `import keras_actx` adds to a program that imports Keras.

From an environment that has keras_actx and one backend:

    KERAS_BACKEND=jax python benchmarks/import_time.py
    KERAS_BACKEND=torch python benchmarks/import_time.py --runs 11

Child processes run `python -X importtime`, in turn with `import keras` alone and with `import keras, keras_actx`. What
is added is the cumulative time of keras_actx, less that of the modules of Keras, and of what they import in turn, that
`import keras` had left for later. The result is printed as one line of JSON (milliseconds), then in words, and goes to
benchmarks/results/speed/import-BACKEND.json; docs/make_speed.py writes the page.
"""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "benchmarks" / "speed"))

from turns import about  # noqa: E402  (which imports Keras here; what is measured are children)

FOLDER = ROOT / "benchmarks" / "results" / "speed"
_LINE = re.compile(r"import time:\s*(\d+) \|\s*(\d+) \|( +)(\S+)")


def main() -> None:
    """Measure, print, and write the result."""
    parser = argparse.ArgumentParser(description="what import keras_actx adds to import keras")
    parser.add_argument("--runs", type=int, default=7, help="child processes of each kind")
    runs = parser.parse_args().runs
    keras_alone, keras_first, added = [], [], []
    _imports("keras")  # fills the caches of files and bytecode, which an installed package has
    _imports("keras, keras_actx")
    for _ in range(runs):
        keras_alone.append(cumulative(_imports("keras"), "keras"))
        lines = _imports("keras, keras_actx")
        keras_first.append(cumulative(lines, "keras"))
        added.append(cumulative(lines, "keras_actx") - keras_inside(lines, "keras_actx"))
    result = {
        **about(),
        "runs": runs,
        "keras_ms": summary(keras_alone + keras_first),
        "keras_actx_adds_ms": summary(added),
    }
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / f"import-{result['backend']}.json").write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result))
    adds, keras_itself = result["keras_actx_adds_ms"], result["keras_ms"]
    print(
        f"import keras_actx adds {adds['median']} ms (from {adds['min']} to {adds['max']}) "
        f"to the {keras_itself['median']} ms of import keras"
    )


def _imports(modules: str) -> list[tuple[int, str, int]]:
    """(depth, module, cumulative microseconds) of every import of a child process, in the order of their ends."""
    # -P: what is installed, not what lies in the current folder.
    child = subprocess.run(
        [sys.executable, "-P", "-X", "importtime", "-c", f"import {modules}"],
        capture_output=True,
        text=True,
        check=True,
        env={name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"},
    )
    found = (_LINE.fullmatch(line.rstrip()) for line in child.stderr.splitlines())
    return [(len(one[3]) // 2, one[4], int(one[2])) for one in found if one]


def cumulative(lines: list[tuple[int, str, int]], module: str) -> int:
    """Microseconds of a module, all its imports included."""
    return next(microseconds for _, name, microseconds in lines if name == module)


def keras_inside(lines: list[tuple[int, str, int]], module: str) -> int:
    """Microseconds of Keras's own modules that were first imported while `module` was."""
    end = next(at for at, (_, name, _) in enumerate(lines) if name == module)
    own_depth, total, skip_deeper_than = lines[end][0], 0, None
    for depth, name, microseconds in reversed(lines[:end]):  # a module comes after what it imported
        if depth <= own_depth:
            break
        if skip_deeper_than is not None and depth > skip_deeper_than:
            continue
        skip_deeper_than = None
        if name == "keras" or name.startswith("keras."):
            total, skip_deeper_than = total + microseconds, depth
    return total


def summary(microseconds: list[int]) -> dict[str, float]:
    """Least, middle and greatest, in milliseconds."""
    of = {"min": min, "median": statistics.median, "max": max}
    return {name: round(function(microseconds) / 1000, 1) for name, function in of.items()}


if __name__ == "__main__":
    main()
