"""`CReLU`: concatenation of the positive and the negative part."""

from typing import Any

import keras

from keras_actx.declaration.declaration import OWN_PACKAGE
from keras_actx.layers._axis_layer import AxisLayer
from keras_actx.names.layer_names import named_layer
from keras_actx.plain_numbers import takes_numpy_scalars


@named_layer(
    "crelu",
    aliases=("concatenated_relu",),
    why="doubles the size of an axis",
    tex=r"(\max(x, 0),\ \max(-x, 0))",
)
@keras.saving.register_keras_serializable(OWN_PACKAGE)
class CReLU(AxisLayer):
    """Concatenated ReLU, `[relu(x), relu(-x)]` along an axis (Shang et al. 2016, arXiv:1603.05201).

    The order is that of `tf.nn.crelu`, and of what deel-lip calls `MaxMin`; the MaxMin of the literature on Lipschitz
    networks sorts pairs, `keras_actx.layers.GroupSort(2)`.

    The derivative at 0 is 0 in both halves, as that of Keras's ReLU.

    Args:
        axis: the axis to double; any but the batch axis 0.
        **kwargs: `name`, `dtype` of a Keras layer.

    Input shape: `(batch, ..., n)`. Output shape: `(batch, ..., 2 * n)`, in the dtype of the input.
    The mask is propagated unless it covers `axis`.

    Raises:
        ValueError: for an invalid axis, and on build for an axis that the input does not have.

    Example:

    >>> import keras, keras_actx as actx
    >>> keras.ops.convert_to_numpy(actx.layers.CReLU()(keras.ops.convert_to_tensor([[1.0, -2.0]]))).tolist()
    [[1.0, 0.0, 0.0, 2.0]]
    """

    changes_shape = True

    @takes_numpy_scalars
    def __init__(self, axis: int = -1, **kwargs: Any) -> None:
        super().__init__(axis=axis, **kwargs)

    def _length(self, length: int | None) -> int | None:
        return None if length is None else 2 * length

    def call(self, inputs: Any) -> Any:
        """Positive parts, then negative parts."""
        inputs = self._as_float(inputs)
        axis = self._positive_axis(inputs.shape)
        return keras.ops.concatenate([keras.ops.relu(inputs), keras.ops.relu(-inputs)], axis=axis)
