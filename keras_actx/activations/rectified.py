"""Piecewise activations built from max(x, 0)."""

import functools
from typing import Annotated

import keras
from keras import ops

from keras_actx.activations.stable import between, where_selected
from keras_actx.declaration.decorator import activation
from keras_actx.declaration.parameters import NonNegative, Positive, Range, Real

activation = functools.partial(activation, package="keras_actx")

_Fixed = Annotated[float, Range(learnable=False)]
_FixedNonNegative = Annotated[float, Range(low=0.0, learnable=False)]


def _relu_kinks(negative_slope, max_value, threshold):
    if max_value is None:
        return {threshold: negative_slope}
    kinks = {threshold: negative_slope if max_value > 0 else 0.0}
    return {**kinks, max_value: 0.0} if max_value > threshold else kinks


def _relu_exact(mp, x, negative_slope, max_value, threshold):
    y = x if x > threshold else negative_slope * (x - threshold)
    return y if max_value is None else min(y, mp.mpf(max_value))


@activation(
    tex=r"\begin{cases} m & x \ge m \\ x & \theta < x < m \\ a (x - \theta) & x \le \theta \end{cases}",
    cites=("Nair & Hinton 2010, Rectified Linear Units Improve Restricted Boltzmann Machines",),
    kinks=_relu_kinks,
    exact=_relu_exact,
)
def relu(
    x,
    negative_slope: NonNegative = 0.0,
    max_value: Annotated[float, Range(low=0.0)] | None = None,
    threshold: _FixedNonNegative = 0.0,
):
    """Passes what is above a threshold.

    With Keras's three parameters: `negative_slope` $a$ below the threshold $\\theta$, and a ceiling `max_value` $m$.
    """
    if isinstance(negative_slope, float) and negative_slope == 0.0:
        y = ops.where(x <= threshold, ops.zeros_like(x), x)  # 0 times -inf is no number
    else:
        above = x > threshold
        y = ops.where(above, x, negative_slope * (where_selected(~above, x, threshold) - threshold))
    return y if max_value is None else ops.where(y >= max_value, max_value * ops.ones_like(y), y)


@activation(
    tex=r"\begin{cases} x & x \ge 0 \\ a x & x < 0 \end{cases}",
    cites=("Maas, Hannun & Ng 2013, Rectifier Nonlinearities Improve Neural Network Acoustic Models",),
    kinks=lambda negative_slope: {0.0: 1.0},
    exact=lambda mp, x, negative_slope: x if x >= 0 else negative_slope * x,
)
def leaky_relu(x, negative_slope: Real = 0.2):
    """Passes positives and shrinks negatives by `negative_slope` $a$.

    Libraries disagree about the default: `keras.activations.leaky_relu` has 0.2 (as here), the layer
    `keras.layers.LeakyReLU` 0.3, torch and JAX 0.01. Write `leaky_relu(negative_slope=0.01)` for theirs.
    """
    return ops.where(x >= 0, x, negative_slope * x)


@activation(
    tex=r"\max(x, 0) + a \min(x, 0)",
    cites=("He et al. 2015, Delving Deep into Rectifiers, arXiv:1502.01852",),
    learnable=True,
    kinks=lambda negative_slope: {0.0: 1.0},
    exact=lambda mp, x, negative_slope: x if x >= 0 else negative_slope * x,
)
def prelu(x, negative_slope: Real = 0.25):
    """Leaky ReLU whose slope learns, from 0.25.

    One slope for all channels by default, as `torch.nn.PReLU()`; `prelu(num_parameters=C)` has one a channel.
    `keras.layers.PReLU` has one an element unless `shared_axes` is given, and starts from 0; the TensorFlow fork that
    divides by the slope is another function.
    """
    return ops.where(x >= 0, x, negative_slope * x)


@activation(
    tex=r"\begin{cases} x & x \ge 0 \\ a x & x < 0 \end{cases}, \quad a \sim U(l, u)",
    cites=("Xu et al. 2015, Empirical Evaluation of Rectified Activations, arXiv:1505.00853",),
    kinks={0.0: 1.0},
    exact=lambda mp, x, lower, upper: x if x >= 0 else (mp.mpf(lower) + mp.mpf(upper)) / 2 * x,
)
def rrelu(x, lower: _FixedNonNegative = 0.125, upper: _FixedNonNegative = 1 / 3, *, training=False, seed=None):
    """Leaky ReLU with a slope drawn for every element in training, and the mean slope otherwise.

    The slope is uniform in [`lower`, `upper`]. As torch and tensorflow-addons have it; the paper writes the same slopes
    as divisors in [3, 8].
    """
    if not training:
        return ops.where(x >= 0, x, (lower + upper) / 2 * x)
    slope = keras.random.uniform(ops.shape(x), lower, upper, dtype=x.dtype, seed=seed)
    return ops.where(x >= 0, x, slope * x)


@activation(
    tex=r"\min(\max(x, 0), 6)",
    cites=("Krizhevsky 2010, Convolutional Deep Belief Networks on CIFAR-10",),
    kinks={0.0: 0.0, 6.0: 0.0},
    exact=lambda mp, x: min(max(x, mp.mpf(0)), mp.mpf(6)),
)
def relu6(x):
    """ReLU that stops at 6."""
    return keras.activations.relu6(x)


@activation(
    tex=r"\max(x, 0)^2",
    cites=("So et al. 2021, Primer, arXiv:2109.08668",),
    aliases=("relu2", "squared_relu"),
    kinks={0.0: 0.0},
    exact=lambda mp, x: max(x, mp.mpf(0)) ** 2,
)
def relu_squared(x):
    """The square of ReLU."""
    return ops.square(ops.relu(x))


@activation(
    tex=r"s \max(x, 0)^2 + b",
    cites=("Yu et al. 2022, MetaFormer Baselines for Vision, arXiv:2210.13452",),
    learnable=True,
    kinks=lambda scale, bias: {0.0: 0.0},
    exact=lambda mp, x, scale, bias: scale * max(x, mp.mpf(0)) ** 2 + bias,
)
def star_relu(x, scale: Real = 0.8944, bias: Real = -0.4472):
    """Squared ReLU with a learned `scale` $s$ and `bias` $b$.

    They start where a normal input gives mean 0 and variance 1, as in the paper; timm starts from 1 and 0:
    `star_relu(scale=1.0, bias=0.0)`.
    """
    positive = ops.relu(x)
    return scale * positive * positive + bias  # in this order: the square may overflow where the result does not


@activation(
    tex=r"\begin{cases} 0 & x \le -\beta \\ (x + \beta)^2 / (4 \beta) & |x| < \beta \\ x & x \ge \beta \end{cases}",
    cites=("Shamir et al. 2022, Real World Large Scale Recommendation Systems Reproducibility, arXiv:2202.06499",),
    kinks=lambda beta: {-beta: 0.0, beta: 1.0},
    exact=lambda mp, x, beta: mp.mpf(0) if x <= -beta else x if x >= beta else (x + beta) ** 2 / (4 * mp.mpf(beta)),
)
def smelu(x, beta: Positive = 2.0):
    """ReLU with a quadratic join of half-width `beta`.

    The paper tunes `beta`; ports default to 2 (as here, and xFormers), 1.5 or 1.
    """
    inside = ops.abs(x) < beta
    bend = ops.square(where_selected(inside, x) + beta) / (4 * beta)
    return ops.where(inside, bend, ops.relu(x))


@activation(
    tex=r"\frac{x}{2} \min(2, \max(0, x + 2))",
    cites=("D. Misra, H-Mish (github.com/digantamisra98/H-Mish); the form in timm",),
    kinks={-2.0: 0.0, 0.0: 1.0},
    exact=lambda mp, x: x / 2 * min(mp.mpf(2), max(mp.mpf(0), x + 2)),
)
def hard_mish(x):
    """Piecewise quadratic stand-in for mish."""
    inside = ops.logical_and(x > -2, x < 0)
    bend = where_selected(inside, x)
    return ops.where(inside, bend * (bend + 2) / 2, ops.where(x <= -2, ops.zeros_like(x), x))


@activation(
    tex=r"\begin{cases} x & x > \theta \\ v & x \le \theta \end{cases}",
    cites=("torch.nn.Threshold",),
    kinks=lambda threshold, default_value: {threshold: 0.0},
    exact=lambda mp, x, threshold, default_value: x if x > threshold else mp.mpf(default_value),
)
def threshold(x, threshold: _Fixed = 0.0, default_value: Real = 0.0):
    """Passes what is above `threshold` $\\theta$ and replaces the rest by `default_value` $v$.

    Keras's own function has no defaults, so its plain name cannot work as a string; give both parameters.
    """
    return ops.where(x <= threshold, default_value * ops.ones_like(x), x)


@activation(
    tex=r"x \min(1, \max(0, x / 6 + 1 / 2))",
    cites=("Howard et al. 2019, Searching for MobileNetV3, arXiv:1905.02244",),
    kinks={-3.0: 0.0, 3.0: 1.0},
    exact=lambda mp, x: x * min(mp.mpf(1), max(mp.mpf(0), x / 6 + mp.mpf(1) / 2)),
    aliases=("hard_swish",),
)
def hard_silu(x):
    """Piecewise quadratic stand-in for SiLU."""
    inside = ops.logical_and(x > -3, x < 3)
    bend = where_selected(inside, x)
    return ops.where(inside, bend * (bend + 3) / 6, ops.where(x <= -3, ops.zeros_like(x), x))


@activation(
    tex=r"\min(1, \max(0, x / 6 + 1 / 2))",
    cites=("Howard et al. 2019, Searching for MobileNetV3, arXiv:1905.02244",),
    kinks={-3.0: 0.0, 3.0: 0.0},
    exact=lambda mp, x: min(mp.mpf(1), max(mp.mpf(0), x / 6 + mp.mpf(1) / 2)),
)
def hard_sigmoid(x):
    """Piecewise linear stand-in for the sigmoid.

    The form of Keras 3, torch and JAX. Keras 2 had clip(0.2 x + 0.5), other libraries clip((x + 1) / 2).
    """
    return (between(x, -3.0, 3.0) + 3) / 6  # the sum first: it loses nothing near -3


@activation(
    tex=r"\min(1, \max(-1, x))",
    cites=("Collobert 2004, Large Scale Machine Learning",),
    kinks={-1.0: 0.0, 1.0: 0.0},
    exact=lambda mp, x: min(mp.mpf(1), max(mp.mpf(-1), x)),
)
def hard_tanh(x):
    """The identity, stopped at -1 and 1."""
    return between(x, -1.0, 1.0)


@activation(
    tex=r"\begin{cases} x & |x| > \lambda \\ 0 & |x| \le \lambda \end{cases}",
    cites=("torch.nn.Hardshrink",),
    kinks=lambda threshold: {-threshold: 0.0, threshold: 0.0},
    exact=lambda mp, x, threshold: x if abs(x) > threshold else mp.mpf(0),
)
def hard_shrink(x, threshold: _FixedNonNegative = 0.5):
    """Sets what is within `threshold` $\\lambda$ of zero to zero."""
    return ops.where(ops.abs(x) <= threshold, ops.zeros_like(x), x)


@activation(
    tex=r"\mathrm{sign}(x) \max(|x| - \lambda, 0)",
    cites=("torch.nn.Softshrink",),
    kinks=lambda threshold: {-threshold: 0.0, threshold: 0.0},
    exact=lambda mp, x, threshold: x - threshold if x > threshold else x + threshold if x < -threshold else mp.mpf(0),
)
def soft_shrink(x, threshold: NonNegative = 0.5):
    """Moves everything towards zero by `threshold` $\\lambda$, and what is nearer to zero itself."""
    inner = ops.where(x >= -threshold, ops.zeros_like(x), x + threshold)
    return ops.where(x > threshold, x - threshold, inner)


@activation(
    tex=r"\begin{cases} 0 & x \le -1 \\ (x + 1)^2 / 4 & |x| < 1 \\ x & x \ge 1 \end{cases}",
    cites=("jax.nn.sparse_plus",),
    kinks={-1.0: 0.0, 1.0: 1.0},
    exact=lambda mp, x: mp.mpf(0) if x <= -1 else x if x >= 1 else (x + 1) ** 2 / 4,
)
def sparse_plus(x):
    """Softplus with exact zeros: a quadratic join of half-width 1 (`smelu(beta=1.0)`)."""
    inside = ops.abs(x) < 1
    return ops.where(inside, ops.square(where_selected(inside, x) + 1) / 4, ops.relu(x))


@activation(
    tex=r"\begin{cases} 0 & x \le -1 \\ (x + 1) / 2 & |x| < 1 \\ 1 & x \ge 1 \end{cases}",
    cites=("jax.nn.sparse_sigmoid",),
    kinks={-1.0: 0.0, 1.0: 0.0},
    exact=lambda mp, x: min(mp.mpf(1), max(mp.mpf(0), (x + 1) / 2)),
)
def sparse_sigmoid(x):
    """The derivative of `sparse_plus`."""
    return (between(x, -1.0, 1.0) + 1) / 2


@activation(
    tex=r"x",
    cites=("The identity",),
    exact=lambda mp, x: x,
)
def linear(x):
    """Passes its input unchanged."""
    return x
