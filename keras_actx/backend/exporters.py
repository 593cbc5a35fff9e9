"""Portable operations: while a model is exported, formulas use operations that other runtimes compute accurately.

ONNX lacks `expm1` and `log1p`, LiteRT lacks `erf` and `arctan`. OpenVINO and LiteRT compute `expm1(x)` as `exp(x) - 1`,
which loses all digits near 0; OpenVINO computes `erf` to three digits; TensorFlow cannot import JAX's `erf`.
"""

import sys
import threading
from collections.abc import Callable
from typing import Any

import keras

Function = Callable[..., Any]

#: Modules that trace a function to export it. If one is renamed, `config.set_portable` remains as a workaround.
EXPORTERS = (
    keras.export.ExportArchive.__module__.rpartition(".")[0] + ".",  # the package of Keras's exporters
    "tf2onnx.",
    "tensorflow.lite.",
    "tensorflow.python.saved_model.save.",
    "openvino.",
    "jax2onnx.",
)

_portable: dict[str, Function] = {}
_replacing = threading.RLock()
_here = threading.local()


def portable(name: str) -> Callable[[Function], Function]:
    """Registers a replacement for the operation of this name in `keras.ops`."""

    def marked(function: Function) -> Function:
        _portable[name] = function
        return function

    return marked


def replacement(name: str) -> Function:
    """The replacement of an operation."""
    return _portable[name]


def called_by_exporter() -> bool:
    """Whether one of `EXPORTERS` is on the call stack."""
    frame = sys._getframe(1)
    while frame is not None:
        if f"{frame.f_globals.get('__name__')}.".startswith(EXPORTERS):
            return True
        frame = frame.f_back
    return False


def is_portable() -> bool:
    """Whether this thread runs a formula in `portably`."""
    return getattr(_here, "depth", 0) > 0


def portably(function: Function, names: tuple[str, ...], *args: Any, **kwargs: Any) -> Any:
    """`function(*args, **kwargs)`, with the operations of these names in `keras.ops` replaced by portable ones.

    Formulas look operations up in `keras.ops` when they are called, a user's formulas too. Another thread that runs a
    formula at the same time gets the same values except for the last digits.
    """
    with _replacing:
        usual = {name: getattr(keras.ops, name) for name in names}
        _here.depth = getattr(_here, "depth", 0) + 1
        try:
            for name in names:
                setattr(keras.ops, name, _portable[name])
            return function(*args, **kwargs)
        finally:
            _here.depth -= 1
            for name, one in usual.items():
                setattr(keras.ops, name, one)
