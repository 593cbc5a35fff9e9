"""What the activation layers have in common: they hold an `Activation` and follow their input's dtype."""

from typing import Any

import keras

from keras_actx.declaration.activation import Activation
from keras_actx.declaration.evaluation import output_dtype
from keras_actx.names.identify import Identified, identify
from keras_actx.names.suggest import quote


class DeclaredActivationLayer(keras.layers.Layer):
    """A layer that applies one declared activation.

    It follows its input: the output has the input's dtype, whatever the dtype policy. An activation inside another
    layer cannot know that layer's policy, and must not cast in its middle. Weights have the policy's variable dtype.
    """

    def __init__(self, activation: Activation, **kwargs: Any) -> None:
        kwargs.setdefault("autocast", False)
        super().__init__(**kwargs)
        self.declared = activation
        self.supports_masking = True

    @property
    def activation(self) -> Activation:
        """The activation applied, with the parameters it starts from."""
        return self.declared

    def compute_output_shape(self, input_shape: Any) -> Any:
        return tuple(input_shape)

    def compute_output_spec(self, inputs: Any, *args: Any, **kwargs: Any) -> keras.KerasTensor:
        return keras.KerasTensor(self.compute_output_shape(inputs.shape), dtype=output_dtype(inputs.dtype))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "activation": self.declared.get_config()}


def read_activation(given: Any, owner: str) -> Identified:
    """The activation that a layer was asked for: a string, an `Activation` or the config of one.

    Raises:
        ValueError: for anything else, or an activation that does not exist.
    """
    if isinstance(given, str):
        return identify(given)
    if isinstance(given, dict):
        given = Activation.from_config(given)
    if isinstance(given, Activation):
        return Identified(given, given.declaration.learnable)
    raise ValueError(
        f"{owner}: activation={quote(given)} is not allowed; give a name such as 'swish(beta=1.0)', or an Activation. "
        "A function of your own becomes one with @keras_actx.activation."
    )
