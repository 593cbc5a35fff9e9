"""Activations with a sine or cosine."""

import functools

from keras import ops

from keras_actx.activations.primitives import FAR, clip
from keras_actx.backend import cos as _cos
from keras_actx.backend import sin as _sin
from keras_actx.declaration.decorator import register_activation
from keras_actx.ranges import Positive

register_activation = functools.partial(register_activation, package="keras_actx")

_SNAKE = "Ziyin, Hartwig & Ueda 2020, Neural Networks Fail to Learn Periodic Functions, arXiv:2006.08195"


def _ripple(x, alpha):
    return ops.square(_sin(clip(alpha * x, -FAR, FAR)))  # beyond, it is negligible relative to x


@register_activation(
    tex=r"x + \frac{\sin^2(\alpha x)}{\alpha}",
    cites=(_SNAKE,),
    exact=lambda mp, x, alpha: x + mp.sin(alpha * x) ** 2 / mp.mpf(alpha),
)
def snake(x, alpha: Positive = 1.0):
    """The identity plus an oscillation of frequency `alpha`.

    Learnable in tensorflow-addons and BigVGAN: `snake(alpha=1.0, learnable=True)`. BigVGAN's log-scale option stores
    the logarithm of the same number.
    """
    return x + _ripple(x, alpha) / alpha


@register_activation(
    tex=r"x + \frac{\sin^2(\alpha x)}{\beta}",
    cites=(_SNAKE, "Lee et al. 2022, BigVGAN, arXiv:2206.04658"),
    learnable=True,
    exact=lambda mp, x, alpha, beta: x + mp.sin(alpha * x) ** 2 / mp.mpf(beta),
)
def snake_beta(x, alpha: Positive = 1.0, beta: Positive = 1.0):
    r"""The identity plus a learned oscillation of frequency `alpha` $\alpha$ and amplitude 1 / `beta` $\beta$.

    As in BigVGAN's code, which has one of each per channel (`snake_beta(num_parameters=C)`). With its `alpha_logscale`,
    the default of its released models, weights hold $\log \alpha$ and $\log \beta$, initially 0, which is the same
    initialization; to load such weights here, apply the exponential. It adds $10^{-9}$ to $\beta$, which is not
    necessary for positive $\beta$.
    """
    return x + _ripple(x, alpha) / beta


@register_activation(
    tex=r"\sin(\omega_0 x)",
    cites=(
        "Sitzmann et al. 2020, Implicit Neural Representations with Periodic Activation Functions, arXiv:2006.09661",
    ),
    aliases=("siren",),
    exact=lambda mp, x, w0: mp.sin(mp.mpf(w0) * x),
)
def sine(x, w0: Positive = 30.0):
    r"""The sine of `w0` $\omega_0$ times the input.

    30 is the paper's frequency, for inputs in [-1, 1] and with its initialization, which `DenseBlock` uses;
    `sine(w0=1.0)` is the plain sine.
    """
    return _sin(clip(w0 * x, -_LARGEST, _LARGEST))


#: Beyond it, w0 x may overflow in float32, and adjacent inputs are many periods apart.
_LARGEST = 3e38


@register_activation(
    tex=r"\cos(x)",
    cites=("The cosine",),
    aliases=("cos",),
    exact=lambda mp, x: mp.cos(x),
)
def cosine(x):
    """The cosine."""
    return _cos(x)


@register_activation(
    tex=r"x \cos(x)",
    cites=("Noel et al. 2021, Growing Cosine Unit, arXiv:2108.12943",),
    exact=lambda mp, x: x * mp.cos(x),
)
def gcu(x):
    """The input times its cosine."""
    return x * _cos(x)
