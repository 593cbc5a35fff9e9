"""Moments with closed forms: every activation made of pieces c x^k exp(a x - b x^2), and a few more."""

import itertools
import math

import mpmath
import pytest
from test_moments import DIGITS, assert_moments

import keras_actx as actx

mp = mpmath.mp
INF = mpmath.inf

#: A function on a piece: {(k, a, b): c} for the sum of c x^k exp(a x - b x^2).
Terms = dict[tuple[int, complex, float], float]


def polynomial(*coefficients) -> Terms:
    """The coefficients from x^0 on."""
    return {(k, 0, 0): c for k, c in enumerate(coefficients) if c}


def times(first: Terms, second: Terms) -> Terms:
    product: Terms = {}
    for ((k, a, b), c), ((m, d, e), f) in itertools.product(first.items(), second.items()):
        key = (k + m, a + d, b + e)
        product[key] = product.get(key, 0) + c * f
    return product


def slope(terms: Terms) -> Terms:
    found: Terms = {}
    for (k, a, b), c in terms.items():
        for power, factor in ((k - 1, k * c), (k, a * c), (k + 1, -2 * b * c)):
            if factor:
                found[power, a, b] = found.get((power, a, b), 0) + factor
    return found


def expectation(pieces, q) -> mpmath.mpf:
    """Of a function given by pieces, for z ~ N(0, q)."""
    total = mp.mpf(0)
    for low, high, terms in pieces:
        for (k, a, b), c in terms.items():
            # exp(a x - b x^2) makes of N(0, q) a normal of variance s and mean a s, times a number.
            s = 1 / (1 / q + 2 * mp.mpf(b))
            m = a * s
            total += c * mp.sqrt(s / q) * mp.exp(a * m / 2) * _moment(k, m, mp.sqrt(s), low, high)
    return mp.re(total)


def _moment(k, m, deviation, low, high):
    """The integral of x^k over the normal between the ends, by parts."""
    ends = [(end - m) / deviation if abs(end) < INF else end for end in (low, high)]
    density = [mp.exp(-(one**2) / 2) / mp.sqrt(2 * mp.pi) if abs(one) < INF else mp.mpf(0) for one in ends]
    below = [mp.erf(one / mp.sqrt(2)) / 2 if abs(one) < INF else mp.sign(one) / 2 for one in ends]
    moments = [below[1] - below[0]]
    for power in range(1, k + 1):
        at_ends = [
            0 if abs(end) == INF else end ** (power - 1) * one for end, one in zip((low, high), density, strict=True)
        ]
        before = moments[power - 2] if power > 1 else 0
        moments.append(m * moments[-1] + (power - 1) * deviation**2 * before - deviation * (at_ends[1] - at_ends[0]))
    return moments[k]


def split(*parts) -> list:
    """Pieces from `terms, end, terms, end, ..., terms`."""
    ends = [-INF, *parts[1::2], INF]
    return list(zip(ends[:-1], ends[1:], parts[::2], strict=True))


X, ZERO, ONE = polynomial(0, 1), {}, polynomial(1)
EXPM1: Terms = {(0, 1, 0): 1, (0, 0, 0): -1}


def scaled(factor, terms: Terms) -> Terms:
    return times(polynomial(factor), terms)


def leaky(negative_slope):
    return split(scaled(negative_slope, X), 0, X)


def wave(frequency, of_exponentials, power=0):
    """x^power times the sum of c exp(i n frequency x), given as {n: c}."""
    return [(-INF, INF, {(power, 1j * n * frequency, 0): c for n, c in of_exponentials.items()})]


SINE, COSINE = {1: -0.5j, -1: 0.5j}, {1: 0.5, -1: 0.5}
SELU_SCALE, SELU_ALPHA = "1.0507009873554804934193349852946", "1.6732632423543772848170429916717"


def pieces_of():
    """Called within the precision wanted, for the constants in it."""
    of_selu = mp.mpf(SELU_SCALE), mp.mpf(SELU_ALPHA)
    hat = 2 / (mp.sqrt(3) * mp.pi ** (mp.mpf(1) / 4))
    return {
        "linear": [(-INF, INF, X)],
        "relu": split(ZERO, 0, X),
        "relu6": split(ZERO, 0, X, 6, polynomial(6)),
        "relu_squared": split(ZERO, 0, polynomial(0, 0, 1)),
        "leaky_relu(negative_slope=0.25)": leaky(0.25),
        "prelu": leaky(0.25),
        "rrelu(lower=0.125, upper=0.375)": leaky(0.25),
        "arelu(alpha=0.5, beta=0.0)": split(scaled(0.5, X), 0, scaled(1.5, X)),
        "aplu(a=0.25, b=-1.0)": split(polynomial(-0.25, -0.25), -1, ZERO, 0, X),
        "tlu(tau=-0.5, alpha=0.5)": split(polynomial(-0.5, 0.5), -1, X),
        "threshold(threshold=0.5, default_value=0.5)": split(polynomial(0.5), 0.5, X),
        "flexible_relu(b=-0.5)": split(polynomial(-0.5), 0, polynomial(-0.5, 1)),
        "srelu": split(scaled(0.5, X), 0, X, 2.5, X),
        "star_relu(scale=0.75, bias=-0.5)": split(polynomial(-0.5), 0, polynomial(-0.5, 0, 0.75)),
        "hard_tanh": split(polynomial(-1), -1, X, 1, ONE),
        "clip(min_value=-0.5, max_value=2.0)": split(polynomial(-0.5), -0.5, X, 2, polynomial(2)),
        "hard_sigmoid(slope=0.25, shift=0.5)": split(ZERO, -2, polynomial(0.5, 0.25), 2, ONE),
        "hard_silu": split(ZERO, -3, polynomial(0, mp.mpf(1) / 2, mp.mpf(1) / 6), 3, X),
        "hard_mish": split(ZERO, -2, polynomial(0, 1, 0.5), 0, X),
        "hard_elish": split(ZERO, -1, times(EXPM1, polynomial(0.5, 0.5)), 0, polynomial(0, 0.5, 0.5), 1, X),
        "hard_shrink": split(X, -0.5, ZERO, 0.5, X),
        "soft_shrink": split(polynomial(0.5, 1), -0.5, ZERO, 0.5, polynomial(-0.5, 1)),
        "hat": split(ZERO, 0, X, 1, polynomial(2, -1), 2, ZERO),
        "tent": split(ZERO, -1, polynomial(1, 1), 0, polynomial(1, -1), 1, ZERO),
        "smelu": split(ZERO, -2, polynomial(0.5, 0.5, 0.125), 2, X),
        "sparse_plus": split(ZERO, -1, polynomial(0.25, 0.5, 0.25), 1, X),
        "sparse_sigmoid": split(ZERO, -1, polynomial(0.5, 0.5), 1, ONE),
        "sqnl": split(polynomial(-1), -2, polynomial(0, 1, 0.25), 0, polynomial(0, 1, -0.25), 2, ONE),
        "sign": split(polynomial(-1), 0, ONE),
        "step": split(ZERO, 0, ONE),
        "elu": split(EXPM1, 0, X),
        "celu(alpha=2.0)": split({(0, 0.5, 0): 2, (0, 0, 0): -2}, 0, X),
        "pelu(a=2.0, b=4.0)": split({(0, 0.25, 0): 2, (0, 0, 0): -2}, 0, scaled(0.5, X)),
        "mpelu": split(scaled(0.25, EXPM1), 0, X),
        "selu": split(scaled(of_selu[0] * of_selu[1], EXPM1), 0, scaled(of_selu[0], X)),
        "serlu": split(scaled(mp.mpf("1.07862") * mp.mpf("2.90427"), {(1, 1, 0): 1}), 0, scaled(mp.mpf("1.07862"), X)),
        "xielu(alpha_p=0.75, alpha_n=0.75, beta=0.5)": split(
            {(0, 1, 0): 0.75, (0, 0, 0): -0.75, (1, 0, 0): -0.25}, 0, polynomial(0, 0.5, 0.75)
        ),
        "exponential": [(-INF, INF, {(0, 1, 0): 1})],
        "gaussian": [(-INF, INF, {(0, 0, 1): 1})],
        "mexican_hat": [(-INF, INF, {(0, 0, 0.5): hat, (2, 0, 0.5): -hat})],
        "morlet": [(-INF, INF, {(0, 5j, 0.5): 0.5, (0, -5j, 0.5): 0.5})],
        "sine(w0=1.0)": wave(1, SINE),
        "cosine": wave(1, COSINE),
        "gcu": wave(1, COSINE, power=1),
        "snake": [(-INF, INF, {(1, 0, 0): 1, (0, 0, 0): 0.5, (0, 2j, 0): -0.25, (0, -2j, 0): -0.25})],
    }


with mp.workdps(DIGITS):
    PIECES = pieces_of()


@pytest.mark.sweep(4)
@pytest.mark.parametrize("variance", [0.1, 1.0, 10.0])
@pytest.mark.parametrize("name", PIECES)
def test_pieces(name, variance):
    with mp.workdps(DIGITS):
        q, pieces = mp.mpf(variance), PIECES[name]
        squares = [(low, high, times(terms, terms)) for low, high, terms in pieces]
        slopes = [(low, high, times(slope(terms), slope(terms))) for low, high, terms in pieces]
        expected = [expectation(one, q) for one in (pieces, squares, slopes)]
        expected += [mp.diff(lambda q, one=one: expectation(one, q), q) for one in (pieces, squares)]
        expected = [float(one) for one in expected]
    assert_moments(actx.moments(name, variance=variance), expected)


#: E f, E f^2 and E f'^2 as functions of q.
OTHERS = {
    "erf": lambda q: (0, 2 / mp.pi * mp.asin(2 * q / (1 + 2 * q)), 4 / mp.pi / mp.sqrt(1 + 4 * q)),
    "gelu": lambda q: (
        q / mp.sqrt(2 * mp.pi * (1 + q)),
        q / 4 + q / (2 * mp.pi) * (mp.asin(q / (1 + q)) + 2 * q / ((1 + q) * mp.sqrt(1 + 2 * q))),
        mp.mpf(1) / 4
        + mp.asin(q / (1 + q)) / (2 * mp.pi)
        + q / ((1 + q) * mp.pi * mp.sqrt(1 + 2 * q))
        + q / (2 * mp.pi * mp.sqrt(1 + 2 * q) ** 3),
    ),
    "bilinear": lambda q: (0, q**2, 2 * q),
}


@pytest.mark.parametrize("variance", [0.1, 1.0, 10.0])
@pytest.mark.parametrize("name", OTHERS)
def test_others(name, variance):
    with mp.workdps(DIGITS):
        q = mp.mpf(variance)
        slopes = [mp.diff(lambda q, i=i: OTHERS[name](q)[i], q) for i in range(2)]
        expected = [float(one) for one in (*OTHERS[name](q), *slopes)]
    assert_moments(actx.moments(name, variance=variance), expected)


def test_the_algebra_itself():
    """Against numbers that need none of it."""
    with mp.workdps(DIGITS):
        assert expectation(PIECES["relu"], mp.mpf(1)) == pytest.approx(1 / math.sqrt(2 * math.pi), rel=1e-15)
        assert expectation([(1, 2, polynomial(0, 0, 0, 1))], mp.mpf(1)) == pytest.approx(
            float(mp.quad(lambda x: x**3 * mp.npdf(x), [1, 2])), rel=1e-15
        )
        assert slope({(2, 3, 0.5): 1}) == {(1, 3, 0.5): 2, (2, 3, 0.5): 3, (3, 3, 0.5): -1.0}
