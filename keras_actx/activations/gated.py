"""Gated linear units: the last axis is split into a value (first half) and a gate (last half)."""

import functools
import math

from keras_actx.activations import (
    bounded,
    exponential,
    hard,
    normal_weighted,
    rectified,
    sigmoid_weighted,
    tanh_weighted,
)
from keras_actx.activations.primitives import sigmoid, sigmoid_exact
from keras_actx.declaration.decorator import register_activation
from keras_actx.ranges import FixedPositive

register_activation = functools.partial(register_activation, package="keras_actx", kind="gated")


_SHAZEER = ("Shazeer 2020, GLU Variants Improve Transformer, arXiv:2002.05202",)

_clipped = hard.clip.declaration.formula
_swish = sigmoid_weighted.swish.declaration.formula  # torch.compile cannot trace the binding of a parameter


def _times(gate_activation):
    """The reference formula of a value multiplied by an activation of the gate."""
    exact = functools.partial(gate_activation.declaration.exact, **gate_activation.declaration.defaults)
    return lambda mp, value, gate: value * exact(mp, gate)


@register_activation(
    tex=r"v \, \sigma(g)",
    cites=("Dauphin et al. 2016, Language Modeling with Gated Convolutional Networks, arXiv:1612.08083",),
    aliases=("siglu",),
    exact=_times(bounded.sigmoid),
)
def glu(value, gate):
    """The value times the sigmoid of the gate."""
    return value * sigmoid(gate)


@register_activation(
    tex=r"\tanh(v) \, \sigma(g)",
    cites=("van den Oord et al. 2016, Conditional Image Generation with PixelCNN Decoders, arXiv:1606.05328",),
    exact=lambda mp, value, gate: mp.tanh(value) * sigmoid_exact(mp, gate),
)
def gtu(value, gate):
    """The hyperbolic tangent of the value times the sigmoid of the gate, as in PixelCNN and WaveNet."""
    return bounded.tanh(value) * sigmoid(gate)


@register_activation(tex=r"v \, g \, \sigma(g)", cites=_SHAZEER, exact=_times(sigmoid_weighted.silu))
def swiglu(value, gate):
    """The value times SiLU of the gate.

    Libraries disagree about which half is the gate: the last in diffusers and x-transformers (as here), the first in
    timm's packed SwiGLU; for its weights, use `GatedLinearUnit("swiglu", gate="first")`.
    """
    return value * sigmoid_weighted.silu(gate)


@register_activation(
    tex=r"\begin{gathered} (\bar{v} + 1) \, \bar{g} \, \sigma(\alpha \bar{g}) \\"
    r" \bar{v} = \min(\max(v, -l), l), \quad \bar{g} = \min(g, l) \end{gathered}",
    cites=("OpenAI 2025, gpt-oss-120b & gpt-oss-20b Model Card",),
    aliases=("swiglu_oai",),
    kinks=lambda limit, alpha: {limit: 0.0},
    exact=lambda mp, value, gate, limit, alpha: (
        (min(max(value, -mp.mpf(limit)), mp.mpf(limit)) + 1)
        * min(gate, mp.mpf(limit))
        * sigmoid_exact(mp, alpha * min(gate, mp.mpf(limit)))
    ),
)
def swiglu_clamped(value, gate, limit: FixedPositive = 7.0, alpha: FixedPositive = 1.702):
    r"""SwiGLU of gpt-oss, which clips both halves and adds 1 to the value.

    The value is clipped at plus and minus `limit` $l$, the gate at `limit` only; `alpha` $\alpha$ is the slope of the
    sigmoid. gpt-oss stores gate and value in alternating columns, the gate first: its checkpoints load with
    `GatedLinearUnit("swiglu_clamped", gate="first", interleaved=True)`. Ports that store the columns as halves need
    only `gate="first"`. Some models clip in the same way but do not add 1, which is another function.
    """
    bounded = _clipped(value, -limit, limit), _clipped(gate, -math.inf, limit)
    return (bounded[0] + 1.0) * _swish(bounded[1], alpha)


@register_activation(tex=r"v \, g \, \Phi(g)", cites=_SHAZEER, exact=_times(normal_weighted.gelu))
def geglu(value, gate):
    """The value times GELU (exact) of the gate.

    Gemma and others use the tanh approximation: `geglu_tanh`.
    """
    return value * normal_weighted.gelu(gate)


@register_activation(
    tex=r"\frac{v \, g}{2} \left(1 + \tanh\left(\sqrt{2/\pi} \, (g + 0.044715 g^3)\right)\right)",
    cites=_SHAZEER,
    exact=_times(normal_weighted.gelu_tanh),
)
def geglu_tanh(value, gate):
    """The value times the tanh approximation of GELU of the gate, which Gemma checkpoints were trained with."""
    return value * normal_weighted.gelu_tanh(gate)


@register_activation(
    tex=r"v \max(g, 0)",
    cites=_SHAZEER,
    kinks={0.0: 0.0},
    exact=_times(rectified.relu),
)
def reglu(value, gate):
    """The value times ReLU of the gate."""
    return value * rectified.relu(gate)


@register_activation(tex=r"v \, g", cites=_SHAZEER, exact=lambda mp, value, gate: value * gate)
def bilinear(value, gate):
    """The value times the gate."""
    return value * gate


@register_activation(
    tex=r"v \, \mathrm{selu}(g)",
    cites=(*_SHAZEER, "Klambauer et al. 2017, Self-Normalizing Neural Networks, arXiv:1706.02515"),
    kinks=exponential.selu.declaration.kinks,
    exact=_times(exponential.selu),
)
def seglu(value, gate):
    """The value times SELU of the gate; in the form of Shazeer's variants, which do not include this gate."""
    return value * exponential.selu(gate)


@register_activation(
    tex=r"v \, g \tanh(\log(1 + e^g))",
    cites=(*_SHAZEER, "Misra 2019, Mish, arXiv:1908.08681"),
    aliases=("mish_glu",),
    exact=_times(tanh_weighted.mish),
)
def miglu(value, gate):
    """The value times Mish of the gate; the form is that of Shazeer's variants, which do not include this gate."""
    return value * tanh_weighted.mish(gate)
