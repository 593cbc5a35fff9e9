"""The input times a sigmoid, or another gate of itself: swish, gelu and their relatives."""

import functools
import math
from typing import Annotated

import keras
from keras import ops

from keras_actx.activations.stable import at_most, between, normal_cdf, normal_cdf_exact
from keras_actx.backend import tanh as _tanh
from keras_actx.declaration.decorator import activation
from keras_actx.declaration.parameters import Range, Real

activation = functools.partial(activation, package="keras_actx")


def _sigmoid(mp, x):
    return 1 / (1 + mp.exp(-x))


@activation(
    tex=r"x \, \sigma(x)",
    cites=("Elfwing, Uchibe & Doya 2017, arXiv:1702.03118", "Ramachandran, Zoph & Le 2017, arXiv:1710.05941"),
    exact=lambda mp, x: x * _sigmoid(mp, x),
)
def silu(x):
    """The input times its sigmoid."""
    return keras.activations.silu(x)


@activation(
    tex=r"x \, \sigma(\beta x)",
    cites=("Ramachandran, Zoph & Le 2017, Searching for Activation Functions, arXiv:1710.05941",),
    exact=lambda mp, x, beta: x * _sigmoid(mp, beta * x),
)
def swish(x, beta: Real = 1.0):
    """The input times the sigmoid of `beta` times it.

    Without parameters `"swish"` is Keras's alias of `silu`, the same function. `swish(beta=1.0, learnable=True)` is the
    paper's trainable form; ports of it differ in their start (1, uniform or normal), which `initializer` sets.
    """
    return x * ops.sigmoid(beta * x)


@activation(
    tex=r"\beta \, x \, \sigma(x)",
    cites=("Alcaide 2018, E-swish, arXiv:1801.07145",),
    exact=lambda mp, x, beta: beta * x * _sigmoid(mp, x),
)
def e_swish(x, beta: Annotated[float, Range(low=0.0)] = 1.5):
    """SiLU times `beta`.

    The paper allows 1 to 2 and names no single default; this is the middle. Echo has 1.735.
    """
    # In this order, since beta x may overflow where the sigmoid is 0.
    return beta * (x * ops.sigmoid(x))


@activation(
    tex=r"x \, \Phi(x)",
    cites=("Hendrycks & Gimpel 2016, Gaussian Error Linear Units, arXiv:1606.08415",),
    exact=lambda mp, x, approximate: _gelu_tanh_exact(mp, x) if approximate else x * normal_cdf_exact(mp, x),
)
def gelu(x, approximate: bool = False):
    """The input times the normal distribution function of it.

    Exact by default, as in Keras and torch; JAX and Flax default to the approximation: `gelu(approximate=True)`.
    """
    return _gelu_tanh(x) if approximate else x * normal_cdf(x)


def _gelu_tanh(x):
    """With (1 + tanh(u)) / 2 = sigmoid(2 u), which does not cancel; beyond 30 it is 0 or 1, and u may overflow."""
    near = between(x, -30.0, 30.0)
    return x * ops.sigmoid(math.sqrt(8 / math.pi) * (near + 0.044715 * near * near * near))


def _gelu_tanh_exact(mp, x):
    return x / 2 * (1 + mp.tanh(mp.sqrt(2 / mp.pi) * (x + mp.mpf("0.044715") * x**3)))


@activation(
    tex=r"\frac{x}{2} \left(1 + \tanh\left(\sqrt{2/\pi} (x + 0.044715 x^3)\right)\right)",
    cites=("Hendrycks & Gimpel 2016, Gaussian Error Linear Units, arXiv:1606.08415",),
    aliases=("gelu_approximate", "gelu_new", "gelu_fast", "gelu_pytorch_tanh", "gelu_accurate"),
    exact=_gelu_tanh_exact,
)
def gelu_tanh(x):
    """The tanh approximation of GELU, which GPT-2 and BERT checkpoints were trained with."""
    return _gelu_tanh(x)


@activation(
    tex=r"x \, \sigma(1.702 x)",
    cites=("Hendrycks & Gimpel 2016, Gaussian Error Linear Units, arXiv:1606.08415",),
    exact=lambda mp, x: x * _sigmoid(mp, mp.mpf("1.702") * x),
)
def quick_gelu(x):
    """The sigmoid approximation of GELU, which CLIP checkpoints were trained with.

    diffusers calls it `ApproximateGELU`; NNlib's `gelu_sigmoid` is `gelu_tanh` instead.
    """
    return x * ops.sigmoid(1.702 * x)


@activation(
    tex=r"(p_1 - p_2) x \, \sigma(\beta (p_1 - p_2) x) + p_2 x",
    cites=("Ma et al. 2020, Activate or Not: Learning Customized Activation, arXiv:2009.04759",),
    learnable=True,
    exact=lambda mp, x, p1, p2, beta: (mp.mpf(p1) - p2) * x * _sigmoid(mp, beta * (mp.mpf(p1) - p2) * x) + p2 * x,
)
def acon_c(x, p1: Real = 1.0, p2: Real = 0.0, beta: Real = 1.0):
    """A smooth maximum of `p1` x and `p2` x, all of it learned.

    Starts as SiLU. The authors' code draws `p1` and `p2` from N(0, 1):
    `LearnableActivation("acon_c", axes=-1, initializer={"p1": "random_normal", "p2": "random_normal"})`, with
    `RandomNormal(stddev=1.0)` for their spread.
    """
    # The formula above with sigmoid(z) + sigmoid(-z) = 1 put in: (p1 - p2) x may overflow where the result does not.
    z = beta * (p1 - p2) * x
    return p1 * (x * ops.sigmoid(z)) + p2 * (x * ops.sigmoid(-z))


@activation(
    tex=r"x \tanh(x)",
    cites=("Roy et al. 2019, LiSHT, arXiv:1901.05894",),
    exact=lambda mp, x: x * mp.tanh(x),
)
def lisht(x):
    """The input times its hyperbolic tangent: even and non-negative."""
    # tanh(20) is 1 in every dtype; JAX sums the gradient of tanh in an order that loses the 1 next to a large x.
    return x * _tanh(between(x, -20.0, 20.0))


@activation(
    tex=r"x \tanh(e^x)",
    cites=(
        "Liu & Di 2020, TanhExp, arXiv:2003.09855",
        "Fernandez & Mali 2024, TeLU, arXiv:2412.20269",
    ),
    aliases=("telu",),
    exact=lambda mp, x: x * mp.tanh(mp.exp(min(x, mp.mpf(20)))),  # 1 to 10^8 digits; mpmath runs out of memory beyond
)
def tanhexp(x):
    """The input times the hyperbolic tangent of its exponential; published twice, also as TeLU.

    torch_activation's `TeLU` is another function.
    """
    # tanh(e^5) is 1 in every dtype; without the bound e^x is inf and the gradient inf * 0.
    return x * _tanh(ops.exp(at_most(x, 5.0)))


@activation(
    tex=r"x \log(1 + \sigma(x))",
    cites=("Zhu et al. 2021, Logish, Neurocomputing 458",),
    exact=lambda mp, x: x * mp.log1p(_sigmoid(mp, x)),
)
def logish(x):
    """The input times the logarithm of one plus its sigmoid."""
    return x * ops.log1p(ops.sigmoid(x))


_MU, _SIGMA = math.sqrt(0.5), math.sqrt(0.25 / math.pi)


@activation(
    tex=r"\frac{1}{2} \left(1 + \mathrm{erf}\left(\frac{x - \mu}{\sigma \sqrt{2}}\right)\right)",
    cites=("Ma et al. 2022, Mega: Moving Average Equipped Gated Attention, arXiv:2209.10655",),
    exact=lambda mp, x, mu, sigma: normal_cdf_exact(mp, (x - mp.mpf(mu)) / sigma),
)
def laplace(x, mu: Real = _MU, sigma: Annotated[float, Range(low=0.0, low_open=True)] = _SIGMA):
    r"""A normal distribution function placed to resemble squared ReLU near the origin.

    $\mu = \sqrt{1/2}$ and $\sigma = \sqrt{1/(4\pi)}$ in full precision; transformers has them cut to six digits.
    """
    return normal_cdf((x - mu) / sigma)
