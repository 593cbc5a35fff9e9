"""Activations based on max(x, 0), and others that are the identity for positive inputs."""

import functools
import math
from typing import Annotated

import keras
from keras import ops

from keras_actx.activations import bounded, hard
from keras_actx.activations.primitives import safe_where, times
from keras_actx.backend import clip_min, where
from keras_actx.backend import cos as _cos
from keras_actx.backend import relu as _relu
from keras_actx.backend import sin as _sin
from keras_actx.declaration.decorator import register_activation
from keras_actx.ranges import FixedNonNegative, NonNegative, Positive, Range, Real

register_activation = functools.partial(register_activation, package="keras_actx")

_above = hard.threshold.declaration.formula
_isru = bounded.isru.declaration.formula


def _relu_kinks(negative_slope, max_value, threshold):
    if max_value is None:
        return {threshold: negative_slope}
    kinks = {threshold: negative_slope if max_value > 0 else 0.0}
    return {**kinks, max_value: 0.0} if max_value > threshold else kinks


def _relu_exact(mp, x, negative_slope, max_value, threshold):
    y = x if x > threshold else negative_slope * (x - threshold)
    return y if max_value is None else min(y, mp.mpf(max_value))


@register_activation(
    tex=r"\begin{cases} m & x \ge m \\ x & \theta < x < m \\ a (x - \theta) & x \le \theta \end{cases}",
    cites=("Nair & Hinton 2010, Rectified Linear Units Improve Restricted Boltzmann Machines",),
    kinks=_relu_kinks,
    exact=_relu_exact,
)
def relu(
    x,
    negative_slope: NonNegative = 0.0,
    max_value: Annotated[float, Range(low=0.0)] | None = None,
    threshold: FixedNonNegative = 0.0,
):
    """The identity above a threshold.

    With Keras's three parameters: `negative_slope` $a$ below the threshold $\\theta$, and an upper bound `max_value`
    $m$, so that ReLU-n is `relu(max_value=n)`.
    """
    if isinstance(negative_slope, float) and negative_slope == 0.0:
        is_zero = isinstance(threshold, float) and threshold == 0.0
        y = _relu(x) if is_zero else _above(x, threshold, 0.0)
    else:
        above = x > threshold
        below = safe_where(~above, x, threshold) - threshold
        y = where(above, x, times(negative_slope, below))
    return y if max_value is None else where(y >= max_value, max_value, y)


@register_activation(
    tex=r"\min(\max(x, 0), 6)",
    cites=("Krizhevsky 2010, Convolutional Deep Belief Networks on CIFAR-10",),
    kinks={0.0: 0.0, 6.0: 0.0},
    exact=lambda mp, x: min(max(x, mp.mpf(0)), mp.mpf(6)),
)
def relu6(x):
    """ReLU clipped at 6."""
    return keras.activations.relu6(x)


@register_activation(
    tex=r"\max(x, 0)^2",
    cites=("So et al. 2021, Primer, arXiv:2109.08668",),
    aliases=("relu2", "squared_relu"),
    kinks={0.0: 0.0},
    exact=lambda mp, x: max(x, mp.mpf(0)) ** 2,
)
def relu_squared(x):
    """The square of ReLU."""
    return ops.square(_relu(x))


@register_activation(
    tex=r"s \max(x, 0)^2 + b",
    cites=("Yu et al. 2022, MetaFormer Baselines for Vision, arXiv:2210.13452",),
    learnable=True,
    kinks=lambda scale, bias: {0.0: 0.0},
    exact=lambda mp, x, scale, bias: scale * max(x, mp.mpf(0)) ** 2 + bias,
)
def star_relu(x, scale: Real = 0.8944, bias: Real = -0.4472):
    """Squared ReLU with a learned `scale` $s$ and `bias` $b$.

    Their initial values give mean 0 and variance 1 for a normal input, as in the paper; timm starts from 1 and 0:
    `star_relu(scale=1.0, bias=0.0)`.
    """
    positive = _relu(x)
    line = times(scale, positive)  # first: the square may overflow where the result does not
    is_fixed = isinstance(scale, float) and scale != 0.0
    return (line * positive if is_fixed else times(line, positive)) + bias


@register_activation(
    tex=r"\max(x, 0) + b",
    cites=("Qiu, Xu & Cai 2017, FReLU: Flexible Rectified Linear Units, arXiv:1706.08098",),
    learnable=True,
    kinks={0.0: 0.0},
    exact=lambda mp, x, b: max(x, mp.mpf(0)) + mp.mpf(b),
)
def flexible_relu(x, b: Real = 0.0):
    """ReLU with a learned offset `b`, initially 0.

    Two papers call their function FReLU: this one, and funnel ReLU, a layer for images that compares with a depthwise
    convolution. Neither has this name here.
    """
    return _relu(x) + b


def _joined(x, half_width):
    inside = ops.abs(x) < half_width
    bend = ops.square(safe_where(inside, x) + half_width) / (4 * half_width)
    return where(inside, bend, _relu(x))


@register_activation(
    tex=r"\begin{cases} 0 & x \le -\beta \\ (x + \beta)^2 / (4 \beta) & |x| < \beta \\ x & x \ge \beta \end{cases}",
    cites=("Shamir et al. 2022, Real World Large Scale Recommendation Systems Reproducibility, arXiv:2202.06499",),
    kinks=lambda beta: {-beta: 0.0, beta: 1.0},
    exact=lambda mp, x, beta: mp.mpf(0) if x <= -beta else x if x >= beta else (x + beta) ** 2 / (4 * mp.mpf(beta)),
)
def smelu(x, beta: Positive = 2.0):
    """ReLU with a quadratic transition of half-width `beta`.

    The paper tunes `beta`; ports default to 2 (as here, and xFormers), 1.5 or 1.
    """
    return _joined(x, beta)


@register_activation(
    tex=r"\begin{cases} 0 & x \le -1 \\ (x + 1)^2 / 4 & |x| < 1 \\ x & x \ge 1 \end{cases}",
    cites=("jax.nn.sparse_plus",),
    kinks={-1.0: 0.0, 1.0: 1.0},
    exact=lambda mp, x: mp.mpf(0) if x <= -1 else x if x >= 1 else (x + 1) ** 2 / 4,
)
def sparse_plus(x):
    """Softplus with exact zeros: a quadratic transition of half-width 1 (`smelu(beta=1.0)`)."""
    return _joined(x, 1.0)


@register_activation(
    tex=r"\begin{cases} x & x \ge 0 \\ x / \sqrt{1 + \alpha x^2} & x < 0 \end{cases}",
    cites=("Carlile et al. 2017, Improving Deep Learning by Inverse Square Root Linear Units, arXiv:1710.09967",),
    kinks={0.0: 1.0},
    exact=lambda mp, x, alpha: x if x >= 0 else x / mp.sqrt(1 + alpha * x**2),
)
def isrlu(x, alpha: Positive = 1.0):
    r"""The identity for positive inputs; negative inputs saturate at $-1 / \sqrt{\alpha}$, without an exponential.

    The paper's isru saturates on both sides.
    """
    return clip_min(x, 0.0) + _isru(-_relu(-x), alpha)


def _sine_relu_kink(epsilon):
    """Where epsilon (sin x - cos x) = x, by Newton's method; there is one such x for every allowed epsilon."""
    x = 0.0
    for _ in range(8):
        x -= (x - epsilon * (math.sin(x) - math.cos(x))) / (1 - epsilon * (math.cos(x) + math.sin(x)))
    return x


def _sine_relu_kinks(epsilon):
    kink = _sine_relu_kink(epsilon)
    return {kink: epsilon * (math.cos(kink) + math.sin(kink))}


@register_activation(
    tex=r"\max(\epsilon (\sin x - \cos x), x)",
    cites=("W. Rodrigues, SineReLU; the form in keras-contrib",),
    kinks=_sine_relu_kinks,
    exact=lambda mp, x, epsilon: max(epsilon * (mp.sin(x) - mp.cos(x)), x),
)
def sine_relu(x, epsilon: Annotated[float, Range(low=0.0, high=0.5, low_open=True)] = 0.0025):
    r"""The identity for positive inputs, a small oscillation for negative ones.

    Libraries define three functions: this one is keras-contrib's, with its default. torch_activation's changes at 0,
    with a jump by its factor, 1 by default; ActTensor's SinReLU is $\max(x, 0) + \sin x$.
    """
    # A number for the kink if epsilon is a number, so that the derivative at the kink does not depend on rounding.
    wave = x <= (_sine_relu_kink(epsilon) if isinstance(epsilon, float) else epsilon * (_sin(x) - _cos(x)))
    inside = safe_where(wave, x)
    return where(wave, epsilon * (_sin(inside) - _cos(inside)), x)


@register_activation(
    tex=r"x",
    cites=("The identity",),
    aliases=("identity",),
    exact=lambda mp, x: x,
)
def linear(x):
    """Returns its input unchanged."""
    return x
