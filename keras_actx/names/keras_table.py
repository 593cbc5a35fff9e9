"""The hook into Keras: extends the look-up of activations in its layers by this package's.

`keras.activations.get(string)` does exactly `ALL_OBJECTS_DICT.get(string, None)` (Keras 3.0 to 3.16-dev), so a `dict`
whose `get` falls back to another look-up makes every layer accept our names. Keras's own names take precedence and are
unchanged. `get` itself is wrapped where Keras's layers look it up, for arguments other than strings; so is
`deserialize`, which returns a name of ours as a string. Private names of Keras are used in this module only.
"""

import functools
import importlib
import sys
import warnings
from collections.abc import Callable
from types import FrameType
from typing import Any

import keras

from keras_actx import _keras_functions
from keras_actx._keras_functions import KERAS_NAMES
from keras_actx.declaration import registry

#: A function of a value and the frame of the calling code that returns an activation.
Lookup = Callable[[Any, FrameType], Any]

_WAY_ROUND = (
    'Everything else works; write activation=keras_actx.get("...") where you would write activation="...", '
    "and please report the Keras version"
)


class _Table(dict):
    """Keras's table, extended by another look-up for strings."""

    def __init__(self, original: dict[str, Any], fallback: Lookup) -> None:
        super().__init__(original)
        self._fallback = fallback

    def get(self, identifier: Any, default: Any = None) -> Any:
        try:
            return self[identifier]
        except KeyError:
            pass
        if not isinstance(identifier, str):
            return default
        return self._fallback(identifier, sys._getframe(2))  # the caller of Keras's `get`


def install(fallback: Lookup, get: Lookup) -> bool:
    """Replace Keras's table by ours, once, and only if a look-up through it works.

    Args:
        fallback: the look-up of strings that are not Keras's own names.
        get: the look-up of all activations passed to Keras's layers.

    Returns:
        Whether strings now work in Keras's own layers. If a Keras release broke the hook, one warning describes the
        workaround.
    """
    try:
        module: Any = importlib.import_module("keras.src.activations")
        original = module.ALL_OBJECTS_DICT
        if isinstance(original, _Table):
            return True
        _keras_functions.add_functions(original)
        module.ALL_OBJECTS_DICT = _Table(original, fallback)
        found = _keras_functions.keras_get("relu"), _keras_functions.keras_get("snake")
        if found[0] is not original["relu"] or not callable(found[1]):
            module.ALL_OBJECTS_DICT = original
            raise RuntimeError("a look-up did not reach the table")
    except Exception as error:  # any change in a future Keras; the import of this package must not fail
        warnings.warn(
            f"keras_actx cannot add its activation names to Keras {keras.__version__} ({error}). {_WAY_ROUND}.",
            stacklevel=3,
        )
        return False

    @functools.wraps(keras.activations.get)
    def wrapped_get(identifier: Any) -> Any:
        return get(identifier, sys._getframe(1))

    @functools.wraps(keras.activations.deserialize)
    def wrapped_deserialize(config: Any, custom_objects: Any = None) -> Any:
        found = _keras_functions.keras_deserialize(config, custom_objects)
        return fallback(found, sys._getframe(1)) if isinstance(found, str) else found

    places: tuple[Any, ...] = (module, keras.activations)
    for place in places:
        place.get, place.deserialize = wrapped_get, wrapped_deserialize
    _warn_about_new_keras_names()
    return True


def _warn_about_new_keras_names() -> None:
    names = _keras_functions.keras_names()
    taken = sorted(name for name in names if name not in KERAS_NAMES and registry.find(name) is not None)
    if taken:
        warnings.warn(
            f"Keras {keras.__version__} now defines {', '.join(taken)}: the plain names refer to Keras's functions. "
            f"Write 'keras_actx>{taken[0]}' for ours; saved models are not affected.",
            stacklevel=4,
        )
