"""Pieces of formulas in the form that keeps its digits and its gradient on every backend."""

import math

from keras import ops

from keras_actx.backend import erfc, tanh


def softplus(x):
    """log(1 + e^x). Through `log_sigmoid`, since torch's own softplus drops e^-x above 20 and `logaddexp` has no
    gradient at 0 on TensorFlow."""
    return -ops.log_sigmoid(-x)


def expm1_of_negative(x):
    """e^x - 1 for x <= 0, and 0 above: safe to differentiate where the caller's `where` takes another branch."""
    return ops.expm1(ops.where(x > 0, ops.zeros_like(x), x))


def between(x, low, high):
    """x clipped to [low, high] with derivative 0 at both ends (backends disagree about the ends of their own clip)."""
    return ops.where(x <= low, low * ops.ones_like(x), ops.where(x >= high, high * ops.ones_like(x), x))


def at_most(x, bound):
    """x, and `bound` above it. Not `ops.minimum`, which returns float32 for a float64 tensor and a Python number."""
    return ops.where(x > bound, bound * ops.ones_like(x), x)


def where_selected(condition, x, otherwise=0.0):
    """x where the condition holds, a harmless number elsewhere: the inner half of a double `where`, which keeps the
    branch that is not taken from sending NaN into the gradient."""
    return ops.where(condition, x, otherwise * ops.ones_like(x))


def normal_cdf(x):
    """The normal distribution function. Through `erfc`: 1 + erf(x) has no digits left below -6."""
    return 0.5 * erfc(-math.sqrt(0.5) * x)


def normal_cdf_exact(mp, x):
    """The same for mpmath, which fails beyond 10^150; beyond 10^9 there is nothing left to see."""
    return mp.ncdf(min(max(x, -(mp.mpf(10) ** 9)), mp.mpf(10) ** 9))


def x_minus_tanh(x):
    """x - tanh(x) without cancellation near 0, where it is x^3 / 3.

    From the continued fraction tanh(x) = x / (1 + x^2 / (3 + x^2 / (5 + ...))), all of whose terms are positive; cut
    at 19 it has every digit of a double up to |x| = 1.
    """
    small = ops.abs(x) < 1
    inside = where_selected(small, x)
    square = inside * inside
    fraction = 19.0
    for odd in (17.0, 15.0, 13.0, 11.0, 9.0, 7.0, 5.0, 3.0):
        fraction = odd + square / fraction
    return ops.where(small, inside * (square / (fraction + square)), x - tanh(x))


def expm1_minus_x(x):
    """e^x - 1 - x for x <= 0, without cancellation near 0, where it is x^2 / 2.

    With h = x / 2 and t = tanh(h) it is 2 (h t - (h - t)) / (1 - t), a sum of two positive terms.
    """
    half = 0.5 * x
    t = tanh(half)
    return (half * t - x_minus_tanh(half)) * (2.0 / (1.0 - t))
