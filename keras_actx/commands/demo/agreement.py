"""Comparison of a saved model's predictions in a new process, on this and every other installed backend."""

import os
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
from rich.console import Console

from keras_actx._missing_backend import installed_backends
from keras_actx.commands.console import working
from keras_actx.commands.demo.files import replacing
from keras_actx.commands.demo.training import Trained

_SAME_BACKEND = 1e-6
_OTHER_BACKEND = 1e-4  # on probabilities
_SECONDS = 300


@dataclass(frozen=True)
class Agreement:
    """The largest difference between a model's predictions and those of its reloaded copy."""

    model: str
    backend: str
    difference: float  # NaN if the copy could not be loaded
    allowed: float
    error: str = ""

    @property
    def holds(self) -> bool:
        return self.difference <= self.allowed  # False for NaN


def agreements(trained: Iterable[Trained], test_x: np.ndarray, folder: Path, console: Console) -> Iterable[Agreement]:
    """Save the models to `folder`, reload them on each installed backend, and compare.

    Yields:
        One result for every model and backend, after each backend.
    """
    trained = tuple(trained)
    files = [folder / f"{one.network.key}.keras" for one in trained]
    for one, file in zip(trained, files, strict=True):
        with replacing(file) as partial:
            one.network.model.save(partial)
    data = folder / "digits-test.npz"
    with replacing(data) as partial:
        np.savez(partial, x=test_x)
    for backend in sorted(
        installed_backends(), key=lambda name: name != keras.backend.backend()
    ):  # the active one first
        out = folder / f"predictions-{backend}.npz"
        out.unlink(missing_ok=True)  # so that the file of an earlier run is not used
        with working(console, f"  {backend}: a new process imports Keras, loads the models and predicts"):
            error = _reload(backend, data, out, files)
        allowed = _SAME_BACKEND if backend == keras.backend.backend() else _OTHER_BACKEND
        for one in trained:
            difference = float("nan") if error else _difference(out, one)
            yield Agreement(one.network.key, backend, difference, allowed, error)


def _reload(backend: str, data: Path, out: Path, files: list[Path]) -> str:
    """Predict in a new process. Returns the error, or an empty string."""
    command = [sys.executable, "-m", "keras_actx.commands.demo.predict", data, out, *files]
    environment = {**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"}
    try:
        done = subprocess.run(  # noqa: S603  (this interpreter, our own module, files we have just written)
            list(map(str, command)), env=environment, capture_output=True, text=True, timeout=_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return f"no result within {_SECONDS} seconds"
    if done.returncode or not out.exists():
        return (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
    return ""


def _difference(out: Path, trained: Trained) -> float:
    with np.load(out, allow_pickle=False) as arrays:
        return float(np.abs(arrays[trained.network.key] - trained.predictions).max())
