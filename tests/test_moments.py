"""Moments of every activation against quadrature in many digits, and of whatever else a user may pass."""

import functools
import itertools
import math
import time

import all_activations
import keras
import mpmath
import numpy as np
import pytest

import keras_actx as actx
from keras_actx.declaration.activation import Activation
from keras_actx.testing.cache import cached, fingerprint

DEFAULTS = [one for one in all_activations.defaults("elementwise", "gated") if one.name != "linear"]
mp = mpmath.mp
POINTS = [(0.0, 1.0), (0.5, 2.0)]


NAMES = ("mean", "second_moment", "derivative_second_moment", "mean_slope", "second_moment_slope")
DIGITS = 50


def exact_moments(activation: Activation, mean: float, variance: float) -> np.ndarray:
    """The numbers called NAMES by mpmath's nodes in 50 digits, kept on disk between the backends."""
    key = ("moments", DIGITS, fingerprint(activation.declaration.exact), activation.params, mean, variance)
    return cached(key, lambda: (np.array(_computed_moments(activation, mean, variance)),))[0]


def _computed_moments(activation: Activation, mean: float, variance: float) -> list[float]:
    """A gated activation is a product of two functions of one number."""
    declaration, params = activation.declaration, dict(activation.params)
    exact, kinks = functools.partial(declaration.exact, mp, **params), list(declaration.kinks_at(params))
    if activation.name in ("smu", "smu_1"):  # which bend within their tiny width around 0
        kinks += [0.0, *(sign * 10.0**-power for power in range(1, 10) for sign in (1, -1))]
    if declaration.kind == "gated":
        bounds = [one for one in params.values() if isinstance(one, float)]  # where a value may be clipped
        both = [-one for one in bounds] + bounds
        # Value and gate are independent; the derivative's moment is the sum over both.
        v = _exact_moments(lambda x: exact(x, mp.mpf(1)) / exact(mp.mpf(1), mp.mpf(1)), mean, variance, both, 1)
        g = _exact_moments(lambda x: exact(mp.mpf(1), x), mean, variance, kinks, 1)
        with mp.workdps(DIGITS):
            slopes = [v[i] * g[k] + v[k] * g[i] for i, k in ((3, 0), (4, 1))]
            return [float(one) for one in (v[0] * g[0], v[1] * g[1], v[2] * g[1] + v[1] * g[2], *slopes)]
    parts = 8 if activation.name == "sine" else 1  # its ripples are short
    return [float(one) for one in _exact_moments(exact, mean, variance, kinks, parts)]


def _exact_moments(function, mean, variance, kinks, parts):
    with mp.workdps(DIGITS):
        deviation = mp.sqrt(variance)
        ends = {mp.mpf(i) / parts for i in range(-16 * parts, 16 * parts + 1)}
        ends |= {(mp.mpf(one) - mean) / deviation for one in kinks}  # panels end at kinks
        total = [mp.mpf(0)] * 5
        for low, high in itertools.pairwise(sorted(ends)):
            half = (high - low) / 2
            for node, weight in _nodes():
                z = (low + high) / 2 + half * node
                x = mean + deviation * z
                with mp.workdps(2 * DIGITS + 20):  # far more, for the difference quotient
                    h = mp.mpf(10) ** -(DIGITS - 10)
                    before, value, after = (function(one) for one in (x - h, x, x + h))
                    slope = (after - before) / (2 * h)
                bend = (z * z - 1) / (2 * variance)
                parts_ = (value, value**2, slope**2, bend * value, bend * value**2)
                mass = weight * half * mp.npdf(z)
                total = [one + mass * part for one, part in zip(total, parts_, strict=True)]
        return total


@functools.cache
def _nodes():
    return mpmath.calculus.quadrature.GaussLegendre(mp).calc_nodes(5, int(3.33 * DIGITS) + 20)  # 48 of them


def assert_moments(found, expected, tolerance: float = 1e-12) -> None:
    """To a relative `tolerance`; of a mean, relative to what it averages: for an odd function it is 0."""
    size = math.sqrt(abs(expected[1]))
    for name, true in zip(NAMES, expected, strict=False):
        number = getattr(found, name)
        assert type(number) is float
        least = {"mean": size, "mean_slope": size, "second_moment_slope": expected[1]}.get(name, 1e-5 * expected[1])
        bound = tolerance * max(abs(true), least)
        assert abs(number - true) <= bound, f"{name} is {number!r}, not {true!r}"


@pytest.mark.sweep(4)
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


def test_slopes_are_what_a_step_of_the_variance_does():
    for name in ("gelu", "elu", "soft_shrink", "sine_relu", "tent", "swiglu"):
        before, at, after = (actx.moments(name, mean=0.3, variance=0.8 + step) for step in (-1e-4, 0.0, 1e-4))
        assert at.mean_slope == pytest.approx((after.mean - before.mean) / 2e-4, rel=1e-5, abs=1e-8)
        assert at.variance_slope == pytest.approx((after.variance - before.variance) / 2e-4, rel=1e-5)


@pytest.mark.parametrize("name", ["hard_shrink", "step", "sign"])
def test_declared_jumps_are_found(name):
    assert actx.moments(name).jumps


def test_what_is_continuous_does_not_jump():
    jumping = {one.name for one in DEFAULTS if any(actx.moments(one, mean=m, variance=q).jumps for m, q in POINTS)}
    assert jumping == {"hard_shrink", "step", "sign"}


def test_a_jump_where_panels_end():
    assert actx.moments(keras.ops.sign).derivative_second_moment == math.inf


def test_a_new_callable_takes_little_time():
    """The bar is 50 ms on a machine with nothing else to do; the best of five runs, and twice that, is for the rest."""

    def seconds(scale):
        begin = time.perf_counter()
        actx.moments(lambda x: scale * x * keras.ops.sigmoid(x))
        return time.perf_counter() - begin

    seconds(0.9)
    assert min(seconds(1.0 + i) for i in range(5)) < 0.1


def test_gain():
    assert actx.gain("relu") == pytest.approx(math.sqrt(2), rel=1e-12)
    assert actx.gain("linear") == pytest.approx(1.0, rel=1e-12)
    with pytest.raises(ValueError, match="no forward gain"):
        actx.gain(keras.ops.zeros_like)


def test_variance():
    assert actx.moments("relu").variance == pytest.approx(0.340845056908105, rel=1e-12)


def test_a_learnable_name_counts_with_its_start():
    assert_moments(actx.moments("prelu"), (0.75 / math.sqrt(2 * math.pi), 0.53125, 0.53125), 1e-12)


@pytest.mark.parametrize("c", [0.3, 1.12501, -0.3750001])  # in a panel, and close to the ends of two
def test_a_callable_with_kinks_nobody_declared(c):
    mean = 2 * math.exp(-c * c / 2) / math.sqrt(2 * math.pi) + c * math.erf(c / math.sqrt(2))
    assert_moments(actx.moments(lambda x: keras.ops.abs(x - c)), (mean, 1 + c * c, 1.0))


_PADE = {f"p{i}": one for i, one in enumerate([-1.2, 0.6, 1.0, 1.5, -0.1, -0.4])}
_PADE |= {"q1": -0.04, "q2": 4.0, "q3": -0.7, "q4": -0.3}


@pytest.mark.parametrize(
    ("activation", "mean", "variance", "ends"),
    [
        # Its denominator has kinks that are not declared, and its numerator cancels.
        (actx.activations.pade.bind(**_PADE), 0.0, 1.0, [0.0, *np.roots([-0.3, -0.7, 4.0, -0.04]).real]),
        # Steep near 0, where rounding x limits its derivative.
        (actx.activations.softcap.bind(cap=0.0389), -0.8, 1.649, [i / 48 for i in range(-24, 25)]),
    ],
    ids=["pade", "softcap"],
)
def test_rounding_errors_are_not_amplified(activation, mean, variance, ends):
    exact = functools.partial(activation.declaration.exact, mp, **dict(activation.params))
    expected = [float(one) for one in _exact_moments(exact, mean, variance, ends, 2)]
    assert_moments(actx.moments(activation, mean=mean, variance=variance), expected, 1e-10)


def test_a_function_that_computes_in_float32():
    found = actx.moments(lambda x: keras.ops.cast(keras.ops.tanh(keras.ops.cast(x, "float32")), "float64"))
    assert_moments(found, [getattr(actx.moments("tanh"), name) for name in NAMES], 1e-4)
    assert not found.jumps


def test_what_varies_too_fast_is_refused():
    with pytest.raises(ValueError, match=r"sine\(w0=100000.0\)' varies too fast"):
        actx.moments("sine(w0=1e5)")


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
    ("formula", "said"),
    [
        (lambda x: x / (1.0 + keras.ops.max(keras.ops.abs(x), axis=-1, keepdims=True)), "is not elementwise"),
        (lambda x: x * keras.ops.ones((3,), dtype=x.dtype), "fails on a tensor of float64 numbers"),
    ],
)
def test_what_is_declared_is_looked_at_too(formula, said):
    formula.__name__ = "of_an_axis" if "not" in said else "of_three"
    declared = actx.register_activation(formula, package="test_moments")
    for asked in (actx.moments, actx.gain):
        with pytest.raises(ValueError, match=f"test_moments>{formula.__name__}.* {said}"):
            asked(declared)


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
