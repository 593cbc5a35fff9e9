"""TensorFlow: `init_scope` leaves the graph of a `tf.function`."""

from collections.abc import Iterator
from contextlib import contextmanager

import keras
import tensorflow as tf

tanh, sin, cos, arctan = keras.ops.tanh, keras.ops.sin, keras.ops.cos, keras.ops.arctan


@contextmanager
def eager_float64() -> Iterator[None]:
    """See `keras_actx.backend.eager_float64`."""
    with tf.init_scope(), tf.device("CPU:0"):
        yield
