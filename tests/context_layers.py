"""The layers that compute with a whole image, sequence or feature vector: each with its paper's formula in numpy."""

import itertools

import keras
import numpy as np
import pytest
from arrays import random, tensor

import keras_actx as actx
from keras_actx.testing.backend import BACKEND
from keras_actx.testing.tensors import to_float64 as numpy_of

L = actx.layers
#: Keras's Dense, convolutions and normalization round float64 to float32 on torch and JAX.
CLOSE = {"rtol": 1e-9, "atol": 1e-9} if BACKEND == "tensorflow" else {"rtol": 5e-6, "atol": 5e-6}


# The papers' formulas, channels last; `w` holds a layer's weights by their names --------------------------------------


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def normalized(x, w, name, epsilon, training):
    mean, variance = w[f"{name}/moving_mean"], w[f"{name}/moving_variance"]
    if training:
        mean, variance = (statistic(x, axis=tuple(range(x.ndim - 1))) for statistic in (np.mean, np.var))
    result = (x - mean) / np.sqrt(variance + epsilon)
    return result * w.get(f"{name}/gamma", 1.0) + w.get(f"{name}/beta", 0.0)


def summary(x):
    return x.mean(axis=tuple(range(1, x.ndim - 1)), keepdims=True)


def funnel_relu(x, w, training, *, epsilon=0.01, least=np.maximum):
    kernel = w["depthwise/kernel"][..., 0]
    space = kernel.ndim - 1
    padded = np.pad(x, [(0, 0), *((size // 2, size // 2) for size in kernel.shape[:-1]), (0, 0)])
    condition = np.zeros_like(x)
    for place in itertools.product(*(range(size) for size in kernel.shape[:-1])):
        moved = (slice(at, at + size) for at, size in zip(place, x.shape[1 : 1 + space], strict=True))
        condition += padded[(slice(None), *moved)] * kernel[place]
    return least(x, normalized(condition, w, "normalization", epsilon, training))


def dynamic_relu(x, w, training, *, shared=False, initial_a=(1.0, 0.3, -0.2), lambda_b=0.25):
    hidden = np.maximum(summary(x) @ w["reduce/kernel"] + w["reduce/bias"], 0)
    theta = 2 * sigmoid(hidden @ w["expand/kernel"] + w["expand/bias"]) - 1
    width = 1 if shared else x.shape[-1]
    lines = []
    for i in range(3):
        slope = initial_a[i] + 0.5 * theta[..., i * width : (i + 1) * width]
        lines.append(slope * x + lambda_b * theta[..., (3 + i) * width : (4 + i) * width] + (0.0, 0.1, -0.1)[i])
    return np.max(lines, axis=0)


def meta_acon(x, w, training, *, normalize=True, outer=sigmoid):
    logits = summary(x)
    for i in (1, 2):
        logits = logits @ w[f"fc{i}/kernel"] + w.get(f"fc{i}/bias", 0.0)
        logits = normalized(logits, w, f"bn{i}", 0.02, training) if normalize else logits
    beta, difference = outer(logits), (w["p1"] - w["p2"]) * x
    return difference * sigmoid(beta * difference) + w["p2"] * x


def dice(x, w, training, *, epsilon=1e-8):
    p = sigmoid(normalized(x, w, "normalization", epsilon, training))
    return p * x + (1 - p) * w["alpha"] * x


def poly_norm(x, w, training, *, order=(2, 1, 0), epsilon=0.1):
    def norm(u):
        return u / np.sqrt((u**2).mean(axis=-1, keepdims=True) + epsilon)

    return sum(w["weight"][place] * norm(x**power) for power, place in enumerate(order, start=1)) + w["bias"]


LINES = {"initial_a": [1.0, 0.3, -0.2], "initial_b": [0.0, 0.1, -0.1], "lambda_a": 0.5, "lambda_b": 0.25}

#: name -> (the layer, given its data format; its formula; the ranks it takes; formulas that must not pass for it)
CASES = {
    "funnel_relu": (
        lambda **at: L.FunnelReLU(epsilon=0.01, **at),
        funnel_relu,
        (3, 4),
        ({"epsilon": 0.011}, {"least": np.minimum}),
    ),
    "funnel_relu_5": (lambda **at: L.FunnelReLU((5, 1), epsilon=0.01, **at), funnel_relu, (4,), ({"epsilon": 0.011},)),
    "dynamic_relu": (
        lambda **at: L.DynamicReLU(3, 2, **LINES, **at),
        dynamic_relu,
        (2, 3, 4, 5),
        ({"lambda_b": 0.26}, {"initial_a": (1.0, -0.2, 0.3)}),
    ),
    "dynamic_relu_shared": (
        lambda **at: L.DynamicReLU(3, 2, shared=True, **LINES, **at),
        lambda x, w, training, **changed: dynamic_relu(x, w, training, **{"shared": True, **changed}),
        (2, 3, 4, 5),
        ({"lambda_b": 0.26},),
    ),
    "meta_acon": (
        lambda **at: L.MetaACON(2, epsilon=0.02, **at),
        meta_acon,
        (2, 3, 4, 5),
        ({"normalize": False}, {"outer": lambda x: x}),
    ),
    "meta_acon_plain": (
        lambda **at: L.MetaACON(2, normalize=False, **at),
        lambda x, w, training, **changed: meta_acon(x, w, training, **{"normalize": False, **changed}),
        (2, 3, 4, 5),
        ({"outer": lambda x: x},),
    ),
    "dice": (
        lambda data_format="channels_last", **at: L.Dice(1 if data_format == "channels_first" else -1, **at),
        dice,
        (2, 3, 4, 5),
        ({"epsilon": 1e-3},),
    ),
    "poly_norm": (
        lambda data_format=None, **at: L.PolyNorm(0.1, **at),
        poly_norm,
        (2, 3, 4, 5),
        ({"order": (0, 1, 2)}, {"epsilon": 0.11}),
    ),
}
every_case = pytest.mark.parametrize("case", CASES)
#: The same, with each rank and data format that it takes.
PLACES = [
    (case, rank, data_format)
    for case, (_, _, ranks, _) in CASES.items()
    for rank in ranks
    for data_format in ("channels_last", "channels_first")
    if data_format == "channels_last" or (case != "poly_norm" and rank > 2)
]


def shape_of(rank, batch=3, channels=5):
    return (*(batch, 6, 4, 2)[: rank - 1], channels)


def moved(layer):
    """Every weight away from its start; variances stay positive. Returns them by name."""
    for i, weight in enumerate(layer.weights):
        value = random(*weight.shape, seed=i + 10)
        weight.assign(np.abs(value) + 0.5 if "variance" in weight.name else value)
    return weights_of(layer)


def weights_of(layer):
    # Keras writes the layer's name before the names of weights made on build.
    return {one.path.removeprefix(f"{layer.name}/"): numpy_of(one.value) for one in layer.weights}


def assert_formula(case, rank, data_format="channels_last", training=False, **changed):
    make, formula, _, _ = CASES[case]
    x = random(*shape_of(rank)) + 0.3
    given = x if data_format == "channels_last" else np.moveaxis(x, -1, 1)
    layer = make(data_format=data_format, dtype="float64")
    layer.build(given.shape)
    weights = moved(layer)
    found = numpy_of(layer(tensor(given), training=training) if training else layer(tensor(given)))
    found = found if data_format == "channels_last" else np.moveaxis(found, 1, -1)
    np.testing.assert_allclose(found, formula(x, weights, training, **changed), **CLOSE)


def assert_refused(make, says):
    """An argument is refused by name, in the words that all layers have."""
    with pytest.raises(ValueError, match="is not allowed") as caught:
        make()
    assert says in str(caught.value)


def assert_does_not_fit(make, shape, says):
    """An input of this shape is refused, by a call and by `compute_output_shape`."""
    with pytest.raises(ValueError) as caught:
        make()(keras.Input(shape))
    assert says in str(caught.value)
    if "kernel_size" not in str(caught.value):
        with pytest.raises(ValueError):
            make().compute_output_shape((None, *shape))
