"""The starts that are compared: the weights of a network, drawn by Keras's initializers and ours."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import specialized

import keras_actx as actx
from keras_actx.initializers.auto import ASSUMED_DEPTH, scheme_chained
from keras_actx.initializers.init_spec import LayerContext
from keras_actx.initializers.kernels import LEAST_CENTRED
from keras_actx.initializers.standardization import output_moments
from keras_actx.layers.dense_stack import block_seed

FIRST_STARTS = (
    "keras",
    "he",
    "lecun",
    "published",
    "forward gain",
    "lsuv",
    "critical untold",
    "critical",
    "critical depth",
    "looks_linear",
    "standardized",
)
STARTS = (*FIRST_STARTS, "chain", *specialized.STARTS)


@dataclass
class Network:
    """Weights of the first layer, of all others stacked, of the output, and what is done to each layer's result."""

    first: tuple[np.ndarray, np.ndarray]
    hidden: tuple[np.ndarray, np.ndarray]
    output: tuple[np.ndarray, np.ndarray]
    scale: float = 1.0
    shift: float = 0.0


def exists(start: str, activation: str) -> bool:
    """Whether there is such a start for an activation."""
    if start in specialized.STARTS:
        return specialized.exists(start, activation)
    if start != "looks_linear":
        return True
    try:
        actx.pairing(activation, "looks_linear")
    except ValueError:
        return False
    return True


def described(start: str, activation: str, depth: int) -> str:
    """The numbers that a start is made of: results of other numbers are stale."""
    if start in ("keras", "he", "lecun", "lsuv", *specialized.STARTS):
        return start
    if start == "forward gain":
        return f"{actx.gain(activation):.8g}"
    if start == "chain":
        return "; ".join(described_pairing(_chained(activation, i).pairing) for i in sorted({0, 1, depth - 1}))
    return described_pairing(_pairing(start, activation, depth))


def described_pairing(chosen: actx.initializers.Pairing) -> str:
    """Its numbers."""
    return f"{chosen.gain:.8g} {chosen.distribution} {chosen.form} {chosen.bias_mean:.8g} {chosen.bias_std:.8g}"


def network(
    start: str, activation: str, depth: int, first: tuple[int, ...], hidden: tuple[int, ...], outputs: int, seed: int
) -> Network:
    """The weights of one network.

    Args:
        start: one of `STARTS`; "lsuv" still has to be scaled by data.
        activation: a name.
        depth: hidden layers.
        first, hidden: shapes of their kernels.
        outputs: size of the output.
        seed: another for every network.
    """
    seeds = [block_seed(seed, i) for i in range(depth + 1)]
    draw = _drawer(start, activation, depth)
    layers = [draw(first if i == 0 else hidden, i, seeds[i]) for i in range(depth)]
    features = outputs_of(hidden)
    output = keras.initializers.GlorotUniform(seed=seeds[-1])((features, outputs))
    scale, shift = 1.0, 0.0
    if start == "standardized":
        found = _pairing(start, activation, depth)
        mean, deviation = output_moments(activation, found.beta, q=found.q)
        scale, shift = 1.0 / deviation, -mean / deviation
        # Each layer's input was divided by the deviation, and its kernel makes up for that.
        layers = [layers[0], *((kernel / scale, bias) for kernel, bias in layers[1:])]
    stacked = tuple(np.stack([np.asarray(one[part]) for one in layers[1:]]) for part in (0, 1))
    return Network(
        first=tuple(np.asarray(one) for one in layers[0]),
        hidden=stacked,
        output=(np.asarray(output), np.zeros(outputs, "float32")),
        scale=scale,
        shift=shift,
    )


def outputs_of(kernel: tuple[int, ...]) -> int:
    """How many numbers the output layer sees: the units, or 16 pixels of each channel."""
    return kernel[-1] if len(kernel) == 2 else 16 * kernel[-1]


def _drawer(start: str, activation: str, depth: int) -> Callable[[tuple[int, ...], int, int], tuple[Any, Any]]:
    of_keras = {
        "keras": ("fan_avg", "uniform", 1.0),
        "he": ("fan_in", "truncated_normal", 2.0),
        "lecun": ("fan_in", "truncated_normal", 1.0),
        "forward gain": ("fan_in", "truncated_normal", None),
    }
    if start in of_keras:
        mode, distribution, scale = of_keras[start]
        gain = actx.gain(activation) if scale is None else scale**0.5

        def by_keras(shape: tuple[int, ...], place: int, seed: int) -> tuple[Any, Any]:
            return gain * _of_unit_scale(mode, distribution, shape, seed), np.zeros(shape[-1], "float32")

        return by_keras
    if start in specialized.STARTS:
        return lambda shape, place, seed: (
            specialized.kernel(start, shape, place == 0, seed),
            np.zeros(shape[-1], "float32"),
        )
    if start == "lsuv":
        return lambda shape, place, seed: (_orthogonal(shape, seed), np.zeros(shape[-1], "float32"))

    def draw(shape: tuple[int, ...], place: int, seed: int) -> tuple[Any, Any]:
        initializer = _chained(activation, place) if start == "chain" else _paired(start, activation, depth, place == 0)
        paired = initializer.pairing
        key = (paired.distribution, paired.form, paired.mode, paired.taps, place == 0, shape, seed)
        if key not in _drawn:  # for a gain of 1: that of every activation is a multiple of it
            config = {**initializer.get_config(), "seed": seed}
            _drawn[key] = np.asarray(initializer.from_config(config)(shape)) / _gain(paired, shape)
        return _drawn[key] * np.float32(_gain(paired, shape)), np.asarray(paired.bias_initializer(seed)((shape[-1],)))

    return draw


_drawn: dict[Any, np.ndarray] = {}


def _gain(paired: actx.initializers.Pairing, shape: tuple[int, ...]) -> float:
    """What the kernel is proportional to; critical kernels of few inputs are not centred and have another."""
    inputs = np.prod(shape[:-1]) if paired.taps == "all" else shape[-2]
    small = paired.form == "centred" and inputs < LEAST_CENTRED
    return paired.small_gain if small else paired.gain


@functools.cache
def _of_unit_scale(mode: str, distribution: str, shape: tuple[int, ...], seed: int) -> np.ndarray:
    return np.asarray(keras.initializers.VarianceScaling(1.0, mode, distribution, seed)(shape))


@functools.cache
def _orthogonal(shape: tuple[int, ...], seed: int) -> np.ndarray:
    return np.asarray(keras.initializers.Orthogonal(seed=seed)(shape))


@functools.cache
def _chained(activation: str, place: int) -> actx.initializers.Paired:
    """That of a `DenseBlock` behind as many others in a model. (Past the first few they differ in the depth alone.)"""
    depth = max(ASSUMED_DEPTH, place + 1)
    known = {"first_layer": place == 0, "input_activation": None if place == 0 else activation, "depth": depth}
    scheme = scheme_chained(activation, LayerContext(**known), units=64, pairs=True)
    if scheme == "auto":
        known = {"first_layer": place == 0}
    return actx.initializers.Paired(activation, scheme, **known)


@functools.cache
def _paired(start: str, activation: str, depth: int, first: bool) -> actx.initializers.Paired:
    first = first and start != "critical untold"
    before = None if first else activation
    return actx.initializers.Paired(activation, first_layer=first, input_activation=before, **_told(start, depth))


def _told(start: str, depth: int) -> dict[str, Any]:
    scheme = "critical" if start in ("critical untold", "critical depth", "standardized") else start
    return {"scheme": scheme, "depth": depth if start in ("critical depth", "standardized") else None}


def _pairing(start: str, activation: str, depth: int) -> actx.initializers.Pairing:
    return actx.pairing(activation, **_told(start, depth))
