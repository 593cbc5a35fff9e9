"""Keras's numpy and openvino backends: nothing is traced."""

from contextlib import AbstractContextManager, nullcontext

import keras

tanh, sin = keras.ops.tanh, keras.ops.sin


def eager_float64() -> AbstractContextManager[None]:
    """See `keras_actx.backend.eager_float64`."""
    return nullcontext()
