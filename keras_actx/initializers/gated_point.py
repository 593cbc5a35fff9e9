"""Where on their curves a gated activation uses its value and its gate."""

import math

import numpy as np

from keras_actx.declaration.activation import Activation
from keras_actx.expectation.cache import cached_by_activation
from keras_actx.expectation.functions import factors, on_arrays
from keras_actx.expectation.moments import moments
from keras_actx.expectation.table import Row, Table
from keras_actx.initializers.operating_point import (
    LEAST_LINEAR,
    STEEPEST,
    VARIANCES,
    OperatingPoint,
    found,
    most_nonlinear,
    returns,
)

#: Nearest to 0 first, positive ones before negative: of equally good points, the first is taken.
_MEANS = np.array(sorted(np.arange(-16, 17) / 4.0, key=lambda mean: (abs(mean), -mean)))
_NEARLY_STEEP = 0.97  # where nothing flatter is straight enough for the depth
_NEAR_LINEAR = 0.003
_DIGITS = 9  # of what points are compared by, so that rounding decides nothing


@cached_by_activation
def gated_point(activation: Activation, depth: int | None = None) -> OperatingPoint:
    """The means of value and gate, and their variance, at which a stack of this activation keeps what it should.

    Args:
        activation: a gated one without jumps.
        depth: how many layers there are, for a point where the activation is straight enough for them.

    Raises:
        ValueError: for one that is no product of a function of the value and one of the gate, or flat.
    """
    of_value, of_gate = factors(activation)
    kinks = tuple(activation.declaration.kinks_at(dict(activation.params)))
    tables = Table(on_arrays(of_value)), Table(on_arrays(of_gate), kinks)
    most = most_nonlinear(depth)
    grids = {q: _grid(*tables, q) for q in VARIANCES}
    for steepest in (STEEPEST, _NEARLY_STEEP):
        # Either the first that is straight enough, or, where the margin would have to be given up, one that is not.
        for q, (nonlinearity, chi_q, order) in grids.items():
            good = (chi_q <= steepest) & (nonlinearity <= most)  # false for nan
            for i in order[good.ravel()[order]]:
                means = _means(i)
                if _returns(*tables, *means, q):
                    return _point(activation, *means, q, found(depth))
    stable = [
        (nonlinearity.flat[i], *_means(i), q)
        for q, (nonlinearity, chi_q, _) in grids.items()
        for i in np.flatnonzero((chi_q <= STEEPEST) & (nonlinearity <= LEAST_LINEAR))
    ]
    for _, *point in sorted(stable, key=lambda one: round(one[0], _DIGITS)):
        if _returns(*tables, *point):
            return _point(activation, *point, reason=f"the straightest stable point, for {depth} layers")
    return _point(activation, 1.0, 1.0, _NEAR_LINEAR, "nearly straight there, since no stable point exists")


def _grid(of_value: Table, of_gate: Table, q: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Nonlinearity and chi_q for all pairs of means, and the pairs from the best on."""
    variance = np.full_like(_MEANS, q)
    value, gate = of_value.at(_MEANS, variance), of_gate.at(_MEANS, variance)
    with np.errstate(all="ignore"):
        both = Row(*(one[:, None] for one in value)).times(gate)
        # A large mean next to a small spread is what training stumbles over.
        order = np.argsort(np.round(both.mean**2 / both.variance, _DIGITS), axis=None, kind="stable")
        return 1.0 - both.variance / (q * both.slope_square), both.change / both.slope_square, order


def _means(i: int | np.integer) -> tuple[float, float]:
    value, gate = np.unravel_index(i, (len(_MEANS), len(_MEANS)))
    return float(_MEANS[value]), float(_MEANS[gate])


def _returns(of_value: Table, of_gate: Table, beta: float, beta_gate: float, q: float) -> bool:
    def at(variance: np.ndarray) -> Row:
        value, gate = (
            table.at(np.repeat(mean, len(variance)), variance)
            for table, mean in ((of_value, beta), (of_gate, beta_gate))
        )
        return value.times(gate)

    return returns(at, q, highest=max(beta, beta_gate))


def _point(activation: Activation, beta: float, beta_gate: float, q: float, reason: str) -> OperatingPoint:
    made = moments(activation, mean=(beta, beta_gate), variance=q)
    if not (made.derivative_second_moment > 0 and math.isfinite(made.second_moment)):
        raise ValueError(f"{activation} is flat around its start, so no gradient passes; use scheme='textbook'")
    return OperatingPoint(beta, q, made, reason, beta_gate)
