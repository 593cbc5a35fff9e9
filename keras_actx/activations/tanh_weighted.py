"""The input times the hyperbolic tangent, or the error function, of a ramp: mish and its relatives."""

import functools

from keras import ops

from keras_actx.activations.stable import (
    SETTLED,
    at_most,
    corrected,
    decay,
    product,
    sigmoid_exact,
    softplus,
    steady_tanh,
    times,
    times_weight,
    where_selected,
)
from keras_actx.backend import where, with_kernel
from keras_actx.declaration.decorator import activation
from keras_actx.declaration.parameters import Positive, Real

activation = functools.partial(activation, package="keras_actx")

_BISWAS = (
    "Biswas et al. 2021, ErfAct and Pserf: Non-monotonic Smooth Trainable Activation Functions, arXiv:2109.04386",
)


@activation(
    tex=r"x \tanh(x)",
    cites=("Roy et al. 2019, LiSHT, arXiv:1901.05894",),
    exact=lambda mp, x: x * mp.tanh(x),
)
def lisht(x):
    """The input times its hyperbolic tangent: even and non-negative."""
    return times_weight(x, x, steady_tanh, bottom=-1.0)


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
    return times_weight(x, x, lambda inside: steady_tanh(ops.exp(at_most(inside, 5.0))))


@activation(
    tex=r"x \tanh(\log(1 + e^x))",
    cites=("Misra 2019, Mish, arXiv:1908.08681",),
    exact=lambda mp, x: x * mp.tanh(mp.log1p(mp.exp(x))),
)
@with_kernel("mish")
def mish(x):
    """The input times the hyperbolic tangent of its softplus."""
    # With p = e^-|x|, tanh(log(1 + e^x)) is 1 - p^2 / (p^2 + p + 1/2) for positive x and otherwise
    # p - p^2 (1 + p) / (1 + (1 + p)^2): a term that x is multiplied into, and a correction whose rounding counts less.
    inside = ops.abs(x) < SETTLED
    selected = where_selected(inside, x)
    power = decay(selected)
    square, above, first = power * power, 1.0 + power, selected * power
    positive = selected - selected * (square / (square + power + 0.5))
    negative = first - first * (power * above / (1.0 + above * above))
    bend = where(selected > 0, positive, negative)
    return where(inside, bend, where(x < 0, 0.0, x))


@activation(
    tex=r"a \, x \tanh(\log(1 + \sigma(b x)))",
    cites=("Wang, Ren & Wang 2022, Smish, Electronics 11(4):540",),
    exact=lambda mp, x, a, b: a * x * mp.tanh(mp.log1p(sigmoid_exact(mp, b * x))),
)
def smish(x, a: Real = 1.0, b: Real = 1.0):
    """The input times the hyperbolic tangent of the logarithm of one plus its sigmoid, with scale `a` and slope `b`."""

    def weight(inside):  # a fraction of powers of e^-|b x|
        z, error = product(b, inside)
        power = decay(z, error)
        left = power * (2.0 + 3.0 * power) / (2.0 + power * (6.0 + 5.0 * power))
        return where(z > 0, (3.0 + 2.0 * power) / (5.0 + power * (6.0 + 2.0 * power)), left)

    return times(a, times_weight(x, b * x, weight, top=0.6))


@activation(
    tex=r"x \, \mathrm{erf}(\log(1 + e^x))",
    cites=("Nag et al. 2021, SERF, arXiv:2108.09598",),
    exact=lambda mp, x: x * mp.erf(mp.log1p(mp.exp(x))),
)
def serf(x):
    """The input times the error function of its softplus."""
    # erf(10) is 1 in every dtype; TensorFlow gives NaN beyond 10^155.
    return times_weight(x, x, lambda inside: ops.erf(at_most(softplus(inside), 10.0)))


@activation(
    tex=r"x \, \mathrm{erf}(a \, e^{b x})",
    cites=_BISWAS,
    learnable=True,
    exact=lambda mp, x, a, b: x * mp.erf(min(a * mp.exp(b * x), mp.mpf(10) ** 6)),  # mpmath fails far beyond
)
def erf_act(x, a: Positive = 0.75, b: Real = 0.75):
    """The input times the error function of its exponential, whose scale `a` and rate `b` learn.

    The start is what a trainable port has; ports that do not learn have 0.5 and 1, or 1 and 0.5.
    """

    def weight(inside):
        z, error = product(b, inside)
        power = ops.exp(at_most(z, 80.0))  # erf is 1 there, and e^z may overflow
        return ops.erf(at_most(a * corrected(power, error), 10.0))

    return times_weight(x, b * x, weight)


@activation(
    tex=r"x \, \mathrm{erf}(\gamma \log(1 + e^{\delta x}))",
    cites=_BISWAS,
    learnable=True,
    exact=lambda mp, x, gamma, delta: x * mp.erf(min(gamma * mp.log1p(mp.exp(delta * x)), mp.mpf(10) ** 6)),
)
def pserf(x, gamma: Positive = 1.25, delta: Real = 0.85):
    """Serf whose two parameters learn: a scale `gamma` of the softplus, and a slope `delta` in it.

    Ports start from 1.25 and 0.85 (as here, and activations-plus), 1 and 1.25, or 1 and 1, which is `serf`.
    """

    def weight(inside):
        z, error = product(delta, inside)
        ramp = where(z > 0, z, 0.0) + ops.log1p(decay(z, error))
        return ops.erf(at_most(gamma * ramp, 10.0))

    return times_weight(x, delta * x, weight)
