"""Activations with a sine in them."""

import functools

from keras import ops

from keras_actx.backend import sin as _sin
from keras_actx.declaration.decorator import activation
from keras_actx.declaration.parameters import Positive

activation = functools.partial(activation, package="keras_actx")


@activation(
    tex=r"x + \frac{\sin^2(\alpha x)}{\alpha}",
    cites=("Ziyin, Hartwig & Ueda 2020, Neural Networks Fail to Learn Periodic Functions, arXiv:2006.08195",),
    exact=lambda mp, x, alpha: x + mp.sin(alpha * x) ** 2 / mp.mpf(alpha),
)
def snake(x, alpha: Positive = 1.0):
    """The identity with a ripple of frequency `alpha`.

    Learnable in tensorflow-addons and BigVGAN: `snake(alpha=1.0, learnable=True)`. BigVGAN's log-scale option stores
    the logarithm of the same number.
    """
    return x + ops.square(_sin(alpha * x)) / alpha


@activation(
    tex=r"\sin(\omega_0 x)",
    cites=(
        "Sitzmann et al. 2020, Implicit Neural Representations with Periodic Activation Functions, arXiv:2006.09661",
    ),
    aliases=("siren",),
    exact=lambda mp, x, w0: mp.sin(mp.mpf(w0) * x),
)
def sine(x, w0: Positive = 30.0):
    r"""The sine of `w0` $\omega_0$ times the input.

    30 is the paper's frequency, for inputs in [-1, 1] and with its initialization, which `DenseBlock` gives it;
    `sine(w0=1.0)` is the plain sine.
    """
    return _sin(w0 * x)
