"""`PolyNorm`: a polynomial of normalized powers, for transformers."""

from typing import Any

import keras
from keras import ops

from keras_actx.declaration.declaration import OWN_PACKAGE
from keras_actx.declaration.evaluation import output_dtype
from keras_actx.layers._arguments import is_number, keras_object, refuse_unless
from keras_actx.layers._base import FollowsInputLayer
from keras_actx.layers._context_layer import in_full, mean
from keras_actx.layers._held import HeldLayer
from keras_actx.names.layer_names import named_layer
from keras_actx.plain_numbers import takes_numpy_scalars


@named_layer(
    "poly_norm",
    why="normalizes the powers of a whole feature vector",
    fits_inside=True,
    tex=r"w_0 N(x^3) + w_1 N(x^2) + w_2 N(x) + b, \quad N(u) = \frac{u}{\sqrt{E[u^2] + \epsilon}}",
)
@keras.saving.register_keras_serializable(OWN_PACKAGE)
class PolyNorm(HeldLayer, FollowsInputLayer):
    """The sum `w0 norm(x^3) + w1 norm(x^2) + w2 norm(x) + b` of normalized powers (Zhuo et al. 2024, arXiv:2411.03884).

    `norm(u) = u / sqrt(mean(u^2) + epsilon)`, the mean taken over the last axis. The weights start from 1/3 and
    the bias from 0, as in the paper; Liger-Kernel's module starts from 0.3, 0.4, 0.3 and 0.1.

    The powers are computed of `x` divided by its largest magnitude, so that they do not overflow for any input in any
    dtype. It may be the `activation=` of any layer, which then builds it: `Dense(64, activation=PolyNorm())`. Use a new
    instance for each layer.

    Args:
        epsilon: added to the mean square, above 0.
        weight_initializer: a Keras initializer of the three weights, for the third power, the second and the first.
        bias_initializer: a Keras initializer of the bias.
        **kwargs: `name`, `dtype`, `trainable` of a Keras layer.

    Input shape: `(batch, ..., features)`. Output shape: the same, in the dtype of the input; under `mixed_float16` the
    weights are float32. The mask is propagated.

    Raises:
        ValueError: for an argument that is not allowed.

    Example:

    >>> import keras, keras_actx as actx
    >>> y = actx.layers.PolyNorm()(keras.ops.convert_to_tensor([[1e30, 1e30, 1e30, 1e30]]))
    >>> keras.ops.convert_to_numpy(y).round(4).tolist()
    [[1.0, 1.0, 1.0, 1.0]]
    """

    @takes_numpy_scalars
    def __init__(
        self,
        epsilon: float = 1e-6,
        *,
        weight_initializer: Any = None,
        bias_initializer: Any = "zeros",
        **kwargs: Any,
    ) -> None:
        refuse_unless(is_number(epsilon) and epsilon > 0, "PolyNorm", "epsilon", epsilon, "a number above 0")
        super().__init__(**kwargs)
        self.epsilon = float(epsilon)
        self.weight_initializer = (
            keras.initializers.Constant(1 / 3)
            if weight_initializer is None
            else keras_object("PolyNorm", "weight_initializer", weight_initializer, keras.initializers.get)
        )
        self.bias_initializer = keras_object("PolyNorm", "bias_initializer", bias_initializer, keras.initializers.get)
        self.weight = self.bias = None

    @property
    def _has_weights(self) -> bool:
        return self.bias is not None

    def _make_weights(self, input_shape: Any) -> None:
        self.weight = self.add_weight(name="weight", shape=(3,), initializer=self.weight_initializer, autocast=False)
        self.bias = self.add_weight(name="bias", shape=(), initializer=self.bias_initializer, autocast=False)

    def call(self, inputs: Any) -> Any:
        """The sum of the normalized powers."""
        inputs = ops.convert_to_tensor(inputs)
        dtype = output_dtype(inputs.dtype)
        x = in_full(inputs, dtype)
        weight, bias = ops.cast(self.weight, x.dtype), ops.cast(self.bias, x.dtype)
        # The result does not depend on the scale, so neither does the gradient.
        largest = ops.stop_gradient(ops.max(ops.abs(x), axis=-1, keepdims=True))
        # In two steps, separated by a `where`: compilers divide by multiplying with the reciprocal, which for the
        # largest numbers is subnormal and flushed to 0.
        small = 2.0**-512 if dtype == "float64" else 2.0**-64
        huge, one = largest > 1.0 / small, ops.ones_like(largest)
        x = ops.where(huge, small * x, x)
        largest = ops.where(huge, small * largest, ops.where(largest > 1.0, largest, one))
        epsilon, shrink = self.epsilon * one, ops.where(huge, small * one, one) / largest
        base, power, result = x / largest, ops.ones_like(x), bias
        for degree in (1, 2, 3):
            power, epsilon = power * base, epsilon * ops.square(shrink)
            mean_square = mean(ops.square(power), [-1], keepdims=True)
            result = result + weight[3 - degree] * power / ops.sqrt(mean_square + epsilon)
        return ops.cast(result, dtype)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "epsilon": self.epsilon,
            "weight_initializer": keras.initializers.serialize(self.weight_initializer),
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
        }
