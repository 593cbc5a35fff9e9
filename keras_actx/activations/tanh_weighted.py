"""The input times the hyperbolic tangent, or the error function, of a ramp: mish and related functions."""

import functools

from keras import ops

from keras_actx.activations.primitives import (
    FAR,
    clip,
    erf,
    self_gated,
    sigmoid,
    sigmoid_exact,
    softplus,
    tanh,
    tanh_log1p,
    times,
)
from keras_actx.backend import clip_max
from keras_actx.declaration.decorator import register_activation
from keras_actx.ranges import Positive, Real

register_activation = functools.partial(register_activation, package="keras_actx")

_BISWAS = (
    "Biswas et al. 2021, ErfAct and Pserf: Non-monotonic Smooth Trainable Activation Functions, arXiv:2109.04386",
)


@register_activation(
    tex=r"x \tanh(x)",
    cites=("Roy et al. 2019, LiSHT, arXiv:1901.05894",),
    exact=lambda mp, x: x * mp.tanh(x),
)
def lisht(x):
    """The input times its hyperbolic tangent: even and non-negative."""
    return x * tanh(clip(x, -FAR, FAR))


@register_activation(
    tex=r"x \tanh(e^x)",
    cites=(
        "Liu & Di 2020, TanhExp, arXiv:2003.09855",
        "Fernandez & Mali 2024, TeLU, arXiv:2412.20269",
    ),
    aliases=("telu",),
    exact=lambda mp, x: x * mp.tanh(mp.exp(min(x, mp.mpf(20)))),  # 1 to 10^8 digits; beyond, mpmath runs out of memory
)
def tanhexp(x):
    """The input times the hyperbolic tangent of its exponential; published twice, also as TeLU.

    torch_activation's `TeLU` is another function.
    """
    return self_gated(x, lambda inside: tanh(ops.exp(inside)), saturated=5.0)


@register_activation(
    tex=r"x \tanh(\log(1 + e^x))",
    cites=("Misra 2019, Mish, arXiv:1908.08681",),
    exact=lambda mp, x: x * mp.tanh(mp.log1p(mp.exp(x))),
)
def mish(x):
    """The input times the hyperbolic tangent of its softplus."""
    return self_gated(x, lambda inside: tanh_log1p(ops.exp(inside)), saturated=20.0)


@register_activation(
    tex=r"a \, x \tanh(\log(1 + \sigma(b x)))",
    cites=("Wang, Ren & Wang 2022, Smish, Electronics 11(4):540",),
    exact=lambda mp, x, a, b: a * x * mp.tanh(mp.log1p(sigmoid_exact(mp, b * x))),
)
def smish(x, a: Real = 1.0, b: Real = 1.0):
    """The input times the hyperbolic tangent of the logarithm of one plus its sigmoid, with scale `a` and slope `b`."""
    return times(a, self_gated(x, lambda inside: tanh_log1p(sigmoid(b * inside)), slope=b))


@register_activation(
    tex=r"x \, \mathrm{erf}(\log(1 + e^x))",
    cites=("Nag et al. 2021, SERF, arXiv:2108.09598",),
    exact=lambda mp, x: x * mp.erf(mp.log1p(mp.exp(x))),
)
def serf(x):
    """The input times the error function of its softplus."""
    return self_gated(x, lambda inside: erf(softplus(inside)))


@register_activation(
    tex=r"x \, \mathrm{erf}(a \, e^{b x})",
    cites=_BISWAS,
    learnable=True,
    exact=lambda mp, x, a, b: x * mp.erf(min(a * mp.exp(b * x), mp.mpf(10) ** 6)),  # mpmath fails far beyond
)
def erf_act(x, a: Positive = 0.75, b: Real = 0.75):
    """The input times the error function of its exponential, with learnable scale `a` and rate `b`.

    The initial values are those of a trainable port; fixed ports use 0.5 and 1, or 1 and 0.5.
    """
    return self_gated(x, lambda inside: erf(a * ops.exp(clip_max(b * inside, 80.0))), slope=b)


@register_activation(
    tex=r"x \, \mathrm{erf}(\gamma \log(1 + e^{\delta x}))",
    cites=_BISWAS,
    learnable=True,
    exact=lambda mp, x, gamma, delta: x * mp.erf(min(gamma * mp.log1p(mp.exp(delta * x)), mp.mpf(10) ** 6)),
)
def pserf(x, gamma: Positive = 1.25, delta: Real = 0.85):
    """Serf with two learnable parameters: a scale `gamma` of the softplus, and a slope `delta` of its argument.

    Ports start from 1.25 and 0.85 (as here, and activations-plus), 1 and 1.25, or 1 and 1, which is `serf`.
    """
    return self_gated(x, lambda inside: erf(gamma * softplus(delta * inside)), slope=delta)
