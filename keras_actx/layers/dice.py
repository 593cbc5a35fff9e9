"""`Dice`: a PReLU with a data-dependent transition point."""

from typing import Any

import keras
from keras import ops

from keras_actx.declaration.declaration import OWN_PACKAGE
from keras_actx.layers._arguments import check_statistics, keras_object, refuse_unless
from keras_actx.layers._context_layer import in_full, mask_of_statistics, where_present
from keras_actx.names.layer_names import named_layer
from keras_actx.plain_numbers import takes_numpy_scalars


@named_layer(
    "dice",
    why="tracks the statistics of each channel",
    tex=r"p\, x + (1 - p)\, \alpha x, \quad p = \sigma\left(\frac{x - E[x]}{\sqrt{\mathrm{Var}[x] + \epsilon}}\right)",
)
@keras.saving.register_keras_serializable(OWN_PACKAGE)
class Dice(keras.layers.Layer):
    """PReLU with a smooth transition at the mean of the data (Zhou et al. 2018, arXiv:1706.06978).

    `p x + (1 - p) alpha x` with `p = sigmoid((x - mean) / sqrt(variance + epsilon))`, `alpha` learned for each channel;
    mean and variance are those of the batch in training and their running means otherwise.

    Ports differ: DeepCTR has epsilon 1e-9 and one `alpha` per channel; others have a shared `alpha`, a normalization
    with a learned scale and offset, or an `alpha` that is neither trained nor saved.

    Args:
        axis: the axis of the channels; any but the batch axis 0.
        momentum: of the running means, in [0, 1), as in `keras.layers.BatchNormalization`.
        epsilon: added to the variance, above 0; 1e-8 in the paper.
        alpha_initializer: a Keras initializer.
        alpha_regularizer, alpha_constraint: a Keras regularizer, a Keras constraint, or None.
        **kwargs: `name`, `dtype`, `trainable` of a Keras layer.

    Input shape: `(batch, ..., channels)`, of rank 2 or more. Output shape: the same. With the channels last,
    masked steps are excluded from the statistics.

    Raises:
        ValueError: for an argument that is not allowed, and on build for an axis that is missing or of unknown size.

    Example:

    >>> import keras, keras_actx as actx
    >>> model = keras.Sequential([keras.Input((16,)), keras.layers.Dense(8), actx.layers.Dice()])
    >>> [(weight.name, tuple(weight.shape)) for weight in model.layers[1].trainable_weights]
    [('alpha', (8,))]
    """

    @takes_numpy_scalars
    def __init__(
        self,
        axis: int = -1,
        *,
        momentum: float = 0.99,
        epsilon: float = 1e-8,
        alpha_initializer: Any = "zeros",
        alpha_regularizer: Any = None,
        alpha_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        allowed = "-1 for the last axis, or another axis than the batch axis 0"
        refuse_unless(type(axis) is int and axis != 0, "Dice", "axis", axis, allowed)
        check_statistics("Dice", momentum, epsilon)
        super().__init__(**kwargs)
        self.axis = axis
        self.momentum = float(momentum)
        self.epsilon = float(epsilon)
        self.alpha_initializer = keras_object("Dice", "alpha_initializer", alpha_initializer, keras.initializers.get)
        self.alpha_regularizer = keras_object("Dice", "alpha_regularizer", alpha_regularizer, keras.regularizers.get)
        self.alpha_constraint = keras_object("Dice", "alpha_constraint", alpha_constraint, keras.constraints.get)
        self.supports_masking = True

    def _channel_axis(self, input_shape: Any) -> int:
        rank = len(input_shape)
        axis = self.axis + rank if self.axis < 0 else self.axis
        if not 0 < axis < rank or not input_shape[axis]:
            raise ValueError(
                f"{self.name}: the input shape {tuple(input_shape)} has no fixed number of channels on "
                f"axis={self.axis}; name an axis of fixed size, other than the batch axis 0"
            )
        return axis

    def build(self, input_shape: Any) -> None:
        """Create `alpha` and the running statistics."""
        self.alpha = self.add_weight(
            name="alpha",
            shape=(input_shape[self._channel_axis(input_shape)],),
            initializer=self.alpha_initializer,
            regularizer=self.alpha_regularizer,
            constraint=self.alpha_constraint,
            autocast=False,  # rounded once, at the end
        )
        self.normalization = keras.layers.BatchNormalization(
            axis=self.axis,
            momentum=self.momentum,
            epsilon=self.epsilon,
            center=False,
            scale=False,
            dtype=self.dtype_policy,
            name="normalization",
        )
        self.normalization.build(tuple(input_shape))

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Interpolate the two slopes by the position of each value in the distribution of its channel."""
        inputs = ops.cast(inputs, self.compute_dtype)
        rank = len(inputs.shape)
        axis = self._channel_axis(inputs.shape)
        present = where_present(mask, inputs, -1) if axis == rank - 1 else None
        logits = self.normalization(inputs, training=training, mask=mask_of_statistics(present, inputs))
        p = ops.sigmoid(in_full(logits, self.compute_dtype))
        x = in_full(inputs, self.compute_dtype)
        alpha = in_full(ops.convert_to_tensor(self.alpha), self.compute_dtype)
        alpha = ops.reshape(alpha, [-1 if one == axis else 1 for one in range(rank)])
        return ops.cast(p * x + (1.0 - p) * (alpha * x), self.compute_dtype)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        self._channel_axis(input_shape)
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "axis": self.axis,
            "momentum": self.momentum,
            "epsilon": self.epsilon,
            "alpha_initializer": keras.initializers.serialize(self.alpha_initializer),
            "alpha_regularizer": keras.regularizers.serialize(self.alpha_regularizer),
            "alpha_constraint": keras.constraints.serialize(self.alpha_constraint),
        }
