"""`DynamicReLU`: its start, its sizes, and what it refuses. Its formula: test_context_layers.py."""

import numpy as np
import pytest
from arrays import random, tensor
from context_layers import assert_does_not_fit, assert_refused, numpy_of

from keras_actx.layers import DynamicReLU
from keras_actx.testing.backend import gradient


@pytest.mark.sweep(1)
@pytest.mark.parametrize("k", [2, 3])
@pytest.mark.parametrize("shared", [False, True])
def test_starts_as_relu(k, shared):
    x = np.concatenate([random(2, 3, 6), [[[0.0, -0.0, 1e-30, -1e-30, 1e30, -1e30]] * 3]])
    layer = DynamicReLU(k, shared=shared, dtype="float64")
    np.testing.assert_array_equal(numpy_of(layer(tensor(x))), np.maximum(x, 0))
    np.testing.assert_array_equal(numpy_of(gradient(layer, tensor(x))), x > 0)
    assert numpy_of(DynamicReLU(1, dtype="float64")(tensor(x))).tolist() == x.tolist()


def test_sizes():
    for channels, reduction, hidden in ((8, 4, 2), (3, 4, 1), (64, 4, 16)):
        layer = DynamicReLU(reduction=reduction)
        layer.build((None, channels))
        assert (layer.reduce.units, layer.expand.units) == (hidden, 4 * channels)
    shared = DynamicReLU(3, shared=True)
    shared.build((None, 64))
    assert shared.expand.units == 6


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: DynamicReLU(0), "k=0"),
        (lambda: DynamicReLU(10**9), "from 1 to 1024"),
        (lambda: DynamicReLU(reduction=0), "reduction=0"),
        (lambda: DynamicReLU(reduction=2.0), "reduction=2.0"),
        (lambda: DynamicReLU(shared=1), "True or False"),
        (lambda: DynamicReLU(lambda_a=-1.0), "lambda_a=-1.0"),
        (lambda: DynamicReLU(lambda_b=float("nan")), "lambda_b=nan"),
        (lambda: DynamicReLU(lambda_b=10**400), "lambda_b"),
        (lambda: DynamicReLU(initial_a=[1.0]), "a list of k=2 numbers"),
        (lambda: DynamicReLU(initial_b=[0.0, "0"]), "initial_b"),
    ],
)
def test_bad_arguments(make, says):
    assert_refused(make, says)


@pytest.mark.parametrize(
    ("shape", "says"),
    [
        ((), "an input of 1 dimensions"),
        ((2, 2, 2, 2, 2), "2 or 3 or 4 or 5 dimensions"),
        ((None,), "no fixed number of channels"),
    ],
)
def test_shapes_that_do_not_fit(shape, says):
    assert_does_not_fit(DynamicReLU, shape, says)
