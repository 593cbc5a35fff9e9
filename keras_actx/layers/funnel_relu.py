"""`FunnelReLU`: the maximum of each pixel and a function of its neighbourhood."""

import math
from typing import Any

import keras
from keras import ops

from keras_actx.choices import DataFormat
from keras_actx.declaration.declaration import OWN_PACKAGE
from keras_actx.layers._arguments import check_statistics, is_size, keras_object, refuse_unless
from keras_actx.layers._context_layer import ContextLayer, mask_of_statistics, where_present
from keras_actx.names.layer_names import named_layer
from keras_actx.plain_numbers import takes_numpy_scalars


@named_layer(
    "funnel_relu", why="depends on the neighbours of each pixel", tex=r"\max\left(x,\ \mathrm{BN}(w * x)\right)"
)
@keras.saving.register_keras_serializable(OWN_PACKAGE)
class FunnelReLU(ContextLayer):
    """Funnel activation, `max(x, BN(depthwise_convolution(x)))` (Ma, Zhang & Sun 2020, arXiv:2007.11824).

    The condition, which replaces ReLU's 0, is a linear function of a window around each pixel, one per channel,
    normalized over the batch. The short name FReLU also refers to the flexible ReLU `relu(x) + b`.

    The input is padded with zeros. There is no bias before the normalization, which has its own.

    Args:
        kernel_size: size of the window, an odd whole number, or one for each axis of space.
        momentum, epsilon: of the batch normalization, as in `keras.layers.BatchNormalization`.
        depthwise_initializer: a Keras initializer for the windows; None for a normal distribution with the variance 1 /
            (number of pixels in a window), so that the input of the normalization initially has the input's variance.
        data_format: "channels_last", "channels_first", or None for Keras's setting.
        **kwargs: `name`, `dtype`, `trainable` of a Keras layer.

    Input shape: images `(batch, height, width, channels)` or sequences `(batch, steps, channels)`, or with the channels
    first; spatial sizes may vary. Output shape: the same. With channels last, masked steps are treated as zeros by
    their neighbours and are excluded from the statistics.

    Raises:
        ValueError: for an argument that is not allowed, and on build for an input of another rank. For features, which
            have no neighbours, use `keras_actx.layers.DynamicReLU`.

    Example:

    >>> import keras, keras_actx as actx
    >>> model = keras.Sequential([keras.Input((32, 32, 3)), keras.layers.Conv2D(8, 3), actx.layers.FunnelReLU()])
    >>> model.output_shape
    (None, 30, 30, 8)
    """

    ranks = (3, 4)

    @takes_numpy_scalars
    def __init__(
        self,
        kernel_size: Any = 3,
        *,
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        depthwise_initializer: Any = None,
        data_format: DataFormat | None = None,
        **kwargs: Any,
    ) -> None:
        sizes = kernel_size if isinstance(kernel_size, (tuple, list)) else (kernel_size,)
        refuse_unless(
            len(sizes) in (1, 2) and all(is_size(one) and one % 2 for one in sizes),
            "FunnelReLU",
            "kernel_size",
            kernel_size,
            "an odd whole number, or two of them for height and width",
        )
        check_statistics("FunnelReLU", momentum, epsilon)
        super().__init__(data_format=data_format, **kwargs)
        self.kernel_size = kernel_size if isinstance(kernel_size, int) else tuple(kernel_size)
        self.momentum = float(momentum)
        self.epsilon = float(epsilon)
        self.depthwise_initializer = keras_object(
            "FunnelReLU", "depthwise_initializer", depthwise_initializer, keras.initializers.get
        )

    def build(self, input_shape: Any) -> None:
        """Create the windows and the normalization."""
        self._channels(input_shape)
        space = len(input_shape) - 2
        window = (self.kernel_size,) * space if isinstance(self.kernel_size, int) else self.kernel_size
        if len(window) != space:
            raise ValueError(
                f"{self.name}: kernel_size={self.kernel_size} has {len(window)} numbers, but the input shape "
                f"{tuple(input_shape)} has {space} spatial axes; use one number for all"
            )
        kind = keras.layers.DepthwiseConv1D if space == 1 else keras.layers.DepthwiseConv2D
        self.depthwise = kind(
            window if space == 2 else window[0],
            padding="same",
            use_bias=False,
            data_format=self.data_format,
            # Keras's own initializers would count all channels as inputs of each output.
            depthwise_initializer=self.depthwise_initializer  # pyright: ignore[reportArgumentType]  (Keras has no types)
            or keras.initializers.RandomNormal(stddev=1 / math.sqrt(math.prod(window))),
            dtype=self.dtype_policy,
            name="depthwise",
        )
        self.normalization = keras.layers.BatchNormalization(
            axis=1 if self.data_format == "channels_first" else -1,
            momentum=self.momentum,
            epsilon=self.epsilon,
            dtype=self.dtype_policy,
            name="normalization",
        )
        self.depthwise.build(tuple(input_shape))
        self.normalization.build(tuple(input_shape))

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """The maximum of the input and the condition."""
        inputs = ops.cast(inputs, self.compute_dtype)
        present = None
        if self.data_format == "channels_last":  # the only format for which Keras's normalization supports masks
            present = where_present(mask, inputs, -1)
        seen = inputs if present is None else ops.where(present, inputs, ops.zeros_like(inputs))
        condition = self.depthwise(seen)
        condition = self.normalization(condition, training=training, mask=mask_of_statistics(present, inputs))
        return ops.where(inputs > condition, inputs, condition)  # `ops.maximum` converts float64 to float32 on torch

    def get_config(self) -> dict[str, Any]:
        given = self.depthwise_initializer
        return {
            **super().get_config(),
            "kernel_size": self.kernel_size,
            "momentum": self.momentum,
            "epsilon": self.epsilon,
            "depthwise_initializer": None if given is None else keras.initializers.serialize(given),
        }

    def _instead(self, rank: int) -> str:
        return " Features have no neighbours; use keras_actx.layers.DynamicReLU() for them." if rank == 2 else ""
