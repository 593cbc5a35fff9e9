"""Saturating activations, step functions and bounded variants of the identity."""

import functools

from keras import ops

from keras_actx import backend
from keras_actx.activations import primitives
from keras_actx.activations.primitives import clip, expm1, sigmoid_exact
from keras_actx.backend import clip_max, relu, where, with_derivative
from keras_actx.declaration.decorator import register_activation
from keras_actx.ranges import Positive, Real

register_activation = functools.partial(register_activation, package="keras_actx")


#: Beyond it, 1 + x^2 equals x^2 in every dtype, and is finite.
_LARGE = 2.0**60


def _inverse_cube(x):
    """(1 + x^2)^(-3/2)."""
    root = 1.0 / ops.sqrt(1.0 + ops.square(x))
    return root * root * root


@with_derivative(_inverse_cube)
def _isru(x):
    """x / sqrt(1 + x^2)."""
    inside = clip(x, -_LARGE, _LARGE)
    return inside / ops.sqrt(1.0 + ops.square(inside))


@with_derivative(lambda x: ops.square(1.0 / (1.0 + ops.abs(x))))
def _softsign(x):
    inside = clip(x, -_LARGE, _LARGE)
    return inside / (1.0 + ops.abs(inside))


@register_activation(
    tex=r"\frac{1}{1 + e^{-x}}",
    cites=("The logistic function",),
    exact=sigmoid_exact,
)
def sigmoid(x):
    """The logistic sigmoid."""
    return primitives.sigmoid(x)


@register_activation(
    tex=r"\tanh(x)",
    cites=("The hyperbolic tangent",),
    exact=lambda mp, x: mp.tanh(x),
)
def tanh(x):
    """The hyperbolic tangent."""
    return primitives.tanh(x)


@register_activation(
    tex=r"\frac{x}{1 + |x|}",
    cites=("Glorot & Bengio 2010, Understanding the Difficulty of Training Deep Feedforward Neural Networks",),
    kinks={0.0: 1.0},
    exact=lambda mp, x: x / (1 + abs(x)),
)
def softsign(x):
    """An algebraic sigmoid."""
    return _softsign(x)


@register_activation(
    tex=r"\frac{x}{\sqrt{1 + \alpha x^2}}",
    cites=("Carlile et al. 2017, Improving Deep Learning by Inverse Square Root Linear Units, arXiv:1710.09967",),
    exact=lambda mp, x, alpha: x / mp.sqrt(1 + alpha * x**2),
)
def isru(x, alpha: Positive = 1.0):
    r"""An algebraic sigmoid that saturates at $\pm 1 / \sqrt{\alpha}$.

    The paper's isrlu is this function for negative inputs only.
    """
    return _isru(alpha**0.5 * x) / alpha**0.5


@register_activation(
    tex=r"\arctan(x)",
    cites=("The inverse tangent",),
    aliases=("atan",),
    exact=lambda mp, x: mp.atan(x),
)
def arctan(x):
    r"""The inverse tangent, which saturates at $\pm \pi / 2$."""
    return backend.arctan(x)


@register_activation(
    tex=r"\mathrm{erf}(x) = \frac{2}{\sqrt{\pi}} \int_0^x e^{-t^2} dt",
    cites=("The error function",),
    exact=lambda mp, x: mp.erf(max(min(x, mp.mpf(10) ** 6), -(mp.mpf(10) ** 6))),  # mpmath fails far beyond
)
def erf(x):
    """The error function."""
    return primitives.erf(x)


@register_activation(
    tex=r"1 - e^{-e^x}",
    cites=("The inverse of the complementary log-log link of generalized linear models",),
    aliases=("cloglog", "cll"),
    exact=lambda mp, x: -mp.expm1(-mp.exp(min(x, mp.mpf(20)))),  # 1 to 10^8 digits; beyond, mpmath runs out of memory
)
def complementary_log_log(x):
    """A sigmoid that approaches 1 faster than 0.

    It is named after its inverse, the link function in statistics.
    """
    return -expm1(-ops.exp(clip_max(x, 7.0)))  # e^(-e^7) is 0 in every dtype


@register_activation(
    tex=r"1.7159 \tanh\left(\frac{2}{3} x\right)",
    cites=("LeCun et al. 1998, Efficient BackProp",),
    exact=lambda mp, x: mp.mpf("1.7159") * mp.tanh(2 * x / 3),
)
def lecun_tanh(x):
    """The hyperbolic tangent, scaled so that f(1) is nearly 1 and f(-1) nearly -1."""
    return 1.7159 * primitives.tanh((2.0 / 3.0) * x)


@register_activation(
    tex=r"\begin{cases} \tanh(x) & x > 0 \\ \alpha \tanh(x) & x \le 0 \end{cases}",
    cites=("Xu, Huang & Li 2016, Revise Saturated Activation Functions",),
    kinks=lambda alpha: {0.0: alpha},
    exact=lambda mp, x, alpha: mp.tanh(x) if x > 0 else alpha * mp.tanh(x),
)
def penalized_tanh(x, alpha: Real = 0.25):
    r"""The hyperbolic tangent, multiplied by `alpha` $\alpha$ for negative inputs.

    In activations-plus, this name refers to another function, $\tanh(x) - 0.25 \tanh^2(x)$.
    """
    return primitives.tanh(relu(x)) + alpha * primitives.tanh(clip_max(x, 0.0))


@register_activation(
    tex=r"x - \tanh(x)",
    cites=("torch.nn.Tanhshrink",),
    exact=lambda mp, x: x - mp.tanh(x),
)
def tanh_shrink(x):
    """The input minus its hyperbolic tangent."""
    return primitives.x_minus_tanh(x)


@register_activation(
    tex=r"c \tanh(x / c)",
    cites=("Gemma Team 2024, Gemma 2, arXiv:2408.00118",),
    exact=lambda mp, x, cap: cap * mp.tanh(x / mp.mpf(cap)),
)
def softcap(x, cap: Positive = 30.0):
    """The identity, smoothly bounded to plus and minus `cap` $c$.

    Gemma 2 uses 30 for its logits (as here) and 50 for attention.
    """
    return cap * primitives.tanh(x / cap)


@register_activation(
    tex=r"\frac{\sqrt{x^2 + 1} - 1}{2} + x",
    cites=("The identity plus half of a hyperbola",),
    exact=lambda mp, x: (mp.sqrt(x**2 + 1) - 1) / 2 + x,
)
def bent_identity(x):
    """A smooth function whose slope increases from 1/2 to 3/2."""
    inside = clip(x, -_LARGE, _LARGE)
    beyond = 1.5 * relu(x - _LARGE) - 0.5 * relu(-x - _LARGE)
    return inside + 0.5 * _root_minus_1(inside) + beyond


@with_derivative(_isru)
def _root_minus_1(x):
    """sqrt(1 + x^2) - 1."""
    return ops.square(x) / (1.0 + ops.sqrt(1.0 + ops.square(x)))


@register_activation(
    tex=r"\begin{cases} 1 & x \ge 0 \\ 0 & x < 0 \end{cases}",
    cites=("Rosenblatt 1958, The Perceptron",),
    aliases=("heaviside", "binary_step"),
    kinks={0.0: 0.0},
    exact=lambda mp, x: mp.mpf(1) if x >= 0 else mp.mpf(0),
)
def step(x):
    """Zero for negative inputs, one for others; the derivative is 0 everywhere.

    The value at 0 is 1; other libraries define 1/2 or 0. No gradient is propagated through it.
    """
    return where(x >= 0, 1.0, where(x < 0, 0.0, x))  # propagates NaN


@register_activation(
    tex=r"\begin{cases} 1 & x > 0 \\ 0 & x = 0 \\ -1 & x < 0 \end{cases}",
    cites=("Rosenblatt 1958, The Perceptron",),
    aliases=("bipolar",),
    kinks={0.0: 0.0},
    exact=lambda mp, x: mp.mpf((x > 0) - (x < 0)),
)
def sign(x):
    """The sign of the input; the derivative is 0 everywhere.

    The value at 0 is 0, as for `keras.ops.sign`; two-valued bipolar steps define 1 or -1 there. No gradient is
    propagated through it.
    """
    known = where(x == 0, 0.0, where(x > 0, ops.ones_like(x), -1.0))
    return where(ops.isnan(x), x, known)
