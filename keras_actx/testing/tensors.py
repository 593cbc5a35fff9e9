"""Conversion between grids and tensors."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from keras_actx.declaration.activation import Activation
from keras_actx.testing.samples import GATED_VALUE


def to_tensor(x: np.ndarray, dtype: str) -> Any:
    """A tensor of numbers that are exact in `dtype`."""
    # bfloat16 is converted from float32 (exact): not every backend accepts arrays of ml_dtypes.
    return keras.ops.convert_to_tensor(x.astype("float32" if dtype == "bfloat16" else dtype), dtype=dtype)


def to_float64(tensor: Any) -> np.ndarray:
    """The numbers of a tensor of any dtype."""
    if dtype_of(tensor) == "bfloat16":
        tensor = keras.ops.cast(tensor, "float32")
    return np.asarray(keras.ops.convert_to_numpy(tensor)).astype("float64")


def dtype_of(tensor: Any) -> str:
    """The name of a tensor's dtype."""
    return keras.backend.standardize_dtype(tensor.dtype)


def along_gate(function: Callable[[Any], Any], activation: Activation) -> Callable[[Any], Any]:
    """The function itself; for a gated activation, the function of its gate at `GATED_VALUE`."""
    if activation.declaration.kind != "gated":
        return function

    def of_gate(gate: Any) -> Any:
        value = GATED_VALUE * keras.ops.ones_like(gate)
        return keras.ops.squeeze(function(keras.ops.stack([value, gate], axis=-1)), axis=-1)

    return of_gate
