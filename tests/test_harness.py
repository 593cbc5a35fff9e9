"""The numeric tests can fail: planted faults, each of which its check must reject, while the original passes."""

import math

import keras
import numpy as np
import oracle
import pytest
import test_gradients
import test_moments
import test_values
from keras import ops

import keras_actx as actx
from keras_actx.activations.stable import expm1_of_negative

own = actx.activations


def _accurate(dtype):
    return lambda function, activation: oracle.assert_accurate(function, activation, dtype)


def _derivative(dtype):
    return lambda function, activation: oracle.assert_derivative(function, activation, dtype)


def _kinks(function, activation):
    oracle.assert_kink_slopes(function, activation, "float32")


def _nan(function, activation):
    oracle.assert_nan_passes(function, activation, "float32")


def _limit(function, activation):
    oracle.assert_limit(function, activation, "float32", -1)


def _parameter(function, activation):
    oracle.assert_parameter_derivative(function, activation, "alpha")


def _linearized(x):
    """Softplus with the right value and first derivative, and no second one."""
    start = ops.stop_gradient(x)
    return ops.softplus(start) + ops.sigmoid(start) * (x - start)


def _next_but_one(x):
    """The sigmoid, two units in the last place of float16 too high."""
    return ops.cast(ops.cast(own.sigmoid(x), "float32") * (1 + 2 * 2**-10), "float16")


MUTANTS = {
    "selu's constant cut to six digits": (
        own.selu,
        lambda x: 1.0507 * ops.where(x > 0, x, 1.67326 * expm1_of_negative(x)),
        _accurate("float32"),
    ),
    "a constant cut, in float64": (own.quick_gelu, lambda x: x * ops.sigmoid(1.7020001 * x), _accurate("float64")),
    "a sign": (own.softplus, lambda x: ops.log_sigmoid(-x), _accurate("float32")),
    "a sign, for negative inputs only": (own.lisht, lambda x: ops.abs(x) * own.tanh(x), _accurate("bfloat16")),
    "exp(x) - 1 for expm1(x)": (
        own.elu,
        lambda x: ops.where(x > 0, x, ops.exp(ops.where(x > 0, 0 * x, x)) - 1),
        _accurate("float32"),
    ),
    "the same, computed in float16": (
        own.elu,
        lambda x: ops.where(x > 0, x, ops.exp(ops.where(x > 0, 0 * x, x)) - 1),
        _accurate("float16"),
    ),
    "two ulp in float16": (own.sigmoid, _next_but_one, _accurate("float16")),
    "overflow where the result does not": (
        own.squareplus,
        lambda x: 0.5 * (x + ops.sqrt(x * x + 4.0)),
        _accurate("float32"),
    ),
    "inf from log(1 + exp(x))": (own.softplus, lambda x: ops.log(1 + ops.exp(x)), _accurate("float32")),
    "a cancelling tail": (own.gelu, lambda x: 0.5 * x * (1 + ops.erf(x * math.sqrt(0.5))), _accurate("float64")),
    "a result in float32 for float16": (own.gelu, lambda x: ops.cast(own.gelu(x), "float32"), _accurate("float16")),
    "a result in float32 for float64": (own.tanh, lambda x: ops.cast(own.tanh(x), "float32"), _accurate("float64")),
    "an element lost": (own.silu, lambda x: own.silu(x)[:-1], _accurate("float32")),
    "a hidden NaN": (own.relu, lambda x: ops.where(x > 0, x, ops.zeros_like(x)), _nan),
    "NaN for the limit": (own.elu, lambda x: ops.where(x > 0, x, ops.expm1(x) + 0.0 * x), _limit),
    "another limit": (own.sigmoid, lambda x: 0.01 + 0.99 * own.sigmoid(x), _limit),
    "another slope at a kink": (own.relu, lambda x: ops.where(x >= 0, x, ops.zeros_like(x)), _kinks),
    "another slope at the second kink": (own.relu6, lambda x: ops.where(x > 6, 6 + 0 * x, own.relu(x)), _kinks),
    "a detached derivative": (own.gelu, lambda x: ops.stop_gradient(own.gelu(x)), _derivative("float32")),
    "half a derivative": (own.swish, lambda x: x * ops.stop_gradient(ops.sigmoid(x)), _derivative("float64")),
    "NaN from a single where": (own.elu, lambda x: ops.where(x > 0, x, ops.expm1(x)), _derivative("float32")),
    "no second derivative": (own.softplus, _linearized, oracle.assert_second_derivative),
    "a detached parameter": (own.snake, lambda x, alpha: own.snake(x, alpha=ops.stop_gradient(alpha)), _parameter),
    "another default": (
        keras.activations.elu,
        keras.activations.leaky_relu,
        lambda theirs, _: oracle.assert_same_signature(own.elu, theirs),
    ),
}


@pytest.mark.parametrize("fault", MUTANTS)
def test_a_planted_fault_is_found(fault):
    original, mutant, check = MUTANTS[fault]
    check(original, original)
    with pytest.raises(AssertionError):
        check(mutant, original)


def test_a_changed_default_is_found():
    with pytest.raises(AssertionError):
        oracle.assert_same_signature(own.elu.bind(alpha=1.5), keras.activations.elu)


def test_wrong_moments_are_found():
    relu = (1 / math.sqrt(2 * math.pi), 0.5, 0.5)
    test_moments.assert_moments(actx.moments("relu"), relu)
    for i in range(3):
        wrong = [number + 1e-9 * (i == j) for j, number in enumerate(relu)]
        with pytest.raises(AssertionError):
            test_moments.assert_moments(actx.moments("relu"), wrong)


def test_a_ledger_entry_that_is_not_needed_is_found():
    idle = test_values.Entry("relu", "no reason", "float32", absolute=1.0)
    for module in (test_values, test_gradients):
        with pytest.raises(AssertionError, match="no longer needed"):
            module.test_every_entry_is_needed(idle)


def test_a_ledger_entry_excuses_no_more_than_it_says():
    entry = test_values.Entry("sigmoid", "for this test", "float32", low=-1.0, high=1.0, absolute=0.1)

    def off(by, where):
        return lambda x: own.sigmoid(x) + by * ops.cast(ops.abs(x) < where, x.dtype)

    oracle.assert_accurate(off(0.05, 1.0), own.sigmoid, "float32", [entry])
    for mutant in (off(0.2, 1.0), off(0.05, 2.0), off(math.nan, 1.0)):
        with pytest.raises(AssertionError):
            oracle.assert_accurate(mutant, own.sigmoid, "float32", [entry])


@pytest.mark.parametrize(
    ("activation", "x", "expected"),
    [
        (own.tanh_shrink, 1e-100, 1e-300 / 3),  # 660 bits cancel
        (own.gelu_tanh, -16.0, -1.5297633712991e-137),  # 440 bits cancel
        (own.squareplus, -1e154, 1e-154),
        (own.shifted_softplus, 1e-200, 5e-201),
        (own.exponential, 1e4, math.inf),
        (own.gelu, -1e300, 0.0),
    ],
    ids=str,
)
def test_the_oracle_survives_cancellation(activation, x, expected):
    high, _ = oracle.exact_values(activation, np.array([x]))
    np.testing.assert_allclose(high, expected, rtol=1e-9)


def test_the_oracle_differentiates():
    assert oracle.exact_derivative(own.sigmoid, 0.0) == 0.25
    assert oracle.exact_derivative(own.exponential, 1.0, 2) == pytest.approx(math.e, rel=1e-15)
    assert oracle.exact_derivative(own.tanh_shrink, 1e-30) == pytest.approx(1e-60, rel=1e-12)
    assert oracle.exact_parameter_derivative(own.celu, "alpha", -1.0) == pytest.approx(2 / math.e - 1, rel=1e-14)


def test_spacing():
    assert oracle.spacing(np.array([1.0, 1.99, 2.0, 0.0]), "float16").tolist() == [2**-10, 2**-10, 2**-9, 2**-24]
    assert oracle.spacing(np.array([1.0, -3.0]), "bfloat16").tolist() == [2**-7, 2**-6]
    x = np.array([1.5, 1e-300, 3e200, -7.0])
    assert oracle.spacing(x, "float64").tolist() == np.abs(np.spacing(x)).tolist()
