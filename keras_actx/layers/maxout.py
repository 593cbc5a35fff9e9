"""`Maxout`: the maximum over groups of an axis."""

from typing import Any

import keras

from keras_actx._messages import quote
from keras_actx.choices import Grouping
from keras_actx.declaration.declaration import OWN_PACKAGE
from keras_actx.layers._arguments import check_whole
from keras_actx.layers._axis_layer import AxisLayer
from keras_actx.names.layer_names import named_layer
from keras_actx.plain_numbers import takes_numpy_scalars


@named_layer("maxout", why="changes the size of an axis", tex=r"\max_{1 \le j \le k} x_j")
@keras.saving.register_keras_serializable(OWN_PACKAGE)
class Maxout(AxisLayer):
    """The maximum of `k = size / num_units` inputs for each unit of an axis (Goodfellow et al. 2013, arXiv:1302.4389).

    Put it after a layer of `k * num_units` units without an activation.

    Libraries group the inputs differently. With "strided" grouping, unit `u` compares the inputs `u`, `u + num_units`,
    `u + 2 * num_units`, ..., as in tensorflow-addons. With "contiguous", it compares the `k` neighbours from `k * u`
    on, as a pooling layer does and as in Echo and activations-plus. The grouping matters only for weights trained
    elsewhere, not for random initial weights.

    The gradient is divided evenly among equal maxima.

    Args:
        num_units: size of the axis afterwards; must divide its size before.
        axis: any axis but the batch axis 0; its size must be known.
        grouping: "strided" or "contiguous".
        pieces: None, or `k` if it is known: checked on build, and required by `keras_actx.moments` and initializers,
            which do not know the input of the layer.
        **kwargs: `name`, `dtype` of a Keras layer.

    Input shape: `(batch, ..., k * num_units)`. Output shape: `(batch, ..., num_units)`, in the dtype of the input.
    The mask is propagated unless it covers `axis`.

    Raises:
        ValueError: for an invalid argument, and on build for a size that is not a multiple of `num_units`.

    Example:

    >>> import keras, keras_actx as actx
    >>> x = keras.ops.convert_to_tensor([[1.0, 4.0, 3.0, 2.0]])
    >>> for grouping in ("strided", "contiguous"):
    ...     keras.ops.convert_to_numpy(actx.layers.Maxout(2, grouping=grouping)(x)).tolist()
    [[3.0, 4.0]]
    [[4.0, 3.0]]
    """

    changes_shape = True
    #: Read by `keras_actx.expectation`, which does not import the layers.
    kind_of_moments = "maxout"

    @takes_numpy_scalars
    def __init__(
        self,
        num_units: int,
        axis: int = -1,
        *,
        grouping: Grouping = "strided",
        pieces: int | None = None,
        **kwargs: Any,
    ) -> None:
        check_whole(num_units, "Maxout", "num_units", least=1)
        check_whole(pieces, "Maxout", "pieces", least=1, optional="if it need not be known")
        if not isinstance(grouping, str) or grouping not in ("strided", "contiguous"):
            raise ValueError(f"Maxout: grouping={quote(grouping)} is not allowed; use 'strided' or 'contiguous'")
        super().__init__(axis=axis, **kwargs)
        self.num_units = num_units
        self.grouping = grouping
        self.pieces = pieces

    def _length(self, length: int | None) -> int:
        if not length or length % self.num_units:
            raise ValueError(
                f"{self.name}: the size {length} of axis {self.axis} is not a known multiple of "
                f"num_units={self.num_units}, so it cannot be grouped"
            )
        if self.pieces is not None and length != self.pieces * self.num_units:
            raise ValueError(
                f"{self.name}: the size {length} of axis {self.axis} is not pieces={self.pieces} times "
                f"num_units={self.num_units}"
            )
        return self.num_units

    def call(self, inputs: Any) -> Any:
        """The maximum of each group."""
        inputs = self._as_float(inputs)
        self.compute_output_shape(inputs.shape)  # raises for a size that is not a multiple
        pieces = inputs.shape[self.axis] // self.num_units
        strided = self.grouping == "strided"
        groups, axis = self._in_groups(inputs, *((pieces, self.num_units) if strided else (self.num_units, pieces)))
        return keras.ops.amax(groups, axis=axis if strided else axis + 1)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "num_units": self.num_units, "grouping": self.grouping, "pieces": self.pieces}
