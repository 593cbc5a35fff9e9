"""`GroupSort`: sorts within groups along an axis."""

from typing import Any

import keras

from keras_actx.declaration.declaration import OWN_PACKAGE
from keras_actx.layers._arguments import check_whole
from keras_actx.layers._axis_layer import AxisLayer
from keras_actx.names.layer_names import named_layer
from keras_actx.plain_numbers import takes_numpy_scalars


@named_layer(
    "group_sort",
    aliases=("groupsort", "groupsort2", "maxmin", "full_sort", "fullsort"),
    why="requires an axis divisible into groups, which only a layer can check when it is built",
    tex=r"y_1 \le \dots \le y_g, \quad \{y_1, \dots, y_g\} = \{x_1, \dots, x_g\}",
)
@keras.saving.register_keras_serializable(OWN_PACKAGE)
class GroupSort(AxisLayer):
    """Sorts neighbouring units in groups, smallest first (Anil, Lucas & Grosse 2018, arXiv:1811.05381).

    It is a permutation: its Lipschitz constant is 1, and it preserves the norm of the gradient. Groups of 2 are called
    MaxMin in that paper and `GroupSort2` in deel-lip; deel-lip's own `MaxMin` is `keras_actx.layers.CReLU`. A single
    group is deel-lip's `FullSort`.

    The sort is stable: equal numbers keep their order, and so do their gradients.

    Args:
        group_size: the number of neighbours in a group, or None for the whole axis.
        axis: any axis but the batch axis 0; unless `group_size` is None, its size must be known.
        **kwargs: `name`, `dtype` of a Keras layer.

    Input shape: any with `axis`. Output shape: the same, in the dtype of the input. The mask is propagated unless it
    covers `axis`.

    Raises:
        ValueError: for an invalid argument, and on build for a size that is not a multiple of `group_size`.

    Example:

    >>> import keras, keras_actx as actx
    >>> x = keras.ops.convert_to_tensor([[3.0, 1.0, 2.0, 4.0]])
    >>> keras.ops.convert_to_numpy(actx.layers.GroupSort(2)(x)).tolist()
    [[1.0, 3.0, 2.0, 4.0]]
    """

    @takes_numpy_scalars
    def __init__(self, group_size: int | None = 2, axis: int = -1, **kwargs: Any) -> None:
        check_whole(group_size, "GroupSort", "group_size", least=2, optional="to sort the whole axis")
        super().__init__(axis=axis, **kwargs)
        self.group_size = group_size

    def _length(self, length: int | None) -> int | None:
        if self.group_size is not None and (length is None or length % self.group_size):
            raise ValueError(
                f"{self.name}: the size {length} of axis {self.axis} is not a known multiple of "
                f"group_size={self.group_size}, so it cannot be grouped"
            )
        return length

    def call(self, inputs: Any) -> Any:
        """The same numbers, sorted in each group."""
        inputs = self._as_float(inputs)
        shape = self.compute_output_shape(inputs.shape)  # raises for a size that is not a multiple
        if self.group_size is None:
            return _sorted(inputs, self._positive_axis(shape))
        length: Any = shape[self.axis]
        groups, axis = self._in_groups(inputs, length // self.group_size, self.group_size)
        return keras.ops.reshape(_sorted(groups, axis + 1), keras.ops.shape(inputs))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "group_size": self.group_size}


def _sorted(x: Any, axis: int) -> Any:
    """Sorted by a stable permutation: backends disagree about the gradient of their own sort, minimum and maximum."""
    return keras.ops.take_along_axis(x, keras.ops.argsort(x, axis=axis), axis=axis)
