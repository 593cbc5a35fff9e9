"""`StochasticActivation`: an activation that draws random numbers in training."""

from typing import Any

import keras

from keras_actx.declaration.declaration import OWN_PACKAGE
from keras_actx.declaration.evaluation import evaluate
from keras_actx.layers._base import DeclaredActivationLayer
from keras_actx.layers._held import HeldLayer
from keras_actx.names.public import use_for_state
from keras_actx.names.resolve import resolve_declared
from keras_actx.plain_numbers import takes_numpy_scalars
from keras_actx.saved_configs import in_todays_form
from keras_actx.seeds import checked_seed_number


@keras.saving.register_keras_serializable(OWN_PACKAGE)
class StochasticActivation(HeldLayer, DeclaredActivationLayer):
    """An activation that is random in training and fixed otherwise, such as `"rrelu"`.

    Args:
        activation: a string such as `"rrelu(lower=0.1, upper=0.3)"`, or an `Activation`.
        seed: None, or a whole number from 0 to 2**31 - 1 for the same draws after every restart; a
            `keras.random.SeedGenerator` provides its next number.
        **kwargs: `name`, `dtype` of a Keras layer.

    Input shape: any. Output shape: the same, in the dtype of the input.

    Inside a recurrent layer, JAX cannot draw new random numbers at each step: training fails there, as for any random
    Keras layer in a cell.

    Raises:
        ValueError: for an activation that is unknown or not stochastic.

    Example:

    >>> import keras, keras_actx as actx
    >>> layer = actx.layers.StochasticActivation("rrelu", seed=1)
    >>> float(layer(keras.ops.convert_to_tensor([-24.0]), training=False)[0])
    -5.5
    """

    @takes_numpy_scalars
    def __init__(self, activation: Any, *, seed: Any = None, **kwargs: Any) -> None:
        resolved = resolve_declared(activation, "StochasticActivation")
        if not resolved.activation.declaration.stochastic:
            raise ValueError(f"activation={resolved.activation} is not stochastic; use it directly")
        seed = checked_seed_number(seed, "StochasticActivation")
        super().__init__(resolved.activation, **kwargs)
        self.seed = seed
        self.seed_generator: Any = None

    @property
    def _has_weights(self) -> bool:
        return self.seed_generator is not None

    def _make_weights(self, input_shape: Any) -> None:
        # Named, since Keras would otherwise number it.
        self.seed_generator = keras.random.SeedGenerator(self.seed, name="seed_generator")

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Apply the activation, with random parameters if `training`."""
        context = {"training": bool(training), "seed": self.seed_generator if training else None}
        return evaluate(self.declared.declaration, inputs, dict(self.declared.params), **context)

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "StochasticActivation":
        return super().from_config(in_todays_form(config))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "seed": self.seed}


use_for_state("stochastic", StochasticActivation)
