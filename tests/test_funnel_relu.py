"""`FunnelReLU`: its start, and what it refuses. Its formula: test_context_layers.py."""

import numpy as np
import pytest
from arrays import random
from context_layers import assert_does_not_fit, assert_refused, numpy_of

from keras_actx.layers import FunnelReLU


def test_windows_start_at_the_size_of_the_input():
    layer = FunnelReLU(5)
    layer.build((None, 8, 8, 256))
    assert numpy_of(layer.depthwise.kernel.value).std() == pytest.approx(0.2, rel=0.05)
    layer = FunnelReLU(depthwise_initializer="zeros")
    x = random(2, 8, 8, 3).astype("float32")
    np.testing.assert_array_equal(numpy_of(layer(x)), np.maximum(x, 0))


@pytest.mark.parametrize(
    ("make", "says"),
    [
        *((lambda one=one: FunnelReLU(one), "odd whole number") for one in (0, 2, 3.0, True, None, (3, 2), (3, 3, 3))),
        (lambda: FunnelReLU(momentum=1.0), "momentum=1.0"),
        (lambda: FunnelReLU(epsilon=0.0), "epsilon=0.0"),
        (lambda: FunnelReLU(data_format="channels"), "None, 'channels_last' or 'channels_first'"),
        (lambda: FunnelReLU(data_format=["channels_last"]), "data_format"),
    ],
)
def test_bad_arguments(make, says):
    assert_refused(make, says)


@pytest.mark.parametrize(
    ("make", "shape", "says"),
    [
        (FunnelReLU, (8,), "3 or 4 dimensions are, batch and channels included. Features have no neighbours"),
        (FunnelReLU, (4, 4, 4, 2), "an input of 5 dimensions"),
        (FunnelReLU, (8, 8, None), "no fixed number of channels on axis 3"),
        (lambda: FunnelReLU((3, 3)), (8, 4), "has 2 numbers"),
        (lambda: FunnelReLU(data_format="channels_first"), (None, 8, 3), "axis 1 (data_format='channels_first')"),
    ],
)
def test_shapes_that_do_not_fit(make, shape, says):
    assert_does_not_fit(make, shape, says)
