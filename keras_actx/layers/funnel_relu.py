"""`FunnelReLU`: the larger of each pixel and what its neighbours say."""

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


@named_layer("funnel_relu", why="looks at the neighbours of each pixel")
@keras.saving.register_keras_serializable(OWN_PACKAGE)
class FunnelReLU(ContextLayer):
    """Funnel activation, `max(x, BN(depthwise_convolution(x)))` (Ma, Zhang & Sun 2020, arXiv:2007.11824).

    The condition that takes the place of ReLU's 0 is a linear function of a window around each pixel, one a channel,
    normalized over the batch. FReLU, its short name, is also that of the flexible ReLU `relu(x) + b`.

    Past an edge there are zeros, and there is no bias before the normalization, which has its own.

    Args:
        kernel_size: size of the window, an odd whole number, or one for each axis of space.
        momentum, epsilon: of the batch normalization, as in `keras.layers.BatchNormalization`.
        depthwise_initializer: a Keras initializer for the windows; None for a normal distribution of variance one over
            the number of pixels in a window, so that the normalization starts from numbers of the input's size.
        data_format: "channels_last", "channels_first", or None for Keras's setting.
        **kwargs: `name`, `dtype`, `trainable` of a Keras layer.

    Input shape: images `(batch, height, width, channels)` or sequences `(batch, steps, channels)`, or with the channels
    first; space may vary. Output shape: the same. With channels last, masked steps are zeros to their neighbours and
    do not count in the statistics.

    Raises:
        ValueError: for an argument that is not allowed, and on build for an input of another rank. Features have no
            neighbours: there `keras_actx.layers.DynamicReLU` is at home.

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
        """Make the windows and the normalization."""
        self._channels(input_shape)
        space = len(input_shape) - 2
        window = (self.kernel_size,) * space if isinstance(self.kernel_size, int) else self.kernel_size
        if len(window) != space:
            raise ValueError(
                f"{self.name}: kernel_size={self.kernel_size} has {len(window)} numbers, but the input shape "
                f"{tuple(input_shape)} has {space} of space; use one number for all"
            )
        kind = keras.layers.DepthwiseConv1D if space == 1 else keras.layers.DepthwiseConv2D
        self.depthwise = kind(
            window if space == 2 else window[0],
            padding="same",
            use_bias=False,
            data_format=self.data_format,
            # Keras's own would count all channels as inputs of each.
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
        """The larger of the input and the condition."""
        inputs = ops.cast(inputs, self.compute_dtype)
        present = None
        if self.data_format == "channels_last":  # the only one for which Keras's normalization knows masks
            present = where_present(mask, inputs, -1)
        seen = inputs if present is None else ops.where(present, inputs, ops.zeros_like(inputs))
        condition = self.depthwise(seen)
        condition = self.normalization(condition, training=training, mask=mask_of_statistics(present, inputs))
        return ops.where(inputs > condition, inputs, condition)  # `ops.maximum` makes float32 of float64 on torch

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
