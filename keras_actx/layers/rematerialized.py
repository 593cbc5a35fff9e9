"""What the layers with an `activation` do under `keras.RematScope(mode="activations")`."""

from typing import Any

import keras


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
