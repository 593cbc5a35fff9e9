"""The base class of layers whose parameters are weights: shared, per channel, or varying along any axes."""

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import keras

from keras_actx import backend
from keras_actx._messages import did_you_mean, quote
from keras_actx.declaration.evaluation import representable
from keras_actx.layers._arguments import check_axis
from keras_actx.layers._base import FollowsInputLayer
from keras_actx.layers._held import HeldLayer
from keras_actx.saved_configs import in_todays_form


class LayerWithParameters(HeldLayer, FollowsInputLayer):
    """An activation layer whose parameters are weights, standalone or as the activation of another layer.

    Subclasses call `_learn` in their `__init__`, and `_learned_for` or `_learned_as` in their `call`.
    """

    def _learn(
        self,
        start: Mapping[str, float],
        *,
        num_parameters: int | None,
        axis: Any,
        initializer: Any,
        regularizer: Any,
        constraint: Any,
        per_channel: bool = False,
    ) -> None:
        """Set the learnable parameters, their initial values, and the axes along which they vary."""
        if not isinstance(per_channel, bool):
            raise ValueError(f"per_channel={quote(per_channel)} is not allowed; use True or False")
        if per_channel and (axis is not None or num_parameters is not None):
            raise ValueError(
                "per_channel=True reads the number of channels from the layer that holds the activation; leave out "
                "num_parameters and axis"
            )
        self.num_parameters = num_parameters
        self.per_channel = per_channel
        self.axis = check_axis(axis, num_parameters)
        self.initializer = by_parameter(initializer, tuple(start), keras.initializers.get, "initializer")
        self.regularizer = by_parameter(regularizer, tuple(start), keras.regularizers.get, "regularizer")
        self.constraint = by_parameter(constraint, tuple(start), keras.constraints.get, "constraint")
        self._start = dict(start)

    @property
    def _learned(self) -> dict[str, Any]:
        """The weights by parameter; empty before they are created."""
        # Attributes, since TensorFlow's checkpoints do not track a dict.
        return {name: getattr(self, _ATTRIBUTE + name) for name in self._start if hasattr(self, _ATTRIBUTE + name)}

    @property
    def _has_weights(self) -> bool:
        return len(self._learned) == len(self._start)

    def _size_is_known(self) -> bool:
        return self.num_parameters is not None or (self.axis is None and not self.per_channel)

    def _make_weights(self, input_shape: Any) -> None:
        shape: tuple[int, ...] = ()
        if self.num_parameters is not None:
            shape = (self.num_parameters,)
        elif not self._size_is_known():
            axes = self._positive_axes(len(input_shape))
            shape = tuple(input_shape[axis] for axis in axes)
            if None in shape:
                raise ValueError(
                    f"{self.name}: the input shape {tuple(input_shape)} has no fixed size along "
                    f"axis={self._axes_used}; choose one of fixed size (-1 for the channels), or num_parameters"
                )
        for name, value in self._start.items():
            if name not in self.initializer:
                representable(value, name, self.name, self.variable_dtype)
            weight = self.add_weight(
                name=name,
                shape=shape,
                # On TensorFlow, Keras's `Constant` rounds the value to float32.
                initializer=self.initializer.get(name) or functools.partial(keras.ops.full, fill_value=value),
                regularizer=self.regularizer.get(name),
                constraint=self.constraint.get(name) or self._default_constraint(name),
                autocast=False,  # the formula sets its own precision
            )
            setattr(self, _ATTRIBUTE + name, weight)

    def _default_constraint(self, name: str) -> Any:
        """The default constraint of a parameter."""
        return None

    def _ends_of(self, name: str) -> tuple[float | None, float | None]:
        """The lowest and the highest value of the parameter; None if it is unbounded."""
        return None, None

    def check_input_shape(self, input_shape: Any) -> None:
        """Raise `ValueError` unless there is one value for each position along the axes."""
        if input_shape is None or self._axes_used is None:
            return
        shape = tuple(input_shape)
        axes = self._positive_axes(len(shape))
        wanted = tuple(next(iter(self._learned.values())).shape)
        found = tuple(shape[axis] for axis in axes)
        if any(each not in (1, size) and size is not None for size, each in zip(found, wanted, strict=True)):
            raise ValueError(
                f"{self.name}: {self._counted()}, but the input of shape {shape} has {_sizes(found)} along "
                f"axis {_sizes(axes)}; the two must agree, or use per_channel=True"
            )

    def _counted(self) -> str:
        if self.num_parameters is not None:
            return f"num_parameters={self.num_parameters}"
        return f"there are {_sizes(tuple(next(iter(self._learned.values())).shape))} of each parameter"

    def _learned_for(self, inputs: Any) -> dict[str, Any]:
        """The learned parameters in their ranges, in a shape that broadcasts against the input."""
        values = {
            # TensorFlow reads a variable at each use, but a cast variable once.
            name: kept_within(keras.ops.cast(weight, weight.dtype), *self._ends_of(name))
            for name, weight in self._learned.items()
        }
        if self._axes_used is None:
            return values
        self.check_input_shape(inputs.shape)
        if self._axes_used == (-1,):
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

    @property
    def _axes_used(self) -> tuple[int, ...] | None:
        """The axes along which the parameters vary; None for a shared value."""
        if self.axis is None and (self.per_channel or self.num_parameters is not None):
            return (self._channel_axis_of_holder(),)
        return self.axis

    def _positive_axes(self, rank: int) -> tuple[int, ...]:
        given = self._axes_used
        axes = tuple(sorted(axis % rank if -rank <= axis < rank else rank for axis in given or ()))
        if len(set(axes)) < len(axes) or rank in axes or 0 in axes:
            raise ValueError(
                f"{self.name}: axis={given} does not fit an input of {rank} dimensions; "
                f"use different ones from 1 to {rank - 1}, or negative ones"
            )
        return axes

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        return super().from_config(in_todays_form(config))

    def config_with_shared_parameters(self) -> dict[str, Any]:
        """The config of a copy with one value of each parameter for all channels, which needs no input shape."""
        config = self.get_config()
        return {**config, **{key: None for key in ("num_parameters", "axis") if key in config}}

    def _learning_config(self) -> dict[str, Any]:
        """The arguments of `_learn` for the config, and the names of the learnable parameters."""
        saved = keras.saving.serialize_keras_object
        return {
            "num_parameters": self.num_parameters,
            "axis": None if self.axis is None else list(self.axis),
            **({"per_channel": True} if self.per_channel else {}),
            "parameters": list(self._start),
            "initializer": {name: saved(one) for name, one in self.initializer.items()},
            "regularizer": {name: saved(one) for name, one in self.regularizer.items()},
            "constraint": {name: saved(one) for name, one in self.constraint.items()},
        }


#: The prefix of attributes for weights: a parameter may have any name, also that of an attribute of Keras.
_ATTRIBUTE = "learned_"


def kept_within(value: Any, low: float | None, high: float | None) -> Any:
    """The value clipped to the range with a straight-through gradient, so that it can return into the range.

    Keras's optimizers apply constraints; those of torch and optax do not.
    """
    if low is None and high is None:
        return value
    # Not `maximum`, which torch copies a number to the GPU for, and waits.
    inside = value if low is None else backend.clip_min(value, low)
    inside = inside if high is None else backend.clip_max(inside, high)
    return keras.ops.stop_gradient(inside) + (value - keras.ops.stop_gradient(value))


def _sizes(numbers: tuple[int | None, ...]) -> str:
    return str(numbers[0]) if len(numbers) == 1 else str(numbers)


def by_parameter(given: Any, names: Sequence[str], get: Any, what: str) -> dict[str, Any]:
    """One object for all parameters, or one by name, as a dict by name.

    Raises:
        ValueError: for the name of a parameter that is not learnable.
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
            raise ValueError(f"{what} names {quote(name)}, but the learnable parameters are {', '.join(names)}.{hint}")
    return {name: get(one) for name, one in given.items() if one is not None}
