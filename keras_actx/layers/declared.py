"""What the activation layers have in common: they hold an `Activation`."""

from typing import Any

from keras_actx._messages import quote
from keras_actx.declaration.activation import Activation
from keras_actx.layers.follows_input import FollowsInputLayer
from keras_actx.names.identify import Identified, identify


class DeclaredActivationLayer(FollowsInputLayer):
    """A layer that applies one declared activation."""

    def __init__(self, activation: Activation, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.declared = activation

    @property
    def activation(self) -> Activation:
        """The activation applied, with the parameters it starts from."""
        return self.declared

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
        return Identified(given, given.declaration.learnable, stochastic=given.declaration.stochastic)
    raise ValueError(
        f"{owner}: activation={quote(given)} is not allowed; give a name such as 'swish(beta=1.0)', or an Activation. "
        "A function of your own becomes one with @keras_actx.activation."
    )
