"""Rational activations: quotients of polynomials with learnable coefficients.

Evaluated as written for |x| <= 8; beyond, as a power of |x| times a quotient of polynomials in 1 / |x|, starting at the
leading nonzero coefficients, so that no power overflows. Where the terms of the numerator cancel, rounding of the
coefficients alone loses digits; the error is within 4 eps of sum(|p_i x^i|) / denominator, which is that loss.
"""

import functools

from keras import ops

from keras_actx.activations.primitives import polynomial, safe_where
from keras_actx.backend import where
from keras_actx.declaration.decorator import register_activation
from keras_actx.ranges import Real

register_activation = functools.partial(register_activation, package="keras_actx")

_FAR = 8.0
_FLAT = 1e18  # beyond it, the contribution of the lower coefficients to a derivative is negligible

_MOLINA = "Molina, Schramowski & Kersting 2019, Padé Activation Units, arXiv:1907.06732"


def _quotient(x, p, q, each):
    """P(x) / Q(x) with p from the constant, q from the linear term on; |.| of `each` term or of the sum."""
    size = ops.abs(x)
    far = size > _FAR
    near = safe_where(~far, x)
    t = _magnitude(near) if each else near
    q = [_absolute(one) for one in q] if each else q
    positive = (lambda total: total) if each else _magnitude
    inside = polynomial(near, p) / (1.0 + positive(t * polynomial(t, q)))

    size = safe_where(far, size, _FAR)
    inverse = 1.0 / size
    inverse = where(size < _FLAT, inverse, ops.stop_gradient(inverse))  # otherwise inf times 0 for infinite x
    sign = where(x < 0, -ops.ones_like(x), 1.0)
    above, _, p_leads = _reversed(inverse, p, sign)
    below, power, q_leads = _reversed(inverse, [0.0, *q], None if each else sign)
    outside = above / (power + positive(below))
    one = ops.ones_like(size)
    for up, down in zip(p_leads, [False, *q_leads], strict=True):  # the remaining factor |x|^degree(P) / |x|^degree(Q)
        factor = _choose(up, _choose(down, one, size), _choose(down, inverse, one))
        outside = outside if factor is one else outside * factor
    return where(far, outside, inside)


def _magnitude(x):
    """|x| with derivative 0 at 0, where that of `ops.abs` is 0 or 1."""
    return x * ops.stop_gradient(ops.sign(x))


def _reversed(inverse, coefficients, sign):
    """The polynomial of x over |x|^degree, |x|^-degree, and for each exponent from the highest to 1 whether it is
    within the degree. Coefficients of odd exponents are multiplied by `sign`."""
    total, power, led, leads = 0.0, ops.ones_like(inverse), False, []
    for exponent in range(len(coefficients) - 1, 0, -1):
        one = coefficients[exponent]
        led = _either(led, one != 0.0 if isinstance(one, float) else ops.not_equal(one, 0.0))
        leads.append(led)
        total = total + (one * sign if sign is not None and exponent % 2 else one) * power
        power = _choose(led, power * inverse, power)
    return total + coefficients[0] * power, power, leads


# A parameter is a number or, if it is learned, a tensor; the same holds for conditions on it.


def _absolute(q):
    """|q| with derivative 1 at 0, where it could otherwise not be learned."""
    return abs(q) if isinstance(q, float) else where(q < 0, -q, q)


def _either(a, b):
    if isinstance(a, bool) or isinstance(b, bool):
        return b if a is False else a if b is False else True
    return ops.logical_or(a, b)


def _choose(condition, yes, no):
    return (yes if condition else no) if isinstance(condition, bool) else where(condition, yes, no)


def _terms_exact(x, letter, exponents, coefficients):
    return [coefficients[f"{letter}{i}"] * x**i for i in exponents]


def _exact(mp, x, each, **coefficients):
    terms = _terms_exact(x, "q", range(1, 5), coefficients)
    positive = sum(abs(one) for one in terms) if each else abs(sum(terms))
    return sum(_terms_exact(x, "p", range(6), coefficients)) / (1 + positive)


_quotient_activation = functools.partial(
    register_activation, cites=(_MOLINA,), learnable=True, kinks=lambda p1, **others: {0.0: p1}
)


@_quotient_activation(
    tex=r"\frac{p_0 + p_1 x + \dots + p_5 x^5}{1 + |q_1 x| + |q_2 x^2| + |q_3 x^3| + |q_4 x^4|}",
    exact=functools.partial(_exact, each=True),
)
def rational(
    x,
    *,
    p0: Real = 0.0322738,
    p1: Real = 0.617005,
    p2: Real = 2.1419,
    p3: Real = 2.60866,
    p4: Real = 1.18306,
    p5: Real = 0.187363,
    q1: Real = 1.04138,
    q2: Real = 3.77224,
    q3: Real = 0.68477,
    q4: Real = 0.26076,
):
    """A learned quotient of polynomials of degrees 5 and 4, whose denominator is a sum of absolute values.

    Version A of the paper's code, which has its own initial fits of other functions. The initial values here are
    `keras_actx.initializers.rational_fit("leaky_relu(negative_slope=0.01)")`, with an error of at most 0.033 in [-3,
    3]; use the same function to fit others. The derivative is discontinuous at 0 if neither $p_0$ nor $q_1$ is 0, and
    is $p_1$ there.
    """
    return _quotient(x, (p0, p1, p2, p3, p4, p5), (q1, q2, q3, q4), each=True)


@_quotient_activation(
    tex=r"\frac{p_0 + p_1 x + \dots + p_5 x^5}{1 + |q_1 x + q_2 x^2 + q_3 x^3 + q_4 x^4|}",
    aliases=("pau",),
    exact=functools.partial(_exact, each=False),
)
def pade(
    x,
    *,
    p0: Real = 0.0362497,
    p1: Real = 0.505,
    p2: Real = 1.53285,
    p3: Real = 1.73263,
    p4: Real = 0.750325,
    p5: Real = 0.115239,
    q1: Real = 0.0,
    q2: Real = 3.43095,
    q3: Real = 0.0,
    q4: Real = 0.228196,
):
    """The safe Padé activation unit: a learned quotient of polynomials of degrees 5 and 4 without poles.

    Version B of the paper's code; `rational` is its version A. The initial values are
    `keras_actx.initializers.rational_fit("leaky_relu(negative_slope=0.01)", version="B")`, with an error of at most
    0.037 in [-3, 3]. The derivative is discontinuous where the sum in the denominator changes its sign: at 0, where it
    is $p_1$, unless $q_1$ or $p_0$ is 0, and possibly at up to three other points. Initially there are no such points.
    """
    return _quotient(x, (p0, p1, p2, p3, p4, p5), (q1, q2, q3, q4), each=False)
