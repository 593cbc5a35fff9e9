"""Activations built from softplus, and other smooth ramps."""

import functools
import math
from typing import Annotated

from keras import ops

from keras_actx.activations.stable import (
    between,
    corrected,
    decay_of_product,
    normal_cdf,
    normal_cdf_exact,
    product,
    times,
    times_weight,
    where_selected,
)
from keras_actx.activations.stable import softplus as _softplus
from keras_actx.backend import where, with_kernel
from keras_actx.declaration.decorator import activation
from keras_actx.declaration.parameters import Positive, Range

activation = functools.partial(activation, package="keras_actx")


@activation(
    tex=r"\frac{1}{\beta} \log(1 + e^{\beta x})",
    cites=("Dugas et al. 2001, Incorporating Second-Order Functional Knowledge for Better Option Pricing",),
    exact=lambda mp, x, beta: mp.log1p(mp.exp(beta * x)) / beta,
)
def softplus(x, beta: Positive = 1.0):
    """The smooth ramp, as sharp as `beta` is large.

    Keras's function has no `beta`; torch's also has a threshold, beyond which it is its input, which costs digits and
    saves nothing.
    """
    if isinstance(beta, float) and beta == 1.0:
        return _softplus(x)
    return where(x > 0, x, 0.0) + ops.log1p(decay_of_product(beta, x)) / beta


@activation(
    tex=r"\sqrt{\log(1 + e^x)}",
    cites=("The square root of softplus; transformers' sqrtsoftplus",),
    aliases=("sqrtsoftplus",),
    exact=lambda mp, x: mp.sqrt(mp.log1p(mp.exp(x))),
)
def sqrt_softplus(x):
    """The square root of softplus, which scores the experts of a mixture in recent language models."""
    # Where softplus is e^x in every dtype it may underflow, and the square root has no derivative at 0.
    far = x < -40.0
    tail = ops.exp(0.5 * where_selected(far, x, -40.0))
    return where(far, tail, ops.sqrt(_softplus(where_selected(~far, x))))


@activation(
    tex=r"\log(1 + e^x) - \log 2",
    cites=("Schütt et al. 2017, SchNet, arXiv:1706.08566",),
    exact=lambda mp, x: mp.log1p(mp.exp(x)) - mp.log(2),
)
def shifted_softplus(x):
    """Softplus moved down so that it passes through the origin."""
    # log((1 + e^x) / 2) without cancellation near 0; beyond 1 the difference loses nothing.
    small = ops.log1p(0.5 * ops.expm1(between(x, -1.0, 1.0)))
    return where(ops.abs(x) < 1.0, small, _softplus(x) - math.log(2.0))


@activation(
    tex=r"\log \sigma(x)",
    cites=("The logarithm of the logistic sigmoid",),
    exact=lambda mp, x: -mp.log1p(mp.exp(-x)),
)
def log_sigmoid(x):
    """The logarithm of the sigmoid."""
    return -_softplus(-x)


@activation(
    tex=r"\frac{x + \sqrt{x^2 + b}}{2}",
    cites=("Barron 2021, Squareplus, arXiv:2112.11687",),
    exact=lambda mp, x, b: (x + mp.sqrt(x**2 + b)) / 2,
)
def squareplus(x, b: Positive = 4.0):
    """An algebraic smooth ramp, as round at the origin as `b` is large.

    The plain name is Keras's function, which overflows in float16 beyond 256 and loses all digits for large negative
    inputs; `squareplus(b=4.0)` is this one.
    """
    return _hyperbola(x, b**0.5)


@with_kernel("hyperbola")
def _hyperbola(x, bend):
    """(x + sqrt(x^2 + bend^2)) / 2."""
    # Far out it is bend^2 / (4 |x|), and x more for x > 0, to the last bit.
    far = ops.abs(x) > 1e9 * bend
    beyond = where_selected(far, x, bend)
    excess = 0.25 * bend * (bend / ops.abs(beyond))
    beyond = where(beyond > 0, beyond + excess, excess)
    x = where_selected(~far, x)
    # The root as the larger of |x| and bend, times a root between 1 and 1.5: x^2 overflows.
    large = ops.abs(x) > bend
    ratio = where(large, bend / where_selected(large, x, bend), where_selected(~large, x) / bend)
    half_root = 0.5 * where(large, ops.abs(x), bend) * ops.sqrt(1 + ratio * ratio)
    negative = x < 0
    # For x < 0 the sum cancels; (bend^2 / 4) / (root / 2 - x / 2) is the same number.
    tail = 0.25 * bend * (bend / (half_root - 0.5 * where(negative, x, 0.0)))
    return where(far, beyond, where(negative, tail, 0.5 * x + half_root))


_SMU = ("Biswas et al. 2021, SMU: Smooth Activation Function Using Smoothing Maximum Technique, arXiv:2111.04682",)
_Leak = Annotated[float, Range(low=0.0, high=1.0, high_open=True, learnable=False)]


@activation(
    tex=r"\frac{(1 + \alpha) x + (1 - \alpha) x \, \mathrm{erf}(\mu (1 - \alpha) x)}{2}",
    cites=_SMU,
    learnable=True,
    exact=lambda mp, x, alpha, mu: (
        x * (mp.mpf(alpha) + (1 - mp.mpf(alpha)) * normal_cdf_exact(mp, mp.sqrt(2) * mu * (1 - mp.mpf(alpha)) * x))
    ),
)
def smu(x, alpha: _Leak = 0.25, mu: Positive = 1e6):
    """Leaky ReLU of slope `alpha` $\\alpha$, smoothed by an error function whose sharpness `mu` $\\mu$ learns.

    The start is the paper's, almost the leaky ReLU itself; ports have others, as 0.01 and 2.5.
    """
    # x (alpha + (1 - alpha) Phi(z)), where alpha and the small tail of Phi keep their digits.
    slope = math.sqrt(2.0) * (1.0 - alpha) * mu
    return times_weight(
        x,
        slope * x,
        lambda inside: alpha + (1.0 - alpha) * normal_cdf(*product(slope, inside)),
        bottom=alpha,
    )


@activation(
    tex=r"\frac{(1 + \alpha) x + \sqrt{(1 - \alpha)^2 x^2 + \mu^2}}{2}",
    cites=_SMU,
    learnable=True,
    exact=lambda mp, x, alpha, mu: (
        ((1 + mp.mpf(alpha)) * x + mp.sqrt((1 - mp.mpf(alpha)) ** 2 * x**2 + mp.mpf(mu) ** 2)) / 2
    ),
)
def smu_1(x, alpha: _Leak = 0.25, mu: Positive = 4.35e-9):
    """Leaky ReLU of slope `alpha` $\\alpha$, smoothed by a square root of learned width `mu` $\\mu$."""
    return times(alpha, x) + _hyperbola((1.0 - alpha) * x, mu)


@activation(
    tex=r"\frac{1}{\alpha} \log \frac{1 + e^{\alpha x}}{1 + e^{\alpha (x - 1)}}",
    cites=("Klimek & Perelstein 2018, Neural Network-Based Approach to Phase Space Integration, arXiv:1810.11509",),
    exact=lambda mp, x, alpha: (mp.log1p(mp.exp(alpha * x)) - mp.log1p(mp.exp(alpha * (x - 1)))) / mp.mpf(alpha),
)
def soft_clipping(x, alpha: Positive = 0.5):
    r"""The identity between 0 and 1 and constant outside, with corners as sharp as `alpha` $\alpha$ is large.

    Ports default to 0.5; Echo's TensorFlow one lacks the factor $1 / \alpha$, and activations-plus has another function
    of this name.
    """
    # f(1 - x) = 1 - f(x); and the ratio is 1 + e^y (1 - e^-alpha) / (1 + e^(y - alpha)) with y = alpha x.
    upper = x > 0.5
    lower = where(upper, 1.0 - x, x)
    z = alpha * lower
    straight = z > 40.0  # the identity in every dtype
    settled = z < -800.0
    z, error = product(alpha, where_selected(~ops.logical_or(straight, settled), lower))
    power = corrected(ops.exp(z), error)
    if isinstance(alpha, float):
        least, gap = math.exp(-alpha), -math.expm1(-alpha)
    else:
        least, gap = ops.exp(-alpha), -ops.expm1(-alpha)
    bent = ops.log1p(power * gap / (1.0 + power * least)) / alpha
    result = where(straight, lower, where(settled, 0.0, bent))
    return where(upper, 1.0 - result, result)


@activation(
    tex=r"\log \cosh(x)",
    cites=("The logarithm of the hyperbolic cosine; NNlib's logcosh",),
    aliases=("logcosh",),
    exact=lambda mp, x: abs(x) + mp.log1p(mp.exp(-2 * abs(x))) - mp.log(2),
)
@with_kernel("log_cosh")
def log_cosh(x):
    """The logarithm of the hyperbolic cosine: a parabola that turns into the absolute value."""
    near = ops.abs(x) < 1.0
    large = ops.abs(where_selected(~near, x, 1.0))
    far = large + (ops.log1p(ops.exp(-2.0 * large)) - math.log(2.0))
    square = ops.square(where_selected(near, x))
    series = 1.0  # of cosh(x) - 1, over x^2 / 2
    for denominator in (306.0, 240.0, 182.0, 132.0, 90.0, 56.0, 30.0, 12.0):
        series = 1.0 + square * series / denominator
    return where(near, ops.log1p(0.5 * square * series), far)
