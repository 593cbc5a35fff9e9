"""The looks-linear scheme: an exact isometry at initialization, at any depth."""

import math
from typing import Any

import numpy as np

from keras_actx.expectation.functions import elementwise_function, kind_of, name_of
from keras_actx.expectation.moments import moments
from keras_actx.initializers.init_spec import InitSpec, LayerContext
from keras_actx.names.resolve import resolve

SOURCE = "looks-linear start (Balduzzi et al. 2017, arXiv:1702.08591), orthogonal halves"
_POINTS = np.array([2.0**-8, 0.1, 0.3, 0.7, 1.0, 1.6, 2.3, 3.1, 4.5, 6.5, 9.3, 14.0, 25.0])


def looks_linear(activation: Any, context: LayerContext) -> InitSpec:
    """Units in pairs of opposite sign, in whose difference the activation is linear.

    Where $f(x) - f(-x) = c x$, a kernel [[A, -A], [-A, A]] with A / c orthogonal maps (f(u), f(-u)) to (A'u, -A'u): the
    norms of signal and gradient are preserved exactly.

    Raises:
        ValueError: for an activation without that property.
    """
    own = odd_slope(activation)
    if context.first_layer:
        chosen, reason = 1.0, "looks linear: [A, -A], for an input of mean 0 and variance 1"
    else:
        before = own if context.input_activation is None else odd_slope(context.input_activation)
        # A has half of the inputs, and its entries have the standard deviation gain / sqrt(fan_in).
        chosen = math.sqrt(2.0) / abs(before)
        reason = f"looks linear: f(x) - f(-x) = {before:.6g} x cancels in pairs of units"
        if context.input_standardized:  # the shift cancels in the pairs, the scale does not
            source = activation if context.input_activation is None else context.input_activation
            chosen *= math.sqrt(moments(source).variance)
    return InitSpec(
        reason,
        SOURCE,
        gain=chosen,
        mode="fan_in",
        distribution="orthogonal",
        form="looks_linear",
        taps="centre",
        beta=0.0,
        q=1.0,
        chi_1=1.0,
        chi_q=1.0,
        nonlinearity=0.0,
    )


@np.errstate(all="ignore")  # non-finite values are rejected
def odd_slope(activation: Any) -> float:
    """The c of f(x) - f(-x) = c x. Raises `ValueError` if there is none, or it is 0."""
    subject = resolve(activation).subject
    slope = math.nan
    if kind_of(subject) == "elementwise":
        function, _ = elementwise_function(subject)
        values = function(np.concatenate([_POINTS, -_POINTS]))
        slopes = (values[: len(_POINTS)] - values[len(_POINTS) :]) / _POINTS
        straight = np.isfinite(slopes).all() and np.ptp(slopes) <= 1e-9 * np.abs(slopes).max()
        slope = float(np.median(slopes)) if straight and abs(slopes).max() > 1e-9 else math.nan
    if math.isnan(slope):
        raise ValueError(
            f"scheme='looks_linear' needs f(x) - f(-x) to be a multiple of x, as for relu, leaky_relu, gelu, silu and "
            f"softplus; for {name_of(subject)} it is not. Use scheme='critical' or 'published'"
        )
    return slope
