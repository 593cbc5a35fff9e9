"""Activations that saturate, or shrink towards zero smoothly."""

import functools

from keras import ops

from keras_actx.activations.stable import x_minus_tanh
from keras_actx.backend import tanh as _tanh
from keras_actx.declaration.decorator import activation
from keras_actx.declaration.parameters import Positive

activation = functools.partial(activation, package="keras_actx")


@activation(
    tex=r"\frac{1}{1 + e^{-x}}",
    cites=("The logistic function",),
    exact=lambda mp, x: 1 / (1 + mp.exp(-x)),
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
def softsign(x):
    """An algebraic sigmoid."""
    return x / (1 + ops.abs(x))  # not Keras's function: TensorFlow's has no second derivative


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
    tex=r"e^{-(x / a)^2}",
    cites=("Ramasinghe & Lucey 2021, Beyond Periodicity, arXiv:2111.15135",),
    exact=lambda mp, x, a: mp.exp(-((x / mp.mpf(a)) ** 2)),
)
def gaussian(x, a: Positive = 1.0):
    r"""A bell of width `a`.

    Libraries mean $e^{-x^2}$ (as here) or $e^{-x^2/2}$, which is `gaussian(a=1.4142135623730951)`.
    """
    return ops.exp(-ops.square(x / a))
