"""`LearnableActivation`: an activation whose parameters are weights."""

import collections
from collections.abc import Mapping, Sequence
from typing import Any

import keras

from keras_actx.constraints import constraint_for
from keras_actx.declaration.declaration import OWN_PACKAGE, Declaration
from keras_actx.declaration.evaluation import evaluate
from keras_actx.layers.declared import DeclaredActivationLayer, read_activation
from keras_actx.names.identify import check_num_parameters
from keras_actx.names.suggest import did_you_mean, quote

#: How many layers of a name there have been. Keras gives both halves of `Bidirectional` activations of one name, and
#: its `.h5` writer refuses two weights of one path.
_copies: collections.Counter[str] = collections.Counter()


@keras.saving.register_keras_serializable(OWN_PACKAGE)
class LearnableActivation(DeclaredActivationLayer):
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
        super().__init__(identified.activation, **kwargs)
        self.num_parameters = num_parameters
        self.axes = _check_axes(axes, num_parameters)
        self.parameters = chosen
        self.initializer = _by_parameter(initializer, chosen, keras.initializers.get, "initializer")
        self.regularizer = _by_parameter(regularizer, chosen, keras.regularizers.get, "regularizer")
        self.constraint = _by_parameter(constraint, chosen, keras.constraints.get, "constraint")
        self._copy = _copies[self.name]
        _copies[self.name] += 1
        self._learned: dict[str, Any] = {}
        if self.axes is None or num_parameters is not None:
            self._make_weights(() if self.axes is None else (num_parameters,))
            self.built = True

    def _make_weights(self, shape: tuple[int, ...]) -> None:
        start = dict(self.declared.params)
        ranges = {one.name: one.range for one in self.declared.declaration.parameters}
        for name in self.parameters:
            self._learned[name] = self.add_weight(
                name=name if not self._copy else f"{name}_{self._copy}",
                shape=shape,
                initializer=self.initializer.get(name) or keras.initializers.Constant(start[name]),
                regularizer=self.regularizer.get(name),
                constraint=self.constraint.get(name) or constraint_for(ranges[name]),
                autocast=False,  # the formula decides its own precision
            )

    def build(self, input_shape: Any) -> None:
        """Make weights along `axes`; does nothing where they exist already."""
        if self._learned:
            return
        axes = self._positive_axes(len(input_shape))
        sizes = tuple(input_shape[axis] for axis in axes)
        if None in sizes:
            raise ValueError(
                f"{self.name}: the input shape {tuple(input_shape)} has no fixed size along axes={self.axes}; "
                "choose axes of fixed size (-1 for the channels), or num_parameters"
            )
        self._make_weights(sizes)

    def call(self, inputs: Any) -> Any:
        """Apply the activation with the learned parameters."""
        settings = dict(self.declared.params)
        for name, weight in self._learned.items():
            settings[name] = self._aligned(keras.ops.convert_to_tensor(weight), inputs)
        return evaluate(self.declared.declaration, inputs, settings)

    def _aligned(self, weight: Any, inputs: Any) -> Any:
        """The weight in a shape that broadcasts against the input along `axes`."""
        if self.axes is None or self.axes == (-1,):
            return weight
        rank = len(inputs.shape)
        sizes = dict(zip(self._positive_axes(rank), weight.shape, strict=True))
        return keras.ops.reshape(weight, [sizes.get(axis, 1) for axis in range(rank)])

    def _positive_axes(self, rank: int) -> tuple[int, ...]:
        axes = tuple(sorted(axis % rank if -rank <= axis < rank else rank for axis in self.axes or ()))
        if len(set(axes)) < len(axes) or rank in axes or 0 in axes:
            raise ValueError(
                f"{self.name}: axes={self.axes} do not fit an input of {rank} dimensions; "
                f"name different ones from 1 to {rank - 1}, or negative ones"
            )
        return axes

    def get_config(self) -> dict[str, Any]:
        saved = keras.saving.serialize_keras_object
        return {
            **super().get_config(),
            "num_parameters": self.num_parameters,
            "axes": None if self.axes is None else list(self.axes),
            "parameters": list(self.parameters),
            "initializer": {name: saved(one) for name, one in self.initializer.items()},
            "regularizer": {name: saved(one) for name, one in self.regularizer.items()},
            "constraint": {name: saved(one) for name, one in self.constraint.items()},
        }


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


def _check_axes(axes: Any, num_parameters: int | None) -> tuple[int, ...] | None:
    if axes is None:
        return None if num_parameters is None else (-1,)
    axes = (axes,) if isinstance(axes, int) else axes
    if not isinstance(axes, (tuple, list)) or not axes or not all(type(one) is int and one != 0 for one in axes):
        raise ValueError(
            f"axes={quote(axes)} is not allowed; use None, -1, or a tuple of axes other than the batch axis 0"
        )
    if num_parameters is not None and len(axes) > 1:
        raise ValueError(f"num_parameters={num_parameters} is for one axis; axes={quote(axes)} names {len(axes)}")
    return tuple(axes)


def _by_parameter(given: Any, names: Sequence[str], get: Any, what: str) -> dict[str, Any]:
    """One object for all parameters, or one by name, as a dict by name."""
    if given is None:
        return {}
    if not isinstance(given, Mapping) or "class_name" in given:
        if isinstance(given, keras.initializers.Initializer):
            return {name: given.clone() if hasattr(given, "clone") else given for name in names}
        return {name: get(given) for name in names}
    for name in given:
        if name not in names:
            hint = did_you_mean(str(name), names)
            raise ValueError(f"{what} names {quote(name)}, but what learns is {', '.join(names)}.{hint}")
    return {name: get(one) for name, one in given.items() if one is not None}
