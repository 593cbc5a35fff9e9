"""Activations from the normal distribution function: GELU and related functions."""

import functools
import math
from typing import Annotated

from keras import ops

from keras_actx.activations.primitives import normal_cdf, normal_cdf_exact, self_gated, sigmoid, tanh
from keras_actx.backend import where
from keras_actx.declaration.decorator import register_activation
from keras_actx.ranges import Positive, Range, Real

register_activation = functools.partial(register_activation, package="keras_actx")

_HENDRYCKS = ("Hendrycks & Gimpel 2016, Gaussian Error Linear Units, arXiv:1606.08415",)


def _gelu(x):
    return self_gated(x, normal_cdf)


def _gelu_exact(mp, x):
    return x * normal_cdf_exact(mp, x)


def _gelu_tanh(x):
    def gate(inside):  # (1 + tanh(z)) / 2 = sigmoid(2 z), which does not cancel
        return sigmoid(2.0 * math.sqrt(2.0 / math.pi) * inside * (1.0 + 0.044715 * ops.square(inside)))

    return self_gated(x, gate)


def _gelu_tanh_exact(mp, x):
    return x / 2 * (1 + mp.tanh(mp.sqrt(2 / mp.pi) * (x + mp.mpf("0.044715") * x**3)))


@register_activation(
    tex=r"x \, \Phi(x)",
    cites=_HENDRYCKS,
    aliases=("gelu_python",),
    exact=lambda mp, x, approximate: _gelu_tanh_exact(mp, x) if approximate else _gelu_exact(mp, x),
)
def gelu(x, approximate: bool = False):
    """The input times its normal distribution function.

    Exact by default, as in Keras and torch; JAX and Flax default to the approximation: `gelu(approximate=True)`.
    """
    return _gelu_tanh(x) if approximate else _gelu(x)


@register_activation(
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


@register_activation(
    tex=r"\min(x \, \Phi(x), m)",
    cites=("Wu et al. 2020, Integer Quantization for Deep Learning Inference, arXiv:2004.09602",),
    aliases=("gelu_clipped",),
    kinks=lambda max_value: {max_value: 0.0},
    exact=lambda mp, x, max_value: min(_gelu_exact(mp, x), mp.mpf(max_value)),
)
def gelu_10(x, max_value: Annotated[float, Range(low=9.0, learnable=False)] = 10.0):
    """GELU clipped at `max_value` $m$.

    transformers clips to [-10, 10]; GELU never falls below -0.17, so there is no lower bound here. From 9 on, GELU
    equals its input in every dtype, and the kink is at `max_value` itself.
    """
    y = _gelu(x)
    return where(y >= max_value, max_value, y)


@register_activation(
    tex=r"x \tanh(x \, \Phi(x))",
    cites=("Naveen 2022, Phish: A Novel Activation Function That Could Replace ReLU and Mish",),
    exact=lambda mp, x: x * mp.tanh(_gelu_exact(mp, x)),
)
def phish(x):
    """The input times the hyperbolic tangent of its GELU."""
    return self_gated(x, lambda inside: tanh(inside * normal_cdf(inside)))


_MU, _SIGMA = math.sqrt(0.5), math.sqrt(0.25 / math.pi)


@register_activation(
    tex=r"\frac{1}{2} \left(1 + \mathrm{erf}\left(\frac{x - \mu}{\sigma \sqrt{2}}\right)\right)",
    cites=("Ma et al. 2022, Mega: Moving Average Equipped Gated Attention, arXiv:2209.10655",),
    exact=lambda mp, x, mu, sigma: normal_cdf_exact(mp, (x - mp.mpf(mu)) / sigma),
)
def laplace(x, mu: Real = _MU, sigma: Positive = _SIGMA):
    r"""A normal distribution function that approximates squared ReLU near the origin.

    $\mu = \sqrt{1/2}$ and $\sigma = \sqrt{1/(4\pi)}$ in full precision; transformers truncates them to six digits.
    """
    return normal_cdf((x - mu) / sigma)
