"""`propagate`: what a row of blocks does to a signal on its way up and to a gradient on its way down, measured."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from keras_actx.backend import pull_back


@dataclass(frozen=True)
class Propagation:
    """Three second moments, one number a layer from the first to the last, as log10: factors of ten are units.

    Those of the pre-activations z, which stand between a layer's kernel and its activation; of their differences
    between inputs (their variance over the batch, averaged over units); and of the gradient with respect to them, for
    a random gradient of size 1 at the last.
    """

    signal: np.ndarray
    across_inputs: np.ndarray
    gradient: np.ndarray

    def excursions(self) -> tuple[float, float]:
        """How far signal and gradient come away from the first layer's, at any depth, in factors of ten."""
        return _excursion(self.signal), _excursion(self.gradient)


def propagate(blocks: Sequence[Any], x: Any, seed: int = 0) -> Propagation:
    """Send `x` up through the blocks and a random gradient back down.

    Args:
        blocks: `keras_actx.layers.DenseBlock`s, built, without normalization, dropout or residual paths; those of a
            `DenseStack`, for example.
        x: the input, of shape `(batch, features)`.
        seed: of the gradient at the last layer's pre-activations.

    Example:

    >>> import numpy as np
    >>> import keras_actx as actx
    >>> from keras_actx.propagation import propagate
    >>> stack = actx.layers.DenseStack(20, 64, "tanh", scheme="critical", seed=1)
    >>> x = np.random.default_rng(1).normal(size=(32, 64)).astype("float32")
    >>> stack.build(x.shape)
    >>> bool(max(propagate(stack.blocks, x).excursions()) < 0.5)
    True
    """
    z = blocks[0].dense(keras.ops.convert_to_tensor(x))
    steps, seen = [], [z]
    for below, above in itertools.pairwise(blocks):
        steps.append(_step(below, above))
        z = steps[-1](z)
        seen.append(z)
    rng = np.random.default_rng(seed)
    gradient = keras.ops.convert_to_tensor(rng.normal(size=tuple(z.shape)).astype(keras.backend.floatx()))
    # A gradient's way is linear: brought back to size 1 at every layer, it never leaves the range of the dtype.
    size = 0.0
    sizes = [size]
    for step, below in zip(reversed(steps), reversed(seen[:-1]), strict=True):
        gradient = pull_back(step, below, gradient)
        factor = float(np.mean(_numpy(gradient) ** 2))
        size += _log10(factor)
        sizes.append(size)
        gradient = gradient / (math.sqrt(factor) if 0 < factor < math.inf else 1.0)
    values = [_numpy(one) for one in seen]
    with np.errstate(all="ignore"):
        signal = np.array([_log10(np.mean(one**2)) for one in values])
        across = np.array([_log10(np.mean(np.var(one, axis=0))) for one in values])
    return Propagation(signal, across, np.array(sizes[::-1]))


def _step(below: Any, above: Any) -> Any:
    """From the pre-activation of one block to that of the next."""
    return lambda z: above.dense(below.activation_layer(z))


def _numpy(x: Any) -> np.ndarray:
    return np.asarray(keras.ops.convert_to_numpy(x), dtype="float64")


def _log10(number: float) -> float:
    return math.log10(number) if 0 < number < math.inf else (-math.inf if number == 0 else math.inf)


def _excursion(decades: np.ndarray) -> float:
    """Infinite where the first is lost, or any other."""
    away = np.abs(decades - decades[0]) if math.isfinite(decades[0]) else np.array([math.inf])
    return float(np.where(np.isnan(away), math.inf, away).max())
