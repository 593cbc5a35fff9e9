"""Handles a configured Keras backend that is not installed; nothing here imports Keras."""

import importlib
import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType

#: Keras's names of the backends that can train, equal to the names of their modules.
BACKENDS = ("tensorflow", "jax", "torch")
#: All backends whose absence makes the import of Keras fail.
IMPORTED_BY_KERAS = (*BACKENDS, "openvino")


def installed_backends() -> tuple[str, ...]:
    """The backends that can train and are installed."""
    return tuple(name for name in BACKENDS if importlib.util.find_spec(name) is not None)


def missing_backend(error: ModuleNotFoundError) -> str | None:
    """The backend whose absence made the import of Keras fail; None if it failed for another reason."""
    name = (error.name or "").split(".")[0]
    return name if name in IMPORTED_BY_KERAS and importlib.util.find_spec(name) is None else None


def keras_without(missing: str) -> ModuleType:
    """Import Keras with an installed backend, after its import failed because the configured one is not installed.

    The command line uses an installed backend and prints a notice; if none is installed, it exits with status 2.

    Raises:
        ImportError: in any other program, whose author chooses the backend.
    """
    problem = f"Keras is set to the {missing} backend, which is not installed"
    installed = installed_backends()
    if not installed:
        remedy = f"{problem}, and no other is. Install one: pip install {', '.join(BACKENDS[:-1])} or {BACKENDS[-1]}"
    else:
        remedy = (
            f"{problem}. Set the environment variable KERAS_BACKEND={'|'.join(installed)}, or pip install {missing}"
        )
    if not _is_the_command_line():
        raise ImportError(f"keras_actx: {remedy}")
    if not installed:
        print(f"keras-actx: {remedy}", file=sys.stderr)
        raise SystemExit(2)
    chosen = installed[0]
    print(f"keras-actx: {problem}; using {chosen}. Set KERAS_BACKEND={chosen} to select it", file=sys.stderr)
    os.environ["KERAS_BACKEND"] = chosen
    for name in [one for one in sys.modules if one.split(".")[0] == "keras"]:
        del sys.modules[name]  # partially imported, with the missing backend
    return importlib.import_module("keras")


def _is_the_command_line() -> bool:
    """Whether this process runs `keras-actx` or `python -m keras_actx`."""
    if sys.argv[:1] == ["-m"]:  # while Python locates the module, whose name precedes the arguments in sys.orig_argv
        return sys.orig_argv[-len(sys.argv)].endswith("keras_actx")
    return Path(sys.argv[0] if sys.argv else "").stem == "keras-actx"
