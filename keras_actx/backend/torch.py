"""torch: no autograd, and the CPU instead of the `meta` device on which Keras traces shapes."""

from collections.abc import Iterator
from contextlib import contextmanager

import keras
import torch

tanh, sin, cos, arctan = keras.ops.tanh, keras.ops.sin, keras.ops.cos, keras.ops.arctan


@contextmanager
def eager_float64() -> Iterator[None]:
    """See `keras_actx.backend.eager_float64`."""
    with torch.no_grad(), keras.device("cpu"), torch.device("cpu"):
        yield
