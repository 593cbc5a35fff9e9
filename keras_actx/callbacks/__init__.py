"""Keras callbacks, imported at their first use."""

from typing import TYPE_CHECKING

from keras_actx.lazy_imports import lazy_imports as _lazy_imports

if TYPE_CHECKING:
    from keras_actx.callbacks.activation_monitor import ActivationMonitor as ActivationMonitor

__all__ = ["ActivationMonitor"]

if not TYPE_CHECKING:  # otherwise a type checker would accept any name in this package
    __getattr__, __dir__ = _lazy_imports(globals(), {"ActivationMonitor": "keras_actx.callbacks.activation_monitor"})
