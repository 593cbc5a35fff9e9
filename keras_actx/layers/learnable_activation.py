"""`LearnableActivation`: an activation whose parameters are weights."""

import sys
from collections.abc import Iterable, Sequence
from typing import Any

import keras
import numpy as np

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
    """An activation whose parameters learn: one for all, one a channel, or one along any axes.

    As the `activation=` of another layer, which is where a string such as `"swish(beta=1.5, learnable=True)"` puts a
    new one, it is built along with that layer. A learned value is kept in its declared range, by a constraint and in
    the formula, which takes the nearest end for a value that an optimizer without constraints has moved beyond.

    Args:
        activation: a string with the start values (`"swish(beta=1.0)"`), or an `Activation`.
        num_parameters: None for one value of each parameter, or the number of channels for one value a channel.
        axes: None, or the axes of the input (the batch axis, 0, excepted) along which the parameters differ: `-1` for
            one a channel, `(1, 2, 3)` for one an element of an image. With `num_parameters`, the channel axis if not
            given: -1, or 1 inside a layer with `data_format="channels_first"`. Sizes along `axes` must be known at
            build; all others may vary.
        per_channel: one value a channel, as many as there are, along the same axis as with `num_parameters`.
        parameters: the names that learn; None for all that its declaration lets learn. `learned_names` has them.
        initializer: None to start from the values in `activation`; or a Keras initializer; or a dict of them by
            parameter name.
        regularizer: a Keras regularizer, or a dict by parameter name.
        constraint: None for the declared range; or a Keras constraint; or a dict by parameter name.
        **kwargs: `name`, `dtype`, `trainable` of a Keras layer.

    Input shape: any. Output shape: the same, in the dtype of the input; under `mixed_float16` the weights stay float32.

    Raises:
        ValueError: for an unknown activation, one without a numeric parameter, or settings that do not fit; and on
            build for another number of channels than `num_parameters`.

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
        axes: int | Sequence[int] | None = None,
        per_channel: bool = False,
        parameters: Sequence[str] | None = None,
        initializer: Any = None,
        regularizer: Any = None,
        constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        resolved = resolve_declared(activation, "LearnableActivation")
        if num_parameters is None and per_channel is False:
            num_parameters, per_channel = resolved.num_parameters, resolved.per_channel and axes is None
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
            axes=axes,
            per_channel=per_channel,
            initializer=initializer,
            regularizer=regularizer,
            constraint=constraint,
        )

    @property
    def name(self) -> str:
        """The layer's name; to Keras's plots, which name a layer's activation by it, the activation as it is now."""
        plotted = sys._getframe(1).f_code.co_name == "get_layer_activation_name"
        return str(self) if plotted else self._own_name

    @name.setter
    def name(self, value: str) -> None:
        self._own_name = value

    @property
    def learned_names(self) -> tuple[str, ...]:
        """The parameters that learn."""
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
        """The fixed activation that this one has become; its `str` is the string for it.

        Raises:
            ValueError: where a parameter has more than one value.

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
                    f"{self.name}: {name} has {value.size} values, so no fixed activation is the same; "
                    "bind one of your choice: layer.activation.bind(...)"
                )
        return self.declared.bind(**{name: self._in_range(name, float(value)) for name, value in now.items()})

    def _in_range(self, name: str, number: float) -> float:
        """An end of a range may not be a number of the weight's dtype."""
        low, high = self._ends[name]
        number = number if low is None else max(low, number)
        return number if high is None else min(high, number)

    def _values_now(self) -> dict[str, np.ndarray]:
        """What has been learned, kept in range; the start values before there are weights."""
        start = {name: np.asarray(value) for name, value in self._start.items()}
        kept = ((name, kept_within(weight.value, *self._ends[name])) for name, weight in self._learned.items())
        return {**start, **{name: np.asarray(keras.ops.convert_to_numpy(value)) for name, value in kept}}

    def __str__(self) -> str:
        """The activation with the values of now: `swish(beta=0.71)`; a range where there are several."""
        try:
            shown = {name: _digits(value) for name, value in self._values_now().items()}
        except Exception:  # within a traced function there are no values
            shown = dict.fromkeys(self._start, "...")
        settings = [f"{name}={shown.get(name, value)}" for name, value in self.declared.params]
        return f"{self.declared.name}({', '.join(settings)})"

    def __repr__(self) -> str:
        return f"<LearnableActivation {self}, name={self._own_name}>"

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **self._learning_config()}


def _digits(values: np.ndarray) -> str:
    """A number to four digits, or the lowest and highest of several."""
    low, high = float(values.min()), float(values.max())
    return f"{low:.4g}" if values.size == 1 else f"{low:.4g}..{high:.4g}"


def _check_parameters(declaration: Declaration, given: Sequence[str] | None) -> tuple[str, ...]:
    can_learn = [one.name for one in declaration.parameters if one.kind is float and not one.optional]
    if declaration.kind == "gated" or declaration.stochastic or not can_learn:
        raise ValueError(f"{declaration.identifier} has no parameter that can learn")
    chosen = declaration.learnable_parameters if given is None else given
    listed = isinstance(chosen, Iterable) and not isinstance(chosen, (str, bytes))
    chosen = tuple(chosen) if listed else ()
    if not chosen:
        raise ValueError(
            f"{declaration.identifier}: parameters={quote(given)} is not a list of names; {can_learn} can learn"
        )
    for name in chosen:
        if name not in can_learn:
            hint = did_you_mean(str(name), can_learn)
            raise ValueError(f"{declaration.identifier}: {quote(name)} cannot learn; {', '.join(can_learn)} can.{hint}")
    return chosen


use_for_state("learnable", LearnableActivation)
