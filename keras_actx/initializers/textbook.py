"""The textbook scheme: the published start for each activation that has one, the exact forward gain for the rest."""

import math
from typing import Any

from keras_actx.declaration.activation import Activation
from keras_actx.expectation.moments import gain, subject_of
from keras_actx.initializers.rule import Rule, Situation

_HE = "He et al. 2015, arXiv:1502.01852"
_GLOROT = "Glorot & Bengio 2010, PMLR 9:249-256"
_LECUN = "LeCun et al. 1998, Efficient BackProp; Klambauer et al. 2017, arXiv:1706.02515"
_SIREN = "Sitzmann et al. 2020, arXiv:2006.09661"
_FORWARD = "exact: 1 / sqrt(E[phi(z)^2]) for z ~ N(0, 1), by quadrature"

#: The slope below zero of the ReLU family, from the activation's parameters.
_RELU_FAMILY = {
    "relu": lambda params: params["negative_slope"] if not (params["max_value"] or params["threshold"]) else None,
    "relu6": lambda params: 0.0,  # its second moment is relu's to nine digits
    "leaky_relu": lambda params: params["negative_slope"],
    "prelu": lambda params: params["negative_slope"],
    "rrelu": lambda params: (params["lower"] + params["upper"]) / 2,
}
_GLOROT_FAMILY = frozenset({"tanh", "sigmoid", "linear"})  # and whatever mixes an axis, as outputs and routers do


def textbook(activation: Any, situation: Situation) -> Rule:
    """The rule for one activation.

    Args:
        activation: whatever names one, or any elementwise callable.
        situation: for `sine`, whether the layer sees the network's input.

    Raises:
        ValueError: for a callable that is not elementwise, or one with no forward gain.
    """
    subject = subject_of(activation)
    if isinstance(subject, Activation):
        name, params = subject.name, dict(subject.params)
        slope = _RELU_FAMILY[name](params) if name in _RELU_FAMILY else None
        if slope is not None:
            kind = "He" if slope == 0 else f"He, corrected for the slope {slope:.6g}: sqrt(2 / (1 + a^2))"
            return Rule(kind, _HE, math.sqrt(2.0 / (1.0 + slope**2)), "fan_in", "truncated_normal")
        if name == "selu":
            return Rule("LeCun, on which its constants rely", _LECUN, 1.0, "fan_in", "truncated_normal")
        if name in _GLOROT_FAMILY or subject.declaration.kind == "vector":
            return Rule("Glorot", _GLOROT, 1.0, "fan_avg", "uniform")
        if name == "sine":
            if situation.first_layer:
                return Rule(
                    "SIREN, first layer: U(-1/n, 1/n)", _SIREN, 1.0 / math.sqrt(3.0), "fan_in_squared", "uniform"
                )
            return Rule(
                "SIREN: U(-sqrt(6/n)/w0, sqrt(6/n)/w0)", _SIREN, math.sqrt(2.0) / params["w0"], "fan_in", "uniform"
            )
    halves = isinstance(subject, Activation) and subject.declaration.kind == "gated"
    kind = "forward gain of a product of independent halves" if halves else "forward gain"
    return Rule(kind, _FORWARD, gain(subject), "fan_in", "truncated_normal")
