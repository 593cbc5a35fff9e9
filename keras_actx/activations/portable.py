"""Operations that not every runtime knows, made of those that all do; for exported graphs (`backend/exporters.py`).

Within a few units in the last place, as the backends' own are, in float32 and float64.
"""

import math

from keras import ops

from keras_actx.activations.stable import (
    _CUT_AT_11,
    _CUT_AT_19,
    _polynomial,
    _scaled_normal_tail,
    is_double,
    where_selected,
)
from keras_actx.backend import where
from keras_actx.backend.exporters import portable


@portable("expm1")
def expm1(x):
    """e^x - 1. For |x| < 1/2 it is 2t / (1 - t) for t = tanh(x / 2), a fraction of two polynomials."""
    x = ops.convert_to_tensor(x)
    small = ops.abs(x) < 0.5
    half = 0.5 * where_selected(small, x)
    square = half * half
    numerator, denominator = _CUT_AT_19 if is_double(x) else _CUT_AT_11
    t = half - half * (square * (_polynomial(numerator, square) / _polynomial(denominator, square)))
    return where(small, 2.0 * t / (1.0 - t), ops.exp(where_selected(~small, x)) - 1.0)


@portable("log1p")
def log1p(x):
    """log(1 + x). For -1/2 < x < 1 it is 2 artanh(s) for s = x / (2 + x), a power series, as x minus a small rest."""
    x = ops.convert_to_tensor(x)
    small = ops.logical_and(x > -0.5, x < 1.0)
    near = where_selected(small, x)
    s = near / (2.0 + near)
    square = s * s
    rest = square * _polynomial([2.0 / (2 * k + 3) for k in reversed(range(16 if is_double(x) else 8))], square)
    return where(small, near - s * (near - rest), ops.log(1.0 + where_selected(~small, x)))


@portable("erf")
def erf(x):
    """The error function. For |x| < 1 a power series, beyond it by the tail of the normal distribution."""
    x = ops.convert_to_tensor(x)
    distance = ops.abs(x)
    small = distance < 1.0
    near = where_selected(small, x)
    count = 20 if is_double(x) else 11
    series = [2.0 / math.sqrt(math.pi) * (-1) ** k / (math.factorial(k) * (2 * k + 1)) for k in reversed(range(count))]
    far = where_selected(~small, distance, 1.0)
    far = where(far > 10.0, 10.0, far)  # a tracer has no numbers for `at_most` to look at
    t = math.sqrt(2.0) * far
    beyond = 1.0 - 2.0 * ops.exp(-far * far) * (_scaled_normal_tail(t, 0.0) / (1.0 + t))
    return where(small, near * _polynomial(series, near * near), where(x < 0, -beyond, beyond))


@portable("arctan")
def arctan(x):
    """The inverse tangent, twice that of the tangent of half the angle, which is below sqrt(2) - 1, a power series."""
    x = ops.convert_to_tensor(x)
    steep = ops.abs(x) > 1.0
    slope = where(steep, 1.0 / where_selected(steep, x, 1.0), where_selected(~steep, x))
    half = slope / (1.0 + ops.sqrt(1.0 + slope * slope))
    square = half * half
    series = [2.0 * (-1) ** k / (2 * k + 3) for k in reversed(range(22 if is_double(x) else 10))]
    angle = 2.0 * half - half * (square * _polynomial(series, square))
    return where(steep, where(x < 0, -0.5 * math.pi - angle, 0.5 * math.pi - angle), angle)
