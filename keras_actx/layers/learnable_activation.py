"""`LearnableActivation`: an activation with learnable parameters."""

import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any

import keras
import numpy as np

from keras_actx import backend
from keras_actx._messages import did_you_mean, quote
from keras_actx.constraints import InRange, ends_of
from keras_actx.declaration.activation import Activation
from keras_actx.declaration.declaration import OWN_PACKAGE, Declaration
from keras_actx.declaration.evaluation import evaluate
from keras_actx.layers._base import DeclaredActivationLayer
from keras_actx.layers._learned_parameters import LayerWithParameters, kept_within
from keras_actx.names.public import use_for_state
from keras_actx.names.resolve import check_num_parameters, resolve_declared
from keras_actx.plain_numbers import takes_numpy_scalars


@keras.saving.register_keras_serializable(OWN_PACKAGE)
class LearnableActivation(LayerWithParameters, DeclaredActivationLayer):
    """An activation with learnable parameters: shared, one per channel, or one per position along any axes.

    As the `activation=` of another layer, where a string such as `"swish(beta=1.5, learnable=True)"` creates a new one,
    it is built together with that layer. A learned value is kept in its declared range by a constraint, and in the
    formula by clipping values that an optimizer without constraints has moved out of the range.

    Args:
        activation: a string with the initial values (`"swish(beta=1.0)"`), or an `Activation`.
        num_parameters: None for one shared value of each parameter, or the number of channels for one value per
            channel.
        axis: None, or the axis or axes of the input (except the batch axis 0) along which the parameters vary: `-1` for
            one value per channel, `(1, 2, 3)` for one per element of an image. With `num_parameters`, the default is
            the channel axis: -1, or 1 inside a layer with `data_format="channels_first"`. Sizes along `axis` must be
            known at build; all others may vary.
        per_channel: one value for each channel, along the same axis as with `num_parameters`; the number is inferred.
        parameters: the names of the learnable parameters; None for all that the declaration allows. They are available
            as `learned_names`.
        initializer: None for the values in `activation`; or a Keras initializer; or a dict of them by parameter name.
        regularizer: a Keras regularizer, or a dict by parameter name.
        constraint: None for the declared range; or a Keras constraint; or a dict by parameter name.
        **kwargs: `name`, `dtype`, `trainable` of a Keras layer.

    Input shape: any. Output shape: the same, in the dtype of the input; under `mixed_float16` the weights are float32.

    Raises:
        ValueError: for an unknown activation, one without a numeric parameter, or incompatible settings; and on build
            for a number of channels other than `num_parameters`.

    Example:

    >>> import keras_actx as actx
    >>> layer = actx.layers.LearnableActivation("swish(beta=1.0)", num_parameters=16)
    >>> [tuple(weight.shape) for weight in layer.weights]
    [(16,)]
    """

    @takes_numpy_scalars
    def __init__(
        self,
        activation: Any,
        *,
        num_parameters: int | None = None,
        axis: int | Sequence[int] | None = None,
        per_channel: bool = False,
        parameters: Sequence[str] | None = None,
        initializer: Any = None,
        regularizer: Any = None,
        constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        resolved = resolve_declared(activation, "LearnableActivation")
        if num_parameters is None and per_channel is False:
            num_parameters, per_channel = resolved.num_parameters, resolved.per_channel and axis is None
        check_num_parameters(num_parameters, "LearnableActivation")
        declaration = resolved.activation.declaration
        chosen = _check_parameters(declaration, parameters)
        super().__init__(activation=resolved.activation, **kwargs)
        start = dict(resolved.activation.params)
        ranges = {one.name: one.range for one in declaration.parameters}
        self._ends = {name: ends_of(ranges[name], start[name]) for name in chosen}
        self._learn(
            {name: start[name] for name in chosen},
            num_parameters=num_parameters,
            axis=axis,
            per_channel=per_channel,
            initializer=initializer,
            regularizer=regularizer,
            constraint=constraint,
        )

    @property
    def name(self) -> str:
        """The layer's name; for Keras's plots, which label activations by it, the activation's current string."""
        if backend.reads_bytecode() or sys._getframe(1).f_code.co_name != "get_layer_activation_name":
            return self._own_name
        return str(self)

    @name.setter
    def name(self, value: str) -> None:
        self._own_name = value

    @property
    def learned_names(self) -> tuple[str, ...]:
        """The names of the learnable parameters."""
        return tuple(self._start)

    def _ends_of(self, name: str) -> tuple[float | None, float | None]:
        return self._ends[name]

    def _default_constraint(self, name: str) -> Any:
        ends = self._ends[name]
        return None if ends == (None, None) else InRange(*ends)

    def call(self, inputs: Any) -> Any:
        """Apply the activation with the learned parameters."""
        return evaluate(self.declared.declaration, inputs, {**dict(self.declared.params), **self._learned_for(inputs)})

    def fixed(self) -> Activation:
        """The fixed activation with the current values; its `str` is the equivalent string.

        Raises:
            ValueError: if a parameter has more than one value.

        Example:

        >>> import keras_actx as actx
        >>> layer = actx.layers.LearnableActivation("swish(beta=1.0)")
        >>> _ = layer.weights[0].assign(0.75)
        >>> layer.fixed()
        swish(beta=0.75)
        """
        now = self._values_now()
        for name, value in now.items():
            if value.ndim:
                raise ValueError(
                    f"{self.name}: {name} has {value.size} values, so no fixed activation is equivalent; "
                    "bind one of your choice: layer.activation.bind(...)"
                )
        return self.declared.bind(**{name: self._in_range(name, float(value)) for name, value in now.items()})

    def _in_range(self, name: str, number: float) -> float:
        """The number clipped to the range, a bound of which the weight's dtype may not represent exactly."""
        low, high = self._ends[name]
        number = number if low is None else max(low, number)
        return number if high is None else min(high, number)

    def _values_now(self) -> dict[str, np.ndarray]:
        """The learned values, clipped to their ranges; the initial values before the weights exist."""
        start = {name: np.asarray(value) for name, value in self._start.items()}
        kept = ((name, kept_within(weight.value, *self._ends[name])) for name, weight in self._learned.items())
        return {**start, **{name: np.asarray(keras.ops.convert_to_numpy(value)) for name, value in kept}}

    def __str__(self) -> str:
        """The activation with the current values: `swish(beta=0.71)`; a range if there are several."""
        shown = dict.fromkeys(self._start, "...")
        with suppress(Exception):  # within a traced function there are no values
            # torch prints a module that it exports, and would record the reading of its weights.
            if not any(backend.exporting(weight.value) for weight in self._learned.values()):
                shown = {name: _digits(value) for name, value in self._values_now().items()}
        settings = [f"{name}={shown.get(name, value)}" for name, value in self.declared.params]
        return f"{self.declared.name}({', '.join(settings)})"

    def __repr__(self) -> str:
        return f"<LearnableActivation {self}, name={self._own_name}>"

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **self._learning_config()}


def _digits(values: np.ndarray) -> str:
    """A number rounded to four digits, or the lowest and highest of several."""
    low, high = float(values.min()), float(values.max())
    return f"{low:.4g}" if values.size == 1 else f"{low:.4g}..{high:.4g}"


def _check_parameters(declaration: Declaration, given: Sequence[str] | None) -> tuple[str, ...]:
    can_learn = [one.name for one in declaration.parameters if one.kind is float and not one.optional]
    if declaration.kind == "gated" or declaration.stochastic or not can_learn:
        raise ValueError(f"{declaration.identifier} has no learnable parameter")
    chosen = declaration.learnable_parameters if given is None else given
    listed = isinstance(chosen, Iterable) and not isinstance(chosen, (str, bytes))
    chosen = tuple(chosen) if listed else ()
    if not chosen:
        raise ValueError(
            f"{declaration.identifier}: parameters={quote(given)} is not a list of names; learnable are {can_learn}"
        )
    for name in chosen:
        if name not in can_learn:
            hint = did_you_mean(str(name), can_learn)
            raise ValueError(
                f"{declaration.identifier}: {quote(name)} is not learnable; use {', '.join(can_learn)}.{hint}"
            )
    return chosen


use_for_state("learnable", LearnableActivation)
