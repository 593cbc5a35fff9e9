"""What a user's formula does not keep of its declared kind: no backend takes it apart, so values and gradients are its
own, of small and of large tensors, eager, compiled and in training."""

import keras
import numpy as np
import pytest

import keras_actx as actx
from keras_actx.testing import backend
from keras_actx.testing.tensors import to_float64, to_tensor

ops = keras.ops


def over_last_axis(x):
    return x / (1.0 + ops.max(ops.abs(x), axis=-1, keepdims=True))


def over_batch(x):
    return x * ops.sigmoid(x - ops.mean(x, axis=0, keepdims=True))


def over_everything(x):
    return ops.tanh(x) * ops.sigmoid(x / (1.0 + ops.std(x)))


def cumulative(x):
    return ops.tanh(x) * ops.sigmoid(ops.cumsum(x, axis=-1) / 100.0)


def of_neighbours(x):
    return ops.sigmoid(x) * ops.tanh(ops.flip(x, axis=-1))


def of_width(x):
    """Elementwise, but for a number made of the shape."""
    return ops.tanh(x) * ops.sigmoid(x / x.shape[-1])


def of_size(x):
    return ops.tanh(x) * ops.sigmoid(x * (1000.0 / (x.shape[0] * x.shape[-1])))


def of_rank(x):
    return ops.tanh(x) * ops.sigmoid(x * float(len(x.shape)))


def of_channels(x):
    return ops.tanh(x) * ops.sigmoid(x * ops.convert_to_tensor(np.linspace(0.5, 2.0, 128, dtype="float32")))


def if_large(x, slope=1.0):
    """Elementwise, unless a number is large."""
    return ops.tanh(x) * ops.sigmoid(x - (ops.mean(x, axis=0) if slope > 2.0 else 0.0))


FORMULAS = [
    over_last_axis, over_batch, over_everything, cumulative, of_neighbours, of_width, of_size, of_rank, of_channels
]  # fmt: skip


def declared(formula, **options):
    return actx.register_activation(formula, package="test_declared_kind", **options)


DECLARED = [(declared(one), one) for one in FORMULAS]


@declared
def shifted_by_mean(x, slope=1.0):
    return if_large(x, slope)


def both(function, x, weight):
    """The result, and the gradient of a weighted sum, by steps that a large tensor is taken apart in."""
    return function(x), backend.gradient(lambda x: function(x) * weight, x)


def assert_same(function, formula, shape=(2304, 128)):
    x = np.random.default_rng(0).normal(size=shape).astype("float32") * np.linspace(0.1, 3, shape[0])[:, None]
    x, weight = to_tensor(x, "float32"), to_tensor(np.random.default_rng(1).normal(size=shape), "float32")
    for found, expected in zip(both(function, x, weight), both(formula, x, weight), strict=True):
        np.testing.assert_allclose(to_float64(found), to_float64(expected), rtol=2e-4, atol=2e-5)


@pytest.mark.sweep(4)
@pytest.mark.parametrize(("function", "formula"), DECLARED, ids=[one.__name__ for one in FORMULAS])
@pytest.mark.parametrize("shape", [(4, 128), (2304, 128)], ids=["small", "large"])
def test_undeclared_vector_formulas(function, formula, shape):
    assert_same(function, formula, shape)


def test_a_number_decides():
    """What is known of a formula with one number is not taken for known with another."""
    assert_same(lambda x: shifted_by_mean(x, slope=1.5), lambda x: if_large(x, 1.5))
    assert_same(lambda x: shifted_by_mean(x, slope=3.0), lambda x: if_large(x, 3.0))


def test_a_gated_formula_over_an_axis():
    def mixing(value, gate):
        return value * ops.sigmoid(gate - ops.mean(gate, axis=0, keepdims=True)) * ops.tanh(value)

    activation = declared(mixing, kind="gated")
    x = np.random.default_rng(0).normal(size=(4608, 128)).astype("float32")
    x = to_tensor(x * np.linspace(0.1, 3, 4608)[:, None], "float32")

    def plain(x):
        return mixing(*ops.split(x, 2, axis=-1))

    for of in (lambda f: f(x), lambda f: backend.gradient(f, x)):
        np.testing.assert_allclose(to_float64(of(activation)), to_float64(of(plain)), rtol=2e-4, atol=2e-5)


def test_training_is_the_formulas_own():
    """A compiled training step, as `fit` takes it."""

    def trained(activation):
        keras.utils.set_random_seed(1)
        model = keras.Sequential([keras.Input((16,)), keras.layers.Dense(128, activation=activation)])
        model.compile("sgd", "mse")
        data = np.random.default_rng(0).normal(size=(2304, 16)).astype("float32")
        model.train_on_batch(data, np.ones((2304, 128), "float32"))
        return model.get_weights()[0]

    function, formula = DECLARED[1]
    np.testing.assert_allclose(trained(function), trained(formula), rtol=1e-4, atol=1e-6)
