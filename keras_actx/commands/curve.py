"""An activation as a curve: what a plot of one variable shows of it, and its derivative."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from keras_actx.backend import eager_float64
from keras_actx.declaration.activation import Activation

_REACH = 4.0  # how far a plot goes to either side
_MOST_TURNS = 12  # a plot shows no more oscillations than the eye can follow
_STEP = 1e-5


@dataclass(frozen=True)
class Curve:
    """Points of a function of one variable and of its derivative, and in words what the variable is."""

    x: np.ndarray
    y: np.ndarray
    slope: np.ndarray
    meaning: str


def curve(activation: Activation, points: int = 400) -> Curve:
    """Points on both sides of zero: as far as the kinks, or nearer where the function oscillates."""
    function, meaning = _one_variable(activation)
    kinks = [abs(one) for one in activation.declaration.kinks_at(dict(activation.params))]
    reach = min(max(_REACH, *(1.3 * one for one in kinks), 0.0), 5 * _REACH)
    while True:
        x = np.linspace(-reach, reach, points)  # an even number: kinks at zero fall between two points
        slope = (function(x + _STEP) - function(x - _STEP)) / (2 * _STEP)
        if np.count_nonzero(np.diff(np.sign(slope))) <= _MOST_TURNS or reach < 1e-3:
            return Curve(x, function(x), slope, meaning)
        reach /= 2


def _one_variable(activation: Activation) -> tuple[Callable[[np.ndarray], np.ndarray], str]:
    kind = activation.declaration.kind
    if kind == "gated":
        return lambda x: _run(activation, np.stack([np.ones_like(x), x], -1))[:, 0], "x is the gate; the value is 1"
    if kind == "vector":
        along_last = activation.bind(axis=-1) if "axis" in dict(activation.params) else activation
        return (
            lambda x: _run(along_last, np.stack([x, 0 * x, 0 * x], -1))[:, 0],
            "x is the first of three numbers, the others are 0, and f(x) is the first result",
        )
    return lambda x: _run(activation, x), ""


def _run(function: Callable[[Any], Any], x: np.ndarray) -> np.ndarray:
    with eager_float64(), np.errstate(all="ignore"):
        return keras.ops.convert_to_numpy(function(keras.ops.convert_to_tensor(x, dtype="float64")))
