"""Primitives of the formulas, for functions whose plain forms or derivatives are inaccurate.

Backends differentiate sigmoid, tanh and expm1 as y (1 - y), 1 - y^2 and y + 1 of their result y, which loses all digits
where they saturate. The derivatives defined here are accurate everywhere, and so are the second derivatives.
"""

import functools
import math

import keras
from keras import ops

from keras_actx import backend
from keras_actx.backend import clip, clip_max, clip_min, relu, where, with_derivative


def safe_where(condition, x, otherwise=0.0):
    """x where the condition holds, elsewhere a constant: the inner part of a double `where`.

    It avoids NaN in the gradient from the branch that is not selected.
    """
    return where(condition, x, otherwise)


def times(factor, x):
    """factor * x, and 0 where the factor is 0, also at infinity: a parameter of 0 removes a term."""
    if isinstance(factor, float) and factor != 0.0:
        return x if factor == 1.0 else factor * x
    return factor * where(ops.logical_and(ops.isinf(x), factor == 0), 0.0, x)


#: Where a gate is treated as saturated: a large number whose square is finite.
FAR = 2.0**60


def self_gated(x, gate, slope=1.0, saturated=FAR):
    """x * gate(x) for a gate with the limit 0 in the direction opposite to `slope`, with its limits at +-inf.

    At +-inf, x is infinite and the gate or its derivative is 0. The gate is constant from `saturated` on.
    """
    if not isinstance(slope, float):
        bounded = where(slope > 0, clip_min(x, -FAR), where(slope < 0, clip_max(x, FAR), x))
    else:
        bounded = clip_min(x, -FAR) if slope > 0.0 else clip_max(x, FAR) if slope < 0.0 else x
    return bounded * gate(clip(x, -FAR, saturated))


def is_float64(x):
    """Whether a tensor is float64."""
    return keras.backend.standardize_dtype(x.dtype) == "float64"


def polynomial(x, coefficients):
    """sum_i c_i x^i, by Horner's rule."""
    total = coefficients[-1]
    for one in coefficients[-2::-1]:
        total = total * x + one
    return total


def logistic_density(x):
    """sigmoid(x) (1 - sigmoid(x)) = e^-|x| / (1 + e^-|x|)^2."""
    power = ops.exp(-ops.abs(x))
    return power / ops.square(1.0 + power)


@with_derivative(logistic_density)
def sigmoid(x):
    """1 / (1 + e^-x)."""
    return backend.sigmoid(x)


def _tanh_derivative(x):
    """4 e^-2|x| / (1 + e^-2|x|)^2."""
    power = ops.exp(-2.0 * ops.abs(x))
    return power / ops.square(0.5 + 0.5 * power)


@with_derivative(_tanh_derivative)
def tanh(x):
    """The hyperbolic tangent."""
    return backend.tanh(x)


@with_derivative(ops.exp)
def expm1(x):
    """e^x - 1."""
    return ops.expm1(x)


@with_derivative(logistic_density)
def softplus_derivative(x):
    """The sigmoid. If it shared e^-|x| with softplus, XLA would keep that for the backward pass."""
    return ops.sigmoid(x)


@with_derivative(softplus_derivative)
def softplus(x):
    """log(1 + e^x)."""
    return relu(x) + ops.log1p(ops.exp(-ops.abs(x)))


def _tanh_log1p_derivative(u):
    return 4.0 * (u + 1.0) / ops.square(u * (u + 2.0) + 2.0)


@with_derivative(_tanh_log1p_derivative)
def tanh_log1p(u):
    """tanh(log(1 + u)) = ((1 + u)^2 - 1) / ((1 + u)^2 + 1) for 0 <= u < 10^9, without cancellation."""
    square = u * (u + 2.0)
    return square / (square + 2.0)


def normal_density(x):
    """The density of the normal distribution, as e^-u^2 with the argument u of `normal_cdf`, so that XLA shares it."""
    u = -math.sqrt(0.5) * x
    return math.sqrt(0.5 / math.pi) * ops.exp(-(u * u))


@with_derivative(normal_density)
def normal_cdf(x):
    """The distribution function of the normal distribution."""
    return 0.5 * backend.erfc(-math.sqrt(0.5) * x)


@with_derivative(lambda x: 2.0 / math.sqrt(math.pi) * ops.exp(-x * x))
def erf(x):
    """The error function, which is +-1 in every dtype beyond 27; TensorFlow's is NaN beyond 10^155."""
    return ops.erf(clip(x, -27.0, 27.0))


@with_derivative(tanh)
def log_cosh(x):
    """log(cosh(x)). Near 0 it is log(1 + p^2 / (2 + 2 p)) with p = e^|x| - 1, since the sum cancels."""
    size = ops.abs(x)
    power = ops.expm1(clip_max(size, 1.0))
    inside = where(size < 1.0, 0.5 * power * power / (1.0 + power), ops.exp(-2.0 * size))
    return where(size < 1.0, 0.0, size - math.log(2.0)) + ops.log1p(inside)


@with_derivative(lambda x: ops.square(tanh(x)))
def x_minus_tanh(x):
    """x - tanh(x). For |x| < 1/2 its power series, sum_k t_k x^(2 k + 1), since the difference cancels."""
    small = clip(x, -0.5, 0.5)
    square = small * small
    series = polynomial(square, tanh_series(22 if is_float64(x) else 9))
    return where(ops.abs(x) < 0.5, small * square * series, x - backend.tanh(x))


@with_derivative(expm1)
def expm1_minus_x(x):
    """e^x - 1 - x for x <= 0. For x > -1/2 its power series, sum_k x^k / k!, since the difference cancels."""
    small = clip(x, -0.5, 0.5)
    terms = [1.0 / math.factorial(k) for k in range(2, 16 if is_float64(x) else 9)]
    return where(x > -0.5, small * small * polynomial(small, terms), ops.expm1(x) - x)


@functools.cache
def tanh_series(count):
    """The coefficients of x^3, x^5, ... in x - tanh(x), which follow from tanh' = 1 - tanh^2."""
    terms = [1.0]
    for n in range(1, count + 1):
        terms.append(-sum(terms[i] * terms[n - 1 - i] for i in range(n)) / (2 * n + 1))
    return tuple(-one for one in terms[1:])


def sigmoid_exact(mp, x):
    """The logistic function for a reference formula."""
    return 1 / (1 + mp.exp(-x))


def normal_cdf_exact(mp, x):
    """The normal distribution function for a reference formula.

    mpmath fails beyond 10^150; beyond 10^9 the result is constant to all digits.
    """
    return mp.ncdf(min(max(x, -(mp.mpf(10) ** 9)), mp.mpf(10) ** 9))
