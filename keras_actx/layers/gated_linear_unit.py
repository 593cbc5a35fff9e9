"""`GatedLinearUnit`: the layer that splits the last axis into value and gate."""

from typing import Any

import keras

from keras_actx._messages import quote
from keras_actx.choices import Gate
from keras_actx.declaration.activation import use_in_graphs
from keras_actx.declaration.declaration import OWN_PACKAGE
from keras_actx.declaration.evaluation import evaluate
from keras_actx.layers._base import DeclaredActivationLayer
from keras_actx.names.resolve import resolve_declared
from keras_actx.plain_numbers import takes_numpy_scalars


@keras.saving.register_keras_serializable(OWN_PACKAGE)
class GatedLinearUnit(DeclaredActivationLayer):
    """Splits the last axis into a value and a gate, and multiplies the value by a function of the gate.

    Args:
        activation: a gated name (`keras_actx.names(kind="gated")`), such as `"swiglu"`.
        gate: which half is the gate, "last" (as for `glu` in Keras and torch) or "first".
        interleaved: whether value and gate are alternating columns instead of halves; `gate` then says which column of
            each pair is the gate. Checkpoints of gpt-oss load with
            `GatedLinearUnit("swiglu_clamped", gate="first", interleaved=True)`.
        **kwargs: `name`, `dtype` of a Keras layer.

    Input shape: `(..., 2 * n)`. Output shape: `(..., n)`, in the dtype of the input.

    Raises:
        ValueError: for an activation that is unknown or not gated, or a last axis of odd size.

    Example:

    >>> import keras_actx as actx
    >>> actx.layers.GatedLinearUnit("swiglu").compute_output_shape((None, 8))
    (None, 4)
    """

    changes_shape = True

    @takes_numpy_scalars
    def __init__(self, activation: Any, *, gate: Gate = "last", interleaved: bool = False, **kwargs: Any) -> None:
        resolved = resolve_declared(activation, "GatedLinearUnit")
        if resolved.activation.declaration.kind != "gated":
            raise ValueError(f"{resolved.activation} is not gated; pass it as `activation=` of any layer")
        if not isinstance(gate, str) or gate not in ("first", "last"):
            raise ValueError(f"gate={quote(gate)} is not allowed; use 'first' or 'last'")
        if not isinstance(interleaved, bool):
            raise ValueError(f"interleaved={quote(interleaved)} is not allowed; use True or False")
        super().__init__(resolved.activation, **kwargs)
        self.gate: Gate = gate
        self.interleaved = interleaved
        self._build_at_init()

    def call(self, inputs: Any) -> Any:
        """Apply the gate."""
        if self.gate == "first" or self.interleaved:
            self.compute_output_shape(inputs.shape)  # raises for an odd axis
        params = dict(self.declared.params)
        return evaluate(self.declared.declaration, inputs, params, gate=self.gate, interleaved=self.interleaved)

    def compute_output_shape(self, input_shape: Any) -> Any:
        *others, width = input_shape
        if width is None or width % 2:
            raise ValueError(
                f"{self.name}: the last axis of {tuple(input_shape)} must have a known, even size, to be split into "
                "value and gate"
            )
        return (*others, width // 2)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "gate": self.gate, "interleaved": self.interleaved}


use_in_graphs("gated", GatedLinearUnit)
