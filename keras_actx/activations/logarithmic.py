"""Activations with a logarithm, except those based on softplus."""

import functools
import math

from keras import ops

from keras_actx.activations.primitives import FAR, expm1, safe_where, times
from keras_actx.backend import clip_max, relu, where
from keras_actx.declaration.decorator import register_activation
from keras_actx.ranges import Positive, Real

register_activation = functools.partial(register_activation, package="keras_actx")


@register_activation(
    tex=r"\log(1 + \beta \max(x, 0))",
    cites=("Liu et al. 2019, Natural-Logarithm-Rectified Activation Function, arXiv:1908.03682",),
    kinks={0.0: 0.0},
    exact=lambda mp, x, beta: mp.log1p(beta * max(x, mp.mpf(0))),
)
def nlrelu(x, beta: Positive = 1.0):
    """The logarithm of one plus `beta` times ReLU."""
    positive = relu(x)
    near = ops.log1p(beta * clip_max(positive, FAR))
    return near + ops.log1p(relu(positive / FAR - 1.0))  # beyond it, beta x may overflow


_END = 2.0**-20


def _soft_exponential_end(alpha):
    """Where 1 - alpha (x + alpha) decreases to `_END`, for a negative alpha."""
    return (_END - (1.0 - alpha) * (1.0 + alpha)) / -alpha


def _soft_exponential_exact(mp, x, alpha):
    if alpha > 0:
        return mp.expm1(alpha * x) / mp.mpf(alpha) + alpha
    return -mp.log1p(max(-alpha * (x + alpha), mp.mpf(_END) - 1)) / mp.mpf(alpha) if alpha < 0 else x


@register_activation(
    tex=(
        r"\begin{cases} (e^{\alpha x} - 1) / \alpha + \alpha & \alpha > 0 \\ x & \alpha = 0 \\ "
        r"-\log(1 - \alpha (x + \alpha)) / \alpha & \alpha < 0 \end{cases}"
    ),
    cites=(
        "Godfrey & Gashler 2016, A Continuum among Logarithmic, Linear, and Exponential Functions, arXiv:1602.01321",
    ),
    learnable=True,
    kinks=lambda alpha: {_soft_exponential_end(alpha): 0.0} if alpha < 0 else {},
    exact=_soft_exponential_exact,
)
def soft_exponential(x, alpha: Real = 0.0):
    r"""A logarithm, the identity or an exponential, by the sign of a learned `alpha`.

    Initially the identity, and smooth in $\alpha$ there. For $\alpha < 0$ the argument of the logarithm is positive
    above $\alpha - 1 / \alpha$ only. It is bounded below by $2^{-20}$, so that the function is constant for smaller
    inputs, $20 \log(2) / \alpha$, instead of NaN.
    """
    if isinstance(alpha, float):
        if alpha == 0.0:
            return x
        return _growing(x, alpha) if alpha > 0 else _damped(x, alpha)
    positive = alpha > 0
    growing = _growing(safe_where(positive, x), safe_where(positive, alpha, 1.0))
    return where(positive, growing, _damped(safe_where(~positive, x), safe_where(~positive, alpha)))


# Both branches are a logarithm or exponential over alpha; for a tiny alpha, the derivative requires z / alpha written
# as x.


def _growing(x, alpha):
    """The branch for alpha > 0."""
    z = alpha * x
    small, large = ops.abs(z) < 1, z >= 1
    rate = where(small, ops.ones_like(x), alpha)
    near = safe_where(small, x) * _expm1_over_x(safe_where(small, z))
    half = ops.exp(0.5 * safe_where(large, z))  # e^z / alpha may not overflow where e^z does
    power = half * (half / rate)
    far = where(large, power - 1.0 / rate, expm1(clip_max(z, 0.0)) / rate)
    return where(small, near, far) + alpha


def _damped(x, alpha):
    """The branch for alpha <= 0."""
    w = times(-alpha, x + alpha)
    small = ops.logical_and(w > -0.5, w < 1)
    near = (safe_where(small, x) + alpha) * _log1p_over_x(safe_where(small, w))
    one, zero = ops.ones_like(x), ops.zeros_like(x)
    rate = where(small, one, -alpha * one)
    outer = safe_where(~small, x)
    ended = outer <= _soft_exponential_end(alpha)
    huge = rate * outer > 1e20  # which may overflow
    scale = where(huge, 2.0**-64 * one, one)
    argument = (1.0 - alpha) * (1.0 + alpha) * scale + rate * (scale * outer)  # not 1 + w, which cancels near 0
    logarithm = ops.log(safe_where(~ops.logical_or(small, ended), argument, _END))
    return where(small, near, (logarithm + where(huge, 64 * math.log(2.0) * one, zero)) / rate)


def _expm1_over_x(x):
    """(e^x - 1) / x for |x| < 1, from tanh(y) = y / (1 + y^2 / (3 + y^2 / (5 + ...))) for y = x / 2."""
    half = 0.5 * x
    square = half * half
    fraction = 15.0
    for odd in (13.0, 11.0, 9.0, 7.0, 5.0, 3.0):
        fraction = odd + square / fraction
    return fraction / (fraction * (1.0 - half) + square)


def _log1p_over_x(x):
    """log(1 + x) / x for -1/2 < x < 1, from the series of the inverse hyperbolic tangent of s = x / (2 + x)."""
    s = x / (2.0 + x)
    square = s * s
    total = 1.0 / 33.0
    for odd in range(31, 0, -2):
        total = 1.0 / odd + square * total
    return total * (2.0 / (2.0 + x))
