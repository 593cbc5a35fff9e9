"""`AxisLayer`, the base class of layers that operate on one axis: handles the axis, the dtype and the mask."""

from typing import Any

import keras

from keras_actx.declaration.evaluation import output_dtype
from keras_actx.layers._arguments import is_whole, refuse_unless
from keras_actx.layers._base import FollowsInputLayer


class AxisLayer(FollowsInputLayer):
    """A layer without weights that works along one axis.

    Subclasses return the new length of the axis from `_length`, which raises for an invalid length.
    """

    def __init__(self, *, axis: int = -1, **kwargs: Any) -> None:
        allowed = "-1 for the channels, or another axis than the batch axis 0"
        refuse_unless(is_whole(axis) and axis != 0, type(self).__name__, "axis", axis, allowed)
        super().__init__(**kwargs)
        self.axis = axis

    def _length(self, length: int | None) -> int | None:
        """The length of the axis after the layer; None if unknown. Raises `ValueError` for an invalid length."""
        raise NotImplementedError

    def _positive_axis(self, shape: Any) -> int:
        rank = len(shape)
        if not -rank < self.axis < rank:
            raise ValueError(
                f"{self.name}: axis={self.axis} does not fit an input of shape {tuple(shape)}; "
                f"use one from 1 to {rank - 1}, or a negative one that is not the batch axis"
            )
        return self.axis % rank

    def build(self, input_shape: Any) -> None:
        """Check the shape. Raises `ValueError` if the axis is missing or its length is invalid."""
        self.compute_output_shape(input_shape)
        self.built = True

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        axis = self._positive_axis(input_shape)
        shape = list(input_shape)
        shape[axis] = self._length(shape[axis])
        return tuple(shape)

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """The unchanged mask, or None if the layer's axis is one of the mask's axes."""
        if previous_mask is None or self._positive_axis(inputs.shape) < len(previous_mask.shape):
            return None
        return previous_mask

    def _in_groups(self, inputs: Any, *parts: int) -> Any:
        """The input with its axis replaced by `parts`, and the position of the first of them."""
        axis = self._positive_axis(inputs.shape)
        shape = keras.ops.shape(inputs)
        return keras.ops.reshape(inputs, (*shape[:axis], *parts, *shape[axis + 1 :])), axis

    @staticmethod
    def _as_float(inputs: Any) -> Any:
        """The input; integers are converted to `keras.config.floatx()`."""
        inputs = keras.ops.convert_to_tensor(inputs)
        return keras.ops.cast(inputs, output_dtype(inputs.dtype))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "axis": self.axis}
