"""The critical scheme: the edge of chaos for every activation, by kernels whose columns have mean 0."""

import math
import warnings
from typing import Any

from keras_actx.expectation.functions import kind_of, name_of
from keras_actx.expectation.moments import gain, moments
from keras_actx.initializers.fixed_point import FixedPoint, fixed_point, gated_fixed_point
from keras_actx.initializers.init_spec import InitSpec, LayerContext
from keras_actx.names.resolve import resolve

SOURCE = (
    "edge of chaos (Schoenholz et al. 2017, arXiv:1611.01232; Hayou et al. 2019, arXiv:1902.06853) with centred "
    "kernels (Qiao et al. 2019, arXiv:1903.10520), moments by quadrature"
)
_SLACK = 0.05  # tolerance of the gradient's growth per layer without a bias


def critical(activation: Any, context: LayerContext) -> InitSpec:
    r"""Second moments of signal and gradient that are constant from layer to layer.

    With z ~ N(beta, q) in front of the activation f of the layer before, and centred columns,
    $\sigma_w^2 = 1 / E[f'(z)^2]$ preserves the gradient, and a bias of variance $q - Var[f(z)] / E[f'(z)^2]$, which is
    never negative (Poincare), restores the variance q. A gated activation is a function of two variables with the same
    q and separate betas; E[f'^2] is the sum over both partial derivatives.

    Raises:
        ValueError: for an activation that mixes a whole axis, or is flat.
    """
    own = _known(activation)
    before = own if context.input_activation is None else _known(context.input_activation)
    jumping = [one for one in (own, before) if moments(one).jumps]
    if jumping:
        warnings.warn(
            f"{name_of(jumping[0])} is discontinuous, so its derivative is uninformative and scheme='critical' "
            "has no rule; the forward gain is used, which preserves only the signal",
            stacklevel=2,
        )
        return _forward(own, before, context, "forward gain, since the function is discontinuous")
    if not context.use_bias and not context.normalized:
        return _without_bias(own, before, context)
    target = _point(own, context)
    if context.first_layer:
        return _spec(
            target,
            f"first layer, for an input of mean 0 and variance 1; {target.reason}",
            gain=math.sqrt(target.q),
            form="free",
        )
    source = _point(before, context)
    # The gradient is preserved relative to the variance of the input of each activation.
    gain_square = target.q / (source.q * source.moments.derivative_second_moment)
    small_square = gain_square * source.moments.variance / source.moments.second_moment
    if context.input_standardized:  # (f - mean) / deviation; centred columns remove the mean
        gain_square *= source.moments.variance
        small_square = gain_square
    reason = "the normalization sets the variance" if context.normalized else target.reason
    return _spec(
        target,
        f"critical: {reason}",
        gain=math.sqrt(gain_square),
        small_gain=math.sqrt(small_square),
        bias_std=0.0 if context.normalized else math.sqrt(target.q * source.nonlinearity),
    )


def _spec(target: FixedPoint, reason: str, **chosen: Any) -> InitSpec:
    settings = {"form": "centred", "chi_1": 1.0, **chosen}
    return InitSpec(
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
    subject = resolve(activation).subject
    if kind_of(subject) == "vector":
        raise ValueError(
            f"{subject} mixes a whole axis, so scheme='critical' has no rule for it; use scheme='published' for a "
            "layer with this activation, and first_layer=True for the next layer"
        )
    return subject


def _point(subject: Any, context: LayerContext) -> FixedPoint:
    gated = kind_of(subject) == "gated"
    if not context.normalized:
        return (gated_fixed_point if gated else fixed_point)(subject, context.depth)
    found = moments(subject)
    if not found.derivative_second_moment > 0:
        raise ValueError(f"{name_of(subject)} is flat, so its gradient is 0; use scheme='published'")
    return FixedPoint(0.0, 1.0, found, "z ~ N(0, 1)", 0.0 if gated else None)


def _without_bias(own: Any, before: Any, context: LayerContext) -> InitSpec:
    reason = "forward gain, since without the scheme's bias only the signal can be preserved"
    spec = _forward(own, before, context, reason)
    if context.first_layer:
        return spec
    advice = "leave use_bias and bias_initializer to the scheme, or use scheme='looks_linear' or a normalization"
    if abs(spec.chi_1 - 1.0) >= _SLACK:  # pyright: ignore[reportOptionalOperand]  (`_forward` says it)
        warnings.warn(
            f"scheme='critical' without its bias preserves the signal of {name_of(before)}, but the gradient changes "
            f"by a factor of {spec.chi_1:.3g} in every layer; {advice}",
            stacklevel=2,
        )
    elif kind_of(before) == "gated" and spec.chi_q > 1.0 + _SLACK:  # pyright: ignore[reportOptionalOperand]  (`_forward` says it)
        warnings.warn(
            f"scheme='critical' without its bias cannot preserve the signal of {name_of(before)}: an error of its "
            f"variance grows by a factor of {spec.chi_q:.3g} in every layer; {advice}",
            stacklevel=2,
        )
    return spec


def _forward(own: Any, before: Any, context: LayerContext, reason: str) -> InitSpec:
    found = moments(before)
    chosen = 1.0 if context.first_layer else gain(before)
    growth = chosen * chosen * found.derivative_second_moment
    if context.input_standardized and not context.first_layer:
        chosen, growth = 1.0, found.derivative_second_moment / found.variance
    return InitSpec(
        reason,
        "exact: 1 / sqrt(E[f(z)^2]) for z ~ N(0, 1), by quadrature",
        gain=chosen,
        mode="fan_in",
        distribution="orthogonal",
        taps="centre",
        halves=kind_of(own) == "gated",
        beta=0.0,
        beta_gate=0.0 if kind_of(own) == "gated" else None,
        q=1.0,
        chi_1=1.0 if context.first_layer else growth,
        chi_q=1.0 if context.first_layer else _variance_growth(found, context),
    )


def _variance_growth(found: Any, context: LayerContext) -> float:
    """The growth factor of a perturbation of the second moment, without centring."""
    if not context.input_standardized:
        return found.second_moment_slope / found.second_moment
    # For (f - mean) / deviation with the constants for z ~ N(0, 1), where the mean is 0.
    return found.variance_slope / found.variance
