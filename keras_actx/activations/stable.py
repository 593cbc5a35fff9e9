"""Pieces of formulas in the form that keeps its digits and its gradient on every backend."""

import math
from fractions import Fraction
from itertools import zip_longest

import keras
from keras import ops

from keras_actx.backend import all_within, error_of_product, tanh, where, with_kernel


@with_kernel("expm1_of_negative")
def expm1_of_negative(x):
    """e^x - 1 for x <= 0, and 0 above: safe to differentiate where the caller's `where` takes another branch.

    Backends have expm1 + 1 for the derivative of expm1, which has no digits left in the tail; there it is e^x - 1.
    """
    tail = x < -1
    near = ops.expm1(where(ops.logical_or(tail, x > 0), 0.0, x))
    return where(tail, ops.exp(where_selected(tail, x)) - 1.0, near)


def between(x, low, high):
    """x clipped to [low, high] with derivative 0 at both ends (backends disagree about the ends of their own clip)."""
    if isinstance(low, float) and low < 0.0 and isinstance(high, float) and all_within(x, min(-low, high)):
        return x
    return where(x <= low, low, where(x >= high, high, x))


def at_most(x, bound):
    """x, and `bound` above it. Not `ops.minimum`, which returns float32 for a float64 tensor and a Python number."""
    return x if isinstance(bound, float) and all_within(x, bound) else where(x > bound, bound, x)


def where_selected(condition, x, otherwise=0.0):
    """x where the condition holds, a harmless number elsewhere: the inner half of a double `where`, which keeps the
    branch that is not taken from sending NaN into the gradient."""
    return where(condition, x, otherwise)


def unless_cancelled(x, factor):
    """x, but 0 for an infinity that a factor of 0 is to multiply: 0 is the limit of the product, which would be NaN."""
    if isinstance(factor, float) and factor != 0.0:
        return x
    return where(ops.logical_and(ops.isinf(x), factor == 0), 0.0, x)


#: Beyond it, e^-x is 0 even in float64.
SETTLED = 800.0


def times(factor, x):
    """factor * x, and 0 where the factor is 0, also at infinity: a parameter of 0 switches a term off."""
    if isinstance(factor, float) and factor != 0.0:
        return x if factor == 1.0 else factor * x
    return factor * unless_cancelled(x, factor)


def times_weight(x, z, weight, top=1.0, bottom=0.0):
    """x * weight(x) for a smooth weight that is `bottom` below z = -800 and `top` above 800, with its limits at +-inf.

    Beyond 800 it is `bottom` or `top` times x, whose derivatives are finite where inf * 0 is not. `weight` must be
    finite at 0, which it sees in place of what is beyond. z is only compared: it may overflow.
    """
    if all_within(z, SETTLED):
        return x * weight(x)
    inside = ops.abs(z) < SETTLED
    selected = where_selected(inside, x)
    if isinstance(bottom, float) and bottom == 0.0:
        beyond = where(z < 0, 0.0, times(top, x))
    else:
        between_both = times(0.5 * (top + bottom), x)  # z is NaN, from 0 * inf or since x is
        beyond = where(z > 0, times(top, x), where(z < 0, times(bottom, x), between_both))
    return where(inside, selected * weight(selected), beyond)


# Exponentials magnify the rounding error of their argument by the argument. `product` returns that error too (None
# where there is none), and `decay` and what is built on it take it into account. XLA adds up constants, (x - a) - b to
# x - (a + b): keep them apart.


def is_double(x):
    """Whether a tensor is float64."""
    return keras.backend.standardize_dtype(x.dtype) == "float64"


def split(x, grid):
    """x as a multiple of 1 / grid, and the rest, both exact. The rest carries the gradient.

    x must come from a `where` or from outside: a compiler may fuse the difference with a product that is x.
    """
    coarse = round(x * grid) / grid if isinstance(x, float) else ops.stop_gradient(ops.round(x * grid) / grid)
    return coarse, x - coarse


def sum_with_error(high, low):
    """high + low, and what rounding lost of it if |high| > |low|; the error has no gradient."""
    total = high + low
    return total, ops.stop_gradient(low - (total - high))


def product(factor, x, missing=0.0):
    """factor * x for what will be an exponent, and its rounding error; `missing` is what a constant has beyond double.

    A power of two has none. Otherwise it is computed from parts whose products are exact, so that it does not matter
    whether a compiler fuses multiplications and additions. A factor that is a tensor and far from 1 may leave a part of
    the error.
    """
    if is_power_of_two(factor) and missing == 0.0:
        return x if factor == 1.0 else factor * x, None
    error = error_of_product(factor, x, missing)
    if error is not None:
        return factor * x, error
    if not isinstance(factor, float):
        coarse = where_selected(ops.abs(x) < 2.0**13, x)  # all of x may be too large for a grid
    elif 2.0**-100 < abs(factor) < 2.0**100:
        factor, exponent = math.frexp(factor)
        coarse = x = x * 2.0**exponent
        missing = math.ldexp(missing, -exponent)
    elif factor == 0.0:
        return ops.zeros_like(x), ops.zeros_like(x)  # without a gradient: what comes back may have overflowed
    else:
        return factor * x, ops.zeros_like(x)
    grid = 2.0**20 if is_double(x) else 2.0**8  # products of coarse parts below 2^10 or 2^7 are exact
    factor_high, factor_low = split(factor, grid)
    x_high = split(coarse, grid)[0]
    return sum_with_error(factor_high * x_high, factor_high * (x - x_high) + (factor_low + missing) * x)


def is_power_of_two(number):
    """Whether multiplying by a number rounds nothing."""
    return isinstance(number, float) and abs(math.frexp(number)[0]) == 0.5


def corrected(power, error):
    """The exponential of an argument that lacked a small `error`."""
    return power if error is None else power + power * error


def decay(z, error=None):
    """e^-|z + error|."""
    power = _decay(z)
    return power if error is None else corrected(power, where(z > 0, -error, error))


@with_kernel("decay")
def _decay(z):
    return ops.exp(where(z > 0, -z, z))


def decay_of_product(factor, x):
    """e^-|factor * x|, 0 at infinity."""
    if all_within(factor * x, SETTLED):
        return decay(*product(factor, x))
    settled = ops.abs(factor * x) >= SETTLED
    power = decay(*product(factor, where_selected(~settled, x)))
    return where(settled, 0.0, power)


@with_kernel("sigmoid")
def sigmoid(z, error=None):
    """1 / (1 + e^-(z + error)), with a derivative that keeps its digits where it is small."""
    power = decay(z, error)
    return where(z > 0, 1.0, power) / (1.0 + power)


def times_sigmoid(x, z, argument):
    """x / (1 + e^-z), a rounding less than x times the sigmoid of z, with its limits at +-inf.

    `argument` computes z and its rounding error from x where that is not too large; z itself is only compared: it may
    overflow.
    """
    bounded = all_within(z, SETTLED)
    inside = None if bounded else ops.abs(z) < SETTLED
    selected = x if bounded else where_selected(inside, x)
    exponent, error = argument(selected)
    if all_within(exponent, 40.0):
        result = selected / (1.0 + corrected(ops.exp(-exponent), None if error is None else -error))
    else:
        near = exponent > -40.0  # below it, 1 + e^-z is e^-z even in float64
        power = ops.exp(where(near, -exponent, exponent))
        if error is not None:
            power = corrected(power, where(near, -error, error))
        result = where(near, selected / (1.0 + power), selected * power)
    return result if bounded else where(inside, result, where(z < 0, 0.0, x))


@with_kernel("softplus")
def softplus(x):
    """log(1 + e^x). torch's own drops e^-x above 20, and `logaddexp` has no gradient at 0 on TensorFlow."""
    return where(x > 0, x, 0.0) + ops.log1p(decay(x))


@with_kernel("tanh")
def steady_tanh(x):
    """The hyperbolic tangent. Backends have 1 - tanh^2 for its derivative, which has no digits left far out; and XLA's
    is 0 for the smallest numbers."""
    tiny, small = ops.abs(x) < 1e-9, ops.abs(x) < 0.5
    power = ops.exp(-2.0 * ops.abs(x))
    far = 1.0 - 2.0 * power / (1.0 + power)
    near = where(tiny, x, tanh(where_selected(small, x)))
    return where(small, near, where(x < 0, -far, far))


@with_kernel("normal_cdf")
def normal_cdf(x, error=None):
    """The normal distribution function of x + error, to the last digits of its lower tail."""
    positive = x > 0
    if error is not None:
        error = where(positive, error, -error)
    tail = times_normal_tail(1.0, distance(x), error)
    return where(positive, 1.0 - tail, tail)


def distance(x):
    """|x| with derivative -1 at 0, and no more than 40, beyond which the normal distribution is 0 even in float64."""
    return at_most(where(x > 0, x, -x), 40.0)


def times_normal_tail(factor, t, error=None):
    """factor times the normal distribution function of -(t + error), for a `distance` t.

    e^(-t^2 / 2) times a function of t that varies slowly. Backends' erfc, and their derivatives of it, have t^2 rounded
    before it is an exponent.
    """
    square, lost = product(t, t)
    if error is not None:
        lost = lost + 2.0 * t * error
    return ops.exp(-0.5 * square) * (factor * _scaled_normal_tail(t, -0.5 * lost) / (1.0 + t))


def sigmoid_exact(mp, x):
    """The logistic function for a reference formula."""
    return 1 / (1 + mp.exp(-x))


def normal_cdf_exact(mp, x):
    """The normal distribution function for a reference formula. mpmath fails beyond 10^150; beyond 10^9 there is
    nothing left to see."""
    return mp.ncdf(min(max(x, -(mp.mpf(10) ** 9)), mp.mpf(10) ** 9))


# The normal distribution function of -t times e^(t^2 / 2) (1 + t), as a polynomial in (t - k) / (t + k): where to put
# k, and the coefficients from the highest power down, interpolated in Chebyshev points with mpmath. The relative error
# is 9e-10 up to t = 14.5 for float32, 3e-18 up to t = 40 for float64, and 6e-9 and 3e-17 of the derivative; beyond, the
# tail is 0.
_TAIL = (
    3.0,
    (
        *(2.22070734e-05, 8.78616702e-05, 5.19893497e-06, -0.000515651646, -0.000348727573, 0.0030094424),
        *(0.00115963233, -0.0227297488, 0.0451639789, -0.0164321671, -0.0965267598, 0.486055793),
    ),
)
_TAIL_OF_DOUBLE = (
    4.0,
    (
        *(-2.621368395602489e-10, -1.3547923942817101e-09, -8.302534825756703e-10, 8.425453905074397e-09),
        *(1.7074179574235033e-08, -2.3585016390667925e-08, -1.1119663003695588e-07, 5.017314918544702e-09),
        *(5.526888726885186e-07, 4.0231591856982716e-07, -2.613474358077429e-06, -3.4313278898586758e-06),
        *(1.3627120508991197e-05, 2.1249817348631183e-05, -8.785325026942807e-05, -9.443021368786955e-05),
        *(0.0006948971151771745, -0.0002856231022908247, -0.0050023785920066755, 0.017936097479934982),
        *(-0.03219783742804189, 0.028600364053543405, 0.013999634724424642, -0.09670347732652575),
        0.47205320650984467,
    ),
)


def _scaled_normal_tail(t, correction):
    """The polynomial times 1 + correction, which costs no rounding of its own inside the last sum."""
    middle, (first, *others, last) = _TAIL_OF_DOUBLE if is_double(t) else _TAIL
    place = (t - middle) / (t + middle)
    rest = first
    for coefficient in others:
        rest = rest * place + coefficient
    rest = rest * place
    return last + (rest + correction * (last + rest))


@with_kernel("x_minus_tanh")
def x_minus_tanh(x):
    """x - tanh(x) without cancellation near 0, where it is x^3 / 3.

    For |x| < 1 the fraction of two polynomials that the continued fraction tanh(x) = x / (1 + x^2 / (3 + x^2 / (5 +
    ...))) is when it is cut off, without a digit lost: all of their terms are positive.
    """
    small = ops.abs(x) < 1
    inside = where_selected(small, x)
    square = inside * inside
    numerator, denominator = _CUT_AT_19 if is_double(x) else _CUT_AT_11
    bend = inside * (square * (_polynomial(numerator, square) / _polynomial(denominator, square)))
    return where(small, bend, x - tanh(x))


def _polynomial(coefficients, x):
    """From the highest power down."""
    total, *rest = coefficients
    for one in rest:
        total = total * x + one
    return total


def _tanh_fraction(last):
    """The coefficients of 1 / (3 + s / (5 + ... + s / last)) as a, b in a / (b + s a), which is (1 - tanh(x) / x) / s
    for s = x^2; divided by the lowest of b, which is as far as floats can be from overflow."""
    top, bottom = [last], [1]  # 3 + s / (5 + ...), built from its end; from the lowest power up
    for odd in range(last - 2, 1, -2):
        top, bottom = _sum([odd * one for one in top], [0, *bottom]), top
    whole = _sum(top, [0, *bottom])
    return [tuple(float(one / whole[0]) for one in reversed(each)) for each in (bottom, whole)]


def _sum(first, second):
    return [Fraction(a) + b for a, b in zip_longest(first, second, fillvalue=0)]


# Of the cut-off fraction the error is below half a unit in the last place up to |x| = 1.
_CUT_AT_11, _CUT_AT_19 = _tanh_fraction(11), _tanh_fraction(19)


def expm1_minus_x(x):
    """e^x - 1 - x for x <= 0, without cancellation near 0, where it is x^2 / 2.

    With h = x / 2 and t = tanh(h) it is 2 (h t - (h - t)) / (1 - t), a sum of two positive terms.
    """
    half = 0.5 * x
    t = tanh(half)
    return (half * t - x_minus_tanh(half)) * (2.0 / (1.0 - t))
