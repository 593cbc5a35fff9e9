"""Samples of data, as arguments of what measures a model on them."""

from typing import Any

import keras
import numpy as np

from keras_actx._messages import quote


def first_rows(data: Any, rows: int, name: str, owner: str) -> Any:
    """The first rows of an array, or of a list or dict of arrays.

    Args:
        data: the arrays.
        rows: how many rows of each.
        name, owner: what the errors name: the argument, and the class or function that has it.

    Raises:
        ValueError: for anything but arrays, and for NaN or infinity in these rows.
    """

    def cut(one: Any) -> np.ndarray:
        # Cut before it is copied from a device.
        array = np.asarray(keras.ops.convert_to_numpy(one[:rows]) if keras.ops.is_tensor(one) else one)
        if array.ndim == 0 or array.dtype == object:
            raise ValueError(f"{owner}: {name}={quote(data)} is not allowed; use arrays, as in fit")
        array = array[:rows]
        if np.issubdtype(array.dtype, np.inexact):
            if not np.isfinite(array).all():
                raise ValueError(f"{owner}: {name} has NaN or infinity in its first {rows} rows; remove them")
            array = array.astype(keras.config.floatx())
        return array

    return keras.tree.map_structure(cut, data)
