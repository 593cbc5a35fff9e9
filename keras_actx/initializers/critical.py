"""The critical scheme: the edge of chaos for every activation, by kernels whose columns have mean 0."""

import math
import warnings
from typing import Any

from keras_actx.expectation.functions import kind_of, name_of, subject_of
from keras_actx.expectation.moments import gain, moments
from keras_actx.initializers.gated_point import gated_point
from keras_actx.initializers.operating_point import OperatingPoint, operating_point
from keras_actx.initializers.rule import Rule, Situation

SOURCE = (
    "edge of chaos (Schoenholz et al. 2017, arXiv:1611.01232; Hayou et al. 2019, arXiv:1902.06853) with centred "
    "kernels (Qiao et al. 2019, arXiv:1903.10520), moments by quadrature"
)
_SLACK = 0.05  # of the gradient's growth per layer without a bias


def critical(activation: Any, situation: Situation) -> Rule:
    r"""Second moments of signal and gradient that stay the same from layer to layer.

    With z ~ N(beta, q) in front of the activation f of the layer before, and centred columns,
    $\sigma_w^2 = 1 / E[f'(z)^2]$ keeps the gradient, and a bias of variance $q - Var[f(z)] / E[f'(z)^2]$, which is
    never negative (Poincare), brings the variance back to q. A gated activation is a function of two numbers, with the
    same q and a beta of each, and E[f'^2] the sum over both slopes.

    Raises:
        ValueError: for an activation that mixes a whole axis, or is flat.
    """
    own = _known(activation)
    before = own if situation.input_activation is None else _known(situation.input_activation)
    jumping = [one for one in (own, before) if moments(one).jumps]
    if jumping:
        warnings.warn(
            f"{name_of(jumping[0])} jumps, so its gradient says nothing about it and scheme='critical' has no rule; "
            "the forward gain is used, which keeps the signal alone",
            stacklevel=2,
        )
        return _forward(own, before, situation, "forward gain, since the function jumps")
    if not situation.use_bias and not situation.normalized:
        return _without_bias(own, before, situation)
    target = _point(own, situation)
    if situation.first_layer:
        return _rule(
            target,
            f"first layer, for an input of mean 0 and variance 1; {target.reason}",
            gain=math.sqrt(target.q),
            form="free",
        )
    source = _point(before, situation)
    # Relative to the variance in front of either activation, the gradient keeps its size.
    gain_square = target.q / (source.q * source.moments.derivative_second_moment)
    small_square = gain_square * source.moments.variance / source.moments.second_moment
    if situation.input_standardized:  # (f - mean) / deviation; the mean is what centred columns take away
        gain_square *= source.moments.variance
        small_square = gain_square
    reason = "the normalization sees to the variance" if situation.normalized else target.reason
    return _rule(
        target,
        f"critical: {reason}",
        gain=math.sqrt(gain_square),
        small_gain=math.sqrt(small_square),
        bias_std=0.0 if situation.normalized else math.sqrt(target.q * source.nonlinearity),
    )


def _rule(target: OperatingPoint, reason: str, **chosen: Any) -> Rule:
    settings = {"form": "centred", "chi_1": 1.0, **chosen}
    return Rule(
        reason,
        SOURCE,
        mode="fan_in",
        distribution="orthogonal",
        taps="centre",
        halves=target.beta_gate is not None,
        bias_mean=target.beta,
        bias_mean_gate=target.beta_gate,
        beta=target.beta,
        beta_gate=target.beta_gate,
        q=target.q,
        chi_q=target.chi_q,
        nonlinearity=target.nonlinearity,
        **settings,
    )


def _known(activation: Any) -> Any:
    subject = subject_of(activation)
    if kind_of(subject) == "vector":
        raise ValueError(
            f"{subject} mixes a whole axis, so scheme='critical' has no rule for it; use scheme='textbook' for a layer "
            "with it, and first_layer=True for one behind it"
        )
    return subject


def _point(subject: Any, situation: Situation) -> OperatingPoint:
    gated = kind_of(subject) == "gated"
    if not situation.normalized:
        return (gated_point if gated else operating_point)(subject, situation.depth)
    found = moments(subject)
    if not found.derivative_second_moment > 0:
        raise ValueError(f"{name_of(subject)} is flat, so no gradient passes; use scheme='textbook'")
    return OperatingPoint(0.0, 1.0, found, "z ~ N(0, 1)", 0.0 if gated else None)


def _without_bias(own: Any, before: Any, situation: Situation) -> Rule:
    reason = "forward gain, since without the scheme's bias only the signal can be kept"
    rule = _forward(own, before, situation, reason)
    if situation.first_layer:
        return rule
    advice = "leave use_bias and bias_initializer to the scheme, or use scheme='mirrored' or a normalization"
    if abs(rule.chi_1 - 1.0) >= _SLACK:  # pyright: ignore[reportOptionalOperand]  (`_forward` says it)
        warnings.warn(
            f"scheme='critical' without its bias keeps the signal of {name_of(before)}, but the gradient changes by a "
            f"factor of {rule.chi_1:.3g} in every layer; {advice}",
            stacklevel=2,
        )
    elif kind_of(before) == "gated" and rule.chi_q > 1.0 + _SLACK:  # pyright: ignore[reportOptionalOperand]  (`_forward` says it)
        warnings.warn(
            f"scheme='critical' without its bias cannot hold the signal of {name_of(before)}: an error of its variance "
            f"grows by a factor of {rule.chi_q:.3g} in every layer; {advice}",
            stacklevel=2,
        )
    return rule


def _forward(own: Any, before: Any, situation: Situation, reason: str) -> Rule:
    found = moments(before)
    chosen = 1.0 if situation.first_layer else gain(before)
    growth = chosen * chosen * found.derivative_second_moment
    if situation.input_standardized and not situation.first_layer:
        chosen, growth = 1.0, found.derivative_second_moment / found.variance
    return Rule(
        reason,
        "exact: 1 / sqrt(E[f(z)^2]) for z ~ N(0, 1), by quadrature",
        chosen,
        "fan_in",
        "orthogonal",
        taps="centre",
        halves=kind_of(own) == "gated",
        beta=0.0,
        beta_gate=0.0 if kind_of(own) == "gated" else None,
        q=1.0,
        chi_1=1.0 if situation.first_layer else growth,
        chi_q=1.0 if situation.first_layer else _variance_growth(found, situation),
    )


def _variance_growth(found: Any, situation: Situation) -> float:
    """By how much a change of the second moment grows, without centring."""
    if not situation.input_standardized:
        return found.second_moment_slope / found.second_moment
    # Of (f - mean) / deviation with the constants of z ~ N(0, 1), at which the mean is 0.
    return found.variance_slope / found.variance
