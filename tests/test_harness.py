"""The numeric tests can fail: planted faults, each of which its check must reject, while the original passes."""

import functools
import math

import keras
import known
import numpy as np
import pytest
import test_gradients
import test_moments
import test_values
from keras import ops

import keras_actx as actx
from keras_actx.activations.primitives import expm1
from keras_actx.testing import KnownError, derivatives, errors, oracle, structure, values
from keras_actx.testing.cache import fingerprint
from keras_actx.testing.known_errors import known_errors_for
from keras_actx.testing.precision import settled, settled_by_mpmath

own = actx.activations


def _values(dtype):
    return functools.partial(values.assert_values, dtype=dtype)


def _derivative(dtype):
    return functools.partial(derivatives.assert_derivative, dtype=dtype)


def _kinks(function, activation):
    derivatives.assert_kink_slopes(function, activation, "float32")


def _nan(function, activation):
    values.assert_nan_passes(function, activation, "float32")


def _limit(function, activation):
    values.assert_limit(function, activation, "float32", -1)


def _end(function, activation):
    derivatives.assert_finite_ends(function, activation, "float32")


def _finite(function, activation):
    derivatives.assert_finite(function, activation, "bfloat16")


def _parameter(function, activation):
    derivatives.assert_parameter_derivative(function, activation, "alpha")


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
        lambda x: 1.0507 * ops.where(x > 0, x, 1.67326 * expm1(ops.minimum(x, 0))),
        _values("float32"),
    ),
    "a constant cut, in float64": (own.quick_gelu, lambda x: x * ops.sigmoid(1.7020001 * x), _values("float64")),
    "a sign": (own.softplus, lambda x: ops.log_sigmoid(-x), _values("float32")),
    "a sign, for negative inputs only": (own.lisht, lambda x: ops.abs(x) * own.tanh(x), _values("bfloat16")),
    "exp(x) - 1 for expm1(x)": (
        own.elu,
        lambda x: ops.where(x > 0, x, ops.exp(ops.where(x > 0, 0 * x, x)) - 1),
        _values("float32"),
    ),
    "the same, computed in float16": (
        own.elu,
        lambda x: ops.where(x > 0, x, ops.exp(ops.where(x > 0, 0 * x, x)) - 1),
        _values("float16"),
    ),
    "two ulp in float16": (own.sigmoid, _next_but_one, _values("float16")),
    "overflow where the result does not": (
        own.squareplus,
        lambda x: 0.5 * (x + ops.sqrt(x * x + 4.0)),
        _values("float32"),
    ),
    "inf from log(1 + exp(x))": (own.softplus, lambda x: ops.log(1 + ops.exp(x)), _values("float32")),
    "a cancelling tail": (own.gelu, lambda x: 0.5 * x * (1 + ops.erf(x * math.sqrt(0.5))), _values("float64")),
    "a result in float32 for float16": (own.gelu, lambda x: ops.cast(own.gelu(x), "float32"), _values("float16")),
    "a result in float32 for float64": (own.elu, lambda x: ops.cast(own.elu(x), "float32"), _values("float64")),
    "float32 inside float64": (
        own.elu,
        lambda x: ops.cast(own.elu(ops.cast(x, "float32")), x.dtype),
        _values("float64"),
    ),
    "an element lost": (own.relu, lambda x: own.relu(x)[:-1], _values("float32")),
    "a hidden NaN": (own.relu, lambda x: ops.where(x > 0, x, ops.zeros_like(x)), _nan),
    "NaN for the limit": (own.elu, lambda x: ops.where(x > 0, x, ops.expm1(x) + 0.0 * x), _limit),
    "another limit": (own.sigmoid, lambda x: 0.01 + 0.99 * own.sigmoid(x), _limit),
    "a derivative of NaN far out": (
        own.elu,
        lambda x: ops.where(x > 0, x, ops.expm1(x)),
        _finite,
    ),
    "a derivative of NaN at -inf": (own.silu, lambda x: x * ops.sigmoid(x), _end),
    "another slope at a kink": (own.relu, lambda x: ops.where(x >= 0, x, ops.zeros_like(x)), _kinks),
    "another slope at the second kink": (own.relu6, lambda x: ops.where(x > 6, 6 + 0 * x, own.relu(x)), _kinks),
    "a detached derivative": (own.gelu, lambda x: ops.stop_gradient(own.gelu(x)), _derivative("float32")),
    "half a derivative": (own.swish, lambda x: x * ops.stop_gradient(ops.sigmoid(x)), _derivative("float64")),
    "NaN from a single where": (own.elu, lambda x: ops.where(x > 0, x, ops.expm1(x)), _derivative("float32")),
    "no second derivative": (own.softplus, _linearized, derivatives.assert_second_derivative),
    "a detached parameter": (own.snake, lambda x, alpha: own.snake(x, alpha=ops.stop_gradient(alpha)), _parameter),
    "a row that sees the others": (
        own.relu,
        lambda x: own.relu(x) + 1e-3 * ops.max(x),
        structure.assert_transformations_agree,
    ),
    "another shape for scalars": (
        own.relu,
        lambda x: own.relu(ops.reshape(x, (-1,))) if len(x.shape) == 0 else own.relu(x),
        structure.assert_shape_and_dtype,
    ),
    "another default": (
        keras.activations.elu,
        keras.activations.leaky_relu,
        lambda theirs, _: test_gradients.assert_same_signature(own.elu, theirs),
    ),
}


@pytest.mark.sweep(4)
@pytest.mark.parametrize("fault", MUTANTS)
def test_a_planted_fault_is_found(fault):
    original, mutant, check = MUTANTS[fault]
    if isinstance(check, functools.partial):  # the original passes but for known errors
        quantity = "value" if check.func is values.assert_values else "derivative"
        excused = known_errors_for(known.ERRORS, original, quantity, check.keywords["dtype"])
        check = functools.partial(check, known=excused)
    check(original, original)
    with pytest.raises(AssertionError):
        check(mutant, original)


def test_a_changed_default_is_found():
    with pytest.raises(AssertionError):
        test_gradients.assert_same_signature(own.elu.bind(alpha=1.5), keras.activations.elu)


def test_wrong_moments_are_found():
    relu = (1 / math.sqrt(2 * math.pi), 0.5, 0.5)
    test_moments.assert_moments(actx.moments("relu"), relu)
    for i in range(3):
        wrong = [number + 1e-9 * (i == j) for j, number in enumerate(relu)]
        with pytest.raises(AssertionError):
            test_moments.assert_moments(actx.moments("relu"), wrong)


def test_a_known_error_excuses_no_more_than_it_says():
    entry = KnownError("relu", "for this test", error=2e6, quantity="value", dtypes="float32", low=0.25, high=1.0)

    def off(by, where):
        return lambda x: own.relu(x) * (1 + by * ops.cast((x > 0.25) & (x < where), x.dtype))

    values.assert_values(off(0.05, 1.0), own.relu, "float32", known=[entry])
    for mutant in (off(0.9, 1.0), off(0.05, 2.0), off(math.nan, 1.0)):
        with pytest.raises(AssertionError):
            values.assert_values(mutant, own.relu, "float32", known=[entry])


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
    high, _ = oracle.values(activation, np.array([x]))
    np.testing.assert_allclose(high, expected, rtol=1e-9)


def test_the_oracle_differentiates():
    def slope(activation, x, order=1):
        return oracle.derivatives(activation, np.array([x]), order)[0]

    assert slope(own.sigmoid, 0.0) == 0.25
    assert slope(own.exponential, 1.0, 2) == pytest.approx(math.e, rel=1e-15)
    assert slope(own.tanh_shrink, 1e-30) == pytest.approx(1e-60, rel=1e-12)
    by_alpha = oracle.parameter_derivatives(own.celu, "alpha", np.array([-1.0]))
    assert by_alpha == pytest.approx(2 / math.e - 1, rel=1e-14)


@pytest.mark.sweep(4)
@pytest.mark.parametrize("activation", test_values.DEFAULTS, ids=str)
def test_both_engines_of_the_oracle_agree(activation):
    """Arb computes the sweeps; mpmath, at twice the precision until nothing changes, is the reference."""
    formula = oracle.reference(activation)
    points = [0.0, 1e-3, -1e-3, 0.75, -0.75, 1.625, -3.5, 6.25, -9.0, 17.0, -21.0]
    for (high, low), (true, rest) in zip(settled(formula, points), settled_by_mpmath(formula, points), strict=True):
        assert abs((high - true) + (low - rest)) <= 2.0**-100 * abs(true) + 1e-300


def test_two_formulas_have_two_fingerprints():
    def inner(mp, x):
        return mp.exp(x)

    def other(mp, x):
        return mp.exp(-x)

    scale = 2.0
    first, second = (lambda mp, x, f=f: f(mp, x) for f in (inner, other))
    assert len({fingerprint(one) for one in (inner, other, first, lambda mp, x: inner(mp, x) * scale)}) == 4
    assert fingerprint(lambda mp, x: inner(mp, x)) != fingerprint(lambda mp, x: other(mp, x))
    assert fingerprint(own.elu.declaration.exact) == fingerprint(own.elu.declaration.exact)
    assert callable(second)


def test_a_docstring_is_no_part_of_a_fingerprint():
    def first(mp, x):
        """In some words."""
        return mp.exp(x)

    def second(mp, x):
        """In others."""
        return mp.exp(x)

    assert fingerprint(first) == fingerprint(second)


def test_the_fingerprint_of_a_formula_knows_the_activations_it_uses():
    def uses(x):
        return own.mish(x)

    before = fingerprint(uses)
    own_mish, own.mish = own.mish, own.silu
    try:
        assert fingerprint(uses) != before
    finally:
        own.mish = own_mish
    assert fingerprint(uses) == before


def test_exact_values_are_kept_and_found_again(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_ACTX_ORACLE", str(tmp_path))
    x = np.linspace(-3, 3, 50)
    first = oracle.values(own.mish, x)
    assert len(list(tmp_path.iterdir())) == 1
    monkeypatch.setattr(oracle, "_remembered", {})
    monkeypatch.setattr(oracle, "settled", None)  # what is computed again fails
    np.testing.assert_array_equal(oracle.values(own.mish, x), first)
    with pytest.raises(TypeError):
        oracle.values(own.silu, x)


def test_spacing():
    assert errors.spacing(np.array([1.0, 1.99, 2.0, 0.0]), "float16").tolist() == [2**-10, 2**-10, 2**-9, 2**-24]
    assert errors.spacing(np.array([1.0, -3.0]), "bfloat16").tolist() == [2**-7, 2**-6]
    x = np.array([1.5, 1e-300, 3e200, -7.0])
    assert errors.spacing(x, "float64").tolist() == np.abs(np.spacing(x)).tolist()
