"""Arrays as data: checked, and the first rows of them, to measure a model on."""

from typing import Any

import keras
import numpy as np

from keras_actx._messages import quote


def arrays(data: Any, name: str, owner: str, rows: int | None = None) -> Any:
    """An array, or a list or dict of arrays as in `fit`, as numpy has them; floats in the dtype of Keras.

    Args:
        data: the arrays.
        name, owner: of the argument and the function, for errors.
        rows: None for all rows, or how many of the first.

    Raises:
        ValueError: for anything else, such as a list of numbers, a generator or a dataset, and for NaN and infinity.
    """
    where = "" if rows is None else f" in its first {rows} rows"

    def array_of(one: Any) -> np.ndarray:
        array = np.asarray(_cut(one, rows)) if len(getattr(one, "shape", ())) else np.array(None)
        if array.dtype.kind in "Oc":
            raise ValueError(
                f"{owner}: {quote(one)} in {name} is not allowed; use arrays, as in fit, and of a dataset one batch"
            )
        if array.dtype.kind != "f":
            return array
        if not np.isfinite(array).all():
            raise ValueError(f"{owner}: {name} has NaN or infinity{where}; remove or replace them")
        return array.astype(keras.config.floatx())

    return keras.tree.map_structure(array_of, data)


def row_count(data: Any, name: str, owner: str) -> int:
    """The number of rows of parts of data. Raises `ValueError` unless it is the same for all arrays, and at least 1."""
    counts = sorted({len(array) for part in data for array in keras.tree.flatten(part) or [()]})
    if len(counts) != 1 or not counts[0]:
        raise ValueError(
            f"{owner}: {name} must be arrays with the same number of rows, at least one; they have "
            f"{' and '.join(map(str, counts))}"
        )
    return counts[0]


def _cut(one: Any, rows: int | None) -> Any:
    """The first rows, cut before they are copied from a device."""
    one = one if rows is None else one[:rows]
    return keras.ops.convert_to_numpy(one) if keras.ops.is_tensor(one) else one
