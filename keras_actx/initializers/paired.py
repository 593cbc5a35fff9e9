"""`Paired`: the Keras initializer that draws what pairing chose."""

import math
from typing import Any

import keras

from keras_actx.declaration.declaration import OWN_PACKAGE
from keras_actx.initializers.pairing import Pairing, check_distribution, check_scheme, pair
from keras_actx.names.suggest import quote


@keras.saving.register_keras_serializable(OWN_PACKAGE)
class Paired(keras.initializers.Initializer):
    """Draws a kernel that fits the activation, for any Keras layer with a kernel.

    Args:
        activation: the layer's activation: a name, an `Activation`, or any elementwise callable that Keras can save.
        scheme: "textbook" (He, LeCun, Glorot or SIREN where the activation has one of them, the exact forward gain
            otherwise), or "auto" for the best known, today the same.
        distribution: None for the scheme's own, or "truncated_normal", "untruncated_normal", "uniform".
        seed: None, or a whole number for the same draw after every restart.
        first_layer: for `sine`, whether the layer sees the network's input.

    Shape of the kernel: `(..., fan_in, fan_out)`, with the receptive field of a convolution in front. For a depthwise
    kernel, Keras counts all input channels into fan_in, and so does this.

    Raises:
        ValueError: for an unknown activation, scheme or distribution; and on a kernel of fewer than two dimensions.

    Example:

    >>> import keras, keras_actx as actx
    >>> layer = keras.layers.Conv2D(8, 3, activation="mish", kernel_initializer=actx.initializers.Paired("mish"))
    """

    def __init__(
        self,
        activation: Any,
        scheme: str = "auto",
        distribution: str | None = None,
        seed: int | None = None,
        first_layer: bool = False,
    ) -> None:
        check_scheme(scheme)
        check_distribution(distribution)
        if seed is not None and (isinstance(seed, bool) or not isinstance(seed, int)):
            raise ValueError(f"seed={quote(seed)} is not allowed; use None or a whole number")
        if not isinstance(first_layer, bool):
            raise ValueError(f"first_layer={quote(first_layer)} is not allowed; use True or False")
        self.activation = activation if isinstance(activation, str) else keras.activations.get(activation)
        self.scheme = scheme
        self.distribution = distribution
        self.seed = seed
        self.first_layer = first_layer
        self.pairing: Pairing = pair(self.activation, scheme, distribution, first_layer=first_layer)
        # Keras's own, made once: an unseeded one draws its seed here and keeps it, as all of Keras's do.
        self._draw = keras.initializers.VarianceScaling(
            scale=self.pairing.gain**2,
            mode="fan_in" if self.pairing.mode == "fan_in_squared" else self.pairing.mode,
            distribution=self.pairing.distribution,
            seed=seed,
        )

    def __call__(self, shape: Any, dtype: Any = None, **kwargs: Any) -> Any:
        """A kernel of `shape`. Raises `ValueError` for fewer than two dimensions."""
        if len(shape) < 2:
            raise ValueError(
                f"Paired draws kernels, of shape (..., fan_in, fan_out); it received {tuple(shape)}. "
                "Use 'zeros' for a bias."
            )
        kernel = self._draw(shape, dtype=dtype, **kwargs)
        if self.pairing.mode == "fan_in_squared":
            kernel = kernel / math.sqrt(math.prod(shape[:-1]))
        return kernel

    def clone(self) -> "Paired":
        return type(self).from_config(self.get_config())

    def get_config(self) -> dict[str, Any]:
        activation = self.activation
        return {
            "activation": activation if isinstance(activation, str) else keras.activations.serialize(activation),
            "scheme": self.scheme,
            "distribution": self.distribution,
            "seed": self.seed,
            "first_layer": self.first_layer,
        }
