"""Measures how far every activation is from the truth, on the backend in use, beside Keras's and the backend's own.

    KERAS_ACTX_ORACLE=FOLDER KERAS_BACKEND=jax python benchmarks/numerics.py --points 1048576

16 bits: all 65,536 numbers. 32 and 64 bits: about --points of them at the default parameters and --parameter-points at
the others' samples and ends. Derivatives: --derivative-points. Eager and compiled (torch's inductor, jax.jit, XLA). The
result goes to benchmarks/results/numerics-BACKEND.json after every activation, and what is there already for an
unchanged declaration is kept; KERAS_ACTX_ORACLE is where exact values are kept between backends. docs/make.py makes the
table of docs/numerics.md from the results.
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
from keras_actx.testing import backend, derivatives, values
from keras_actx.testing.cache import fingerprint
from keras_actx.testing.grids import DTYPES
from keras_actx.testing.ledger import entries_for, excused
from keras_actx.testing.samples import with_sample_parameters

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests"))

from ledger import LEDGER  # noqa: E402  (beside the tests, which use it too)
from native import backend_native, keras_native  # noqa: E402

SIXTEEN_BITS = 2**16


def main() -> None:
    """Measure what has changed since the last run, and write the result."""
    options = _options()
    path = HERE / "results" / f"numerics-{backend.BACKEND}.json"
    result = json.loads(path.read_text()) if path.exists() else {"activations": {}}
    names = [one for one in actx.names() if actx.describe(one).kind in ("elementwise", "gated")]
    names = [one for one in names if options.names is None or one in options.names]
    started = time.monotonic()
    for done, name in enumerate(reversed(names) if options.backwards else names, start=1):
        key = _key(name, options)
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


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=None, help="activations; all of them if none is named")
    parser.add_argument("--points", type=int, default=2**20, help="points in 32 and 64 bits, default 2^20")
    parser.add_argument("--parameter-points", type=int, default=2**20, help="the same at other than default parameters")
    parser.add_argument("--derivative-points", type=int, default=2**12, help="points for derivatives, default 2^12")
    parser.add_argument("--backwards", action="store_true", help="from the last name, to share the oracle's work")
    options = parser.parse_args()
    options.names = options.names or None
    return options


def _key(name: str, options: argparse.Namespace) -> str:
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
    rivals = {"keras": keras_native(activation), "native": backend_native(activation)}
    for dtype in DTYPES:
        count = SIXTEEN_BITS if dtype.endswith("16") else options.points
        found = {"ours": _values(activation, activation, dtype, count, "value")}
        for name, compiled in backend.compiled(activation, thorough=True).items():
            found[name] = _values(compiled, activation, dtype, count)
        for name, function in rivals.items():
            if function is not None:
                found[name] = _values(function, activation, dtype, count)
        row["value"][dtype] = found
        others = with_sample_parameters(activation)[1:]
        count = SIXTEEN_BITS if dtype.endswith("16") else options.parameter_points
        row["parameters"][dtype] = {str(one): _values(one, one, dtype, count, "value") for one in others}
    for dtype in ("float32", "float64"):
        found = derivatives.measure(activation, activation, dtype, options.derivative_points)
        row["derivative"][dtype] = _summary(found.x, found.ulps, derivatives.BAR)
        row["derivative_of_term"][dtype] = _derivative(found, activation, dtype)
        for one in with_sample_parameters(activation)[1:]:
            found = derivatives.measure(one, one, dtype, options.derivative_points // 4)
            row["parameters"].setdefault(f"derivative {dtype}", {})[str(one)] = _derivative(found, one, dtype)
    return row


def _values(function, activation: Activation, dtype: str, count: int, ledger: str | None = None) -> dict:
    try:
        found = values.measure(function, activation, dtype, count)
    except AssertionError as error:  # another dtype or shape
        return {"ulps": None, "fault": str(error)}
    bar = values.BARS[dtype]
    summary = _summary(found.x, found.ulps, bar) | _steep(found, bar)
    return summary | _beyond_ledger(found, found.ulps > bar, activation, dtype, ledger) if ledger else summary


def _beyond_ledger(found: values.Measured, over: np.ndarray, activation: Activation, dtype: str, quantity: str) -> dict:
    """What exceeds the bar without an entry that answers for it: how many points, and where."""
    over = over & ~excused(entries_for(LEDGER, activation, quantity, dtype), found.x, found.steep_ulps)
    if not over.any():
        return {}
    worst = int(np.argmax(np.where(over, found.steep_ulps, -1.0)))
    where = [int(over.sum()), float(found.x[over].min()), float(found.x[over].max())]
    print(f"beyond the ledger: {quantity} of {activation} in {dtype}: {where}, {found.steep_ulps[worst]:.3g} ulp")
    return {"beyond_ledger": [*where, _rounded(found.steep_ulps[worst])]}


def _steep(found: values.Measured, bar: float) -> dict:
    """The largest error in units of max(|f|, |x f'|), where the bar is exceeded."""
    over = (found.ulps > bar) & np.isfinite(found.ulps)
    return {"steep_ulps": _rounded(found.steep_ulps[over].max())} if over.any() else {}


def _derivative(found: values.Measured, activation: Activation, dtype: str) -> dict:
    """The largest error of a derivative in units of its largest term."""
    bar = derivatives.BAR
    beyond = _beyond_ledger(found, found.steep_ulps > bar, activation, dtype, "derivative")
    return _summary(found.x, found.steep_ulps, bar) | beyond


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
