"""`DynamicReLU`: the maximum of several lines whose slopes depend on the whole input."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_actx.choices import DataFormat
from keras_actx.declaration.declaration import OWN_PACKAGE
from keras_actx.layers._arguments import is_number, is_size, refuse_unless
from keras_actx.layers._context_layer import ContextLayer, in_full
from keras_actx.names.layer_names import named_layer
from keras_actx.plain_numbers import takes_numpy_scalars


@named_layer(
    "dynamic_relu",
    aliases=("dyrelu",),
    why="computes its slopes from the whole input",
    tex=r"\max_{1 \le i \le k} \left(a_i x + b_i\right)",
)
@keras.saving.register_keras_serializable(OWN_PACKAGE)
class DynamicReLU(ContextLayer):
    """Dynamic ReLU, the maximum of `k` lines `a x + b` that depend on the input (Chen et al. 2020, arXiv:2003.10027).

    From the mean over space, or the features themselves, a network of two layers computes
    `t = 2 sigmoid(expand(relu(reduce(mean)))) - 1`, and with it the lines `a_i = initial_a_i + lambda_a t_i` and
    `b_i = initial_b_i + lambda_b t_(k + i)`: for each channel (the paper's DY-ReLU-B), or shared by all (A).

    The second layer is initialized to zeros, so that the initial function is defined by `initial_a` and `initial_b`, by
    default ReLU; the first layer changes from the second training step on. Public ports initialize both layers
    randomly.

    Args:
        k: the number of lines, a whole number of at least 1; a single line starts as the identity.
        reduction: the factor by which the first layer reduces the channels, a whole number of at least 1. A larger
            factor means fewer weights.
        shared: whether all channels share their lines (A) or have separate ones (B).
        lambda_a, lambda_b: the largest change of slopes and offsets from their initial values, numbers of at least 0.
        initial_a: `k` initial slopes; None for 1, then zeros.
        initial_b: `k` initial offsets; None for zeros.
        data_format: "channels_last", "channels_first", or None for Keras's setting.
        **kwargs: `name`, `dtype`, `trainable` of a Keras layer.

    Input shape: features `(batch, channels)`, sequences `(batch, steps, channels)`, images `(batch, height, width,
    channels)` or volumes, or with the channels first; spatial sizes may vary. Output shape: the same. Masked steps are
    excluded from the mean. The mean includes later steps: do not use this layer in causal models.

    Raises:
        ValueError: for an argument that is not allowed, and on build for an input of another rank.

    Example:

    >>> import keras, keras_actx as actx
    >>> layer = actx.layers.DynamicReLU()
    >>> keras.ops.convert_to_numpy(layer(keras.ops.convert_to_tensor([[1.0, -2.0, 3.0, -4.0]]))).tolist()
    [[1.0, 0.0, 3.0, 0.0]]
    """

    @takes_numpy_scalars
    def __init__(
        self,
        k: int = 2,
        reduction: int = 4,
        *,
        shared: bool = False,
        lambda_a: float = 1.0,
        lambda_b: float = 0.5,
        initial_a: Sequence[float] | None = None,
        initial_b: Sequence[float] | None = None,
        data_format: DataFormat | None = None,
        **kwargs: Any,
    ) -> None:
        def check(holds: bool, name: str, value: Any, allowed: str) -> None:
            refuse_unless(holds, "DynamicReLU", name, value, allowed)

        check(is_size(k, most=1024), "k", k, "a whole number from 1 to 1024")
        check(is_size(reduction), "reduction", reduction, "a whole number of at least 1")
        check(isinstance(shared, bool), "shared", shared, "True or False")
        for name, value in (("lambda_a", lambda_a), ("lambda_b", lambda_b)):
            check(is_number(value) and value >= 0, name, value, "a number of at least 0")
        for name, given in (("initial_a", initial_a), ("initial_b", initial_b)):
            listed = isinstance(given, (list, tuple)) and len(given) == k and all(map(is_number, given))
            check(given is None or listed, name, given, f"None or a list of k={k} numbers")
        super().__init__(data_format=data_format, **kwargs)
        self.k = k
        self.reduction = reduction
        self.shared = shared
        self.lambda_a = float(lambda_a)
        self.lambda_b = float(lambda_b)
        self.initial_a = [1.0] + [0.0] * (k - 1) if initial_a is None else [float(one) for one in initial_a]
        self.initial_b = [0.0] * k if initial_b is None else [float(one) for one in initial_b]

    def build(self, input_shape: Any) -> None:
        """Create the network that computes the lines."""
        channels = self._channels(input_shape)
        hidden = max(1, channels // self.reduction)
        self.reduce = keras.layers.Dense(hidden, activation="relu", dtype=self.dtype_policy, name="reduce")
        self.expand = keras.layers.Dense(
            2 * self.k * (1 if self.shared else channels),
            kernel_initializer="zeros",
            dtype=self.dtype_policy,
            name="expand",
        )
        self.reduce.build((None, channels))
        self.expand.build((None, hidden))

    def call(self, inputs: Any, mask: Any = None) -> Any:
        """The maximum of the lines."""
        inputs = ops.cast(inputs, self.compute_dtype)
        rank = len(inputs.shape)
        logits = in_full(self.expand(self.reduce(self._summary(inputs, mask))), self.compute_dtype)
        logits = ops.reshape(logits, (-1, 2 * self.k, logits.shape[-1] // (2 * self.k)))
        moved = ops.tanh(0.5 * logits)  # 2 sigmoid - 1, without cancellation
        x = in_full(inputs, self.compute_dtype)
        largest = None
        for i in range(self.k):
            slope = self._along_channels(self.initial_a[i] + self.lambda_a * moved[:, i], rank)
            offset = self._along_channels(self.initial_b[i] + self.lambda_b * moved[:, self.k + i], rank)
            line = slope * x + offset
            # The last of equal lines, so that the initial derivative at 0 is ReLU's, 0, on every backend.
            largest = line if largest is None else ops.where(largest > line, largest, line)
        return ops.cast(largest, self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        own = ("k", "reduction", "shared", "lambda_a", "lambda_b", "initial_a", "initial_b")
        return {**super().get_config(), **{name: getattr(self, name) for name in own}}
