"""Base classes of layers with an activation: for `keras.RematScope`, for dtypes, and for an `Activation`."""

from typing import Any

import keras

from keras_actx.declaration.activation import Activation
from keras_actx.declaration.evaluation import output_dtype


class RematerializedLayer(keras.layers.Layer):
    """A layer whose `activation` Keras must not replace during a call.

    Under `keras.RematScope`, Keras sets `layer.activation` to a rematerialized copy for each call. This fails for a
    read-only property, and on torch for every layer, whose activation is a child module. It is also unnecessary: a
    formula of this package saves only its input, and an activation layer was created under the same scope.
    """

    def rematerialized_call(self, layer_call: Any, *args: Any, **kwargs: Any) -> Any:
        # The mode has no public name; without this private one, Keras's own method is used.
        if getattr(getattr(self, "_remat_mode", None), "mode", None) == "activations":
            return layer_call
        return super().rematerialized_call(layer_call, *args, **kwargs)


class FollowsInputLayer(RematerializedLayer):
    """A layer whose output has the input's dtype, whatever the dtype policy.

    An activation inside another layer does not know that layer's policy and must not cast within it. Weights have the
    variable dtype of the policy.
    """

    #: Whether the output shape differs from the input shape, so that it cannot be the activation of a layer.
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
        """The activation, with the initial parameters."""
        return self.declared

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "activation": self.declared.get_config()}
