"""Checks for activations: for this package's own and for those of users.

Needs the extra `keras-actx[testing]`; nothing else in the package imports it. `check_activation` runs all checks. Its
parts are in modules: `oracle` computes reference values; `values`, `derivatives`, `vectors` and `structure` hold the
assertions; `known_errors` the exceptions. `bytes_kept`, in `memory`, counts the bytes that a function saves.
"""

try:
    import flint as _flint  # noqa: F401
    import mpmath as _mpmath  # noqa: F401
except ModuleNotFoundError as error:
    raise ImportError(
        f"keras_actx.testing needs {error.name}, which is not installed: pip install 'keras-actx[testing]'"
    ) from error

from typing import TYPE_CHECKING

from keras_actx.lazy_imports import lazy_imports as _lazy_imports

__all__ = ["KnownError", "bytes_kept", "check_activation"]

if TYPE_CHECKING:
    from keras_actx.testing.check import check_activation as check_activation
    from keras_actx.testing.known_errors import KnownError as KnownError
    from keras_actx.testing.memory import bytes_kept as bytes_kept

if not TYPE_CHECKING:  # otherwise a type checker would accept any name in this package
    __getattr__, __dir__ = _lazy_imports(
        globals(),
        {
            "check_activation": "keras_actx.testing.check",
            "KnownError": "keras_actx.testing.known_errors",
            "bytes_kept": "keras_actx.testing.memory",
        },
    )
