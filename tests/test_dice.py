"""`Dice`: its start, its initializers, and what it refuses. Its formula: test_context_layers.py."""

import keras
import numpy as np
import pytest
from arrays import random, tensor
from context_layers import assert_does_not_fit, assert_refused, numpy_of, sigmoid, weights_of

from keras_actx.layers import Dice


def test_starts_as_silu():
    x = random(4, 6)
    layer = Dice(dtype="float64")
    np.testing.assert_allclose(numpy_of(layer(tensor(x))), x * sigmoid(x), rtol=1e-6)
    assert weights_of(layer)["alpha"].tolist() == [0.0] * 6


def test_initializers_regularizers_and_constraints():
    layer = Dice(alpha_initializer="ones", alpha_regularizer=keras.regularizers.L2(0.5), alpha_constraint="non_neg")
    layer.build((None, 4))
    assert float(keras.ops.convert_to_numpy(sum(layer.losses))) == pytest.approx(2.0)
    assert isinstance(layer.alpha.constraint, keras.constraints.NonNeg)
    assert Dice.from_config(layer.get_config()).get_config() == layer.get_config()


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Dice(0), "batch axis"),
        (lambda: Dice(True), "axis=True"),
        (lambda: Dice(epsilon=-1e-8), "epsilon=-1e-08"),
    ],
)
def test_bad_arguments(make, says):
    assert_refused(make, says)


@pytest.mark.parametrize(
    ("make", "shape", "says"),
    [
        (Dice, (None,), "axis=-1"),
        (lambda: Dice(3), (4, 4), "axis=3"),
        (lambda: Dice(-3), (4, 4), "axis=-3"),
    ],
)
def test_shapes_that_do_not_fit(make, shape, says):
    assert_does_not_fit(make, shape, says)
