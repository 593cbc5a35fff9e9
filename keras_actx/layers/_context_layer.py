"""The base class of layers that depend on a whole image, sequence or feature vector."""

import math
from typing import Any

import keras
from keras import ops

from keras_actx.choices import DataFormat
from keras_actx.declaration.evaluation import inner_dtype
from keras_actx.layers._arguments import refuse_unless


def in_full(x: Any, dtype: str) -> Any:
    """`x` in the compute dtype for a result in `dtype`."""
    return ops.cast(x, inner_dtype(dtype))


def mean(x: Any, axes: Any, keepdims: bool = False) -> Any:
    """`ops.mean`, which on torch rounds float64 to float32."""
    count = math.prod(ops.shape(x)[axis] for axis in axes)
    return ops.sum(x, axis=axes, keepdims=keepdims) / ops.cast(count, x.dtype)


def where_present(mask: Any, inputs: Any, channel_axis: int) -> Any:
    """The mask of the steps or pixels, shaped to broadcast against the input; None without a mask.

    Keras passes a mask of shape `(batch, steps)`, or of more axes except the channels; features have no positions.
    """
    rank = len(inputs.shape)
    if mask is None or rank < 3 or not 2 <= len(mask.shape) < rank:
        return None
    mask = ops.cast(ops.convert_to_tensor(mask), "bool")
    for _ in range(rank - 1 - len(mask.shape)):
        mask = ops.expand_dims(mask, -1)
    return ops.expand_dims(mask, channel_axis)


def mask_of_statistics(present: Any, inputs: Any) -> Any:
    """The mask in the form required by Keras's batch normalization of the last axis: all axes except the channels."""
    if present is None:
        return None
    return ops.broadcast_to(ops.squeeze(present, -1), ops.shape(inputs)[:-1])


class ContextLayer(keras.layers.Layer):
    """An activation of a whole image, sequence or feature vector, with one group of parameters per channel.

    It follows its dtype policy, as Keras's layers do, since it is composed of them.
    """

    ranks: tuple[int, ...] = (2, 3, 4, 5)

    def __init__(self, *, data_format: DataFormat | None = None, **kwargs: Any) -> None:
        formats = ("channels_last", "channels_first")
        refuse_unless(
            data_format is None or (isinstance(data_format, str) and data_format in formats),
            type(self).__name__,
            "data_format",
            data_format,
            "None, 'channels_last' or 'channels_first'",
        )
        super().__init__(**kwargs)
        self.data_format = data_format or keras.config.image_data_format()
        self.supports_masking = True

    def _channel_axis(self, rank: int) -> int:
        return 1 if self.data_format == "channels_first" else rank - 1

    def _channels(self, input_shape: Any) -> int:
        """The number of channels. Raises `ValueError` for an invalid rank, or an unknown number."""
        rank = len(input_shape)
        if rank not in self.ranks:
            allowed = " or ".join(str(one) for one in self.ranks)
            raise ValueError(
                f"{self.name}: an input of {rank} dimensions, {tuple(input_shape)}, is not allowed; "
                f"{allowed} dimensions are, batch and channels included.{self._instead(rank)}"
            )
        count = input_shape[self._channel_axis(rank)]
        if not count:
            raise ValueError(
                f"{self.name}: the input shape {tuple(input_shape)} has no fixed number of channels on axis "
                f"{self._channel_axis(rank)} (data_format={self.data_format!r}); only the other axes may vary"
            )
        return count

    def _instead(self, rank: int) -> str:
        """A sentence with an alternative for an input of an invalid rank."""
        return ""

    def _along_channels(self, values: Any, rank: int) -> Any:
        """Values of shape `(channels,)` or `(batch, channels)`, in a shape that broadcasts against an input."""
        shape = [-1] + [1] * (rank - 1)
        shape[self._channel_axis(rank)] = values.shape[-1]
        return ops.reshape(values, shape)

    def _summary(self, inputs: Any, mask: Any) -> Any:
        """The mean over space or time, `(batch, channels)`, without masked positions; features are unchanged."""
        rank = len(inputs.shape)
        if rank == 2:
            return inputs
        axis = self._channel_axis(rank)
        space = [one for one in range(1, rank) if one != axis]
        wide = in_full(inputs, keras.backend.standardize_dtype(inputs.dtype))  # sums may overflow in float16
        present = where_present(mask, inputs, axis)
        if present is None:
            result = mean(wide, space)
        else:
            present = ops.broadcast_to(present, ops.shape(wide))
            total = ops.sum(ops.where(present, wide, ops.zeros_like(wide)), axis=space)
            count = ops.sum(ops.cast(present, wide.dtype), axis=space)
            result = total / ops.where(count > 0, count, ops.ones_like(count))
        return ops.cast(result, inputs.dtype)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        self._channels(input_shape)
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "data_format": self.data_format}
