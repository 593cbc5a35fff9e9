"""The first rows of data, to measure a model on."""

from typing import Any

import keras
import numpy as np

from keras_actx._messages import quote


def first_rows(data: Any, rows: int, name: str, owner: str) -> Any:
    """The first rows of an array, or of a list or dict of arrays as in `fit`, in the dtype of Keras if they are floats.

    Raises:
        ValueError: for anything else, and for NaN and infinity.
    """

    def of_one(one: Any) -> np.ndarray:
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

    return keras.tree.map_structure(of_one, data)


def check_same_rows(owner: str, *data: Any) -> None:
    """Raise `ValueError` unless all arrays have the same number of rows, at least 1."""
    rows = {len(one) for one in keras.tree.flatten(data) if one is not None}
    if len(rows) != 1 or 0 in rows:
        raise ValueError(f"{owner}: x and y need the same number of rows, at least 1, not {sorted(rows)}")
