"""Saved on each backend, loaded on each: nine pairs, every one in a process and an environment of its own.

`KERAS_ACTX_ENVIRONMENTS` names the folder that holds the environments `tensorflow`, `jax` and `torch`.
"""

import os
import subprocess
from pathlib import Path

import pytest

BACKENDS = ("tensorflow", "jax", "torch")
SCRIPT = Path(__file__).with_name("artefacts.py")


def python(backend, *arguments):
    """Run the script with the interpreter of a backend's environment."""
    interpreter = Path(os.environ["KERAS_ACTX_ENVIRONMENTS"]) / backend / "bin" / "python"
    return subprocess.run(
        [interpreter, SCRIPT, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "KERAS_BACKEND": backend},
    )


@pytest.fixture(scope="session")
def written(tmp_path_factory):
    """A folder a backend, with the models that it saved."""
    root = tmp_path_factory.mktemp("models")
    for backend in BACKENDS:
        (root / backend).mkdir()
        result = python(backend, "write", root / backend)
        assert result.returncode == 0, result.stderr
    return root


@pytest.mark.parametrize("loaded_on", BACKENDS)
@pytest.mark.parametrize("saved_on", BACKENDS)
def test_saved_on_one_loaded_on_another(saved_on, loaded_on, written):
    result = python(loaded_on, "check", written / saved_on)
    assert result.returncode == 0, result.stderr
    assert "models agree" in result.stdout


def test_the_check_can_fail(written, tmp_path):
    folder = tmp_path / "jax"
    folder.mkdir()
    for file in (written / "jax").iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    (folder / "block.keras").write_bytes((folder / "dense_parameterised.keras").read_bytes())
    assert python("jax", "check", folder).returncode != 0
