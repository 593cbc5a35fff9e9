"""Activations that saturate, step, or bend the identity."""

import functools

from keras import ops

from keras_actx.activations.stable import at_most, between, sigmoid_exact, where_selected, x_minus_tanh
from keras_actx.backend import arctan as _arctan
from keras_actx.backend import tanh as _tanh
from keras_actx.backend import where, with_kernel
from keras_actx.declaration.decorator import activation
from keras_actx.declaration.parameters import Positive, Real

activation = functools.partial(activation, package="keras_actx")


def _sign(x):
    return where(x < 0, -ops.ones_like(x), 1.0)


def _far(x):
    """Where |x| > 1; x elsewhere, and 0 there; 1 / x there, and 1 elsewhere: for formulas whose square overflows."""
    far = ops.abs(x) > 1
    return far, where_selected(~far, x), 1.0 / where_selected(far, x, 1.0)


@activation(
    tex=r"\frac{1}{1 + e^{-x}}",
    cites=("The logistic function",),
    exact=sigmoid_exact,
)
def sigmoid(x):
    """The logistic sigmoid."""
    return ops.sigmoid(x)


@activation(
    tex=r"\tanh(x)",
    cites=("The hyperbolic tangent",),
    exact=lambda mp, x: mp.tanh(x),
)
def tanh(x):
    """The hyperbolic tangent."""
    return _tanh(x)


@activation(
    tex=r"\frac{x}{1 + |x|}",
    cites=("Glorot & Bengio 2010, Understanding the Difficulty of Training Deep Feedforward Neural Networks",),
    kinks={0.0: 1.0},
    exact=lambda mp, x: x / (1 + abs(x)),
)
@with_kernel("softsign")
def softsign(x):
    """An algebraic sigmoid."""
    # Not Keras's function: TensorFlow's has no second derivative. Far out, x / (1 + |x|) is inf / inf, and the terms of
    # its derivative cancel; those of 1 - 1 / (1 + |x|) do not.
    far = ops.abs(x) > 1
    near, sign = where_selected(~far, x), _sign(x)
    return where(far, sign - sign / (1.0 + ops.abs(x)), near / (1.0 + ops.abs(near)))


@activation(
    tex=r"\frac{x}{\sqrt{1 + \alpha x^2}}",
    cites=("Carlile et al. 2017, Improving Deep Learning by Inverse Square Root Linear Units, arXiv:1710.09967",),
    exact=lambda mp, x, alpha: x / mp.sqrt(1 + alpha * x**2),
)
@with_kernel("isru")
def isru(x, alpha: Positive = 1.0):
    r"""An algebraic sigmoid that saturates at $\pm 1 / \sqrt{\alpha}$.

    The paper's isrlu has this for negative inputs only.
    """
    far, near, inverse = _far(x)
    small = near / ops.sqrt(1.0 + alpha * near * near)
    return where(far, _sign(x) / ops.sqrt(inverse * inverse + alpha), small)


@activation(
    tex=r"\arctan(x)",
    cites=("The inverse tangent",),
    aliases=("atan",),
    exact=lambda mp, x: mp.atan(x),
)
def arctan(x):
    r"""The inverse tangent, which saturates at $\pm \pi / 2$."""
    return _arctan(x)


@activation(
    tex=r"\mathrm{erf}(x) = \frac{2}{\sqrt{\pi}} \int_0^x e^{-t^2} dt",
    cites=("The error function",),
    exact=lambda mp, x: mp.erf(max(min(x, mp.mpf(10) ** 6), -(mp.mpf(10) ** 6))),  # mpmath fails far beyond
)
def erf(x):
    """The error function."""
    return ops.erf(between(x, -27.0, 27.0))  # 1 in every dtype; TensorFlow gives NaN beyond 10^155


@activation(
    tex=r"1 - e^{-e^x}",
    cites=("The inverse of the complementary log-log link of generalized linear models",),
    aliases=("cloglog", "cll"),
    exact=lambda mp, x: -mp.expm1(-mp.exp(min(x, mp.mpf(20)))),  # 1 to 10^8 digits; mpmath runs out of memory beyond
)
@with_kernel("complementary_log_log")
def complementary_log_log(x):
    """A sigmoid that approaches 1 faster than 0.

    The name is that of its inverse, the link function of statistics.
    """
    # e^(-e^7) is 0 in every dtype; without the bound the gradient is 0 * inf. Backends have expm1 + 1 for the
    # derivative of expm1, which has no digits left for positive x.
    power = ops.exp(at_most(x, 7.0))
    positive = x > 0
    low = -ops.expm1(-where(positive, 1.0, power))
    return where(positive, 1.0 - ops.exp(-power), low)


@activation(
    tex=r"1.7159 \tanh\left(\frac{2}{3} x\right)",
    cites=("LeCun et al. 1998, Efficient BackProp",),
    exact=lambda mp, x: mp.mpf("1.7159") * mp.tanh(2 * x / 3),
)
def lecun_tanh(x):
    """The hyperbolic tangent, scaled to pass nearly through (1, 1) and (-1, -1)."""
    return 1.7159 * _tanh((2.0 / 3.0) * x)


@activation(
    tex=r"\begin{cases} \tanh(x) & x > 0 \\ \alpha \tanh(x) & x \le 0 \end{cases}",
    cites=("Xu, Huang & Li 2016, Revise Saturated Activation Functions",),
    kinks=lambda alpha: {0.0: alpha},
    exact=lambda mp, x, alpha: mp.tanh(x) if x > 0 else alpha * mp.tanh(x),
)
def penalized_tanh(x, alpha: Real = 0.25):
    r"""The hyperbolic tangent, shrunk by `alpha` $\alpha$ for negative inputs.

    activations-plus has $\tanh(x) - 0.25 \tanh^2(x)$ under this name, which is another function.
    """
    y = _tanh(x)
    return where(x > 0, y, alpha * y)


@activation(
    tex=r"x - \tanh(x)",
    cites=("torch.nn.Tanhshrink",),
    exact=lambda mp, x: x - mp.tanh(x),
)
def tanh_shrink(x):
    """The input less its hyperbolic tangent."""
    return x_minus_tanh(x)


@activation(
    tex=r"c \tanh(x / c)",
    cites=("Gemma Team 2024, Gemma 2, arXiv:2408.00118",),
    exact=lambda mp, x, cap: cap * mp.tanh(x / mp.mpf(cap)),
)
def softcap(x, cap: Positive = 30.0):
    """The identity, bent to stay within plus and minus `cap` $c$.

    Gemma 2 has 30 for its logits (as here) and 50 for attention.
    """
    return cap * _tanh(x / cap)


@activation(
    tex=r"\frac{\sqrt{x^2 + 1} - 1}{2} + x",
    cites=("The identity bent by half a hyperbola",),
    exact=lambda mp, x: (mp.sqrt(x**2 + 1) - 1) / 2 + x,
)
@with_kernel("bent_identity")
def bent_identity(x):
    """The identity with its slope turned from 1/2 to 3/2."""
    # sqrt(x^2 + 1) - 1 = x^2 / (1 + sqrt(x^2 + 1)) does not cancel; sqrt(x^2 + 1) = |x| + 1 / (|x| + sqrt(x^2 + 1))
    # does not overflow.
    far, near, inverse = _far(x)
    square, inverse = near * near, ops.abs(inverse)
    small = near + 0.5 * square / (1.0 + ops.sqrt(1.0 + square))
    bend = inverse / (1.0 + ops.sqrt(1.0 + inverse * inverse)) - 1.0
    return where(far, where(x > 0, 1.5 * x, 0.5 * x) + 0.5 * bend, small)


@activation(
    tex=r"\begin{cases} 1 & x \ge 0 \\ 0 & x < 0 \end{cases}",
    cites=("Rosenblatt 1958, The Perceptron",),
    aliases=("heaviside", "binary_step"),
    kinks={0.0: 0.0},
    exact=lambda mp, x: mp.mpf(1) if x >= 0 else mp.mpf(0),
)
def step(x):
    """Zero for negative inputs, one for others; the derivative is 0 everywhere.

    The value at 0 is 1; others have 1/2 or 0 there. Nothing before it learns by gradient.
    """
    return where(x >= 0, 1.0, where(x < 0, 0.0, x))  # NaN stays


@activation(
    tex=r"\begin{cases} 1 & x > 0 \\ 0 & x = 0 \\ -1 & x < 0 \end{cases}",
    cites=("Rosenblatt 1958, The Perceptron",),
    aliases=("bipolar",),
    kinks={0.0: 0.0},
    exact=lambda mp, x: mp.mpf((x > 0) - (x < 0)),
)
def sign(x):
    """The sign of the input; the derivative is 0 everywhere.

    The value at 0 is 0, as of `keras.ops.sign`; bipolar steps of two values have 1 or -1 there. Nothing before it
    learns by gradient.
    """
    known = where(x == 0, 0.0, where(x > 0, ops.ones_like(x), -1.0))
    return where(ops.isnan(x), x, known)
