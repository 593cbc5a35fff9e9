"""Moments of every activation against quadrature in many digits, and of whatever else a user may pass."""

import functools
import math

import keras
import mpmath
import numpy as np
import own
import pytest

import keras_actx as actx
from keras_actx.declaration.activation import Activation
from keras_actx.testing.cache import cached, fingerprint

DEFAULTS = [one for one in own.defaults("elementwise", "gated") if one.name != "linear"]
mp = mpmath.mp
POINTS = [(0.0, 1.0), (0.5, 2.0)]


def exact_moments(activation: Activation, mean: float, variance: float) -> np.ndarray:
    """E[f], E[f^2] and E[f'^2] by mpmath's quadrature, kept on disk between the backends."""
    key = ("moments", fingerprint(activation.declaration.exact), activation.params, mean, variance)
    return cached(key, lambda: (np.array(_computed_moments(activation, mean, variance)),))[0]


def _computed_moments(activation: Activation, mean: float, variance: float) -> tuple[float, float, float]:
    """A gated activation is a product of two functions of one number."""
    declaration, params = activation.declaration, dict(activation.params)
    exact, kinks = functools.partial(declaration.exact, mp, **params), list(declaration.kinks_at(params))
    if activation.name in ("smu", "smu_1"):  # which bend within their tiny width around 0
        kinks += [0.0, *(sign * 10.0**-power for power in range(1, 10) for sign in (1, -1))]
    if declaration.kind == "gated":
        bounds = [one for one in params.values() if isinstance(one, float)]  # where a value may be clipped
        both = [-one for one in bounds] + bounds
        # Value and gate are independent; the derivative's moment is the sum over both.
        value = _exact_moments(lambda x: exact(x, mp.mpf(1)) / exact(mp.mpf(1), mp.mpf(1)), mean, variance, both, 1)
        gate = _exact_moments(lambda x: exact(mp.mpf(1), x), mean, variance, kinks, 1)
        first, second = (value[i] * gate[i] for i in range(2))
        return float(first), float(second), float(value[2] * gate[1] + value[1] * gate[2])
    parts = 8 if activation.name == "sine" else 1  # its ripples are short
    return tuple(float(one) for one in _exact_moments(exact, mean, variance, kinks, parts))


def _exact_moments(function, mean, variance, kinks, parts):
    @functools.cache
    def weighted(z):
        x = mp.mpf(mean) + mp.sqrt(variance) * z
        with mp.workprec(400):  # far more than the quadrature's, for the difference quotient
            h = mp.ldexp(1, -120)
            low, value, high = (function(one) for one in (x - h, x, x + h))
            slope = (high - low) / (2 * h)
        density = mp.npdf(z)
        return density * value, density * value**2, density * slope**2

    with mp.workdps(25):
        ends = {mp.mpf(i) / parts for i in range(-12 * parts, 12 * parts + 1)}
        ends |= {(mp.mpf(one) - mean) / mp.sqrt(variance) for one in kinks}  # panels end at kinks
        return [
            mp.quad(lambda z, i=i: weighted(z)[i], sorted(ends), method="gauss-legendre", maxdegree=4) for i in range(3)
        ]


def assert_moments(found, expected, tolerance: float = 1e-10) -> None:
    numbers = (found.mean, found.second_moment, found.derivative_second_moment)
    assert all(type(one) is float for one in numbers)
    for name, number, true in zip(("E f", "E f^2", "E f'^2"), numbers, expected, strict=True):
        assert abs(number - true) <= tolerance * max(1.0, abs(true)), f"{name} is {number!r}, not {true!r}"


@pytest.mark.parametrize(("mean", "variance"), POINTS)
@pytest.mark.parametrize("activation", DEFAULTS, ids=str)
def test_moments(activation, mean, variance):
    assert_moments(actx.moments(activation, mean=mean, variance=variance), exact_moments(activation, mean, variance))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("linear", (0.0, 1.0, 1.0)),
        ("relu", (1 / math.sqrt(2 * math.pi), 0.5, 0.5)),
        ("leaky_relu(negative_slope=0.1)", (0.9 / math.sqrt(2 * math.pi), 0.505, 0.505)),
        ("selu", (0.0, 1.0, 1.0715749924558)),
        ("gelu", (0.282094791773878, 0.425221482570299, 0.455850865649287)),
        ("silu", (0.206620964141907, 0.355775519817352, 0.379482351632829)),
        ("squareplus", (1.10930551379003, 1.5, 0.289315385355973)),
        ("relu_squared", (0.5, 1.5, 2.0)),
        ("exponential", (math.exp(0.5), math.exp(2), math.exp(2))),
        ("gaussian", (1 / math.sqrt(3), 1 / math.sqrt(5), 0.8 / math.sqrt(5))),
        ("sine", (0.0, 0.5, 450.0)),
        ("sine(w0=1.0)", (0.0, (1 - math.exp(-2)) / 2, (1 + math.exp(-2)) / 2)),
        ("hard_shrink", (0.0, 0.969140404216273, 0.617075077451974)),
        ("bilinear", (0.0, 1.0, 2.0)),
    ],
)
def test_closed_forms(name, expected):
    assert_moments(actx.moments(name), expected, 1e-12)


def test_gain():
    assert actx.gain("relu") == pytest.approx(math.sqrt(2), rel=1e-12)
    assert actx.gain("linear") == pytest.approx(1.0, rel=1e-12)
    with pytest.raises(ValueError, match="no forward gain"):
        actx.gain(keras.ops.zeros_like)


def test_variance():
    assert actx.moments("relu").variance == pytest.approx(0.340845056908105, rel=1e-12)


def test_a_learnable_name_counts_with_its_start():
    assert_moments(actx.moments("prelu"), (0.75 / math.sqrt(2 * math.pi), 0.53125, 0.53125), 1e-12)


def test_a_callable_with_kinks_nobody_declared():
    c = 0.3
    mean = 2 * math.exp(-c * c / 2) / math.sqrt(2 * math.pi) + c * math.erf(c / math.sqrt(2))
    assert_moments(actx.moments(lambda x: keras.ops.abs(x - c)), (mean, 1 + c * c, 1.0))


def test_a_jump_has_no_derivative_moment():
    found = actx.moments(lambda x: keras.ops.cast(x > 0.1, x.dtype))
    expected = 0.5 * math.erfc(0.1 / math.sqrt(2))
    assert found.mean == pytest.approx(expected, abs=1e-10)
    assert found.second_moment == pytest.approx(expected, abs=1e-10)
    assert found.derivative_second_moment == math.inf


@pytest.mark.parametrize(
    "mixing", ["softmax", "log_softmax", "sparsemax", lambda x: x - keras.ops.mean(x), keras.ops.sum]
)
def test_what_mixes_an_axis_has_no_moments(mixing):
    with pytest.raises(ValueError, match=r"mixes a whole axis|not elementwise"):
        actx.moments(mixing)


@pytest.mark.parametrize(
    "arguments", [{"variance": 0.0}, {"variance": -1.0}, {"variance": math.nan}, {"mean": math.inf}]
)
def test_arguments_out_of_range(arguments):
    with pytest.raises(ValueError, match="not allowed"):
        actx.moments("relu", **arguments)


def test_equal_requests_are_computed_once():
    assert actx.moments("mish") is actx.moments(actx.activations.mish)


def _unseen(tag):
    """A function that no cache knows: relu, scaled."""
    return lambda x: tag * keras.ops.relu(x)


def test_inside_a_trace():
    """In a compiled function the moments are still numbers, also the first time."""
    seen = []

    def traced(x):
        seen.append(actx.moments(_unseen(2.0)).second_moment)
        return x * seen[-1]

    if keras.backend.backend() == "jax":
        import jax

        traced = jax.jit(traced)
    elif keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        traced = tf.function(traced)
    result = traced(keras.ops.ones(3))
    assert [type(one) for one in seen] == [float] * len(seen)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(result), 2.0, rtol=1e-6)


def test_while_a_functional_model_is_built():
    seen = []

    class Scale(keras.layers.Layer):
        def call(self, x):
            seen.append(actx.moments(_unseen(3.0)).second_moment)
            return x * seen[-1]

    inputs = keras.Input((2,))
    model = keras.Model(inputs, Scale()(inputs))
    assert seen
    assert all(type(one) is float for one in seen)
    np.testing.assert_allclose(model.predict(np.ones((1, 2)), verbose=0), 4.5, rtol=1e-6)


@pytest.mark.skipif(keras.backend.backend() != "jax", reason="only JAX has float64 switched off")
def test_float64_without_x64():
    import jax

    switch = jax.enable_x64 if hasattr(jax, "enable_x64") else jax.experimental.enable_x64
    with switch(False):
        assert_moments(actx.moments(_unseen(1.0)), (1 / math.sqrt(2 * math.pi), 0.5, 0.5))
        assert keras.ops.ones(1).dtype == "float32"
