"""The published initializations: Glorot's for all activations, specific ones, and the forward gain for the others."""

import math
from functools import partial
from typing import Any

from keras_actx.declaration.activation import Activation
from keras_actx.expectation.functions import kind_of
from keras_actx.expectation.moments import gain, moments
from keras_actx.initializers.init_spec import InitSpec, LayerContext
from keras_actx.names.resolve import resolve

_GLOROT = "Glorot & Bengio 2010, PMLR 9:249-256"
_HE = "He et al. 2015, arXiv:1502.01852"
_LECUN = "LeCun et al. 1998, Efficient BackProp; Klambauer et al. 2017, arXiv:1706.02515"
_SIREN = "Sitzmann et al. 2020, arXiv:2006.09661"
_MAXOUT = "Tseran & Montufar 2023, arXiv:2301.06956: 1 / sqrt(E[max^2]), by quadrature"
_FORWARD = "exact: 1 / sqrt(E[phi(z)^2]) for z ~ N(0, 1), by quadrature"

#: The slope below zero of the ReLU family, from the activation's parameters.
_RELU_FAMILY = {
    "relu": lambda params: params["negative_slope"] if not (params["max_value"] or params["threshold"]) else None,
    "relu6": lambda params: 0.0,  # its second moment equals relu's to nine digits
    "leaky_relu": lambda params: params["negative_slope"],
    "prelu": lambda params: params["negative_slope"],
    "rrelu": lambda params: (params["lower"] + params["upper"]) / 2,
}
_GLOROT_FAMILY = frozenset({"tanh", "sigmoid", "linear"})  # and all that mix an axis, as in outputs and routers


def glorot(activation: Any, context: LayerContext) -> InitSpec:
    """The glorot scheme: Keras's own default, for any activation.

    U(-a, a) with a = sqrt(6 / (fan_in + fan_out)), and no bias.
    """
    return InitSpec("Glorot", _GLOROT, gain=1.0, mode="fan_avg", distribution="uniform")


def published(activation: Any, context: LayerContext) -> InitSpec:
    """The rule for one activation.

    Args:
        activation: any specification of an activation, or any elementwise callable.
        context: for `sine`, whether the layer's input is the network's; and whether input or output are standardized,
            which the published rules do not cover.

    Raises:
        ValueError: for a callable that is not elementwise, or has no forward gain.
    """
    subject = resolve(activation).subject
    if (context.standardize or context.input_standardized) and kind_of(subject) != "vector":
        return _to_variance_1(subject, context)
    return _published(subject, context)


def _to_variance_1(subject: Any, context: LayerContext) -> InitSpec:
    """z ~ N(0, 1) for any input: the point that all published rules except SIREN's are derived for."""
    reason, source, factor = "variance 1 for a standardized input", _LECUN, 1.0
    if not (context.input_standardized or context.first_layer):
        before = subject if context.input_activation is None else resolve(context.input_activation).subject
        factor = 1.0 / math.sqrt(moments(before, variance=_variance(before)).second_moment)
        reason, source = "variance 1, by the forward gain", _FORWARD
    elif not context.input_standardized:
        reason = "variance 1 for an input of variance 1"
    q, distribution = _variance(subject), "truncated_normal"
    if is_sine(subject):
        if context.first_layer:
            raise ValueError(
                "the variance of the output of SIREN's first layer depends on the number of inputs, so its output "
                "cannot be standardized by a constant; use scheme='critical', or first_layer=False for an input of "
                "mean 0 and variance 1"
            )
        reason, source, distribution = f"{reason}, over w0 as in SIREN", _SIREN, "uniform"
    return InitSpec(reason, source, gain=math.sqrt(q) * factor, mode="fan_in", distribution=distribution, beta=0.0, q=q)


def is_sine(subject: Any) -> bool:
    """Whether it is SIREN's sine, for any w0."""
    return isinstance(subject, Activation) and subject.name == "sine"


def _variance(subject: Any) -> float:
    """The variance of its input z: SIREN's initialization gives w0 z ~ N(0, 1)."""
    return 1.0 / dict(subject.params)["w0"] ** 2 if is_sine(subject) else 1.0


def _published(subject: Any, context: LayerContext) -> InitSpec:
    normal = partial(InitSpec, mode="fan_in", distribution="truncated_normal")
    if isinstance(subject, Activation):
        name, params = subject.name, dict(subject.params)
        slope = _RELU_FAMILY[name](params) if name in _RELU_FAMILY else None
        if slope is not None:
            kind = "He" if slope == 0 else f"He, adjusted to the slope {slope:.6g}: sqrt(2 / (1 + a^2))"
            return normal(kind, _HE, gain=math.sqrt(2.0 / (1.0 + slope**2)))
        if name == "selu":
            return normal("LeCun, on which its constants rely", _LECUN, gain=1.0)
        if name in _GLOROT_FAMILY or subject.declaration.kind == "vector":
            return glorot(subject, context)
        if is_sine(subject):
            return _siren(params["w0"], context.first_layer)
    names = {"gated": " of a product of independent halves", "maxout": " of the largest of independent numbers"}
    kind = kind_of(subject)
    source = _MAXOUT if kind == "maxout" else _FORWARD
    return normal(f"forward gain{names.get(kind, '')}", source, gain=gain(subject))


def _siren(w0: float, first_layer: bool) -> InitSpec:
    uniform = partial(InitSpec, source=_SIREN, distribution="uniform")
    if first_layer:
        return uniform("SIREN, first layer: U(-1/n, 1/n)", gain=1.0 / math.sqrt(3.0), mode="fan_in_squared")
    return uniform("SIREN: U(-sqrt(6/n)/w0, sqrt(6/n)/w0)", gain=math.sqrt(2.0) / w0, mode="fan_in")
