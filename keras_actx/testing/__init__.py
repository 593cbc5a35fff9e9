"""Checks for activations: this package's own go through them, and so can anybody's.

Needs the extra `keras-actx[testing]`; nothing else in the package imports it. `check_activation` is the one call;
the modules hold its parts: `oracle` is what an activation is worth, `values`, `derivatives`, `vectors` and
`structure` what is asserted, `known_errors` what is excused. `bytes_kept`, of `memory`, counts what a function keeps.
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

if TYPE_CHECKING:
    from keras_actx.testing.check import check_activation as check_activation
    from keras_actx.testing.known_errors import KnownError as KnownError
    from keras_actx.testing.memory import bytes_kept as bytes_kept

if not TYPE_CHECKING:  # with them, a type checker would take any name for one of this package
    __getattr__, __dir__ = _lazy_imports(
        globals(),
        {
            "check_activation": "keras_actx.testing.check",
            "KnownError": "keras_actx.testing.known_errors",
            "bytes_kept": "keras_actx.testing.memory",
        },
    )
