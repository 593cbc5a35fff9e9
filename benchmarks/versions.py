"""Runs the reduced suite on the versions that are installed, and says what came of it.

    tox run -e versions-py312-newest-jax -- --record

runs it in an environment of its own; `--record` adds the result to benchmarks/results/versions.json, of which
docs/make_versions.py makes the table of docs/compatibility.md.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "versions.json"

#: A name for each way in which a formula is computed: by a kernel or its steps, gated, over an axis.
NAMES = ("mish", "snake", "swiglu", "sparsemax")
#: Run whole.
WHOLE = ("import", "names", "learnable_activation", "whole_model", "memory_{backend}")
#: With a test for every activation, of which those of NAMES are run.
FOR_NAMES = ("structure", "gradients", "values", "vector", "memory", "dense_block")
#: Of the layers of Keras, these.
LAYERS = ("dense", "lstm")
REDUCED = (
    "Reduced suite: of the tests over all activations (values, derivatives, compilers, shapes, saving, memory, "
    f"DenseBlock), those of {', '.join(NAMES)}; of the tests over Keras layers, those of {' and '.join(LAYERS)}; "
    "names, learnable parameters, the import and compiled whole models in full. It excludes initialization, other "
    "libraries, documentation and the command line."
)


def suite(backend: str) -> list[str]:
    """The arguments for pytest."""
    whole = [f"tests/test_{one.format(backend=backend)}.py" for one in WHOLE]
    each = [f"tests/test_{one}.py" for one in FOR_NAMES]
    of_names = " or ".join(NAMES)
    return [
        *whole,
        *each,
        "tests/test_layer_kinds.py",
        "-k",
        " and ".join(
            [
                *(f"(not test_{one}.py or {of_names})" for one in FOR_NAMES),
                f"(not test_layer_kinds.py or {' or '.join(LAYERS)})",
            ]
        ),
    ]


def main() -> int:
    """Run it. Returns pytest's exit status."""
    parser = argparse.ArgumentParser(description=REDUCED)
    parser.add_argument("name", help="what the result is called")
    parser.add_argument("--record", action="store_true", help="add the result to benchmarks/results/versions.json")
    options, others = parser.parse_known_args()
    if options.record and others:
        parser.error(f"--record writes down the whole suite, not one with {' '.join(others)}")
    backend = os.environ["KERAS_BACKEND"]
    print(REDUCED, flush=True)
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        # -P: the tests must find the installed wheel, not the checkout.
        command = [sys.executable, "-P", "-m", "pytest", "-q", f"--junitxml={report}", *suite(backend), *others]
        status = subprocess.run(command, cwd=ROOT, check=False).returncode
        result = {**versions(backend), **(counts(report) if report.exists() else {}), "status": status}
    print(f"{options.name}: {json.dumps(result)}")
    print(REDUCED)
    if options.record and "passed" in result:
        found = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
        found[options.name] = result
        RESULTS.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return status


def versions(backend: str) -> dict[str, str]:
    """What is installed, by its distribution."""
    return {
        "backend": backend,
        "python": platform.python_version(),
        **{name: version(name) for name in ("keras", backend, "numpy")},
    }


def counts(report: Path) -> dict[str, object]:
    """How many tests passed, were skipped and failed, and which failed."""
    passed, skipped, failed = 0, 0, []
    for case in ElementTree.parse(report).getroot().iter("testcase"):
        if case.find("failure") is not None or case.find("error") is not None:
            failed.append(f"{case.get('classname')}::{case.get('name')}")
        elif case.find("skipped") is not None:
            skipped += 1
        else:
            passed += 1
    return {"passed": passed, "skipped": skipped, "failed": failed}


if __name__ == "__main__":
    raise SystemExit(main())
