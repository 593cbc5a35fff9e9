"""Piecewise linear activations with more than one nonzero slope."""

import functools
import math
from typing import Annotated

import keras
from keras import ops

from keras_actx.activations.primitives import safe_where, sigmoid, times
from keras_actx.backend import relu, where, with_kernel
from keras_actx.declaration.decorator import register_activation
from keras_actx.ranges import FixedNonNegative, Range, Real

register_activation = functools.partial(register_activation, package="keras_actx")


@with_kernel("leaky")
def _leaky(x, slope):
    return where(x >= 0, x, times(slope, x))


@register_activation(
    tex=r"\begin{cases} x & x \ge 0 \\ a x & x < 0 \end{cases}",
    cites=("Maas, Hannun & Ng 2013, Rectifier Nonlinearities Improve Neural Network Acoustic Models",),
    kinks=lambda negative_slope: {0.0: 1.0},
    exact=lambda mp, x, negative_slope: x if x >= 0 else negative_slope * x,
)
def leaky_relu(x, negative_slope: Real = 0.2):
    """The identity for positive inputs; negative inputs are multiplied by `negative_slope` $a$.

    Libraries disagree about the default: `keras.activations.leaky_relu` uses 0.2 (as here), the layer
    `keras.layers.LeakyReLU` 0.3, torch and JAX 0.01. Write `leaky_relu(negative_slope=0.01)` for the slope of torch
    and JAX.
    """
    return _leaky(x, negative_slope)


@register_activation(
    tex=r"\max(x, 0) + a \min(x, 0)",
    cites=("He et al. 2015, Delving Deep into Rectifiers, arXiv:1502.01852",),
    learnable=True,
    kinks=lambda negative_slope: {0.0: 1.0},
    exact=lambda mp, x, negative_slope: x if x >= 0 else negative_slope * x,
)
def prelu(x, negative_slope: Real = 0.25):
    """Leaky ReLU with a learnable slope, initially 0.25.

    One slope for all channels by default, as `torch.nn.PReLU()`; `prelu(num_parameters=C)` has one per channel.
    `keras.layers.PReLU` has one per element unless `shared_axes` is given, initially 0; the TensorFlow fork that
    divides by the slope is another function.
    """
    return _leaky(x, negative_slope)


@register_activation(
    tex=r"\begin{cases} x & x \ge 0 \\ a x & x < 0 \end{cases}, \quad a \sim U(l, u)",
    cites=("Xu et al. 2015, Empirical Evaluation of Rectified Activations, arXiv:1505.00853",),
    kinks={0.0: 1.0},
    exact=lambda mp, x, lower, upper: x if x >= 0 else (mp.mpf(lower) + mp.mpf(upper)) / 2 * x,
)
def rrelu(x, lower: FixedNonNegative = 0.125, upper: FixedNonNegative = 1 / 3, *, training=False, seed=None):
    """Leaky ReLU with a slope drawn for every element in training, and the mean slope otherwise.

    The slope is uniform in [`lower`, `upper`], as in torch and tensorflow-addons; the paper defines the same slopes by
    divisors in [3, 8].
    """
    if not training:
        return _leaky(x, (lower + upper) / 2)
    slope = keras.random.uniform(ops.shape(x), lower, upper, dtype=x.dtype, seed=seed)
    return _leaky(x, slope)


@register_activation(
    tex=r"\begin{cases} (1 + \sigma(\beta)) x & x \ge 0 \\ \alpha x & x < 0 \end{cases}",
    cites=("Chen, Li & Xu 2020, AReLU: Attention-based Rectified Linear Unit, arXiv:2006.13858",),
    learnable=True,
    kinks=lambda alpha, beta: {0.0: 1.0 + 1.0 / (1.0 + math.exp(-beta))},
    exact=lambda mp, x, alpha, beta: (1 + 1 / (1 + mp.exp(-mp.mpf(beta)))) * x if x >= 0 else alpha * x,
)
def arelu(x, alpha: Annotated[float, Range(low=0.01, high=0.99)] = 0.9, beta: Real = 2.0):
    r"""Leaky ReLU that amplifies positive inputs by a learned sigmoid and attenuates negative ones by a learned slope.

    The paper and the libraries clip $\alpha$ to [0.01, 0.99] in the formula; here that is its range, which the learned
    value does not leave.
    """
    amplified = 1.0 + sigmoid(ops.convert_to_tensor(beta, dtype=keras.backend.standardize_dtype(x.dtype)))
    return where(x >= 0, x * amplified, alpha * x)


def _srelu_exact(mp, x, *, t_left, a_left, t_right, a_right):
    t_left, t_right = mp.mpf(t_left), max(mp.mpf(t_left), mp.mpf(t_right))
    if x >= t_right:
        return t_right + a_right * (x - t_right)
    return t_left + a_left * (x - t_left) if x <= t_left else x


def _larger(a, b):
    return max(a, b) if isinstance(a, float) and isinstance(b, float) else where(b < a, a, b)


def _ray(selected, x, slope, start):
    """start + slope (x - start), in a form that is accurate around its zero."""
    return times(slope, safe_where(selected, x)) + (1.0 - slope) * start


@register_activation(
    tex=(
        r"\begin{cases} t_r + a_r (x - t_r) & x \ge t_r \\ x & t_l < x < t_r \\ "
        r"t_l + a_l (x - t_l) & x \le t_l \end{cases}"
    ),
    cites=("Jin et al. 2015, Deep Learning with S-shaped Rectified Linear Activation Units, arXiv:1512.07030",),
    learnable=True,
    kinks=lambda t_left, a_left, t_right, a_right: {t_left: a_left, max(t_left, t_right): a_right},
    exact=_srelu_exact,
)
def srelu(x, t_left: Real = 0.0, a_left: Real = 0.5, t_right: Real = 2.5, a_right: Real = 1.0):
    """The identity between two learned thresholds, with a learned slope outside each: S-shaped.

    `t_right` is the threshold itself, as in the paper, and is replaced by `t_left` if it is smaller. keras-contrib
    stores a number whose absolute value it adds to `t_left`. Its random initial values have the initial values here as
    means; they are available as `LearnableActivation("srelu", axis=-1, initializer={"a_left": RandomUniform(0.0, 1.0),
    "t_right": RandomUniform(0.0, 5.0)})`. torch_activation's `SReLU` is another function.
    """
    right = _larger(t_left, t_right)
    above, below = x >= right, x <= t_left
    return where(above, _ray(above, x, a_right, right), where(below, _ray(below, x, a_left, t_left), x))


@register_activation(
    tex=r"\max(x, 0) + a \max(0, b - x)",
    cites=("Agostinelli et al. 2014, Learning Activation Functions to Improve Deep Neural Networks, arXiv:1412.6830",),
    learnable=True,
    kinks=lambda a, b: {0.0: -a if b > 0 else 0.0, b: 1.0 if b > 0 else 0.0},
    exact=lambda mp, x, a, b: max(x, mp.mpf(0)) + a * max(mp.mpf(0), b - x),
)
def aplu(x, a: Real = 0.0, b: Real = 0.0):
    """ReLU plus a learned hinge of slope -`a` below `b`; initially ReLU.

    The paper adds several hinges. This function has one; for more, each with separate `a` and `b`, declare your own
    activation with `@keras_actx.register_activation`.
    """
    below = x < b
    hinge = b - where(below, x, b)
    return relu(x) + times(a, hinge)


@register_activation(
    tex=r"\max(x, \alpha x + \tau)",
    cites=("Singh & Krishnan 2019, Filter Response Normalization Layer, arXiv:1911.09737",),
    aliases=("thresholded_linear_unit",),
    learnable=True,
    kinks=lambda tau, alpha: {} if alpha == 1.0 else {tau / (1.0 - alpha): alpha},
    exact=lambda mp, x, tau, alpha: max(x, alpha * x + mp.mpf(tau)),
)
def tlu(x, tau: Real = 0.0, alpha: Real = 0.0):
    r"""The maximum of the input and a learned line; initially ReLU.

    The paper's TLU learns only $\tau$, one per channel: `LearnableActivation("tlu", axis=-1, parameters=["tau"])`. The
    line is its affine form, an option in tensorflow-addons.
    """
    rise = 1.0 - alpha  # not x > line, since both may be infinite
    passed = times(2.0**24 * rise, x) > 2.0**24 * tau  # XLA flushes subnormal products to 0
    line = times(alpha, safe_where(~passed, x)) + tau
    return where(passed, x, line)
