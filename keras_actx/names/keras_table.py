"""The one hook into Keras: its table of activation names, which falls through to ours.

`keras.activations.get(string)` does exactly `ALL_OBJECTS_DICT.get(string, None)` (Keras 3.0 to 3.16-dev), so a
`dict` whose `get` continues where Keras's table ends makes every layer understand our names. Keras's own names are
found first and untouched. This private name of Keras is used here and nowhere else.
"""

import importlib
import warnings
from collections.abc import Callable
from typing import Any

import keras

from keras_actx.declaration import registry

_WAY_ROUND = (
    'Everything else works; write activation=keras_actx.get("...") where you would write activation="...", '
    "and please report the Keras version"
)


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

        return from_string(identifier)


_table: dict[str, Callable[..., Any]] = {}


def install() -> bool:
    """Put our table in the place of Keras's; once, and only if a look-up through it works.

    Returns:
        Whether strings now work in Keras's own layers. If a Keras release broke the hook, one warning names the way
        round.
    """
    global _table
    try:
        module = importlib.import_module("keras.src.activations")
        original = module.ALL_OBJECTS_DICT
        if isinstance(original, _Table):
            return True
        _table = dict(original)
        module.ALL_OBJECTS_DICT = _Table(original)
        if keras.activations.get("relu") is not original["relu"] or not callable(keras.activations.get("snake")):
            module.ALL_OBJECTS_DICT = original
            raise RuntimeError("a look-up did not reach the table")
    except Exception as error:  # whatever a future Keras changed, importing us must not break the user's program
        warnings.warn(
            f"keras_actx cannot add its activation names to Keras {keras.__version__} ({error}). {_WAY_ROUND}.",
            stacklevel=3,
        )
        return False
    _warn_about_new_keras_names()
    return True


def keras_function(name: str) -> Callable[..., Any] | None:
    """Keras's own function of that plain name."""
    return _table.get(name)


def keras_names() -> tuple[str, ...]:
    """Keras's own plain names."""
    return tuple(_table)


#: Plain names that Keras had when this version was written (3.15); ours of the same name agree with them.
KERAS_NAMES = frozenset(
    """
    relu leaky_relu relu6 softmax celu elu selu softplus softsign squareplus soft_shrink sparse_plus silu swish gelu glu
    tanh tanh_shrink threshold sigmoid sparse_sigmoid exponential hard_sigmoid hard_silu hard_swish hard_tanh
    hard_shrink linear mish log_softmax log_sigmoid sparsemax
    """.split()
)


def _warn_about_new_keras_names() -> None:
    taken = sorted(name for name in _table if name not in KERAS_NAMES and registry.find(name) is not None)
    if taken:
        warnings.warn(
            f"Keras {keras.__version__} has taken over {', '.join(taken)}: the plain names now mean Keras's functions. "
            f"Write 'keras_actx>{taken[0]}' for ours; saved models keep meaning what they meant.",
            stacklevel=4,
        )
