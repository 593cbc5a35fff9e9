"""Activations built from softplus, and other smooth ramps."""

import functools
import math

from keras import ops

from keras_actx.activations.stable import at_most, between, where_selected
from keras_actx.activations.stable import softplus as _softplus
from keras_actx.backend import tanh as _tanh
from keras_actx.declaration.decorator import activation
from keras_actx.declaration.parameters import Positive

activation = functools.partial(activation, package="keras_actx")


@activation(
    tex=r"\log(1 + e^x)",
    cites=("Dugas et al. 2001, Incorporating Second-Order Functional Knowledge for Better Option Pricing",),
    exact=lambda mp, x: mp.log1p(mp.exp(x)),
)
def softplus(x):
    """The smooth ramp."""
    return _softplus(x)


@activation(
    tex=r"\log(1 + e^x) - \log 2",
    cites=("Schütt et al. 2017, SchNet, arXiv:1706.08566",),
    exact=lambda mp, x: mp.log1p(mp.exp(x)) - mp.log(2),
)
def shifted_softplus(x):
    """Softplus moved down so that it passes through the origin."""
    # log((1 + e^x) / 2) without cancellation near 0; beyond 1 the difference loses nothing.
    small = ops.log1p(0.5 * ops.expm1(between(x, -1.0, 1.0)))
    return ops.where(ops.abs(x) < 1.0, small, _softplus(x) - math.log(2.0))


@activation(
    tex=r"\log \sigma(x)",
    cites=("The logarithm of the logistic sigmoid",),
    exact=lambda mp, x: -mp.log1p(mp.exp(-x)),
)
def log_sigmoid(x):
    """The logarithm of the sigmoid."""
    return ops.log_sigmoid(x)


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
    # sqrt(x^2 + b) as the larger of |x| and sqrt(b), times a root between 1 and 1.5: x^2 overflows.
    bend = b**0.5
    large = ops.abs(x) > bend
    ratio = ops.where(large, bend / where_selected(large, x, bend), where_selected(~large, x) / bend)
    half_root = 0.5 * ops.where(large, ops.abs(x), bend * ops.ones_like(x)) * ops.sqrt(1 + ratio * ratio)
    negative = x < 0
    # For x < 0 the sum cancels; (b / 4) / (root / 2 - x / 2) is the same number.
    tail = 0.25 * b / (half_root - 0.5 * ops.where(negative, x, ops.zeros_like(x)))
    return ops.where(negative, tail, 0.5 * x + half_root)


@activation(
    tex=r"x \tanh(\log(1 + e^x))",
    cites=("Misra 2019, Mish, arXiv:1908.08681",),
    exact=lambda mp, x: x * mp.tanh(mp.log1p(mp.exp(x))),
)
def mish(x):
    """The input times the hyperbolic tangent of its softplus."""
    return x * _tanh(_softplus(x))


@activation(
    tex=r"x \, \mathrm{erf}(\log(1 + e^x))",
    cites=("Nag et al. 2021, SERF, arXiv:2108.09598",),
    exact=lambda mp, x: x * mp.erf(mp.log1p(mp.exp(x))),
)
def serf(x):
    """The input times the error function of its softplus."""
    # erf(10) is 1 in every dtype; TensorFlow gives NaN beyond 10^155.
    return x * ops.erf(at_most(_softplus(x), 10.0))
