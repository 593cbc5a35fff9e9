"""Piecewise approximations of smooth activations, clipping and shrinkage functions, and bumps."""

import functools

from keras import ops

from keras_actx.activations.primitives import FAR, expm1
from keras_actx.backend import clip_max, clip_min, relu, where, with_kernel
from keras_actx.declaration.decorator import register_activation
from keras_actx.ranges import FixedNonNegative, FixedReal, NonNegative, Positive, Real

register_activation = functools.partial(register_activation, package="keras_actx")


_clip = functools.partial(
    register_activation,
    tex=r"\min(b, \max(a, x))",
    kinks=lambda min_value, max_value: {min_value: 0.0, max_value: 0.0},
    exact=lambda mp, x, min_value, max_value: min(mp.mpf(max_value), max(mp.mpf(min_value), x)),
)


@with_kernel("clipped")
def _clipped(x, low, high):
    """x clipped to [low, high], with derivative 0 at both ends; `high` if low > high, as in torch and numpy."""
    y = where(x <= low, low, x)
    return where(y >= high, high, y)


@_clip(cites=("torch.clamp",), aliases=("clamp",))
def clip(x, min_value: Real = -1.0, max_value: Real = 1.0):
    """The identity, clipped to `min_value` $a$ and `max_value` $b$.

    The same function as `hard_tanh`; both bounds must be numbers. It is called Clip and Clamp in MMCV, with `min` and
    `max`.
    """
    return _clipped(x, min_value, max_value)


@_clip(cites=("Collobert 2004, Large Scale Machine Learning",))
def hard_tanh(x, min_value: Real = -1.0, max_value: Real = 1.0):
    """The identity, clipped to -1 and 1, or to `min_value` $a$ and `max_value` $b$.

    The bounds are called `min_val` and `max_val` in torch; Keras's own function, which the plain name refers to, has
    none.
    """
    return _clipped(x, min_value, max_value)


def _hard_sigmoid_exact(mp, x, slope, shift):
    width = mp.mpf(1 / slope)  # 6 where the slope is 1/6 rounded to double
    return min(mp.mpf(1), max(mp.mpf(0), x / width + shift))


def _hard_sigmoid_ends(slope, shift):
    width = 1.0 / slope
    return -shift * width, (1.0 - shift) * width, width


@register_activation(
    tex=r"\min(1, \max(0, a x + b))",
    cites=("Howard et al. 2019, Searching for MobileNetV3, arXiv:1905.02244",),
    aliases=("hsigmoid",),
    kinks=lambda slope, shift: dict.fromkeys(_hard_sigmoid_ends(slope, shift)[:2], 0.0),
    exact=_hard_sigmoid_exact,
)
@with_kernel("hard_sigmoid")
def hard_sigmoid(x, slope: Positive = 1 / 6, shift: Real = 0.5):
    """Piecewise linear approximation of the sigmoid, with `slope` $a$ and `shift` $b$.

    1/6 is the slope in Keras 3, torch, JAX and timm. Keras 2 used `hard_sigmoid(slope=0.2)`; old MMCV and ActTensor use
    (x + 1) / 2, which is `hard_sigmoid(slope=0.5)`; TensorFlow Models use 0.16667 for 1/6, and exceed 1 by 0.00002.
    """
    low, high, width = _hard_sigmoid_ends(slope, shift)
    line = (_clipped(x, low, high) - low) / width  # the difference first: it is exact near the lower end
    return where(x >= high, 1.0, line)


@with_kernel("hard_silu")
def _hard_silu(x):
    return clip_min(x, -FAR) * ((_clipped(x, -3.0, 3.0) + 3.0) / 6.0)


@register_activation(
    tex=r"x \min(1, \max(0, x / 6 + 1 / 2))",
    cites=("Howard et al. 2019, Searching for MobileNetV3, arXiv:1905.02244",),
    kinks={-3.0: 0.0, 3.0: 1.0},
    exact=lambda mp, x: x * min(mp.mpf(1), max(mp.mpf(0), x / 6 + mp.mpf(1) / 2)),
    aliases=("hard_swish", "hswish"),
)
def hard_silu(x):
    """Piecewise quadratic approximation of SiLU."""
    return _hard_silu(x)


@register_activation(
    tex=r"\frac{x}{2} \min(2, \max(0, x + 2))",
    cites=("D. Misra, H-Mish (github.com/digantamisra98/H-Mish); the form in timm",),
    kinks={-2.0: 0.0, 0.0: 1.0},
    exact=lambda mp, x: x / 2 * min(mp.mpf(2), max(mp.mpf(0), x + 2)),
)
def hard_mish(x):
    """Piecewise quadratic approximation of mish."""
    return 0.5 * clip_min(x, -FAR) * (_clipped(x, -2.0, 0.0) + 2.0)


@register_activation(
    tex=r"\begin{cases} x & x \ge 0 \\ e^x - 1 & x < 0 \end{cases} \; \min(1, \max(0, (x + 1) / 2))",
    cites=("Basirat & Roth 2018, The Quest for the Golden Activation Function, arXiv:1808.00783",),
    kinks={-1.0: 0.0, 0.0: 0.5, 1.0: 1.0},
    exact=lambda mp, x: (x if x >= 0 else mp.expm1(x)) * min(mp.mpf(1), max(mp.mpf(0), (x + 1) / 2)),
)
def hard_elish(x):
    """ELU times a piecewise linear sigmoid of slope 1/2.

    Echo's torch version uses $e^{x - 1}$ in place of $e^x - 1$, which is another function.
    """
    gate = (_clipped(x, -1.0, 1.0) + 1.0) / 2.0
    return (relu(x) + expm1(clip_max(x, 0.0))) * gate


@register_activation(
    tex=r"\begin{cases} 0 & x \le -1 \\ (x + 1) / 2 & |x| < 1 \\ 1 & x \ge 1 \end{cases}",
    cites=("jax.nn.sparse_sigmoid",),
    kinks={-1.0: 0.0, 1.0: 0.0},
    exact=lambda mp, x: min(mp.mpf(1), max(mp.mpf(0), (x + 1) / 2)),
)
def sparse_sigmoid(x):
    """The derivative of `sparse_plus`."""
    return (_clipped(x, -1.0, 1.0) + 1.0) / 2.0


@register_activation(
    tex=r"\begin{cases} x - x |x| / 4 & |x| \le 2 \\ \mathrm{sign}(x) & |x| > 2 \end{cases}",
    cites=("Wuraola & Patel 2018, SQNL: A New Computationally Efficient Activation Function",),
    kinks={-2.0: 0.0, 0.0: 1.0, 2.0: 0.0},
    exact=lambda mp, x: x - x * abs(x) / 4 if abs(x) <= 2 else mp.mpf(1 if x > 0 else -1),
)
def sqnl(x):
    """Piecewise quadratic approximation of tanh, which reaches plus and minus 1 at plus and minus 2."""
    inside = _clipped(x, -2.0, 2.0)
    return inside * (1 - ops.abs(inside) / 4)


@register_activation(
    tex=r"\begin{cases} x & x > \theta \\ v & x \le \theta \end{cases}",
    cites=("torch.nn.Threshold",),
    kinks=lambda threshold, default_value: {threshold: 0.0},
    exact=lambda mp, x, threshold, default_value: x if x > threshold else mp.mpf(default_value),
)
@with_kernel("threshold")
def threshold(x, threshold: FixedReal = 0.0, default_value: Real = 0.0):
    """The identity above `threshold` $\\theta$, `default_value` $v$ elsewhere.

    Keras's own function has no defaults, so its plain name is not usable as a string; set both parameters.
    """
    return where(x <= threshold, default_value, x)


@register_activation(
    tex=r"\begin{cases} x & |x| > \lambda \\ 0 & |x| \le \lambda \end{cases}",
    cites=("torch.nn.Hardshrink",),
    kinks=lambda threshold: {-threshold: 0.0, threshold: 0.0},
    exact=lambda mp, x, threshold: x if abs(x) > threshold else mp.mpf(0),
)
@with_kernel("hard_shrink")
def hard_shrink(x, threshold: FixedNonNegative = 0.5):
    """Sets values of magnitude up to `threshold` $\\lambda$ to zero."""
    return where(ops.abs(x) <= threshold, 0.0, x)


@register_activation(
    tex=r"\mathrm{sign}(x) \max(|x| - \lambda, 0)",
    cites=("torch.nn.Softshrink",),
    kinks=lambda threshold: {-threshold: 0.0, threshold: 0.0},
    exact=lambda mp, x, threshold: x - threshold if x > threshold else x + threshold if x < -threshold else mp.mpf(0),
)
@with_kernel("soft_shrink")
def soft_shrink(x, threshold: NonNegative = 0.5):
    """Moves values towards zero by `threshold` $\\lambda$, and smaller values to zero."""
    inner = where(x >= -threshold, 0.0, x + threshold)
    return where(x > threshold, x - threshold, inner)


@register_activation(
    tex=r"\begin{cases} x & 0 < x < a / 2 \\ a - x & a / 2 \le x < a \\ 0 & \text{otherwise} \end{cases}",
    cites=("Hong et al. 2022, On the Activation Function Dependence of the Spectral Bias, arXiv:2208.04924",),
    kinks=lambda a: {0.0: 0.0, a / 2: -1.0, a: 0.0},
    exact=lambda mp, x, a: max(mp.mpf(0), min(x, a - x)),
)
def hat(x, a: Positive = 2.0):
    """A triangle over [0, `a`], with slopes 1 and -1.

    2 is the paper's width, with a peak of 1; activations-plus uses 1. `tent` is the same, centred at 0.
    """
    outside = ops.logical_or(x <= 0, x >= a)
    return where(outside, 0.0, where(x < a / 2, x, a - x))


@register_activation(
    tex=r"\max(0, \delta - |x|)",
    cites=("Rozsa & Boult 2019, Improved Adversarial Robustness by Reducing Open Space Risk via Tent Activations",),
    kinks=lambda delta: {-delta: 0.0, 0.0: -1.0, delta: 0.0},
    exact=lambda mp, x, delta: max(mp.mpf(0), delta - abs(x)),
)
def tent(x, delta: Positive = 1.0):
    r"""A triangle of height and half-width `delta` $\delta$ around 0.

    The paper learns it, with a penalty on its size: `tent(learnable=True)`.
    """
    return where(ops.abs(x) >= delta, 0.0, where(x < 0, delta + x, delta - x))
