"""What to do when the backend that Keras is set to is not installed; nothing here needs Keras."""

import importlib
import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType

#: Keras's names of the backends that can train, which are the modules' too.
BACKENDS = ("tensorflow", "jax", "torch")
#: All whose absence Keras finds out by importing them.
IMPORTED_BY_KERAS = (*BACKENDS, "openvino")


def installed_backends() -> tuple[str, ...]:
    """The backends that can train and are installed."""
    return tuple(name for name in BACKENDS if importlib.util.find_spec(name) is not None)


def missing_backend(error: ModuleNotFoundError) -> str | None:
    """The backend for want of which Keras could not be imported; None if it was for something else."""
    name = (error.name or "").split(".")[0]
    return name if name in IMPORTED_BY_KERAS and importlib.util.find_spec(name) is None else None


def keras_without(missing: str) -> ModuleType:
    """Keras, after its import failed for want of the backend that it is set to.

    The command line takes one that is installed and says so; if none is, it exits with status 2.

    Raises:
        ImportError: in any other program, where nobody but its author chooses a backend.
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
    print(f"keras-actx: {problem}; using {chosen}. KERAS_BACKEND={chosen} chooses it without a word", file=sys.stderr)
    os.environ["KERAS_BACKEND"] = chosen
    for name in [one for one in sys.modules if one.split(".")[0] == "keras"]:
        del sys.modules[name]  # half imported, for the other backend
    return importlib.import_module("keras")


def _is_the_command_line() -> bool:
    """Whether this process runs `keras-actx` or `python -m keras_actx`."""
    if sys.argv[:1] == ["-m"]:  # while Python looks for the module, whose name is the word before what argv holds
        return sys.orig_argv[-len(sys.argv)].endswith("keras_actx")
    return Path(sys.argv[0] if sys.argv else "").stem == "keras-actx"
