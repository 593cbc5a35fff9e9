"""Start weights in front of and behind a maxout, and of sine."""

import keras
import numpy as np
import pytest
from deep import as_numpy

import keras_actx as actx
from keras_actx.expectation.maximum import largest_of_normals
from keras_actx.initializers import Paired
from keras_actx.layers import DenseBlock, Maxout


@pytest.mark.parametrize(("pieces", "published"), [(2, 1.0), (3, 0.78391), (4, 0.64461), (5, 0.55555)])
def test_published_constants(pieces, published):
    """Tseran & Montufar 2023, arXiv:2301.06956."""
    assert actx.gain(Maxout(4, pieces=pieces)) ** 2 == pytest.approx(published, abs=6e-6)


def test_the_largest_of_normals():
    """Closed forms: E max = 1/sqrt(pi) of two and 3/(2 sqrt(pi)) of three, E max^2 = 1 + sqrt(3)/(2 pi) of three."""
    assert largest_of_normals(1) == pytest.approx((0.0, 1.0), abs=1e-13)
    assert largest_of_normals(2) == pytest.approx((1 / np.sqrt(np.pi), 1.0), rel=1e-13)
    assert largest_of_normals(3) == pytest.approx((1.5 / np.sqrt(np.pi), 1 + np.sqrt(3) / (2 * np.pi)), rel=1e-13)
    drawn = np.random.default_rng(0).normal(size=(2000, 1000)).max(axis=1)
    assert largest_of_normals(1000) == pytest.approx((drawn.mean(), (drawn**2).mean()), rel=0.02)


def test_moments_elsewhere():
    """At another mean and variance it is mean + deviation * max, and the slopes are difference quotients."""
    layer = Maxout(4, pieces=3)
    at = actx.moments(layer, mean=0.7, variance=0.3)
    first, second = largest_of_normals(3)
    assert at.mean == pytest.approx(0.7 + np.sqrt(0.3) * first, rel=1e-12)
    assert at.variance == pytest.approx(0.3 * (second - first**2), rel=1e-12)
    assert at.derivative_second_moment == 1.0
    step = 1e-5
    low, high = (actx.moments(layer, mean=0.7, variance=0.3 + move) for move in (-step, step))
    assert at.mean_slope == pytest.approx((high.mean - low.mean) / (2 * step), rel=1e-6)
    assert at.variance_slope == pytest.approx((high.variance - low.variance) / (2 * step), rel=1e-6)


def test_critical():
    """For two pieces: sigma_w^2 = 1 and a bias of variance 1/pi, as for relu's nonlinearity."""
    chosen = actx.pairing(Maxout(4, pieces=2), "critical")
    assert (chosen.gain, chosen.beta, chosen.q) == (1.0, 0.0, 1.0)
    assert chosen.bias_std**2 == pytest.approx(1 / np.pi, rel=1e-12)
    behind = actx.pairing("relu", "critical", input_activation=Maxout(4, pieces=2))
    assert (behind.gain, behind.bias_std) == pytest.approx((1.0, chosen.bias_std), rel=1e-9)


@pytest.mark.parametrize(("pieces", "factor", "holds"), [(2, 1.0, True), (3, 1.0, True), (3, 1.25, False)])
def test_a_network(pieces, factor, holds):
    """Thirty layers of Dense and Maxout keep the second moment; with 25% more they do not."""
    width, x = 128, np.random.default_rng(0).normal(size=(64, 128)).astype("float32")
    first, last = None, x
    for i in range(30):
        fed = {"first_layer": True} if i == 0 else {"input_activation": Maxout(width, pieces=pieces)}
        start = Paired(Maxout(width, pieces=pieces), "critical", seed=i, **fed)
        dense = keras.layers.Dense(
            pieces * width, kernel_initializer=start, bias_initializer=start.pairing.bias_initializer(seed=i)
        )
        z = as_numpy(dense(last)) * factor
        first = z if first is None else first
        last = as_numpy(Maxout(width, pieces=pieces)(z))
    ratio = (z.astype("float64") ** 2).mean() / (first**2).mean()
    assert (abs(np.log10(ratio)) < 0.15) == holds


def test_pieces():
    with pytest.raises(ValueError, match="pieces=2"):
        actx.moments(Maxout(4))
    with pytest.raises(ValueError, match="pieces=3 times"):
        Maxout(4, pieces=3)(np.ones((1, 8)))
    with pytest.raises(ValueError, match="pieces"):
        Maxout(4, pieces=0)
    layer = Maxout(4, pieces=2)
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert again.pieces == 2
    start = Paired("relu", "critical", input_activation=layer)
    assert Paired.from_config(start.get_config()).pairing == start.pairing
    block = DenseBlock(8, "relu", scheme="critical", input_activation=layer)
    assert DenseBlock.from_config(block.get_config()).pairing == block.pairing


@pytest.mark.parametrize("scheme", ["critical", "published"])
def test_what_mixes_an_axis_is_refused(scheme):
    with pytest.raises(ValueError, match="first_layer=True"):
        actx.moments("softmax")
    with pytest.raises(ValueError, match="scheme='published'"):
        actx.pairing("softmax", "critical")
    with pytest.raises(ValueError, match="not elementwise"):
        actx.pairing(keras.ops.softmax, scheme)


# SIREN (Sitzmann et al. 2020, arXiv:2006.09661)


def uniform(kernel, bound):
    """Whether numbers are spread evenly over (-bound, bound): by their largest, their variance and fourth moment."""
    kernel = kernel.astype("float64") / bound
    assert 0.999 < np.abs(kernel).max() <= 1.0 + 1e-6
    assert (kernel**2).mean() == pytest.approx(1 / 3, rel=0.02)
    assert (kernel**4).mean() == pytest.approx(1 / 5, rel=0.03)


@pytest.mark.parametrize("w0", [1.0, 30.0])
def test_siren(w0):
    name = f"sine(w0={w0})"
    uniform(as_numpy(Paired(name, first_layer=True, seed=1)((64, 512))), 1 / 64)
    uniform(as_numpy(Paired(name, seed=1)((64, 512))), np.sqrt(6 / 64) / w0)
    with pytest.raises(AssertionError):
        uniform(as_numpy(Paired(name, seed=1)((64, 512))), 1.05 * np.sqrt(6 / 64) / w0)


def test_critical_sine():
    """w0 z ~ N(0, w0^2 q): the same start for every w0, since only the product counts; within the search's grid."""
    chosen = actx.pairing("sine(w0=1.0)", "critical")
    assert (chosen.gain, chosen.bias_std) == pytest.approx((1.32725060028458, np.sqrt(0.2384)), rel=2e-4)
    fast = actx.pairing("sine(w0=30.0)", "critical")
    at = actx.moments("sine(w0=30.0)", mean=fast.beta, variance=fast.q)
    assert 900 * fast.q < 4
    assert fast.gain**2 * at.derivative_second_moment == pytest.approx(1.0, rel=1e-12)
