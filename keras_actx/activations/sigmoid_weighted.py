"""The input times a sigmoid: SiLU, swish and their relatives."""

import functools
import math

from keras import ops

from keras_actx.activations.stable import (
    at_most,
    corrected,
    decay,
    product,
    sigmoid,
    sigmoid_exact,
    times,
    times_sigmoid,
    times_weight,
    where_selected,
)
from keras_actx.backend import where, with_kernel
from keras_actx.declaration.decorator import activation
from keras_actx.declaration.parameters import NonNegative, Positive, Real

activation = functools.partial(activation, package="keras_actx")


@with_kernel("silu")
def _silu(x):
    return times_sigmoid(x, x, lambda inside: (inside, None))


@with_kernel("swish")
def _swish(x, beta, missing=0.0):
    return times_sigmoid(x, beta * x, lambda inside: product(beta, inside, missing))


@activation(
    tex=r"x \, \sigma(x)",
    cites=("Elfwing, Uchibe & Doya 2017, arXiv:1702.03118", "Ramachandran, Zoph & Le 2017, arXiv:1710.05941"),
    aliases=("memswish",),
    exact=lambda mp, x: x * sigmoid_exact(mp, x),
)
def silu(x):
    """The input times its sigmoid."""
    return _silu(x)


@activation(
    tex=r"x \, \sigma(\beta x)",
    cites=("Ramachandran, Zoph & Le 2017, Searching for Activation Functions, arXiv:1710.05941",),
    exact=lambda mp, x, beta: x * sigmoid_exact(mp, beta * x),
)
def swish(x, beta: Real = 1.0):
    """The input times the sigmoid of `beta` times it.

    Without parameters `"swish"` is Keras's alias of `silu`, the same function. `swish(beta=1.0, learnable=True)` is the
    paper's trainable form; ports of it differ in their start (1, uniform or normal), which `initializer` sets.
    """
    return _swish(x, beta)


@activation(
    tex=r"x \, \sigma(1.702 x)",
    cites=("Hendrycks & Gimpel 2016, Gaussian Error Linear Units, arXiv:1606.08415",),
    exact=lambda mp, x: x * sigmoid_exact(mp, mp.mpf("1.702") * x),
)
def quick_gelu(x):
    """The sigmoid approximation of GELU, which CLIP checkpoints were trained with.

    diffusers calls it `ApproximateGELU`; NNlib's `gelu_sigmoid` is `gelu_tanh` instead.
    """
    return _swish(x, 1.702, 4.263256414560601e-17)  # the double is not 1.702 to the last bit


@activation(
    tex=r"\beta \, x \, \sigma(x)",
    cites=("Alcaide 2018, E-swish, arXiv:1801.07145",),
    exact=lambda mp, x, beta: beta * x * sigmoid_exact(mp, x),
)
def e_swish(x, beta: NonNegative = 1.5):
    """SiLU times `beta`.

    The paper allows 1 to 2 and names no single default; this is the middle. Echo has 1.735.
    """
    return times(beta, _silu(x))


@activation(
    tex=r"\gamma \, x \, \sigma(\beta x)",
    cites=("Bodyanskiy & Kostiuk 2022, Adaptive Hybrid Activation Function for Deep Neural Networks",),
    learnable=True,
    exact=lambda mp, x, gamma, beta: gamma * x * sigmoid_exact(mp, beta * x),
)
def ahaf(x, gamma: Real = 1.0, beta: Real = 1.0):
    """Swish whose scale `gamma` and slope `beta` both learn."""
    return times(gamma, _swish(x, beta))


@activation(
    tex=r"\begin{cases} x \, \sigma(x) + T & x \ge 0 \\ T & x < 0 \end{cases}",
    cites=("Chieng et al. 2018, Flatten-T Swish, arXiv:1812.06247",),
    aliases=("fts",),
    kinks=lambda threshold: {0.0: 0.5},
    exact=lambda mp, x, threshold: (x * sigmoid_exact(mp, x) if x >= 0 else 0) + mp.mpf(threshold),
)
def flatten_t_swish(x, threshold: Real = -0.2):
    """SiLU for positives and 0 for negatives, all of it moved by `threshold` $T$.

    Its trainable form, PFTS, is `flatten_t_swish(threshold=-0.2, learnable=True)`. Echo's TensorFlow port drops $T$.
    """
    negative = x < 0
    positive = where_selected(~negative, x)
    return where(negative, 0.0, _silu(positive)) + threshold


def _acon(x, p1, p2, beta):
    """p1 x sigmoid(z) + p2 x sigmoid(-z) with z = beta (p1 - p2) x; in the paper's form (p1 - p2) x may overflow."""
    slope = beta * (p1 - p2)

    def mixture(inside):
        z, error = product(slope, inside)
        power = decay(z, error)
        return where(z > 0, p1 + p2 * power, p1 * power + p2) / (1.0 + power)

    return times_weight(x, slope * x, mixture, top=p1, bottom=p2)


@activation(
    tex=r"x \, \sigma(\beta x)",
    cites=("Ma et al. 2020, Activate or Not: Learning Customized Activation, arXiv:2009.04759",),
    learnable=True,
    exact=lambda mp, x, beta: x * sigmoid_exact(mp, beta * x),
)
def acon_a(x, beta: Real = 1.0):
    """A smooth maximum of x and 0, whose sharpness `beta` learns: swish, learnable by its plain name."""
    return _swish(x, beta)


@activation(
    tex=r"(1 - p) x \, \sigma(\beta (1 - p) x) + p x",
    cites=("Ma et al. 2020, Activate or Not: Learning Customized Activation, arXiv:2009.04759",),
    learnable=True,
    exact=lambda mp, x, p, beta: (1 - mp.mpf(p)) * x * sigmoid_exact(mp, beta * (1 - mp.mpf(p)) * x) + p * x,
)
def acon_b(x, p: Real = 0.25, beta: Real = 1.0):
    """A smooth maximum of x and `p` x, both `p` and its sharpness `beta` learned."""
    return _acon(x, 1.0, p, beta)


@activation(
    tex=r"(p_1 - p_2) x \, \sigma(\beta (p_1 - p_2) x) + p_2 x",
    cites=("Ma et al. 2020, Activate or Not: Learning Customized Activation, arXiv:2009.04759",),
    learnable=True,
    exact=lambda mp, x, p1, p2, beta: (mp.mpf(p1) - p2) * x * sigmoid_exact(mp, beta * (mp.mpf(p1) - p2) * x) + p2 * x,
)
def acon_c(x, p1: Real = 1.0, p2: Real = 0.0, beta: Real = 1.0):
    """A smooth maximum of `p1` x and `p2` x, all of it learned.

    Starts as SiLU. The authors' code draws `p1` and `p2` from N(0, 1):
    `LearnableActivation("acon_c", axes=-1, initializer={"p1": "random_normal", "p2": "random_normal"})`, with
    `RandomNormal(stddev=1.0)` for their spread.
    """
    return _acon(x, p1, p2, beta)


@activation(
    tex=r"a \, x \log(1 + \sigma(b x))",
    cites=("Zhu et al. 2021, Logish, Neurocomputing 458",),
    exact=lambda mp, x, a, b: a * x * mp.log1p(sigmoid_exact(mp, b * x)),
)
def logish(x, a: Real = 1.0, b: Real = 1.0):
    """The input times the logarithm of one plus its sigmoid.

    With the two parameters of the paper's pLogish, a scale `a` and a slope `b`.
    """
    weighted = times_weight(x, b * x, lambda inside: ops.log1p(sigmoid(*product(b, inside))), top=math.log(2.0))
    return times(a, weighted)


@activation(
    tex=r"x \, (1 + e^{-\beta x})^{-\alpha}",
    cites=("Patwardhan, Ingalhalikar & Walambe 2018, ARiA, arXiv:1805.08878",),
    exact=lambda mp, x, alpha, beta: x * mp.exp(-alpha * mp.log1p(mp.exp(-beta * x))),
)
def aria2(x, alpha: Positive = 1.5, beta: Positive = 2.0):
    """The input times a sigmoid to the power of `alpha`, with slope `beta`.

    Ports in Echo and activations-plus lack the factor x. Their defaults differ; `aria2(alpha=1.0, beta=1.0)` is SiLU.
    """

    def weight(inside):
        y, error = product(beta, inside)
        left = y < 0
        z, z_error = product(alpha, where_selected(left, y))
        # sigmoid(y)^alpha is e^(alpha y) sigmoid(-y)^alpha
        tail = corrected(ops.exp(z), z_error)
        if error is not None:
            tail = corrected(tail, alpha * where_selected(left, error))
        return tail * ops.exp(-alpha * ops.log1p(decay(y, error)))

    # On the left it has arrived where e^(alpha beta x) has, on the right where e^(-beta x) has.
    return times_weight(x, beta * x * where(x < 0, alpha * ops.ones_like(x), 1.0), weight)


@activation(
    tex=r"\frac{x}{1 - x \, e^{-(x + e^x)}}",
    cites=("Vagerwal 2021, Deeper Learning with CoLU Activation, arXiv:2112.12078",),
    exact=lambda mp, x: x / (1 - x * mp.exp(-(x + mp.exp(min(x, mp.mpf(20)))))),  # mpmath runs out of memory beyond
)
def colu(x):
    """The input over one less a bump: a smooth ramp with a dip, like mish."""

    def weight(inside):
        positive = inside > 0
        right = where_selected(positive, inside)
        right = 1.0 / (1.0 - right * ops.exp(-right - ops.exp(at_most(right, 7.0))))  # e^(-e^7) is 0 in every dtype
        left = where_selected(~positive, inside)  # with e^x above and below: e^-x may overflow
        power = ops.exp(left)
        return where(positive, right, power / (power - left * ops.exp(-power)))

    return times_weight(x, x, weight)
