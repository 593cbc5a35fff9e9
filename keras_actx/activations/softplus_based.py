"""Activations based on softplus, and other smooth ramps."""

import functools
import math
from typing import Annotated

from keras import ops

from keras_actx.activations import primitives
from keras_actx.activations.primitives import (
    FAR,
    clip,
    expm1,
    normal_cdf,
    normal_cdf_exact,
    self_gated,
    softplus_derivative,
    times,
)
from keras_actx.backend import clip_max, clip_min, relu, where, with_derivative
from keras_actx.declaration.decorator import register_activation
from keras_actx.ranges import Positive, Range

register_activation = functools.partial(register_activation, package="keras_actx")


@register_activation(
    tex=r"\frac{1}{\beta} \log(1 + e^{\beta x})",
    cites=("Dugas et al. 2001, Incorporating Second-Order Functional Knowledge for Better Option Pricing",),
    exact=lambda mp, x, beta: mp.log1p(mp.exp(beta * x)) / beta,
)
def softplus(x, beta: Positive = 1.0):
    """A smooth ramp with sharpness `beta`.

    Keras's function has no `beta`; torch's also has a threshold, beyond which it returns its input, which loses digits
    without a benefit.
    """
    if isinstance(beta, float) and beta == 1.0:
        return primitives.softplus(x)
    return relu(x - FAR) + primitives.softplus(beta * clip_max(x, FAR)) / beta  # where beta x overflows, it is x


@register_activation(
    tex=r"\sqrt{\log(1 + e^x)}",
    cites=("The square root of softplus; transformers' sqrtsoftplus",),
    aliases=("sqrtsoftplus",),
    exact=lambda mp, x: mp.sqrt(mp.log1p(mp.exp(x))),
)
def sqrt_softplus(x):
    """The square root of softplus, used as the score of experts in recent mixture-of-experts language models."""
    # Below -40 it equals e^(x / 2) in every dtype; softplus may underflow to 0, where the square root has no
    # derivative.
    tail = ops.exp(-0.5 * relu(-40.0 - clip_max(x, 0.0)))
    return ops.sqrt(primitives.softplus(clip_min(x, -40.0))) * tail


@register_activation(
    tex=r"\log(1 + e^x) - \log 2",
    cites=("Schütt et al. 2017, SchNet, arXiv:1706.08566",),
    exact=lambda mp, x: mp.log1p(mp.exp(x)) - mp.log(2),
)
def shifted_softplus(x):
    """Softplus shifted so that f(0) = 0."""
    return _shifted_softplus(x)


@with_derivative(softplus_derivative)
def _shifted_softplus(x):
    near = ops.log1p(0.5 * expm1(clip(x, -1.0, 1.0)))  # log((1 + e^x) / 2); the difference cancels
    return where(ops.abs(x) < 1.0, near, primitives.softplus(x) - math.log(2.0))


@register_activation(
    tex=r"\log \sigma(x)",
    cites=("The logarithm of the logistic sigmoid",),
    exact=lambda mp, x: -mp.log1p(mp.exp(-x)),
)
def log_sigmoid(x):
    """The logarithm of the sigmoid."""
    return -primitives.softplus(-x)


@register_activation(
    tex=r"\frac{x + \sqrt{x^2 + b}}{2}",
    cites=("Barron 2021, Squareplus, arXiv:2112.11687",),
    exact=lambda mp, x, b: (x + mp.sqrt(x**2 + b)) / 2,
)
def squareplus(x, b: Positive = 4.0):
    """An algebraic smooth ramp whose curvature radius at the origin increases with `b`.

    The plain name is Keras's function, which overflows in float16 beyond 256 and loses all digits for large negative
    inputs; `squareplus(b=4.0)` is this one.
    """
    return _hyperbola(x, b)


def _hyperbola(x, b):
    """(x + sqrt(x^2 + b)) / 2 as max(x, 0) plus a tail, since the sum cancels for negative x."""
    positive = clip_min(x, 0.0)  # with derivative 1 at 0, as for |x| here
    size = positive + relu(-x)
    root = ops.sqrt(ops.square(clip_max(size, FAR)) + b) + relu(size - FAR)
    return positive + 0.5 * b / (root + size)


_SMU = ("Biswas et al. 2021, SMU: Smooth Activation Function Using Smoothing Maximum Technique, arXiv:2111.04682",)
_Leak = Annotated[float, Range(low=0.0, high=1.0, high_open=True, learnable=False)]


@register_activation(
    tex=r"\frac{(1 + \alpha) x + (1 - \alpha) x \, \mathrm{erf}(\mu (1 - \alpha) x)}{2}",
    cites=_SMU,
    learnable=True,
    exact=lambda mp, x, alpha, mu: (
        x * (mp.mpf(alpha) + (1 - mp.mpf(alpha)) * normal_cdf_exact(mp, mp.sqrt(2) * mu * (1 - mp.mpf(alpha)) * x))
    ),
)
def smu(x, alpha: _Leak = 0.25, mu: Positive = 1e6):
    """Leaky ReLU of slope `alpha` $\\alpha$, smoothed by an error function of learned sharpness `mu` $\\mu$.

    The initial values are the paper's, for which it is almost leaky ReLU; ports use others, such as 0.01 and 2.5.
    """
    slope = math.sqrt(2.0) * (1.0 - alpha) * mu
    weighted = self_gated(x, lambda inside: normal_cdf(slope * inside))
    return times(alpha, self_gated(x, lambda inside: normal_cdf(-slope * inside), slope=-1.0)) + weighted


@register_activation(
    tex=r"\frac{(1 + \alpha) x + \sqrt{(1 - \alpha)^2 x^2 + \mu^2}}{2}",
    cites=_SMU,
    learnable=True,
    exact=lambda mp, x, alpha, mu: (
        ((1 + mp.mpf(alpha)) * x + mp.sqrt((1 - mp.mpf(alpha)) ** 2 * x**2 + mp.mpf(mu) ** 2)) / 2
    ),
)
def smu_1(x, alpha: _Leak = 0.25, mu: Positive = 4.35e-9):
    """Leaky ReLU of slope `alpha` $\\alpha$, smoothed by a square root of learned width `mu` $\\mu$."""
    return times(alpha, x) + _hyperbola((1.0 - alpha) * x, mu**2)


@register_activation(
    tex=r"\frac{1}{\alpha} \log \frac{1 + e^{\alpha x}}{1 + e^{\alpha (x - 1)}}",
    cites=("Klimek & Perelstein 2018, Neural Network-Based Approach to Phase Space Integration, arXiv:1810.11509",),
    exact=lambda mp, x, alpha: (mp.log1p(mp.exp(alpha * x)) - mp.log1p(mp.exp(alpha * (x - 1)))) / mp.mpf(alpha),
)
def soft_clipping(x, alpha: Positive = 0.5):
    r"""The identity between 0 and 1 and constant outside, with corners of sharpness `alpha` $\alpha$.

    Ports default to 0.5; Echo's TensorFlow port lacks the factor $1 / \alpha$, and activations-plus defines another
    function of this name.
    """
    upper = x > 0.5
    lower = where(upper, 1.0 - x, x)  # f(1 - x) = 1 - f(x)
    least = math.exp(-alpha) if isinstance(alpha, float) else ops.exp(-alpha)
    gap = -math.expm1(-alpha) if isinstance(alpha, float) else -expm1(-alpha)
    power = ops.exp(clip_max(alpha * lower, 40.0))
    bent = ops.log1p(power * gap / (1.0 + power * least)) / alpha
    result = where(alpha * lower > 40.0, lower, bent)  # the identity in every dtype
    return where(upper, 1.0 - result, result)


@register_activation(
    tex=r"\log \cosh(x)",
    cites=("The logarithm of the hyperbolic cosine; NNlib's logcosh",),
    aliases=("logcosh",),
    exact=lambda mp, x: abs(x) + mp.log1p(mp.exp(-2 * abs(x))) - mp.log(2),
)
def log_cosh(x):
    """The logarithm of the hyperbolic cosine: quadratic near 0, asymptotically the absolute value."""
    return primitives.log_cosh(x)
