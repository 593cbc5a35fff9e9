"""The base classes of layers with an activation: under `keras.RematScope`, in dtype, and around an `Activation`."""

from typing import Any

import keras

from keras_actx.declaration.activation import Activation
from keras_actx.declaration.evaluation import output_dtype


class RematerializedLayer(keras.layers.Layer):
    """A layer whose `activation` Keras must not replace while the layer runs.

    Under that scope Keras sets `layer.activation` to a rematerialized copy for each call: for a read-only property it
    fails, and on torch for every layer, since there it is a child module. Nor is there a need: a formula of this
    package keeps its input alone anyway, and an activation that is a layer was made under the same scope.
    """

    def rematerialized_call(self, layer_call: Any, *args: Any, **kwargs: Any) -> Any:
        # No public name tells the mode; without this one, Keras's own method is used.
        if getattr(getattr(self, "_remat_mode", None), "mode", None) == "activations":
            return layer_call
        return super().rematerialized_call(layer_call, *args, **kwargs)


class FollowsInputLayer(RematerializedLayer):
    """A layer whose output has the input's dtype, whatever the dtype policy.

    An activation inside another layer cannot know that layer's policy, and must not cast in its middle. Weights have
    the policy's variable dtype.
    """

    #: Whether the output has another shape than the input, so that no layer can hold it as its activation.
    changes_shape = False

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("autocast", False)
        super().__init__(**kwargs)
        self.supports_masking = True

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        return tuple(input_shape)

    def compute_output_spec(self, inputs: Any, *args: Any, **kwargs: Any) -> keras.KerasTensor:
        return keras.KerasTensor(self.compute_output_shape(inputs.shape), dtype=output_dtype(inputs.dtype))


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
