"""Saved on each backend, loaded on each: nine pairs. Each backend saves in one process and loads in another.

`KERAS_ACTX_ENVIRONMENTS` names the folder that holds the environments `tensorflow`, `jax` and `torch`.
"""

import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

BACKENDS = ("tensorflow", "jax", "torch")
PLANTED = "planted"
SCRIPT = Path(__file__).with_name("artefacts.py")


def on_each(command, folders):
    """Run the script with the interpreter of each backend's environment, two at a time: output and errors by backend.

    Args:
        command: of the script.
        folders: by backend, the arguments.
    """

    def run(backend):
        interpreter = Path(os.environ["KERAS_ACTX_ENVIRONMENTS"]) / backend / "bin" / "python"
        done = subprocess.run(
            [interpreter, SCRIPT, command, *folders[backend]],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "KERAS_BACKEND": backend},
        )
        assert done.returncode == 0, done.stderr
        return done.stdout, done.stderr

    with ThreadPoolExecutor(2) as pool:
        return dict(zip(BACKENDS, pool.map(run, BACKENDS), strict=True))


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    """By backend, what it says of the models that each saved, and of a folder in which a model is another."""
    root = tmp_path_factory.mktemp("models")
    for backend in BACKENDS:
        (root / backend).mkdir()
    on_each("write", {one: [root / one] for one in BACKENDS})
    shutil.copytree(root / "jax", root / PLANTED)
    shutil.copy(root / PLANTED / "dense_parameterised.keras", root / PLANTED / "block.keras")
    every = [root / one for one in (*BACKENDS, PLANTED)]
    return on_each("check", dict.fromkeys(BACKENDS, every))


def said(loaded, backend, folder):
    (line,) = (one for one in loaded[backend][0].splitlines() if one.startswith(f"{folder}: "))
    return line


@pytest.mark.parametrize("loaded_on", BACKENDS)
@pytest.mark.parametrize("saved_on", BACKENDS)
def test_saved_on_one_loaded_on_another(saved_on, loaded_on, loaded):
    assert said(loaded, loaded_on, saved_on).endswith("models agree"), loaded[loaded_on][1]


@pytest.mark.parametrize("loaded_on", BACKENDS)
def test_the_check_can_fail(loaded_on, loaded):
    assert not said(loaded, loaded_on, PLANTED).endswith("models agree")
