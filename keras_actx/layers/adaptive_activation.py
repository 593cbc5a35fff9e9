"""`AdaptiveActivation`: any activation with a learnable scale, slope and shift."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_actx.declaration.declaration import OWN_PACKAGE
from keras_actx.declaration.evaluation import output_dtype
from keras_actx.layers._arguments import is_number, refuse_unless
from keras_actx.layers._context_layer import in_full
from keras_actx.layers._held import HeldLayer
from keras_actx.layers._learned_parameters import LayerWithParameters
from keras_actx.names.layer_names import named_layer
from keras_actx.names.public import get, refuse_other_shape
from keras_actx.names.resolve import check_num_parameters
from keras_actx.plain_numbers import takes_numpy_scalars

_NAMES = ("scale", "slope", "shift")


@named_layer(
    "adaptive",
    why="wraps another activation",
    fits_inside=True,
    tex=r"s\, f(n a x + b), \quad s: \text{scale},\ a: \text{slope},\ b: \text{shift}",
)
@keras.saving.register_keras_serializable(OWN_PACKAGE)
class AdaptiveActivation(LayerWithParameters):
    """Any activation `f` with a learned slope, shift and scale: `scale f(n slope x + shift)`.

    With `parameters=("slope",)` it is the adaptive activation of physics-informed networks (Jagtap, Kawaguchi &
    Karniadakis 2019, arXiv:1906.01170), whose fixed factor `n` accelerates the learning of the slope: it starts from
    `1 / n`, and the same step of an optimizer changes the function `n` times as much. For one slope per unit, use
    `axis=-1`, or `num_parameters=units` inside another layer.

    It may be the `activation=` of any layer, which then builds it: `Dense(64, activation=AdaptiveActivation("tanh"))`.
    Use a new instance for each layer.

    Args:
        activation: a name (`"tanh"`, `"snake(alpha=2.0)"`, `"prelu"`), an `Activation`, a layer, or a callable that
            Keras can save; it must preserve the shape.
        scale: the scale, or its initial value.
        slope: the slope, or its initial value; None for `1 / n`, so that it starts as `activation` itself.
        shift: the shift, or its initial value.
        n: the fixed factor of the slope, above 0; 1 or more in the paper.
        parameters: which of "scale", "slope" and "shift" are learnable; the others are fixed.
        num_parameters, axis, initializer, regularizer, constraint: as in `LearnableActivation`; by default shared
            parameters, initialized to the numbers above, without constraints.
        **kwargs: `name`, `dtype`, `trainable` of a Keras layer.

    Input shape: any. Output shape: the same, in the dtype of the input; under `mixed_float16` the weights are float32.
    The mask is propagated.

    Raises:
        ValueError: for an unknown activation, one that changes the shape, or incompatible settings.

    Example:

    >>> import keras, keras_actx as actx
    >>> layer = actx.layers.AdaptiveActivation("tanh", n=10.0, parameters=("slope",))
    >>> [(weight.name, round(float(keras.ops.convert_to_numpy(weight)), 3)) for weight in layer.weights]
    [('slope', 0.1)]
    """

    @takes_numpy_scalars
    def __init__(
        self,
        activation: Any,
        *,
        scale: float = 1.0,
        slope: float | None = None,
        shift: float = 0.0,
        n: float = 1.0,
        parameters: Sequence[str] = _NAMES,
        num_parameters: int | None = None,
        axis: int | Sequence[int] | None = None,
        initializer: Any = None,
        regularizer: Any = None,
        constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        def check(holds: bool, name: str, value: Any, allowed: str) -> None:
            refuse_unless(holds, "AdaptiveActivation", name, value, allowed)

        check(is_number(n) and n > 0, "n", n, "a number above 0")
        check(slope is None or is_number(slope), "slope", slope, "a number, or None for 1 / n")
        for name, value in (("scale", scale), ("shift", shift)):
            check(is_number(value), name, value, "a number")
        listed = isinstance(parameters, (list, tuple)) and 0 < len(parameters) == len(set(map(str, parameters)))
        check(
            listed and all(one in _NAMES for one in parameters),
            "parameters",
            parameters,
            "a list of one or more of 'scale', 'slope' and 'shift'",
        )
        check_num_parameters(num_parameters, "AdaptiveActivation")
        super().__init__(**kwargs)
        self.activation = get(activation)
        refuse_other_shape(self.activation)
        self.n = float(n)
        self.slope = slope if slope is None else float(slope)
        self.scale = float(scale)
        self.shift = float(shift)
        self._fixed = {"scale": self.scale, "slope": 1.0 / self.n if slope is None else self.slope, "shift": self.shift}
        self._learn(
            {name: self._fixed[name] for name in _NAMES if name in parameters},
            num_parameters=num_parameters,
            axis=axis,
            initializer=initializer,
            regularizer=regularizer,
            constraint=constraint,
        )

    def _size_is_known(self) -> bool:
        inner = self.activation
        inner_is_known = inner._size_is_known() if isinstance(inner, HeldLayer) else getattr(inner, "built", True)
        return inner_is_known and super()._size_is_known()

    def build(self, input_shape: Any) -> None:
        """Create the missing weights. Raises `ValueError` if the activation would change the shape."""
        if input_shape is not None:
            self.compute_output_shape(input_shape)
        super().build(input_shape)

    def _make_weights(self, input_shape: Any) -> None:
        super()._make_weights(input_shape)
        if isinstance(self.activation, keras.Layer) and not self.activation.built:
            self.activation.build(input_shape)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        if isinstance(self.activation, keras.Layer):
            try:
                found = self.activation.compute_output_shape(tuple(input_shape))
            except NotImplementedError:  # a user's layer without the method; checked at the call
                found = input_shape
            self._check_shape(found, input_shape)
        return tuple(input_shape)

    def _check_shape(self, found: Any, expected: Any) -> None:
        if tuple(found) != tuple(expected):
            raise ValueError(
                f"{self.name}: the activation changes the shape {tuple(expected)} to {tuple(found)}; use one that "
                "keeps the shape"
            )

    def call(self, inputs: Any) -> Any:
        """Apply the activation with slope, shift and scale."""
        inputs = ops.convert_to_tensor(inputs)
        dtype = output_dtype(inputs.dtype)
        x = in_full(inputs, dtype)
        now = {**self._fixed, **self._learned_as(x)}
        result = self.activation(self.n * now["slope"] * x + now["shift"])
        self._check_shape(result.shape, x.shape)
        return ops.cast(now["scale"] * ops.cast(result, x.dtype), dtype)

    def get_config(self) -> dict[str, Any]:
        own = ("scale", "slope", "shift", "n")
        return {
            **super().get_config(),
            "activation": keras.activations.serialize(self.activation),
            **{name: getattr(self, name) for name in own},
            **self._learning_config(),
        }
