"""Localized waves and bells: activations that vanish far from the origin."""

import functools

from keras import ops

from keras_actx.activations.stable import between, is_power_of_two, product, where_selected
from keras_actx.backend import cos as _cos
from keras_actx.backend import sin as _sin
from keras_actx.backend import where, with_kernel
from keras_actx.declaration.decorator import activation
from keras_actx.declaration.parameters import Positive, Real

activation = functools.partial(activation, package="keras_actx")

_GONE = 40.0  # e^(-40^2 / 2) is 0 in every dtype


def _bell(z, rate=1.0, error=None):
    """e^(-rate (z + error)^2) for |z| <= 40 and a rate that is a power of 2, with the digits of its far tail."""
    square, lost = product(z, z)  # rounding z^2 loses |z^2| eps
    if error is not None:
        lost = lost + 2.0 * z * error
    power = ops.exp(-rate * square)
    return power - power * (rate * lost)


def _scaled(x, width):
    """x / width within +-40, and its rounding error, which has no gradient; None if there is none."""
    z = between(x / width, -_GONE, _GONE)
    if is_power_of_two(width):
        return z, None
    near = ops.abs(z) < _GONE
    back, error = product(width, z)
    rest = where_selected(near, x) - where_selected(near, back)
    return z, ops.stop_gradient((rest if error is None else rest - error) / width)


@activation(
    tex=r"e^{-(x / a)^2}",
    cites=("Ramasinghe & Lucey 2021, Beyond Periodicity, arXiv:2111.15135",),
    exact=lambda mp, x, a: mp.exp(-((x / mp.mpf(a)) ** 2)),
)
@with_kernel("gaussian")
def gaussian(x, a: Positive = 1.0):
    r"""A bell of width `a`.

    Libraries mean $e^{-x^2}$ (as here) or $e^{-x^2/2}$, which is `gaussian(a=1.4142135623730951)`.
    """
    z, error = _scaled(x, a)
    return _bell(z, 1.0, error)


_RICKER = 0.8673250705840775  # 2 / (sqrt(3) pi^(1/4))


def _mexican_hat_exact(mp, x, sigma):
    z = x / mp.mpf(sigma)
    return 2 / (mp.sqrt(3 * mp.mpf(sigma)) * mp.sqrt(mp.sqrt(mp.pi))) * (1 - z**2) * mp.exp(-(z**2) / 2)


@activation(
    tex=r"\frac{2}{\sqrt{3 \sigma} \, \pi^{1/4}} \left(1 - \frac{x^2}{\sigma^2}\right) e^{-x^2 / (2 \sigma^2)}",
    cites=("Ricker 1953, The Form and Laws of Propagation of Seismic Wavelets",),
    aliases=("ricker",),
    exact=_mexican_hat_exact,
)
def mexican_hat(x, sigma: Positive = 1.0):
    r"""The negative second derivative of a bell of deviation `sigma` $\sigma$.

    Normalized so that the integral of its square is 1, as signal libraries have it; it is $0.867 / \sqrt{\sigma}$ at 0.
    Ports without the factor, or with the opposite sign, differ by a constant factor.
    """
    z, error = _scaled(x, sigma)
    # Equal; the product has the digits near its zeros, the difference those of its derivative near 0.
    wave = where(ops.abs(z) < 0.5, 1.0 - z * z, (1.0 - z) * (1.0 + z))
    return _RICKER / sigma**0.5 * wave * _bell(z, 0.5, error)


@activation(
    tex=r"\cos(\omega_0 x) \, e^{-x^2 / 2}",
    cites=("Goupillaud, Grossmann & Morlet 1984, Cycle-octave and related transforms in seismic signal analysis",),
    exact=lambda mp, x, w0: mp.cos(mp.mpf(w0) * x) * mp.exp(-(x**2) / 2),
)
def morlet(x, w0: Real = 5.0):
    r"""A cosine of frequency `w0` $\omega_0$ under a bell.

    The real Morlet wavelet of signal libraries, with their frequency 5. The Gabor wavelet of WIRE (arXiv:2301.05187)
    is complex, with a bell $e^{-\sigma^2 x^2}$; this is its real part for $\sigma^2 = 1/2$.
    """
    near = between(x, -_GONE, _GONE)
    return _cos(w0 * near) * _bell(near, 0.5)


@activation(
    tex=r"\frac{\sin(x)}{x}",
    cites=("The cardinal sine",),
    exact=lambda mp, x: mp.sin(x) / x if x else mp.mpf(1),
)
def sinc(x):
    r"""The sine of the input over the input: 1 at 0.

    Mathematics has this; numpy, torch and signal processing mean $\sin(\pi x) / (\pi x)$ by the name.
    """
    small = ops.abs(x) < 1
    square = ops.square(where_selected(small, x))
    series = 1.0
    for k in (9, 8, 7, 6, 5, 4, 3, 2, 1):
        series = 1.0 - square * series / (2 * k * (2 * k + 1))
    rest = where(small, 1.0, x)
    return where(small, series, _sin(where(ops.isinf(rest), 0.0, rest)) / rest)
