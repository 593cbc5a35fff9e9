"""`LearnableActivation`: an activation whose parameters are weights."""

from collections.abc import Sequence
from typing import Any

import keras

from keras_actx.constraints import constraint_for
from keras_actx.declaration.declaration import OWN_PACKAGE, Declaration
from keras_actx.declaration.evaluation import evaluate
from keras_actx.layers.declared import DeclaredActivationLayer, read_activation
from keras_actx.layers.learned_parameters import LayerWithParameters
from keras_actx.names.identify import check_num_parameters
from keras_actx.names.suggest import did_you_mean, quote
from keras_actx.scalars import takes_numpy_scalars


@keras.saving.register_keras_serializable(OWN_PACKAGE)
class LearnableActivation(LayerWithParameters, DeclaredActivationLayer):
    """An activation whose parameters learn: one for all, one a channel, or one along any axes.

    The weights exist from construction wherever their shape is known, so that it works as the `activation=` of any
    layer; a string such as `"swish(beta=1.5, learnable=True)"` gives that layer a new one of these.

    Args:
        activation: a string with the start values (`"swish(beta=1.0)"`), or an `Activation`.
        num_parameters: None for one value of each parameter, or the number of channels for one value a channel.
        axes: None, or the axes of the input (the batch axis, 0, excepted) along which the parameters differ: `-1` for
            one a channel, `(1, 2, 3)` for one an element of an image. With `num_parameters`, the channel axis,
            -1 if not given. Sizes along `axes` must be known at build; all others may vary.
        parameters: the names that learn; None for all that its declaration lets learn.
        initializer: None to start from the values in `activation`; or a Keras initializer; or a dict of them by
            parameter name.
        regularizer: a Keras regularizer, or a dict by parameter name.
        constraint: None for the declared range; or a Keras constraint; or a dict by parameter name.
        **kwargs: `name`, `dtype`, `trainable` of a Keras layer.

    Input shape: any. Output shape: the same, in the dtype of the input; under `mixed_float16` the weights stay float32.

    Raises:
        ValueError: for an unknown activation, one without a numeric parameter, or settings that do not fit.

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
        parameters: Sequence[str] | None = None,
        initializer: Any = None,
        regularizer: Any = None,
        constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        identified = read_activation(activation, "LearnableActivation")
        if num_parameters is None:
            num_parameters = identified.num_parameters
        check_num_parameters(num_parameters, "LearnableActivation")
        declaration = identified.activation.declaration
        chosen = _check_parameters(declaration, parameters)
        super().__init__(activation=identified.activation, **kwargs)
        self.parameters = chosen
        start = dict(identified.activation.params)
        self._learn(
            {name: start[name] for name in chosen},
            num_parameters=num_parameters,
            axes=axes,
            initializer=initializer,
            regularizer=regularizer,
            constraint=constraint,
        )
        if self._learned:
            self.built = True

    def _default_constraint(self, name: str) -> Any:
        ranges = {one.name: one.range for one in self.declared.declaration.parameters}
        return constraint_for(ranges[name])

    def call(self, inputs: Any) -> Any:
        """Apply the activation with the learned parameters."""
        return evaluate(self.declared.declaration, inputs, {**dict(self.declared.params), **self._learned_for(inputs)})

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **self._learning_config()}


def _check_parameters(declaration: Declaration, given: Sequence[str] | None) -> tuple[str, ...]:
    can_learn = [one.name for one in declaration.parameters if one.kind is float and not one.optional]
    if declaration.kind == "gated" or declaration.stochastic or not can_learn:
        raise ValueError(f"{declaration.identifier} has no parameter that can learn")
    chosen = declaration.learnable_parameters if given is None else given
    if isinstance(chosen, str) or not chosen:
        raise ValueError(
            f"{declaration.identifier}: parameters={quote(given)} is not a list of names; {can_learn} can learn"
        )
    for name in chosen:
        if name not in can_learn:
            hint = did_you_mean(str(name), can_learn)
            raise ValueError(f"{declaration.identifier}: {quote(name)} cannot learn; {', '.join(can_learn)} can.{hint}")
    return tuple(chosen)
