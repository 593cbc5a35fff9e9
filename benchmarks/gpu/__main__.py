"""Measures activations on a GPU with torch, eagerly: errors, passes over memory, the time of a call, training steps.

    python benchmarks/gpu [NAME ...]

Six minutes at most; what is not reached is said. The result goes to benchmarks/results/gpu.json, with the name of the
card. `--check` runs everything on the CPU, in small sizes and without kernels, to test this program.
"""

import argparse
import json
import os
import platform
import sys
import time
from pathlib import Path
from typing import Any

os.environ["KERAS_BACKEND"] = "torch"

import keras
import torch

import keras_actx as actx

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "benchmarks" / "gpu")]

import accuracy  # noqa: E402  (beside this file)
import cases  # noqa: E402
import passes  # noqa: E402
import training  # noqa: E402
from known import excused  # noqa: E402

RESULT = ROOT / "benchmarks" / "results" / "gpu.json"
LIMIT = 330  # seconds, from the start to the last activation


def main(arguments: list[str] | None = None) -> dict[str, Any]:
    """Measure, print and write the result."""
    parser = argparse.ArgumentParser(prog="python benchmarks/gpu", description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="elementwise and gated activations; all by default")
    parser.add_argument("--check", action="store_true", help="on the CPU, to test this program")
    given = parser.parse_args(arguments)
    started = time.monotonic()
    if not given.check and not torch.cuda.is_available():
        raise SystemExit(
            "benchmarks/gpu needs a GPU that torch can use (CUDA or ROCm), and torch.cuda.is_available() is False: "
            "nothing was measured. `--check` tests this program on the CPU."
        )
    device = torch.device("cpu" if given.check else "cuda")
    names = given.names or [*actx.names(kind="elementwise"), *actx.names(kind="gated")]
    result = {**about(device), "wrong": cases.wrong(device)}
    result |= {"calls": passes.calls(device), "steps": training.steps(device)}
    show(result)
    result["activations"], missing = {}, []
    bench = passes.Passes(device)
    result["copy_ms"] = bench.copy_ms
    result["native"] = {name: bench.of(function) for name, function in passes.NATIVE.items()}
    print(f"\nerrors in units of the bars, times in copies of the tensor ({bench.copy_ms} ms)")
    for name, row in result["native"].items():
        print(f"torch's {name}".ljust(28), *(f"{key} {value:.2f}" for key, value in row.items()))
    for name in names:
        if time.monotonic() - started > LIMIT:
            missing.append(name)
            continue
        activation = actx.Activation(name, ())
        row = {"errors": accuracy.errors(activation, device), "copies": bench.of(activation)}
        result["activations"][name] = row
        print(name.ljust(28), *(f"{key} {value:.2f}" for part in row.values() for key, value in part.items()))
    summarize(result, missing)
    if not given.check:
        RESULT.write_text(json.dumps(result, indent=1) + "\n")
        print(f"written to {RESULT.relative_to(ROOT)}")
    return result


def about(device: torch.device) -> dict[str, Any]:
    """What is measured with."""
    card = torch.cuda.get_device_name() if device.type == "cuda" else "none (--check)"
    versions = {"python": platform.python_version(), "keras": keras.__version__, "torch": torch.__version__}
    return {"card": card, "versions": {**versions, "cuda": torch.version.cuda, "hip": torch.version.hip}}


def show(result: dict[str, Any]) -> None:
    """The card and the short tables."""
    print(result["card"], result["versions"])
    print(f"layouts, parameters and modes that are wrong: {result['wrong'] or 'none'}")
    for what in ("calls", "steps"):
        print(f"\n{what}")
        for name, row in result[what].items():
            print(name.ljust(40), *(f"{key} {value}" for key, value in row.items()))


def summarize(result: dict[str, Any], missing: list[str]) -> None:
    """How many are within the bars and the aims."""
    rows = result["activations"]
    known = excused()
    over = {
        name: {what: value for what, value in row["errors"].items() if not value <= 1.0 and (name, what) not in known}
        for name, row in rows.items()
    }
    over = {name: found for name, found in over.items() if found}
    slow = {name: row["copies"] for name, row in rows.items() if max(row["copies"].values()) > passes.AIM}
    print(f"\n{len(rows)} measured, {len(over)} beyond a bar: {over}")
    print(f"{len(slow)} with a forward and backward pass of more than {passes.AIM} copies: {sorted(slow)}")
    if missing:
        print(f"not reached in time: {missing}")


if __name__ == "__main__":
    main()
