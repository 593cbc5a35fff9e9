"""Localized oscillations and bell curves: activations that vanish far from the origin."""

import functools
import math

from keras import ops

from keras_actx.activations.primitives import clip, polynomial, safe_where
from keras_actx.backend import cos as _cos
from keras_actx.backend import sin as _sin
from keras_actx.backend import where
from keras_actx.declaration.decorator import register_activation
from keras_actx.ranges import Positive, Real

register_activation = functools.partial(register_activation, package="keras_actx")

_GONE = 40.0  # e^(-40^2 / 2) is 0 in every dtype


@register_activation(
    tex=r"e^{-(x / a)^2}",
    cites=("Ramasinghe & Lucey 2021, Beyond Periodicity, arXiv:2111.15135",),
    exact=lambda mp, x, a: mp.exp(-((x / mp.mpf(a)) ** 2)),
)
def gaussian(x, a: Positive = 1.0):
    r"""A bell curve of width `a`.

    Libraries define $e^{-x^2}$ (as here) or $e^{-x^2/2}$, which is `gaussian(a=1.4142135623730951)`.
    """
    return ops.exp(-ops.square(clip(x / a, -_GONE, _GONE)))


_RICKER = 0.8673250705840775  # 2 / (sqrt(3) pi^(1/4))


def _mexican_hat_exact(mp, x, sigma):
    z = x / mp.mpf(sigma)
    return 2 / (mp.sqrt(3 * mp.mpf(sigma)) * mp.sqrt(mp.sqrt(mp.pi))) * (1 - z**2) * mp.exp(-(z**2) / 2)


@register_activation(
    tex=r"\frac{2}{\sqrt{3 \sigma} \, \pi^{1/4}} \left(1 - \frac{x^2}{\sigma^2}\right) e^{-x^2 / (2 \sigma^2)}",
    cites=("Ricker 1953, The Form and Laws of Propagation of Seismic Wavelets",),
    aliases=("ricker",),
    exact=_mexican_hat_exact,
)
def mexican_hat(x, sigma: Positive = 1.0):
    r"""The negative second derivative of a bell curve of standard deviation `sigma` $\sigma$.

    Normalized so that the integral of its square is 1, as in signal processing libraries; it is $0.867 / \sqrt{\sigma}$
    at 0. Ports without the factor, or with the opposite sign, differ by a constant factor.
    """
    z = clip(x / sigma, -_GONE, _GONE)
    root = ops.exp(-0.25 * z * z)  # its square is flushed to 0 where z^2 times the square is not 0
    return _RICKER / sigma**0.5 * (root - z * (z * root)) * root


@register_activation(
    tex=r"\cos(\omega_0 x) \, e^{-x^2 / 2}",
    cites=("Goupillaud, Grossmann & Morlet 1984, Cycle-octave and related transforms in seismic signal analysis",),
    exact=lambda mp, x, w0: mp.cos(mp.mpf(w0) * x) * mp.exp(-(x**2) / 2),
)
def morlet(x, w0: Real = 5.0):
    r"""A cosine of frequency `w0` $\omega_0$ with a bell-shaped envelope.

    The real Morlet wavelet of signal processing libraries, with their frequency 5. The Gabor wavelet of WIRE
    (arXiv:2301.05187) is complex, with the envelope $e^{-\sigma^2 x^2}$; this is its real part for $\sigma^2 = 1/2$.
    """
    inside = clip(x, -_GONE, _GONE)
    return _cos(w0 * inside) * ops.exp(-0.5 * inside * inside)


@register_activation(
    tex=r"\frac{\sin(x)}{x}",
    cites=("The cardinal sine",),
    exact=lambda mp, x: mp.sin(x) / x if x else mp.mpf(1),
)
def sinc(x):
    r"""The sine of the input divided by the input: 1 at 0.

    This is the definition in mathematics; numpy, torch and signal processing define it as $\sin(\pi x) / (\pi x)$.
    """
    small = ops.abs(x) < 1
    series = polynomial(ops.square(clip(x, -1.0, 1.0)), _SINC_SERIES)
    rest = safe_where(ops.logical_not(ops.logical_or(small, ops.isinf(x))), x, 1.0)
    return where(small, series, where(ops.isinf(x), 0.0, _sin(rest) / rest))


_SINC_SERIES = tuple((-1) ** k / math.factorial(2 * k + 1) for k in range(10))
