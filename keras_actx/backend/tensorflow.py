"""TensorFlow: `init_scope` leaves the graph of a `tf.function`."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import keras
import tensorflow as tf

tanh, sin, cos, arctan = keras.ops.tanh, keras.ops.sin, keras.ops.cos, keras.ops.arctan


@contextmanager
def eager_float64() -> Iterator[None]:
    """See `keras_actx.backend.eager_float64`."""
    with tf.init_scope(), tf.device("CPU:0"):
        yield


def there_and_back(function: Callable[..., Any]) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """See `keras_actx.backend.there_and_back`."""

    def back(weights: Any, x: Any, cotangent: Any) -> Any:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(x)
            y = function(weights, x)
        return tape.gradient(y, x, output_gradients=cotangent, unconnected_gradients="zero")

    return tf.function(function, autograph=False), tf.function(back, autograph=False)
