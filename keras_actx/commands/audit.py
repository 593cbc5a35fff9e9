"""`audit`: what is wrong with the kernels and activations of a saved model."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import keras
import numpy as np

import keras_actx as actx
from keras_actx.commands.console import CommandError, make_console
from keras_actx.plain_numbers import finite_or_none

_DATA = "give a .npy file, or a .npz file with an array for each input, by its name"


def audit(path: Path, data: Path | None, max_rows: int, *, as_json: bool) -> int:
    """Print the audit of a saved model, in a pipe one layer a line. Returns the exit status: 1 if there are findings.

    Raises:
        CommandError: for a file that cannot be loaded, and a model or data that cannot be audited.
    """
    model = _model(path)
    try:
        found = actx.audit(model, None if data is None else _data(data), max_rows=max_rows)
    except (TypeError, ValueError) as error:
        raise CommandError(str(error).removeprefix("audit: ")) from error
    console = make_console()
    if as_json:
        findings = [dataclasses.asdict(one) for one in found.findings]
        result = {"model": found.model, "verdict": found.verdict, "findings": findings, "rows": found.rows}
        print(json.dumps(finite_or_none(result), indent=1))
    elif console.is_terminal:
        console.print(found)
    else:
        print(found)
    return 1 if found.findings else 0


def _model(path: Path) -> Any:
    if not path.is_file():
        raise CommandError(f"there is no file {path}")
    try:
        model = keras.models.load_model(path, compile=False)
    except Exception as error:  # whatever a file that is corrupt, or of another program, leads to
        raise CommandError(f"{path} cannot be loaded: {_first_line(error)}; {_remedy(error)}") from error
    return model


def _remedy(error: Exception) -> str:
    text = str(error)
    if "safe_mode" in text or "unsafe" in text.lower():
        return "it has Python code of its own, which is not run; load it in Python and call keras_actx.audit(model)"
    if "Could not locate" in text or "custom_objects" in text:
        return "import the module that declares its classes in Python, load it there and call keras_actx.audit(model)"
    return "give a whole .keras or .h5 file, as model.save writes it"


def _data(path: Path) -> Any:
    try:
        loaded = np.load(path, allow_pickle=False)
        arrays = loaded if isinstance(loaded, np.ndarray) else dict(loaded)
    except Exception as error:  # as above
        raise CommandError(f"{path} cannot be read as data: {_first_line(error)}; {_DATA}") from error
    if not all(isinstance(one, np.ndarray) for one in keras.tree.flatten(arrays)):
        raise CommandError(f"{path} has no arrays; {_DATA}")
    return arrays


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0].rstrip(".")[:300]
