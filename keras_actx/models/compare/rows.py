"""The rows for training and for validation, the same for every model that is compared."""

import math
from typing import Any

import keras
import numpy as np

from keras_actx.layers._arguments import is_number, refuse_unless
from keras_actx.models.sample import arrays, row_count
from keras_actx.plain_numbers import plain

_OWNER = "compare"


class Data:
    """The data, checked; and their rows for training and validation, by seed."""

    def __init__(self, x: Any, y: Any, validation_split: Any, validation_data: Any, batch_size: int) -> None:
        self._data, self._batch_size = arrays((x, y), "x and y", _OWNER), batch_size
        self._rows = row_count(self._data, "x and y", _OWNER)
        self._validation, self._held_out = None, 0
        if validation_data is not None:
            pair = isinstance(validation_data, (tuple, list)) and len(validation_data) == 2
            refuse_unless(pair, _OWNER, "validation_data", validation_data, "(x, y), for validation")
            self._validation = arrays(tuple(validation_data), "validation_data", _OWNER)
            row_count(self._validation, "validation_data", _OWNER)
            return
        split = plain(validation_split)
        refuse_unless(is_number(split) and 0 < split < 1, _OWNER, "validation_split", split, "a number between 0 and 1")
        self._held_out = round(self._rows * split)
        if not 0 < self._held_out < self._rows:
            raise ValueError(
                f"{_OWNER}: validation_split={split} of {self._rows} rows leaves none for training or for validation; "
                "give more rows, or validation_data"
            )

    def split(self, seed: int) -> tuple["Batches", Any]:
        """The batches for training, and `(x, y)` for validation."""
        if self._validation is not None:
            return Batches(self._data, np.arange(self._rows), self._batch_size, seed), self._validation
        order = np.random.default_rng(seed).permutation(self._rows)
        held_out, others = np.split(order, [self._held_out])
        return Batches(self._data, others, self._batch_size, seed), _taken(self._data, held_out)


class Batches(keras.utils.PyDataset):
    """Rows in batches, in an order for each epoch that depends on the seed alone: Keras's depends on the model."""

    def __init__(self, data: Any, rows: np.ndarray, batch_size: int, seed: int) -> None:
        super().__init__()
        self._data, self._rows, self.batch_size, self._seed = data, rows, batch_size, seed
        self.restart()

    def restart(self) -> None:
        """Return to the order of the first epoch."""
        self._generator = np.random.default_rng((self._seed, 1))
        self.on_epoch_end()

    def on_epoch_end(self) -> None:
        self._order = self._generator.permutation(self._rows)

    def __len__(self) -> int:
        return math.ceil(len(self._rows) / self.batch_size)

    def __getitem__(self, index: int) -> Any:
        start = index * self.batch_size
        return _taken(self._data, self._order[start : start + self.batch_size])


def _taken(data: Any, rows: np.ndarray) -> Any:
    return keras.tree.map_structure(lambda array: array[rows], data)
