"""Keras's numpy and openvino backends: nothing is traced."""

from contextlib import AbstractContextManager, nullcontext

import keras

tanh, sin, cos, arctan = keras.ops.tanh, keras.ops.sin, keras.ops.cos, keras.ops.arctan


def eager_float64() -> AbstractContextManager[None]:
    """See `keras_actx.backend.eager_float64`."""
    return nullcontext()
