"""Measures what a hundred layers make of signal and gradient, for every activation, on the backend in use.

    KERAS_BACKEND=torch python benchmarks/propagation.py
    KERAS_BACKEND=jax python benchmarks/propagation.py --others

`DenseStack(512, NAME, depth=100, scheme="critical")` as a user builds it, on 64 normal inputs, with five seeds; with
--others the starts it is compared with too, of benchmarks/starts.py. The rows go to
benchmarks/results/propagation/BACKEND.json after every activation, and those that are there for the same numbers and as
many seeds are kept. docs/make_propagation.py writes the page.
"""

import argparse
import functools
import json
import math
import os
import platform
import re
import sys
import time
import warnings
from pathlib import Path
from typing import Any

# One thread: several that wait for each other take longer for matrices of this size.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

import keras_actx as actx
from keras_actx.propagation import Propagation, PropagationProbe

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import starts  # noqa: E402  (beside this file)
from propagation_results import FOLDER, SCHEMES, Rows, read  # noqa: E402

DEPTH, WIDTH, BATCH, SEEDS = 100, 512, 64, (1, 2, 3, 4, 5)
#: Raised when the measuring changes, so that every row is measured again.
_PROTOCOL = 1
_NUMBER = r"(?<==)[-+.e0-9]+"


def main() -> None:
    """Measure what is missing, and write the result."""
    options = read_options()
    backend = keras.backend.backend()
    path = FOLDER / f"{backend}.json"
    rows = read(backend) if path.exists() else {}
    names = [one for one in every_name() if not options.names or one in options.names]
    schemes = SCHEMES if options.others else SCHEMES[:1]
    if options.backwards:
        names.reverse()
    started = time.monotonic()
    for done, name in enumerate(names, start=1):
        nets = Nets(name)
        found: Rows = {}
        for scheme in schemes:
            fresh = chosen_for(name, scheme)
            if not is_measured(rows.get((name, scheme), {}), fresh["key"]):
                found[name, scheme] = fresh
                if "none" not in fresh:
                    fresh |= summary([nets.measured(scheme, seed) for seed in SEEDS])
        if found:
            # Another run may have written meanwhile.
            rows = (read(backend) if path.exists() else rows) | found
            write(path, {key: row for key, row in rows.items() if key[0] in every_name()})
        print(f"{done}/{len(names)} {name} {time.monotonic() - started:.0f} s", flush=True)


def read_options(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line's, or those given."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="activations; all of them if none is named")
    parser.add_argument("--others", action="store_true", help="measure the other starts too")
    parser.add_argument("--backwards", action="store_true", help="from the last name, to share the work of two runs")
    return parser.parse_args(arguments)


def every_name() -> tuple[str, ...]:
    """The elementwise activations, the learnable ones among them, and the gated ones."""
    return tuple(sorted(actx.names(kind="elementwise") + actx.names(kind="gated")))


def written(name: str) -> str:
    """The plain name, but for the one whose function in Keras cannot be called without more arguments."""
    return "keras_actx>threshold" if name == "threshold" else name


def chosen_for(name: str, scheme: str) -> dict[str, Any]:
    """The row before it is measured: what the scheme chose, and the key that changes with it."""
    row: dict[str, Any] = {"name": name, "scheme": scheme}
    if scheme in ("critical", "looks_linear"):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # those about functions that jump
                first = actx.pairing(written(name), scheme, depth=DEPTH, first_layer=True)
                last = actx.pairing(written(name), scheme, depth=DEPTH)
        except ValueError as error:
            row["none"] = f"refused: {error}" if scheme == "critical" else "n/a"
        else:
            if scheme == "critical":
                kept = ("gain", "bias_mean", "bias_std", "beta", "beta_gate", "q", "chi_q", "nonlinearity")
                row |= {one: _rounded(getattr(last, one), 6) for one in kept} | {"reason": last.reason}
            row["key"] = " ".join([str(_PROTOCOL), last.form, f"first={_short(first.gain)}", *_numbers(last)])
    else:
        numbers = starts.numbers(name, written(name), scheme)
        if isinstance(numbers, str):
            row["none"] = numbers
        else:
            row["key"] = " ".join([str(_PROTOCOL), *(f"{what}={_short(value)}" for what, value in numbers.items())])
    row.setdefault("key", f"{_PROTOCOL} {row.get('none')}")
    return row


def _numbers(pairing: Any) -> list[str]:
    fields = {name: value for name, value in vars(pairing).items() if isinstance(value, float)}
    return [f"{name}={_short(value)}" for name, value in fields.items()]


def _short(value: float) -> str:
    return f"{value:.6g}" if abs(value) > 1e-6 else "0"


def is_measured(row: dict[str, Any], key: str) -> bool:
    """Whether a row is of that choice, and of all seeds."""
    return is_same(row.get("key", ""), key) and ("none" in row or len(row["signal"]) == len(SEEDS))


def is_same(key: str, other: str) -> bool:
    """Whether two keys are of the same choice; backends' moments differ by rounding."""
    if re.sub(_NUMBER, "", key) != re.sub(_NUMBER, "", other):
        return False
    numbers = zip(re.findall(_NUMBER, key), re.findall(_NUMBER, other), strict=True)
    return all(math.isclose(float(one), float(two), rel_tol=1e-4, abs_tol=3e-6) for one, two in numbers)


class Nets:
    """The stacks of one activation, which share what is compiled."""

    def __init__(self, name: str, depth: int = DEPTH, width: int = WIDTH) -> None:
        self.name, self.depth, self.width = name, depth, width
        self._empty = functools.cache(lambda: starts.empty_stack(written(name), depth, width))
        self._paired = functools.cache(lambda scheme: starts.paired_stack(written(name), scheme, depth, width))
        self._passage: PropagationProbe | None = None

    def measured(self, scheme: str, seed: int) -> Propagation:
        """What one stack does to one batch of normal inputs and a random gradient."""
        x = np.random.default_rng(seed).normal(size=(BATCH, self.width)).astype("float32")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # those about functions that jump
            if scheme in ("critical", "looks_linear"):
                stack = self._paired(scheme)
                starts.draw(stack, seed)
            else:
                stack = self._empty()
                starts.fill(stack, scheme, seed, x, starts.numbers(self.name, written(self.name), scheme))
        self._passage = self._passage or PropagationProbe(stack)
        return self._passage(stack, x, seed=seed)


def summary(nets: list[Propagation]) -> dict[str, Any]:
    """Factors of ten, one number a seed: from end to end, and the farthest from the first layer at any depth."""
    with np.errstate(invalid="ignore"):
        ends = {
            "signal": [one.signal[-1] - one.signal[0] for one in nets],
            "across_inputs": [one.across_inputs[-1] - one.across_inputs[0] for one in nets],
            "gradient": [one.gradient[0] - one.gradient[-1] for one in nets],
        }
    farthest = list(zip(*(one.excursions() for one in nets), strict=True))
    ends |= {"signal_farthest": farthest[0], "gradient_farthest": farthest[1]}
    return {what: [_rounded(value, 3) for value in values] for what, values in ends.items()}


def _rounded(value: float | None, digits: int) -> Any:
    """JSON has no infinities: they are strings, which `float` reads."""
    if value is None:
        return None
    value = float(value)
    return round(value, digits) if math.isfinite(value) else str(value)


def write(path: Path, rows: Rows) -> None:
    """Write the file, one row a line; at no moment is it half written."""
    backend = keras.backend.backend()
    versions = {"python": platform.python_version(), "keras": keras.__version__, "numpy": np.__version__}
    about = {
        "backend": backend,
        "versions": {**versions, backend: sys.modules[backend].__version__},
        "depth": DEPTH,
        "width": WIDTH,
        "batch": BATCH,
        "seeds": SEEDS,
    }
    lines = ",\n".join(json.dumps(rows[key]) for key in sorted(rows, key=lambda key: (key[0], SCHEMES.index(key[1]))))
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(f".{os.getpid()}")
    part.write_text(json.dumps(about)[:-1] + f', "rows": [\n{lines}\n]}}\n')
    part.replace(path)


if __name__ == "__main__":
    main()
