"""`MetaACON`: a smooth maximum of two lines whose sharpness depends on the whole input."""

from typing import Any

import keras
from keras import ops

from keras_actx.activations import acon_c
from keras_actx.choices import DataFormat
from keras_actx.declaration.declaration import OWN_PACKAGE
from keras_actx.layers._arguments import check_statistics, is_size, keras_object, refuse_unless
from keras_actx.layers._context_layer import ContextLayer, in_full
from keras_actx.names.layer_names import named_layer
from keras_actx.plain_numbers import takes_numpy_scalars


@named_layer(
    "meta_acon",
    why="computes its sharpness from the whole input",
    tex=r"d\, \sigma(\beta d) + p_2 x, \quad d = (p_1 - p_2)\, x",
)
@keras.saving.register_keras_serializable(OWN_PACKAGE)
class MetaACON(ContextLayer):
    """`acon_c` with a sharpness that is computed from the input (Ma et al. 2020, arXiv:2009.04759).

    `d sigmoid(beta d) + p2 x` with `d = (p1 - p2) x`, `p1` and `p2` learned for each channel, and
    `beta = sigmoid(BN(fc2(BN(fc1(mean)))))`, where the mean is taken over space and is the input itself for features.

    Like `acon_c` in this package, it starts as a swish, from `p1 = 1` and `p2 = 0`; the authors' code draws both from
    N(0, 1): `p1_initializer=keras.initializers.RandomNormal(stddev=1.0)`, and for `p2` likewise. The two layers have no
    bias, since the normalization after them has one. YOLOv5's port omits the normalization and has biases: the
    statistics are over one vector per image, and undefined for a batch of one.

    Args:
        reduction: the factor by which the first layer reduces the channels, a whole number of at least 1; it is also
            the minimum of the reduced number of channels, as in the authors' code.
        normalize: whether to normalize over the batch, as the paper does; False for small batches.
        momentum, epsilon: of the batch normalization, as in `keras.layers.BatchNormalization`.
        p1_initializer, p2_initializer: Keras initializers.
        data_format: "channels_last", "channels_first", or None for Keras's setting.
        **kwargs: `name`, `dtype`, `trainable` of a Keras layer.

    Input shape: features `(batch, channels)`, sequences `(batch, steps, channels)`, images `(batch, height, width,
    channels)` or volumes, or with the channels first; spatial sizes may vary. Output shape: the same. Masked steps are
    excluded from the mean. The mean includes later steps: do not use this layer in causal models.

    Raises:
        ValueError: for an argument that is not allowed, and on build for an input of another rank.

    Example:

    >>> import keras, keras_actx as actx
    >>> model = keras.Sequential([keras.Input((None, None, 64)), actx.layers.MetaACON()])
    >>> model.output_shape
    (None, None, None, 64)
    """

    @takes_numpy_scalars
    def __init__(
        self,
        reduction: int = 16,
        *,
        normalize: bool = True,
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        p1_initializer: Any = "ones",
        p2_initializer: Any = "zeros",
        data_format: DataFormat | None = None,
        **kwargs: Any,
    ) -> None:
        refuse_unless(is_size(reduction), "MetaACON", "reduction", reduction, "a whole number of at least 1")
        refuse_unless(isinstance(normalize, bool), "MetaACON", "normalize", normalize, "True or False")
        check_statistics("MetaACON", momentum, epsilon)
        super().__init__(data_format=data_format, **kwargs)
        self.reduction = reduction
        self.normalize = normalize
        self.momentum = float(momentum)
        self.epsilon = float(epsilon)
        self.p1_initializer = keras_object("MetaACON", "p1_initializer", p1_initializer, keras.initializers.get)
        self.p2_initializer = keras_object("MetaACON", "p2_initializer", p2_initializer, keras.initializers.get)

    def build(self, input_shape: Any) -> None:
        """Create the two slopes of each channel, and the network that computes the sharpness."""
        channels = self._channels(input_shape)
        self.p1 = self.add_weight(name="p1", shape=(channels,), initializer=self.p1_initializer, autocast=False)
        self.p2 = self.add_weight(name="p2", shape=(channels,), initializer=self.p2_initializer, autocast=False)
        hidden = max(self.reduction, channels // self.reduction)
        self.fc1, self.bn1 = self._step(1, channels, hidden)
        self.fc2, self.bn2 = self._step(2, hidden, channels)

    def _step(self, number: int, width: int, units: int) -> tuple[Any, Any]:
        """A dense layer and its normalization, or None without one."""
        dense = keras.layers.Dense(units, use_bias=not self.normalize, dtype=self.dtype_policy, name=f"fc{number}")
        dense.build((None, width))
        if not self.normalize:
            return dense, None
        normalization = keras.layers.BatchNormalization(
            momentum=self.momentum, epsilon=self.epsilon, dtype=self.dtype_policy, name=f"bn{number}"
        )
        normalization.build((None, units))
        return dense, normalization

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """The smooth maximum, with the sharpness computed from the input."""
        inputs = ops.cast(inputs, self.compute_dtype)
        rank = len(inputs.shape)
        logits = self._summary(inputs, mask)
        for dense, normalization in ((self.fc1, self.bn1), (self.fc2, self.bn2)):
            logits = dense(logits)
            if normalization is not None:
                logits = normalization(logits, training=training)
        beta = ops.sigmoid(in_full(logits, self.compute_dtype))
        p1, p2, beta = (self._along_channels(ops.convert_to_tensor(one), rank) for one in (self.p1, self.p2, beta))
        return acon_c(inputs, p1=p1, p2=p2, beta=beta)

    def get_config(self) -> dict[str, Any]:
        own = ("reduction", "normalize", "momentum", "epsilon")
        return {
            **super().get_config(),
            **{name: getattr(self, name) for name in own},
            "p1_initializer": keras.initializers.serialize(self.p1_initializer),
            "p2_initializer": keras.initializers.serialize(self.p2_initializer),
        }
