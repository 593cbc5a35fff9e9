"""Measures how far every activation is from the truth, on the backend in use, beside Keras's and the backend's own.

    KERAS_ACTX_ORACLE=FOLDER KERAS_BACKEND=jax python benchmarks/numerics.py --points 1048576

16 bits: all 65,536 numbers. 32 and 64 bits: about --points of them at the default parameters and --parameter-points at
the others' samples and ends. Derivatives: --derivative-points. Eager and compiled: jax.jit; tf.function and XLA;
torch's inductor in float16 and float32, since it takes seconds for every function.

The result goes to benchmarks/results/numerics-BACKEND.json after every activation, and what is there for an unchanged
formula is kept. KERAS_ACTX_ORACLE is where exact values are kept between backends. From the results of all three,
benchmarks/make_ledger.py writes the ledger of the tests and docs/make_numerics.py the tables of docs/numerics.md.

Leave the package's files alone while it runs: TensorFlow reads a formula from its file when it traces it.
"""

import argparse
import json
import os
import platform
import sys
import time
from pathlib import Path

os.environ.setdefault("JAX_ENABLE_X64", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

import keras_actx as actx
from keras_actx.declaration.activation import Activation
from keras_actx.declaration.declaration import call_text
from keras_actx.testing import backend, derivatives, values
from keras_actx.testing.cache import fingerprint
from keras_actx.testing.errors import spacing
from keras_actx.testing.grids import DTYPES
from keras_actx.testing.samples import with_sample_parameters

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests"))

from native import backend_native, keras_native  # noqa: E402  (beside the tests, which use it too)

SIXTEEN_BITS = 2**16
#: The grids of the tests, which are no part of the larger ones: what they find must be in the ledger too.
TESTED, TESTED_DERIVATIVES = 2**12, 2**10
_BY_INDUCTOR = ("float16", "float32")


def main() -> None:
    """Measure what has changed since the last run, and write the result."""
    options = read_options()
    path = HERE / "results" / f"numerics-{backend.BACKEND}.json"
    result = json.loads(path.read_text()) if path.exists() else {"activations": {}}
    names = [one for one in actx.names() if actx.describe(one).kind in ("elementwise", "gated")]
    names = [one for one in names if options.names is None or one in options.names]
    started = time.monotonic()
    for done, name in enumerate(reversed(names) if options.backwards else names, start=1):
        key = key_of(name, options)
        if result["activations"].get(name, {}).get("key") != key:
            row = measured(Activation(name, ()), options)
            # Another run may have written meanwhile.
            result = json.loads(path.read_text()) if path.exists() else result
            result["activations"][name] = {"key": key, **row}
            result.update(_about(options))
            result["activations"] = dict(sorted(result["activations"].items()))
            path.parent.mkdir(exist_ok=True)
            part = path.with_suffix(f".{os.getpid()}")
            part.write_text(json.dumps(result, indent=1) + "\n")
            part.replace(path)
        print(f"{done}/{len(names)} {name} {time.monotonic() - started:.0f} s", flush=True)
    known = set(actx.names())
    gone = [one for one in result["activations"] if one not in known]
    for name in gone:
        del result["activations"][name]
    if gone:
        path.write_text(json.dumps(result, indent=1) + "\n")


def read_options(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line's, or those given."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=None, help="activations; all of them if none is named")
    parser.add_argument("--points", type=int, default=2**20, help="points in 32 and 64 bits, default 2^20")
    parser.add_argument(
        "--parameter-points", type=int, default=2**18, help="the same at other parameters, default 2^18"
    )
    parser.add_argument("--derivative-points", type=int, default=2**16, help="points for derivatives, default 2^16")
    parser.add_argument("--backwards", action="store_true", help="from the last name, to share the oracle's work")
    options = parser.parse_args(arguments)
    options.names = options.names or None
    return options


def key_of(name: str, options: argparse.Namespace) -> str:
    """What changes when a row has to be measured again."""
    declaration = actx.describe(name)
    formula = fingerprint(declaration.formula)[:16], fingerprint(declaration.exact)[:16]
    return "-".join((*formula, str(options.points), str(options.parameter_points), str(options.derivative_points)))


def _about(options: argparse.Namespace) -> dict:
    versions = {"python": platform.python_version(), "keras": keras.__version__, "numpy": np.__version__}
    module = sys.modules[backend.BACKEND]
    return {
        "backend": backend.BACKEND,
        "versions": {**versions, backend.BACKEND: module.__version__},
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "points": options.points,
        "parameter_points": options.parameter_points,
        "derivative_points": options.derivative_points,
    }


def measured(activation: Activation, options: argparse.Namespace) -> dict:
    """The largest errors by dtype, of ours and of others, of values and derivatives."""
    row: dict = {"value": {}, "parameters": {}, "derivative": {}, "derivative_of_term": {}}
    others = with_sample_parameters(activation)[1:]
    rivals = {"keras": keras_native(activation), "native": backend_native(activation)}
    for dtype in DTYPES:
        count = SIXTEEN_BITS if dtype.endswith("16") else options.points
        found = {"ours": _values(activation, activation, dtype, count)}
        for name, compiled in _compiled(activation, dtype).items():
            found[name] = _values(compiled, activation, dtype, count)
        for name, function in rivals.items():
            if function is not None:
                found[name] = _values(function, activation, dtype, count)
        row["value"][dtype] = found
        count = SIXTEEN_BITS if dtype.endswith("16") else options.parameter_points
        row["parameters"][dtype] = {
            call_text(one.name, dict(one.params)): _values(one, one, dtype, count) for one in others
        }
    for dtype in ("float32", "float64"):
        of_term = row["derivative_of_term"]
        row["derivative"][dtype], of_term[dtype] = _derivatives(activation, dtype, options.derivative_points)
        count = options.derivative_points // 4
        row["parameters"][f"derivative {dtype}"] = {
            call_text(one.name, dict(one.params)): _derivatives(one, dtype, count)[1] for one in others
        }
    return row


def _compiled(activation: Activation, dtype: str) -> dict:
    if backend.BACKEND == "torch" and dtype not in _BY_INDUCTOR:
        return {}
    return backend.compiled(activation, thorough=True)


def _cancelling(found: values.Measured, activation: Activation, dtype: str) -> dict:
    """The term that explains the largest error of a derivative, if that is beyond the bar."""
    worst = int(np.argmax(np.where(np.isfinite(found.ulps), found.ulps, -1.0)))
    error = found.ulps[worst] * spacing(found.true[[worst]], dtype)[0]
    terms = derivatives.terms(activation, found.x[[worst]], found.true[[worst]], dtype)
    explained = [name for name, size in terms.items() if error <= derivatives.BAR * spacing(size, dtype)[0]]
    return {} if "f'" in explained else {"cancels": explained[0] if explained else "f'"}


def _values(function, activation: Activation, dtype: str, count: int) -> dict:
    grids = (count,) if dtype.endswith("16") else (count, TESTED)
    return _worse(*(_values_on(function, activation, dtype, one) for one in grids))


def _values_on(function, activation: Activation, dtype: str, count: int) -> dict:
    try:
        found = values.measure(function, activation, dtype, count)
    except AssertionError as error:  # another dtype or shape
        return {"ulps": None, "fault": str(error)}
    bar = values.BARS[dtype]
    return _summary(found.x, found.ulps, bar) | _steep(found, bar)


def _derivatives(activation: Activation, dtype: str, count: int) -> tuple[dict, dict]:
    """The largest errors in the derivative's own units, and in those of its largest term."""
    both = [derivatives.measure(activation, activation, dtype, one) for one in (count, TESTED_DERIVATIVES)]
    bar = derivatives.BAR
    own = [_summary(one.x, one.ulps, bar) | _cancelling(one, activation, dtype) for one in both]
    return _worse(*own), _worse(*(_summary(one.x, one.steep_ulps, bar) for one in both))


def _worse(first: dict, second: dict | None = None) -> dict:
    """Of two grids, the larger error, and all that exceeds the bar."""
    if second is None or first["ulps"] is None:
        return first
    both = sorted((first, second), key=lambda one: one["ulps"])
    merged = {**both[0], **both[1]}  # what only one of them has, and else that of the larger error
    if "steep_ulps" in merged:
        merged["steep_ulps"] = max(one.get("steep_ulps", 0.0) for one in both)
    for region in {"over", "lost"} & set(merged):
        counts, lows, highs = zip(*(one[region] for one in both if region in one), strict=True)
        merged[region] = [sum(counts), min(lows), max(highs)]
    return merged


def _steep(found: values.Measured, bar: float) -> dict:
    """The largest error in units of max(|f|, |x f'|), where the bar is exceeded."""
    over = (found.ulps > bar) & np.isfinite(found.ulps)
    return {"steep_ulps": _rounded(found.steep_ulps[over].max())} if over.any() else {}


def _summary(x: np.ndarray, ulps: np.ndarray, bar: float) -> dict:
    """The largest error and where; how many are not finite; the region of what exceeds the bar."""
    finite = np.isfinite(ulps)
    worst = int(np.argmax(np.where(finite, ulps, -1.0)))
    summary = {"ulps": _rounded(ulps[worst]), "at": float(x[worst])}
    if not finite.all():
        summary["lost"] = [int((~finite).sum()), float(x[~finite].min()), float(x[~finite].max())]
    over = finite & (ulps > bar)
    if over.any():
        summary["over"] = [int(over.sum()), float(x[over].min()), float(x[over].max())]
    return summary


def _rounded(number: float) -> float:
    return float(f"{number:.3g}")


if __name__ == "__main__":
    main()
