"""Activations with an exponential branch."""

import functools

from keras import ops

from keras_actx.activations.primitives import FAR, clip, expm1, expm1_minus_x, sigmoid, times
from keras_actx.backend import clip_max, clip_min, relu, with_kernel
from keras_actx.declaration.decorator import register_activation
from keras_actx.ranges import FixedReal, NonNegative, Positive

register_activation = functools.partial(register_activation, package="keras_actx")


@with_kernel("elu")
def _elu(x, scale, slope, rate):
    """scale max(x, 0) + slope (e^(rate min(x, 0)) - 1)."""
    return scale * relu(x) + slope * expm1(rate * clip_max(x, 0.0))


@register_activation(
    tex=r"\begin{cases} x & x > 0 \\ \alpha (e^x - 1) & x \le 0 \end{cases}",
    cites=("Clevert, Unterthiner & Hochreiter 2015, arXiv:1511.07289",),
    kinks=lambda alpha: {0.0: alpha},
    exact=lambda mp, x, alpha: x if x > 0 else alpha * mp.expm1(x),
)
def elu(x, alpha: NonNegative = 1.0):
    """The identity for positive inputs; negative inputs saturate at -`alpha`."""
    return _elu(x, 1.0, alpha, 1.0)


@register_activation(
    tex=r"\begin{cases} x & x > 0 \\ \alpha (e^{x / \alpha} - 1) & x \le 0 \end{cases}",
    cites=("Barron 2017, Continuously Differentiable Exponential Linear Units, arXiv:1704.07483",),
    kinks=lambda alpha: {0.0: 1.0},
    exact=lambda mp, x, alpha: x if x > 0 else alpha * mp.expm1(x / mp.mpf(alpha)),
)
def celu(x, alpha: Positive = 1.0):
    """ELU with a continuous derivative for every `alpha`."""
    return _elu(x, 1.0, alpha, 1.0 / alpha)


@register_activation(
    tex=r"\begin{cases} (a / b) x & x > 0 \\ a (e^{x / b} - 1) & x \le 0 \end{cases}",
    cites=("Trottier, Giguère & Chaib-draa 2016, Parametric Exponential Linear Unit, arXiv:1605.09332",),
    learnable=True,
    kinks=lambda a, b: {0.0: a / b},
    exact=lambda mp, x, a, b: mp.mpf(a) / b * x if x > 0 else a * mp.expm1(x / mp.mpf(b)),
)
def pelu(x, a: Positive = 1.0, b: Positive = 1.0):
    """ELU with learnable scale `a` and decay `b` and a continuous derivative.

    The paper's two-parameter form; ports with three independent constants are another function.
    """
    return _elu(x, a / b, a, 1.0 / b)


@register_activation(
    tex=r"\begin{cases} x & x > 0 \\ \alpha (e^{\beta x} - 1) & x \le 0 \end{cases}",
    cites=("Li et al. 2016, Improving Deep Neural Network with Multiple Parametric Exponential Linear Units",),
    learnable=True,
    kinks=lambda alpha, beta: {0.0: alpha * beta},
    exact=lambda mp, x, alpha, beta: x if x > 0 else alpha * mp.expm1(beta * x),
)
def mpelu(x, alpha: NonNegative = 0.25, beta: Positive = 1.0):
    """ELU with learnable scale `alpha` and rate `beta`; the slope for positive inputs is 1.

    The initial values are those of Echo; `mpelu(alpha=1.0)` starts as ELU.
    """
    return _elu(x, 1.0, alpha, beta)


# The paper's fixed point, rounded to double: lambda, and lambda alpha, which is not the product of the two doubles.
_SELU_SCALE, _SELU_SLOPE = 1.0507009873554805, 1.7580993408473768


def _selu_exact(mp, x):
    scale, alpha = mp.mpf("1.05070098735548049341933498529461"), mp.mpf("1.67326324235437728481704295168292")
    return scale * (x if x > 0 else alpha * mp.expm1(x))


@register_activation(
    tex=r"\lambda \begin{cases} x & x > 0 \\ \alpha (e^x - 1) & x \le 0 \end{cases}",
    cites=("Klambauer et al. 2017, Self-Normalizing Neural Networks, arXiv:1706.02515",),
    kinks={0.0: _SELU_SLOPE},
    exact=_selu_exact,
)
def selu(x):
    r"""ELU scaled so that mean 0 and variance 1 are a fixed point: $\lambda = 1.0507\ldots$, $\alpha = 1.6732\ldots$"""
    return _elu(x, _SELU_SCALE, _SELU_SLOPE, 1.0)


@register_activation(
    tex=r"\lambda \begin{cases} x & x \ge 0 \\ \alpha x e^x & x < 0 \end{cases}",
    cites=("Zhang & Li 2018, Effectiveness of Scaled Exponentially-Regularized Linear Units",),
    kinks={0.0: 1.07862},
    exact=lambda mp, x: mp.mpf("1.07862") * (x if x >= 0 else mp.mpf("2.90427") * x * mp.exp(x)),
)
def serlu(x):
    r"""Linear for positive inputs, a vanishing bump for negative ones: $\lambda = 1.07862$, $\alpha = 2.90427$."""
    negative = -relu(-clip_min(x, -1000.0))  # where e^x is 0 in every dtype
    return 1.07862 * clip_min(x, 0.0) + 1.07862 * 2.90427 * negative * ops.exp(negative)


@register_activation(
    tex=r"\begin{cases} x & x \ge 0 \\ e^x - 1 & x < 0 \end{cases} \; \sigma(x)",
    cites=("Basirat & Roth 2018, The Quest for the Golden Activation Function, arXiv:1808.00783",),
    kinks={0.0: 0.5},
    exact=lambda mp, x: (x if x >= 0 else mp.expm1(x)) / (1 + mp.exp(-x)),
)
def elish(x):
    """ELU times the sigmoid.

    Echo's torch version uses $e^{x - 1}$ in place of $e^x - 1$, which is another function.
    """
    return (relu(x) + expm1(clip_max(x, 0.0))) * sigmoid(clip(x, -FAR, FAR))


@register_activation(
    tex=r"e^x",
    cites=("The exponential",),
    exact=lambda mp, x: mp.exp(x),
)
def exponential(x):
    """The exponential."""
    return ops.exp(x)


@register_activation(
    tex=r"\begin{cases} \alpha_p x^2 + \beta x & x > 0 \\ \alpha_n (e^x - 1 - x) + \beta x & x \le 0 \end{cases}",
    cites=("Huang & Schlag 2024, Deriving Activation Functions Using Integration, arXiv:2411.13010",),
    learnable=True,
    kinks=lambda alpha_p, alpha_n, beta: {0.0: beta},
    exact=lambda mp, x, alpha_p, alpha_n, beta: (
        alpha_p * x**2 + beta * x if x > 0 else alpha_n * (mp.expm1(x) - x) + beta * x
    ),
)
def xielu(
    x,
    alpha_p: NonNegative = 0.8,
    alpha_n: NonNegative = 0.8,
    beta: FixedReal = 0.5,
):
    r"""Quadratic for positive inputs, exponential for negative ones, with learned curvatures.

    `alpha_p` and `alpha_n` are the effective values: the paper's code stores $\log(e^{\alpha_p} - 1)$ and
    $\log(e^{\alpha_n - \beta} - 1)$ and has the same initial values. It also keeps `alpha_n` above `beta`, which
    requires a constraint by the user here, and truncates $e^x - 1$ at $-10^{-6}$, which is not necessary here.
    """
    positive, negative = clip_min(x, 0.0), -relu(-clip_min(x, -FAR))
    beyond = times(alpha_n - beta, relu(-x - FAR))  # linear, where terms would be infinite
    bend = alpha_n * expm1_minus_x(negative) + beta * negative
    return (times(alpha_p, positive) + beta) * positive + bend + beyond
