"""`MetaACON`: its start, its sizes, and what it refuses. Its formula: test_context_layers.py."""

import keras
import numpy as np
import pytest
from arrays import random, tensor
from context_layers import CLOSE, assert_does_not_fit, assert_refused, meta_acon, numpy_of, weights_of

from keras_actx.layers import MetaACON


def test_starts_as_a_swish():
    x = random(4, 6)
    layer = MetaACON(epsilon=0.02, dtype="float64")
    found = numpy_of(layer(tensor(x)))
    weights = weights_of(layer)
    np.testing.assert_allclose(found, meta_acon(x, {**weights, "p1": 1.0, "p2": 0.0}, False), **CLOSE)
    assert weights["p1"].tolist() == [1.0] * 6
    assert weights["p2"].tolist() == [0.0] * 6


def test_sizes():
    for channels, reduction, hidden in ((64, 16, 16), (64, 4, 16), (512, 16, 32)):
        layer = MetaACON(reduction)
        layer.build((None, channels))
        assert (layer.fc1.units, layer.fc2.units) == (hidden, channels)


def test_initializers():
    normal = keras.initializers.RandomNormal(stddev=1.0, seed=1)
    layer = MetaACON(p1_initializer=normal, p2_initializer="zeros")
    layer.build((None, 400))
    assert numpy_of(layer.p1.value).std() == pytest.approx(1.0, rel=0.2)
    assert MetaACON.from_config(layer.get_config()).get_config() == layer.get_config()


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: MetaACON(-1), "reduction=-1"),
        (lambda: MetaACON(normalize=None), "True or False"),
        (lambda: MetaACON(momentum="0.9"), "momentum='0.9'"),
    ],
)
def test_bad_arguments(make, says):
    assert_refused(make, says)


def test_channels_that_are_not_known():
    assert_does_not_fit(MetaACON, (4, None), "no fixed number of channels")
