"""The critical scheme: the edge of chaos for every activation, by kernels whose columns have mean 0."""

import functools
import math
import warnings
from typing import Any

from keras_actx.declaration.activation import Activation
from keras_actx.expectation.moments import gain, moments, name_of, subject_of
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
    never negative (Poincare), brings the variance back to q.

    Raises:
        ValueError: for an activation that is not elementwise, or flat.
    """
    own = _elementwise(activation)
    before = own if situation.input_activation is None else _elementwise(situation.input_activation)
    jumping = [one for one in (own, before) if moments(one).jumps]
    if jumping:
        warnings.warn(
            f"{name_of(jumping[0])} jumps, so its gradient says nothing about it and scheme='critical' has no rule; "
            "the forward gain is used, which keeps the signal alone",
            stacklevel=2,
        )
        return _forward(before, situation, "forward gain, since the function jumps")
    if not situation.use_bias and not situation.normalized:
        return _without_bias(before, situation)
    point = _standard if situation.normalized else functools.partial(operating_point, depth=situation.depth)
    target = point(own)
    if situation.first_layer:
        return _rule(
            target,
            f"first layer, for an input of mean 0 and variance 1; {target.reason}",
            gain=math.sqrt(target.q),
            form="free",
        )
    source = point(before)
    # Relative to the variance in front of either activation, the gradient keeps its size.
    gain_square = target.q / (source.q * source.moments.derivative_second_moment)
    small = math.sqrt(gain_square * source.moments.variance / source.moments.second_moment)
    reason = "the normalization sees to the variance" if situation.normalized else target.reason
    return _rule(
        target,
        f"critical: {reason}",
        gain=math.sqrt(gain_square),
        small_gain=small,
        bias_std=0.0 if situation.normalized else math.sqrt(target.q * source.nonlinearity),
        bias_mean=0.0 if situation.normalized else target.beta,
    )


def _rule(target: OperatingPoint, reason: str, **chosen: Any) -> Rule:
    settings = {"form": "centred", "bias_mean": target.beta, "chi_1": 1.0, **chosen}
    return Rule(
        reason,
        SOURCE,
        mode="fan_in",
        distribution="orthogonal",
        beta=target.beta,
        q=target.q,
        chi_q=target.chi_q,
        nonlinearity=target.nonlinearity,
        **settings,
    )


def _elementwise(activation: Any) -> Any:
    subject = subject_of(activation)
    if isinstance(subject, Activation) and subject.declaration.kind != "elementwise":
        what = "is gated" if subject.declaration.kind == "gated" else "mixes a whole axis"
        raise ValueError(f"{subject} {what}, so scheme='critical' has no rule for it; use scheme='textbook'")
    return subject


def _standard(subject: Any) -> OperatingPoint:
    found = moments(subject)
    if not found.derivative_second_moment > 0:
        raise ValueError(f"{name_of(subject)} is flat, so no gradient passes; use scheme='textbook'")
    return OperatingPoint(0.0, 1.0, found, "z ~ N(0, 1)")


def _without_bias(before: Any, situation: Situation) -> Rule:
    rule = _forward(before, situation, "forward gain, since without the scheme's bias only the signal can be kept")
    if not situation.first_layer and abs(rule.chi_1 - 1.0) >= _SLACK:
        warnings.warn(
            f"scheme='critical' without its bias keeps the signal of {name_of(before)}, but the gradient changes by a "
            f"factor of {rule.chi_1:.3g} in every layer; leave use_bias and bias_initializer to the scheme, or use "
            "scheme='mirrored' or a normalization",
            stacklevel=2,
        )
    return rule


def _forward(before: Any, situation: Situation, reason: str) -> Rule:
    chosen = 1.0 if situation.first_layer else gain(before)
    found = moments(before)
    growth = chosen**2 * found.derivative_second_moment
    return Rule(
        reason,
        "exact: 1 / sqrt(E[f(z)^2]) for z ~ N(0, 1), by quadrature",
        chosen,
        "fan_in",
        "orthogonal",
        beta=0.0,
        q=1.0,
        chi_1=1.0 if situation.first_layer else growth,
        chi_q=1.0 if situation.first_layer else chosen**2 * found.second_moment_slope,
    )
