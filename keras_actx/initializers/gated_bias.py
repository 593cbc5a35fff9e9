"""`GatedBias`: a bias with separate means for values and gates."""

from typing import Any

import keras

from keras_actx._messages import quote
from keras_actx.choices import Gate
from keras_actx.declaration.declaration import OWN_PACKAGE
from keras_actx.initializers.kernels import join_halves
from keras_actx.plain_numbers import takes_numpy_scalars
from keras_actx.saved_configs import in_todays_form
from keras_actx.seeds import checked_seed, saved_seed


@keras.saving.register_keras_serializable(OWN_PACKAGE)
class GatedBias(keras.initializers.Initializer):
    """Initializes the bias before a gated activation: N(value_mean, stddev^2) and N(gate_mean, stddev^2).

    Created by `Pairing.bias_initializer`.

    Args:
        value_mean, gate_mean: finite numbers.
        stddev: the standard deviation, at least 0.
        seed: None, a whole number from 0 to 2**31 - 1 for the same draw after every restart, or a
            `keras.random.SeedGenerator` for different numbers at each call.
        gate: which half is the gate, "last" or "first", as in `layers.GatedLinearUnit`.
        interleaved: whether value and gate alternate.

    Raises:
        ValueError: for an argument out of range, and for an odd number of biases.

    Example:

    >>> import keras_actx as actx
    >>> start = actx.pairing("swiglu", "critical").bias_initializer()
    >>> start.value_mean, start.gate_mean
    (3.5, 0.5)
    """

    @takes_numpy_scalars
    def __init__(
        self,
        value_mean: float,
        gate_mean: float,
        *,
        stddev: float = 0.0,
        seed: Any = None,
        gate: Gate = "last",
        interleaved: bool = False,
    ) -> None:
        numbers = {"value_mean": value_mean, "gate_mean": gate_mean, "stddev": stddev}
        for name, value in numbers.items():
            number = isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e30
            if not number or (name == "stddev" and value < 0):
                allowed = "a number" + " from 0 on" * (name == "stddev")
                raise ValueError(f"GatedBias: {name}={quote(value)} is not allowed; use {allowed}")
        seed = checked_seed(seed, "GatedBias")
        if not isinstance(gate, str) or gate not in ("first", "last"):
            raise ValueError(f"GatedBias: gate={quote(gate)} is not allowed; use 'first' or 'last'")
        if not isinstance(interleaved, bool):
            raise ValueError(f"GatedBias: interleaved={quote(interleaved)} is not allowed; use True or False")
        self.value_mean = float(value_mean)
        self.gate_mean = float(gate_mean)
        self.stddev = float(stddev)
        self.seed = seed
        self.gate = gate
        self.interleaved = interleaved
        self._draw = keras.initializers.RandomNormal(0.0, self.stddev, seed=seed)

    def __call__(self, shape: Any, dtype: Any = None, **kwargs: Any) -> Any:
        """A bias of `shape`, whose last size must be even."""
        shape = tuple(shape)
        if not shape or shape[-1] % 2:
            raise ValueError(f"a gated activation halves its biases, so their number must be even; it is {shape}")
        half = (*shape[:-1], shape[-1] // 2)
        dtype = keras.backend.standardize_dtype(dtype)
        means = [keras.ops.full(half, mean, dtype=dtype) for mean in (self.value_mean, self.gate_mean)]
        if self.gate == "first":
            means.reverse()
        mean = join_halves(*means, interleaved=self.interleaved)
        return mean + self._draw(shape, dtype=dtype, **kwargs) if self.stddev else mean

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "GatedBias":
        return cls(**in_todays_form(config))

    def get_config(self) -> dict[str, Any]:
        names = ("value_mean", "gate_mean", "stddev", "gate", "interleaved")
        return {**{name: getattr(self, name) for name in names}, "seed": saved_seed(self.seed)}
