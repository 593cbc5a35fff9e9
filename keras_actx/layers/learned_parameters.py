"""What layers have in common whose parameters are weights: one for all, one a channel, or one along any axes."""

import collections
from collections.abc import Mapping, Sequence
from typing import Any

import keras

from keras_actx.layers.follows_input import FollowsInputLayer
from keras_actx.names.suggest import did_you_mean, quote

#: How many layers of a name there have been. Keras gives both halves of `Bidirectional` activations of one name, and
#: its `.h5` writer refuses two weights of one path.
_copies: collections.Counter[str] = collections.Counter()


class LayerWithParameters(FollowsInputLayer):
    """An activation layer with weights that exist from construction wherever their shape is known.

    Subclasses call `_learn` in their `__init__`, and `_learned_as` in their `call`.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._copy = _copies[self.name]
        _copies[self.name] += 1

    def _distinct(self, name: str) -> str:
        """The name of a weight, other than in other layers of the same name."""
        return name if not self._copy else f"{name}_{self._copy}"

    def _learn(
        self,
        start: Mapping[str, float],
        *,
        num_parameters: int | None,
        axes: Any,
        initializer: Any,
        regularizer: Any,
        constraint: Any,
    ) -> None:
        """Note which parameters learn, from where, and make their weights if their shape is known."""
        self.num_parameters = num_parameters
        self.axes = check_axes(axes, num_parameters)
        self.initializer = by_parameter(initializer, tuple(start), keras.initializers.get, "initializer")
        self.regularizer = by_parameter(regularizer, tuple(start), keras.regularizers.get, "regularizer")
        self.constraint = by_parameter(constraint, tuple(start), keras.constraints.get, "constraint")
        self._start = dict(start)
        self._learned: dict[str, Any] = {}
        if self.axes is None or num_parameters is not None:
            self._make_weights(() if self.axes is None else (num_parameters,))

    def _make_weights(self, shape: tuple[int, ...]) -> None:
        for name, value in self._start.items():
            self._learned[name] = self.add_weight(
                name=self._distinct(name),
                shape=shape,
                initializer=self.initializer.get(name) or keras.initializers.Constant(value),
                regularizer=self.regularizer.get(name),
                constraint=self.constraint.get(name) or self._default_constraint(name),
                autocast=False,  # the formula decides its own precision
            )

    def _default_constraint(self, name: str) -> Any:
        """What keeps a parameter where it belongs when the user says nothing."""
        return None

    def build(self, input_shape: Any) -> None:
        """Make weights along `axes`; does nothing where they exist already."""
        if len(self._learned) == len(self._start):
            return
        axes = self._positive_axes(len(input_shape))
        sizes = tuple(input_shape[axis] for axis in axes)
        if None in sizes:
            raise ValueError(
                f"{self.name}: the input shape {tuple(input_shape)} has no fixed size along axes={self.axes}; "
                "choose axes of fixed size (-1 for the channels), or num_parameters"
            )
        self._make_weights(sizes)

    def _learned_for(self, inputs: Any) -> dict[str, Any]:
        """The learned parameters, in a shape that broadcasts against the input."""
        values = {name: keras.ops.convert_to_tensor(weight) for name, weight in self._learned.items()}
        if self.axes is None or self.axes == (-1,):
            return values
        rank = len(inputs.shape)
        axes = self._positive_axes(rank)

        def aligned(value: Any) -> Any:
            sizes = dict(zip(axes, value.shape, strict=True))
            return keras.ops.reshape(value, [sizes.get(axis, 1) for axis in range(rank)])

        return {name: aligned(value) for name, value in values.items()}

    def _learned_as(self, inputs: Any) -> dict[str, Any]:
        """The same in the dtype of the input."""
        return {name: keras.ops.cast(value, inputs.dtype) for name, value in self._learned_for(inputs).items()}

    def _positive_axes(self, rank: int) -> tuple[int, ...]:
        axes = tuple(sorted(axis % rank if -rank <= axis < rank else rank for axis in self.axes or ()))
        if len(set(axes)) < len(axes) or rank in axes or 0 in axes:
            raise ValueError(
                f"{self.name}: axes={self.axes} do not fit an input of {rank} dimensions; "
                f"name different ones from 1 to {rank - 1}, or negative ones"
            )
        return axes

    def _learning_config(self) -> dict[str, Any]:
        """The part of the config that `_learn` takes, and the names that learn."""
        saved = keras.saving.serialize_keras_object
        return {
            "num_parameters": self.num_parameters,
            "axes": None if self.axes is None else list(self.axes),
            "parameters": list(self._start),
            "initializer": {name: saved(one) for name, one in self.initializer.items()},
            "regularizer": {name: saved(one) for name, one in self.regularizer.items()},
            "constraint": {name: saved(one) for name, one in self.constraint.items()},
        }


def check_axes(axes: Any, num_parameters: int | None) -> tuple[int, ...] | None:
    """The axes as a tuple; None for one parameter for all. Raises `ValueError` for what cannot be axes."""
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


def by_parameter(given: Any, names: Sequence[str], get: Any, what: str) -> dict[str, Any]:
    """One object for all parameters, or one by name, as a dict by name.

    Raises:
        ValueError: for the name of a parameter that does not learn.
    """
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
