"""Activations from the normal distribution function: GELU and its relatives."""

import functools
import math
from typing import Annotated

from keras import ops

from keras_actx.activations.stable import (
    distance,
    is_double,
    normal_cdf,
    normal_cdf_exact,
    product,
    split,
    steady_tanh,
    sum_with_error,
    times_normal_tail,
    times_sigmoid,
    times_weight,
    where_selected,
)
from keras_actx.backend import where, with_kernel
from keras_actx.declaration.decorator import activation
from keras_actx.declaration.parameters import Positive, Range, Real

activation = functools.partial(activation, package="keras_actx")

_HENDRYCKS = ("Hendrycks & Gimpel 2016, Gaussian Error Linear Units, arXiv:1606.08415",)


@with_kernel("gelu")
def _gelu(x):
    """max(x, 0) less an even function, whose rounding counts little for positive x."""
    t = distance(x)
    return where(x > 0, x, 0.0) - times_normal_tail(t, t)


def _gelu_exact(mp, x):
    return x * normal_cdf_exact(mp, x)


@with_kernel("gelu_tanh")
def _gelu_tanh(x):
    # (1 + tanh(u)) / 2 = sigmoid(2 u), which does not cancel.
    return times_sigmoid(x, x, _tanh_argument)


def _tanh_argument(x):
    """sqrt(8 / pi) (x + 0.044715 x^3), twice the argument of tanh, and its rounding error.

    With x = a + b, b small and a coarse: the cube of a is exact, and so is its product with a rounded coefficient.
    """
    double = is_double(x)
    linear, cubic = 1.5957691216057308, 0.07135481627260025
    linear_high, linear_low = split(linear, 2.0**14 if double else 2.0**7)
    cubic_high, cubic_low = split(cubic, 2.0**14 if double else 2.0**7)
    linear_low, cubic_low = linear_low - 9.96930880910911e-17, cubic_low - 6.2e-19  # what the doubles lack
    a, b = split(x, 2.0**9 if double else 2.0**3)
    cube = a * a * a
    rest = b * (linear + cubic * (a * a + a * x + x * x))
    return sum_with_error(linear_high * a + cubic_high * cube, rest + (linear_low * a + cubic_low * cube))


def _gelu_tanh_exact(mp, x):
    return x / 2 * (1 + mp.tanh(mp.sqrt(2 / mp.pi) * (x + mp.mpf("0.044715") * x**3)))


@activation(
    tex=r"x \, \Phi(x)",
    cites=_HENDRYCKS,
    aliases=("gelu_python",),
    exact=lambda mp, x, approximate: _gelu_tanh_exact(mp, x) if approximate else _gelu_exact(mp, x),
)
def gelu(x, approximate: bool = False):
    """The input times the normal distribution function of it.

    Exact by default, as in Keras and torch; JAX and Flax default to the approximation: `gelu(approximate=True)`.
    """
    return _gelu_tanh(x) if approximate else _gelu(x)


@activation(
    tex=r"\frac{x}{2} \left(1 + \tanh\left(\sqrt{2/\pi} (x + 0.044715 x^3)\right)\right)",
    cites=_HENDRYCKS,
    aliases=(
        "gelu_approximate",
        "gelu_new",
        "gelu_fast",
        "gelu_pytorch_tanh",
        "gelu_python_tanh",
        "gelu_accurate",
    ),
    exact=_gelu_tanh_exact,
)
def gelu_tanh(x):
    """The tanh approximation of GELU, which GPT-2 and BERT checkpoints were trained with."""
    return _gelu_tanh(x)


@activation(
    tex=r"\min(x \, \Phi(x), m)",
    cites=("Wu et al. 2020, Integer Quantization for Deep Learning Inference, arXiv:2004.09602",),
    aliases=("gelu_clipped",),
    kinks=lambda max_value: {max_value: 0.0},
    exact=lambda mp, x, max_value: min(_gelu_exact(mp, x), mp.mpf(max_value)),
)
def gelu_10(x, max_value: Annotated[float, Range(low=9.0, learnable=False)] = 10.0):
    """GELU that stops at `max_value` $m$.

    transformers clips to [-10, 10]; GELU never falls below -0.17, so there is no lower bound here. From 9 up GELU is
    its input in every dtype, and the kink is at `max_value` itself.
    """
    y = _gelu(x)
    return where(y >= max_value, max_value, y)


@activation(
    tex=r"x \tanh(x \, \Phi(x))",
    cites=("Naveen 2022, Phish: A Novel Activation Function That Could Replace ReLU and Mish",),
    exact=lambda mp, x: x * mp.tanh(_gelu_exact(mp, x)),
)
def phish(x):
    """The input times the hyperbolic tangent of its GELU."""
    return times_weight(x, x, lambda inside: steady_tanh(_gelu(inside)))


_MU, _SIGMA = math.sqrt(0.5), math.sqrt(0.25 / math.pi)


@activation(
    tex=r"\frac{1}{2} \left(1 + \mathrm{erf}\left(\frac{x - \mu}{\sigma \sqrt{2}}\right)\right)",
    cites=("Ma et al. 2022, Mega: Moving Average Equipped Gated Attention, arXiv:2209.10655",),
    exact=lambda mp, x, mu, sigma: normal_cdf_exact(mp, (x - mp.mpf(mu)) / sigma),
)
def laplace(x, mu: Real = _MU, sigma: Positive = _SIGMA):
    r"""A normal distribution function placed to resemble squared ReLU near the origin.

    $\mu = \sqrt{1/2}$ and $\sigma = \sqrt{1/(4\pi)}$ in full precision; transformers has them cut to six digits.
    """
    t = (x - mu) / sigma
    inside = ops.abs(t) < 40.0
    beyond = where(t > 0, 1.0, where(t < 0, 0.0, t))  # NaN stays
    t = where_selected(inside, t)
    error = _standardizing_error(where(inside, x, mu), mu, sigma, t)
    return where(inside, normal_cdf(t, error), beyond)


def _standardizing_error(x, mu, sigma, t):
    """What t lacks of (x - mu) / sigma; without a gradient."""
    rest = 0.0
    if isinstance(mu, float):  # in the dtype of x, and the rest
        digits = 53 if is_double(x) else 24
        mu, rest = split(mu, 2.0 ** min(digits - math.frexp(mu)[1], 1000))
    difference = x - mu
    back = difference - x
    lost = (x - (difference - back)) - (mu + back)
    back, error = product(sigma, t)
    rest = lost - rest + (difference - back)
    return ops.stop_gradient((rest if error is None else rest - error) / sigma)
