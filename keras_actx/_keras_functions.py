"""Keras's own activation functions by name, and its own `get`, without the changes of this package."""

from collections.abc import Callable, Mapping
from typing import Any

import keras

#: Plain names in Keras 3.15; this package's activations of the same names agree with them.
KERAS_NAMES = frozenset(
    """
    relu leaky_relu relu6 softmax celu elu selu softplus softsign squareplus soft_shrink sparse_plus silu swish gelu glu
    tanh tanh_shrink threshold sigmoid sparse_sigmoid exponential hard_sigmoid hard_silu hard_swish hard_tanh
    hard_shrink linear mish log_softmax log_sigmoid sparsemax
    """.split()
)

#: Keras's own functions by plain name: the public ones, and all others in the table when the hook is installed.
_functions: dict[str, Callable[..., Any]] = {
    name: getattr(keras.activations, name) for name in KERAS_NAMES if hasattr(keras.activations, name)
}

#: Keras's own look-ups, before the hook replaces them; the second returns an unknown name unchanged.
keras_get, keras_deserialize = keras.activations.get, keras.activations.deserialize


def add_functions(table: Mapping[str, Callable[..., Any]]) -> None:
    """Add the functions of Keras's table, called by the hook."""
    _functions.update(table)


def keras_function(name: str) -> Callable[..., Any] | None:
    """Keras's own function of that plain name."""
    return _functions.get(name)


def keras_names() -> tuple[str, ...]:
    """Keras's own plain names."""
    return tuple(_functions)
