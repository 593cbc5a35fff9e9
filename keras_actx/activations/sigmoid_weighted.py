"""The input times a sigmoid: SiLU, swish and related functions."""

import functools

from keras import ops

from keras_actx.activations.primitives import self_gated, sigmoid, sigmoid_exact, softplus, times
from keras_actx.backend import clip_min, with_kernel
from keras_actx.declaration.decorator import register_activation
from keras_actx.ranges import NonNegative, Positive, Real

register_activation = functools.partial(register_activation, package="keras_actx")


@with_kernel("swish")
def _swish(x, beta):
    return self_gated(x, lambda inside: sigmoid(beta * inside), slope=beta)


@register_activation(
    tex=r"x \, \sigma(x)",
    cites=("Elfwing, Uchibe & Doya 2017, arXiv:1702.03118", "Ramachandran, Zoph & Le 2017, arXiv:1710.05941"),
    aliases=("memswish",),
    exact=lambda mp, x: x * sigmoid_exact(mp, x),
)
def silu(x):
    """The input times its sigmoid."""
    return _swish(x, 1.0)


@register_activation(
    tex=r"x \, \sigma(\beta x)",
    cites=("Ramachandran, Zoph & Le 2017, Searching for Activation Functions, arXiv:1710.05941",),
    exact=lambda mp, x, beta: x * sigmoid_exact(mp, beta * x),
)
def swish(x, beta: Real = 1.0):
    """The input times the sigmoid of `beta` times the input.

    Without parameters, `"swish"` is Keras's alias of `silu`, the same function. `swish(beta=1.0, learnable=True)` is
    the paper's trainable form; ports of it differ in their initialization (1, uniform or normal), which `initializer`
    sets.
    """
    return _swish(x, beta)


@register_activation(
    tex=r"x \, \sigma(1.702 x)",
    cites=("Hendrycks & Gimpel 2016, Gaussian Error Linear Units, arXiv:1606.08415",),
    exact=lambda mp, x: x * sigmoid_exact(mp, mp.mpf("1.702") * x),
)
def quick_gelu(x):
    """The sigmoid approximation of GELU, which CLIP checkpoints were trained with.

    diffusers calls it `ApproximateGELU`; NNlib's `gelu_sigmoid` is `gelu_tanh` instead.
    """
    return _swish(x, 1.702)


@register_activation(
    tex=r"\beta \, x \, \sigma(x)",
    cites=("Alcaide 2018, E-swish, arXiv:1801.07145",),
    exact=lambda mp, x, beta: beta * x * sigmoid_exact(mp, x),
)
def e_swish(x, beta: NonNegative = 1.5):
    """SiLU times `beta`.

    The paper allows 1 to 2 without a default; this is the midpoint. Echo uses 1.735.
    """
    return times(beta, _swish(x, 1.0))


@register_activation(
    tex=r"\gamma \, x \, \sigma(\beta x)",
    cites=("Bodyanskiy & Kostiuk 2022, Adaptive Hybrid Activation Function for Deep Neural Networks",),
    learnable=True,
    exact=lambda mp, x, gamma, beta: gamma * x * sigmoid_exact(mp, beta * x),
)
def ahaf(x, gamma: Real = 1.0, beta: Real = 1.0):
    """Swish with learnable scale `gamma` and slope `beta`."""
    return times(gamma, _swish(x, beta))


@register_activation(
    tex=r"\begin{cases} x \, \sigma(x) + T & x \ge 0 \\ T & x < 0 \end{cases}",
    cites=("Chieng et al. 2018, Flatten-T Swish, arXiv:1812.06247",),
    aliases=("fts",),
    kinks=lambda threshold: {0.0: 0.5},
    exact=lambda mp, x, threshold: (x * sigmoid_exact(mp, x) if x >= 0 else 0) + mp.mpf(threshold),
)
def flatten_t_swish(x, threshold: Real = -0.2):
    """SiLU for positive inputs and 0 for negative ones, shifted by `threshold` $T$.

    Its trainable form, PFTS, is `flatten_t_swish(threshold=-0.2, learnable=True)`. Echo's TensorFlow port omits $T$.
    """
    return _swish(clip_min(x, 0.0), 1.0) + threshold


def _acon(x, p1, p2, beta):
    """p1 x sigmoid(z) + p2 x sigmoid(-z) with z = beta (p1 - p2) x; in the paper's form (p1 - p2) x may overflow."""
    slope = beta * (p1 - p2)
    return times(p1, _swish(x, slope)) + times(p2, _swish(x, -slope))


@register_activation(
    tex=r"x \, \sigma(\beta x)",
    cites=("Ma et al. 2020, Activate or Not: Learning Customized Activation, arXiv:2009.04759",),
    learnable=True,
    exact=lambda mp, x, beta: x * sigmoid_exact(mp, beta * x),
)
def acon_a(x, beta: Real = 1.0):
    """A smooth maximum of x and 0 with a learnable sharpness `beta`: swish, learnable by its plain name."""
    return _swish(x, beta)


@register_activation(
    tex=r"(1 - p) x \, \sigma(\beta (1 - p) x) + p x",
    cites=("Ma et al. 2020, Activate or Not: Learning Customized Activation, arXiv:2009.04759",),
    learnable=True,
    exact=lambda mp, x, p, beta: (1 - mp.mpf(p)) * x * sigmoid_exact(mp, beta * (1 - mp.mpf(p)) * x) + p * x,
)
def acon_b(x, p: Real = 0.25, beta: Real = 1.0):
    """A smooth maximum of x and `p` x with learnable `p` and sharpness `beta`."""
    return _acon(x, 1.0, p, beta)


@register_activation(
    tex=r"(p_1 - p_2) x \, \sigma(\beta (p_1 - p_2) x) + p_2 x",
    cites=("Ma et al. 2020, Activate or Not: Learning Customized Activation, arXiv:2009.04759",),
    learnable=True,
    exact=lambda mp, x, p1, p2, beta: (mp.mpf(p1) - p2) * x * sigmoid_exact(mp, beta * (mp.mpf(p1) - p2) * x) + p2 * x,
)
def acon_c(x, p1: Real = 1.0, p2: Real = 0.0, beta: Real = 1.0):
    """A smooth maximum of `p1` x and `p2` x with learnable `p1`, `p2` and sharpness `beta`.

    Initially SiLU. The authors' code draws `p1` and `p2` from N(0, 1): `LearnableActivation("acon_c", axis=-1,
    initializer={"p1": "random_normal", "p2": "random_normal"})`, with `RandomNormal(stddev=1.0)` for their standard
    deviation.
    """
    return _acon(x, p1, p2, beta)


@register_activation(
    tex=r"a \, x \log(1 + \sigma(b x))",
    cites=("Zhu et al. 2021, Logish, Neurocomputing 458",),
    exact=lambda mp, x, a, b: a * x * mp.log1p(sigmoid_exact(mp, b * x)),
)
def logish(x, a: Real = 1.0, b: Real = 1.0):
    """The input times the logarithm of one plus its sigmoid.

    With the two parameters of the paper's pLogish, a scale `a` and a slope `b`.
    """
    return times(a, self_gated(x, lambda inside: ops.log1p(sigmoid(b * inside)), slope=b))


@register_activation(
    tex=r"x \, (1 + e^{-\beta x})^{-\alpha}",
    cites=("Patwardhan, Ingalhalikar & Walambe 2018, ARiA, arXiv:1805.08878",),
    exact=lambda mp, x, alpha, beta: x * mp.exp(-alpha * mp.log1p(mp.exp(-beta * x))),
)
def aria2(x, alpha: Positive = 1.5, beta: Positive = 2.0):
    """The input times a sigmoid to the power of `alpha`, with slope `beta`.

    Ports in Echo and activations-plus lack the factor x, and their defaults differ; `aria2(alpha=1.0, beta=1.0)` is
    SiLU.
    """
    return self_gated(x, lambda inside: ops.exp(-alpha * softplus(-beta * inside)))


@register_activation(
    tex=r"\frac{x}{1 - x \, e^{-(x + e^x)}}",
    cites=("Vagerwal 2021, Deeper Learning with CoLU Activation, arXiv:2112.12078",),
    exact=lambda mp, x: x / (1 - x * mp.exp(-(x + mp.exp(min(x, mp.mpf(20)))))),  # beyond, mpmath runs out of memory
)
def colu(x):
    """The input divided by one minus a bump: a smooth ramp with a minimum, like mish."""

    def gate(inside):  # 1 / (1 - x e^-(x + e^x)), times e^x above and below
        power = ops.exp(inside)
        return power / (power - inside * ops.exp(-power))

    return self_gated(x, gate, saturated=7.0)  # e^(-e^7) is 0 in every dtype
