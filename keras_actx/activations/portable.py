"""Operations that some runtimes lack, composed of common ones; for exported graphs (`backend/exporters.py`).

Accurate to a few units in the last place, as the backends' own, in float32 and float64.
"""

import math

from keras import ops

from keras_actx.activations.primitives import clip_max, is_float64, polynomial, safe_where, tanh_series
from keras_actx.backend import where
from keras_actx.backend.exporters import portable


@portable("expm1")
def expm1(x):
    """e^x - 1. For |x| < 1/2 it is 2t / (1 - t) for t = tanh(x / 2), a power series."""
    x = ops.convert_to_tensor(x)
    small = ops.abs(x) < 0.5
    half = 0.5 * safe_where(small, x)
    square = half * half
    t = half - half * square * polynomial(square, tanh_series(12 if is_float64(x) else 6))
    return where(small, 2.0 * t / (1.0 - t), ops.exp(safe_where(~small, x)) - 1.0)


@portable("log1p")
def log1p(x):
    """log(1 + x). For -1/2 < x < 1 it is 2 artanh(s) for s = x / (2 + x), a power series: x minus a small rest."""
    x = ops.convert_to_tensor(x)
    small = ops.logical_and(x > -0.5, x < 1.0)
    near = safe_where(small, x)
    s = near / (2.0 + near)
    square = s * s
    rest = square * polynomial(square, [2.0 / (2 * k + 3) for k in range(16 if is_float64(x) else 8)])
    return where(small, near - s * (near - rest), ops.log(1.0 + safe_where(~small, x)))


@portable("erf")
def erf(x):
    """The error function. For |x| < 1 a power series, beyond it from `erfc`."""
    x = ops.convert_to_tensor(x)
    distance = ops.abs(x)
    small = distance < 1.0
    near = safe_where(small, x)
    count = 20 if is_float64(x) else 11
    series = [2.0 / math.sqrt(math.pi) * (-1) ** k / (math.factorial(k) * (2 * k + 1)) for k in range(count)]
    beyond = 1.0 - erfc(safe_where(~small, distance, 1.0))
    return where(small, near * polynomial(near * near, series), where(x < 0, -beyond, beyond))


@portable("erfc")
def erfc(x):
    """1 - erf(x), from e^(-x^2) and a polynomial."""
    x = ops.convert_to_tensor(x)
    t = clip_max(math.sqrt(2.0) * ops.abs(x), 40.0)
    middle, coefficients = _TAIL_OF_DOUBLE if is_float64(x) else _TAIL
    tail = 2.0 * ops.exp(-0.5 * t * t) * polynomial((t - middle) / (t + middle), coefficients) / (1.0 + t)
    return where(x < 0, 2.0 - tail, tail)


@portable("arctan")
def arctan(x):
    """The inverse tangent, twice that of the tangent of half the angle, which is below sqrt(2) - 1, a power series."""
    x = ops.convert_to_tensor(x)
    steep = ops.abs(x) > 1.0
    slope = where(steep, 1.0 / safe_where(steep, x, 1.0), safe_where(~steep, x))
    half = slope / (1.0 + ops.sqrt(1.0 + slope * slope))
    square = half * half
    series = [2.0 * (-1) ** k / (2 * k + 3) for k in range(22 if is_float64(x) else 10)]
    angle = 2.0 * half - half * (square * polynomial(square, series))
    return where(steep, where(x < 0, -0.5 * math.pi - angle, 0.5 * math.pi - angle), angle)


# The normal distribution function of -t times e^(t^2 / 2) (1 + t), as a polynomial in (t - k) / (t + k): k, and the
# coefficients, interpolated in Chebyshev points with mpmath. The relative error is 9e-10 up to t = 14.5 for float32,
# 3e-18 up to t = 40 for float64.
_TAIL = (
    3.0,
    (
        0.486055793,
        -0.0965267598,
        -0.0164321671,
        0.0451639789,
        -0.0227297488,
        0.00115963233,
        0.0030094424,
        -0.000348727573,
        -0.000515651646,
        5.19893497e-06,
        8.78616702e-05,
        2.22070734e-05,
    ),
)
_TAIL_OF_DOUBLE = (
    4.0,
    (
        0.47205320650984467,
        -0.09670347732652575,
        0.013999634724424642,
        0.028600364053543405,
        -0.03219783742804189,
        0.017936097479934982,
        -0.0050023785920066755,
        -0.0002856231022908247,
        0.0006948971151771745,
        -9.443021368786955e-05,
        -8.785325026942807e-05,
        2.1249817348631183e-05,
        1.3627120508991197e-05,
        -3.4313278898586758e-06,
        -2.613474358077429e-06,
        4.0231591856982716e-07,
        5.526888726885186e-07,
        5.017314918544702e-09,
        -1.1119663003695588e-07,
        -2.3585016390667925e-08,
        1.7074179574235033e-08,
        8.425453905074397e-09,
        -8.302534825756703e-10,
        -1.3547923942817101e-09,
        -2.621368395602489e-10,
    ),
)
