"""A third party's activation gets every check by one call, and each planted fault is caught by it."""

import warnings

import keras
import pytest
from keras import ops

import keras_actx as actx
from keras_actx.testing import check_activation

SCALE, SLOPE = 1.0507009873554805, 1.6732632423543772


def exact(mp, x):
    """The scaled exponential linear unit, with its constants as Python has them."""
    return mp.mpf(SCALE) * (x if x > 0 else mp.mpf(SLOPE) * mp.expm1(x))


def declared(formula, kinks=None, reference=exact):
    """The formula as a third party's activation, under the one name that these tests use again and again."""
    formula.__name__, formula.__qualname__ = "theirs", "theirs"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it is another formula than the one before
        return actx.register_activation(package="third_party", kinks=kinks or {0.0: SCALE * SLOPE}, exact=reference)(
            formula
        )


def right(x):
    """Their own words."""
    return SCALE * ops.where(x > 0, x, SLOPE * ops.expm1(ops.where(x > 0, ops.zeros_like(x), x)))


def constant_cut(x):
    return 1.0507 * ops.where(x > 0, x, 1.67326 * ops.expm1(ops.where(x > 0, ops.zeros_like(x), x)))


def exp_minus_one(x):
    return SCALE * ops.where(x > 0, x, SLOPE * (ops.exp(ops.where(x > 0, ops.zeros_like(x), x)) - 1))


def other_kink(x):
    return SCALE * ops.where(x >= 0, x, SLOPE * ops.expm1(ops.where(x >= 0, ops.zeros_like(x), x)))


def detached(x):
    return SCALE * ops.where(x > 0, x, SLOPE * ops.stop_gradient(ops.expm1(ops.where(x > 0, ops.zeros_like(x), x))))


def leaking_float32(x):
    narrow = ops.cast(x, "float32")
    return right(narrow)  # the result is cast back, its digits are not


def single_where(x):
    return SCALE * ops.where(x > 0, x, SLOPE * ops.expm1(x))


def hiding_nan(x):
    return ops.where(ops.isnan(x), ops.zeros_like(x), right(x))


def mixing_rows(x):
    return right(x) + 1e-3 * ops.sum(x) if len(x.shape) > 1 else right(x)


def scalar_to_vector(x):
    return right(ops.reshape(x, (-1,))) if len(x.shape) == 0 else right(x)


FAULTS = (
    constant_cut,
    exp_minus_one,
    other_kink,
    detached,
    leaking_float32,
    single_where,
    hiding_nan,
    mixing_rows,
    scalar_to_vector,
)


def test_a_right_one_passes():
    declared(right)
    check_activation("third_party>theirs", points=256)  # the tests below hand over values


@pytest.mark.sweep(4)
@pytest.mark.parametrize("fault", FAULTS, ids=lambda one: one.__name__)
def test_a_fault_is_caught(fault):
    name = fault.__name__
    value = declared(fault)
    fault.__name__ = name
    with pytest.raises(AssertionError):
        check_activation(value, points=256)


def test_one_with_parameters():
    def formula(x, slope: actx.ranges.NonNegative = 0.25, bend: actx.ranges.Positive = 1.0):
        """A leaky ramp with a soft knee."""
        return ops.where(x > 0, x, slope * bend * ops.expm1(ops.where(x > 0, ops.zeros_like(x), x)))

    def reference(mp, x, slope, bend):
        return x if x > 0 else slope * mp.mpf(bend) * mp.expm1(x)

    kinks = lambda slope, bend: {0.0: slope * bend}  # noqa: E731
    check_activation(declared(formula, kinks, reference), points=512)


def test_a_parameter_without_gradient_is_caught():
    def formula(x, slope: actx.ranges.NonNegative = 0.25):
        """A leaky ramp."""
        return ops.where(x > 0, x, ops.stop_gradient(ops.convert_to_tensor(slope, dtype=x.dtype)) * x)

    def reference(mp, x, slope):
        return x if x > 0 else slope * x

    with pytest.raises(AssertionError):
        check_activation(declared(formula, lambda slope: {0.0: slope}, reference), points=512)


def test_what_it_refuses():
    @actx.register_activation(package="third_party")
    def unreferenced(x):
        """Without a reference formula."""
        return x

    with pytest.raises(ValueError, match="exact="):
        check_activation(unreferenced)
    with pytest.raises(ValueError, match="Did you mean 'snake'"):
        check_activation("snaek")
    with pytest.raises(ValueError, match="points=3"):
        check_activation("snake", points=3)


def ramp_gate(value, gate):
    """The value times the ramp of the gate."""
    return value * keras.ops.relu(gate)


@pytest.mark.sweep(1)
@pytest.mark.parametrize("kind", ["vector", "gated"])
def test_vectors_and_gates(kind):
    activation = actx.activations.softmax
    if kind == "gated":
        declare = actx.register_activation(
            package="third_party", kind="gated", kinks={0.0: 0.0}, exact=lambda mp, v, g: v * max(g, mp.mpf(0))
        )
        activation = declare(ramp_gate)
    check_activation(activation, points=256)
