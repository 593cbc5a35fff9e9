"""`PropagationProbe`: measures signal and gradient propagation through a stack of blocks."""

import itertools
import math
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from keras_actx.backend import forward_and_vjp

__all__ = ["Propagation", "PropagationProbe"]


@dataclass(frozen=True)
class Propagation:
    """Three second moments for each layer, from the first to the last, as log10.

    The second moment of the pre-activations z, the values between a layer's kernel and its activation; of their
    differences between inputs (their variance over the batch, averaged over units); and of the gradient with respect to
    z, for a random gradient of size 1 at the last layer.

    Example:

    >>> import numpy as np
    >>> from keras_actx.propagation import Propagation
    >>> steady, falling = np.zeros(3), np.array([0.0, -1.0, -2.0])
    >>> Propagation(signal=steady, across_inputs=steady, gradient=falling).excursions()
    (0.0, 2.0)
    """

    signal: np.ndarray
    across_inputs: np.ndarray
    gradient: np.ndarray

    def excursions(self) -> tuple[float, float]:
        """The largest deviation of signal and gradient from those of the first layer, over all depths, as log10."""
        return _excursion(self.signal), _excursion(self.gradient)


class PropagationProbe:
    """Measures propagation through stacks that differ in their weights only; they share the compiled functions.

    Args:
        stack: a built `keras_actx.layers.DenseStack`, of at least two blocks, without normalization, dropout or
            residual paths.

    Raises:
        ValueError: for another stack, or one whose blocks differ in shape.

    Example:

    >>> import numpy as np
    >>> import keras_actx as actx
    >>> from keras_actx.propagation import PropagationProbe
    >>> stack = actx.layers.DenseStack(64, "tanh", depth=20, scheme="critical", seed=1)
    >>> x = np.random.default_rng(1).normal(size=(32, 64)).astype("float32")
    >>> stack.build(x.shape)
    >>> bool(max(PropagationProbe(stack)(stack, x).excursions()) < 0.5)
    True
    """

    def __init__(self, stack: Any) -> None:
        for block in stack.blocks:
            plain = block.normalization is None and block.dropout_layer is None and not block.residual
            if not plain or not block.dense.built:
                raise ValueError(f"{block.name} is not built, or has more than a Dense layer and an activation")
        if len(stack.blocks) < 2:
            raise ValueError("a stack of one block has no layer between its first and last pre-activations")
        self._below, self._above = stack.blocks[:2]
        self._variables = _between(self._below, self._above)
        self._forward, self._vjp = forward_and_vjp(self._step)

    def _step(self, weights: Any, z: Any) -> Any:
        """From the pre-activation of one block to that of the next."""
        with keras.StatelessScope(state_mapping=list(zip(self._variables, weights, strict=True))):
            return self._above.dense(self._below.activate(z))

    def __call__(self, stack: Any, x: Any, seed: int | None = 0) -> Propagation:
        """Propagate `x` forward through the stack and a random gradient backward.

        Args:
            stack: the stack of this probe, or another one of the same activation and size.
            x: the input, of shape `(batch, features)`.
            seed: of the random gradient at the last layer's pre-activations.
        """
        z = stack.blocks[0].dense(keras.ops.convert_to_tensor(x))
        steps = [[one.value for one in _between(*pair)] for pair in itertools.pairwise(stack.blocks)]
        seen = [z]
        for weights in steps:
            seen.append(self._forward(weights, seen[-1]))
        rng = np.random.default_rng(seed)
        top = rng.normal(size=tuple(z.shape))
        top /= math.sqrt(np.mean(top**2))
        gradient = keras.ops.convert_to_tensor(top.astype(keras.backend.floatx()))
        # The backward pass is linear: the gradient is rescaled to size 1 at every layer, to stay in the range of the
        # dtype.
        size = 0.0
        sizes = [size]
        for weights, below in zip(reversed(steps), reversed(seen[:-1]), strict=True):
            gradient = self._vjp(weights, below, gradient)
            factor = float(np.mean(_numpy(gradient) ** 2))
            size += _log10(factor)
            sizes.append(size)
            gradient = gradient / (math.sqrt(factor) if 0 < factor < math.inf else 1.0)
        values = [_numpy(one) for one in seen]
        with np.errstate(all="ignore"):
            signal = np.array([_log10(np.mean(one**2)) for one in values])
            across = np.array([_log10(np.mean(np.var(one, axis=0))) for one in values])
        return Propagation(signal, across, np.array(sizes[::-1]))


def _between(below: Any, above: Any) -> list[Any]:
    """The weights between the pre-activations of two blocks."""
    return [*below.activation_layer.variables, *above.dense.variables]


def _numpy(x: Any) -> np.ndarray:
    return np.asarray(keras.ops.convert_to_numpy(x), dtype="float64")


def _log10(number: float | np.floating) -> float:
    return math.log10(number) if 0 < number < math.inf else (-math.inf if number == 0 else math.inf)


def _excursion(decades: np.ndarray) -> float:
    """Infinite if any value is not finite."""
    away = np.abs(decades - decades[0]) if math.isfinite(decades[0]) else np.array([math.inf])
    return float(np.where(np.isnan(away), math.inf, away).max())
