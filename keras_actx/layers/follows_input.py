"""What all activation layers but the context-dependent ones have in common: they follow their input's dtype."""

from typing import Any

import keras

from keras_actx.declaration.evaluation import output_dtype
from keras_actx.layers.rematerialized import RematerializedLayer


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
