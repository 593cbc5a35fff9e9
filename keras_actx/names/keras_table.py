"""The one hook into Keras: what its layers ask for an activation, continued by ours.

`keras.activations.get(string)` does exactly `ALL_OBJECTS_DICT.get(string, None)` (Keras 3.0 to 3.16-dev), so a
`dict` whose `get` continues where Keras's table ends makes every layer understand our names. Keras's own names are
found first and untouched. `get` itself is wrapped where Keras's layers find it, for what they are given instead of a
string; and `deserialize`, which leaves a name of ours a string. The private names of Keras are used here and nowhere
else.
"""

import functools
import importlib
import sys
import warnings
from collections.abc import Callable
from typing import Any

import keras

from keras_actx.declaration import registry

_WAY_ROUND = (
    'Everything else works; write activation=keras_actx.get("...") where you would write activation="...", '
    "and please report the Keras version"
)

#: Plain names that Keras had when this version was written (3.15); ours of the same name agree with them.
KERAS_NAMES = frozenset(
    """
    relu leaky_relu relu6 softmax celu elu selu softplus softsign squareplus soft_shrink sparse_plus silu swish gelu glu
    tanh tanh_shrink threshold sigmoid sparse_sigmoid exponential hard_sigmoid hard_silu hard_swish hard_tanh
    hard_shrink linear mish log_softmax log_sigmoid sparsemax
    """.split()
)

#: Keras's own functions by plain name: the public ones, and whatever else the table has once the hook is in place.
_functions: dict[str, Callable[..., Any]] = {
    name: getattr(keras.activations, name) for name in KERAS_NAMES if hasattr(keras.activations, name)
}

#: Keras's own, as they were.
_keras_get, _keras_deserialize = keras.activations.get, keras.activations.deserialize


class _Table(dict):
    """Keras's table, continued by ours."""

    def get(self, identifier: Any, default: Any = None) -> Any:
        try:
            return self[identifier]
        except KeyError:
            pass
        if not isinstance(identifier, str):
            return default
        from keras_actx.names.resolve import from_string

        return from_string(identifier, sys._getframe(2))  # what called Keras's `get`


@functools.wraps(_keras_get)
def _get(identifier: Any) -> Any:
    from keras_actx.names.resolve import get_for

    return get_for(identifier, sys._getframe(1))


@functools.wraps(_keras_deserialize)
def _deserialize(config: Any, custom_objects: Any = None) -> Any:
    found = _keras_deserialize(config, custom_objects)
    if isinstance(found, str):
        from keras_actx.names.resolve import from_string

        return from_string(found, sys._getframe(1))
    return found


def install() -> bool:
    """Put our table in the place of Keras's; once, and only if a look-up through it works.

    Returns:
        Whether strings now work in Keras's own layers. If a Keras release broke the hook, one warning names the way
        round.
    """
    try:
        module: Any = importlib.import_module("keras.src.activations")
        original = module.ALL_OBJECTS_DICT
        if isinstance(original, _Table):
            return True
        _functions.update(original)
        module.ALL_OBJECTS_DICT = _Table(original)
        if _keras_get("relu") is not original["relu"] or not callable(_keras_get("snake")):
            module.ALL_OBJECTS_DICT = original
            raise RuntimeError("a look-up did not reach the table")
    except Exception as error:  # whatever a future Keras changed, importing us must not break the user's program
        warnings.warn(
            f"keras_actx cannot add its activation names to Keras {keras.__version__} ({error}). {_WAY_ROUND}.",
            stacklevel=3,
        )
        return False
    places: tuple[Any, ...] = (module, keras.activations)
    for place in places:
        place.get, place.deserialize = _get, _deserialize
    _warn_about_new_keras_names()
    return True


def keras_function(name: str) -> Callable[..., Any] | None:
    """Keras's own function of that plain name."""
    return _functions.get(name)


def keras_names() -> tuple[str, ...]:
    """Keras's own plain names."""
    return tuple(_functions)


def keras_get(identifier: Any) -> Callable[..., Any]:
    """What Keras by itself makes of a callable, a config or None."""
    return _keras_get(identifier)


def _warn_about_new_keras_names() -> None:
    taken = sorted(name for name in _functions if name not in KERAS_NAMES and registry.find(name) is not None)
    if taken:
        warnings.warn(
            f"Keras {keras.__version__} has taken over {', '.join(taken)}: the plain names now mean Keras's functions. "
            f"Write 'keras_actx>{taken[0]}' for ours; saved models keep meaning what they meant.",
            stacklevel=4,
        )
