"""The fixed point of an activation: mean and variance of its input that a stack of layers preserves."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_actx.declaration.activation import Activation
from keras_actx.expectation.cache import cached_by_activation
from keras_actx.expectation.functions import elementwise_function, factors, kind_of, name_of, on_arrays
from keras_actx.expectation.moment_grid import MomentArrays, MomentGrid
from keras_actx.expectation.moments import Moments, moments

STEEPEST = 0.9  # largest slope of the variance map: nearer to 1, the variance drifts within a hundred layers
LEAST_LINEAR = 0.75  # largest nonlinearity: above it, one layer nearly removes the difference of two inputs
_LAYERS_TIMES_NONLINEARITY = 2.0
_MEANS = np.arange(-16, 17) / 8.0
VARIANCES = (1.0, 0.5, 0.25, 0.1, 0.03, 0.01, 0.003, 0.001, 0.0003, 0.0001)
_NEAR_LINEAR = (0.01, 0.001)
_NEARLY_ONE = 2e-3  # tolerance of chi_q above 1 at a nearly linear point: a fifth in a hundred layers
_ROUNDING = 1e-13
_ROUNDS = 60
_RETURNED = 0.05
#: Ordered by distance from 0, positive before negative: among equally good points, the first is chosen.
_GATED_MEANS = np.array(sorted(np.arange(-16, 17) / 4.0, key=lambda mean: (abs(mean), -mean)))
_NEARLY_STEEP = 0.97  # used if no point of smaller slope is sufficiently linear for the depth
_GATED_NEAR_LINEAR = 0.003
_DIGITS = 9  # of the criteria for points, so that the choice does not depend on rounding


@dataclass(frozen=True)
class FixedPoint:
    """z ~ N(beta, q), and the moments of the activation of z; for a gated one, the gate is N(beta_gate, q)."""

    beta: float
    q: float
    moments: Moments
    reason: str
    beta_gate: float | None = None

    @property
    def chi_q(self) -> float:
        """The growth factor of a perturbation of the variance per layer, at constant weights and mean."""
        return self.moments.variance_slope / self.moments.derivative_second_moment

    @property
    def nonlinearity(self) -> float:
        """1 - Var / (q E[f'^2]): 0 for a linear function, never negative (Poincare)."""
        index = 1.0 - self.moments.variance / (self.q * self.moments.derivative_second_moment)
        return index if index > _ROUNDING else 0.0


@cached_by_activation
def fixed_point(subject: Any, depth: int | None = None) -> FixedPoint:
    """The point at which a stack of this activation, with centred kernels, preserves its variance and gradients.

    Args:
        subject: a `ResolvedActivation.subject`, elementwise or a maxout, and continuous.
        depth: the number of layers, for a point where the activation is sufficiently linear for them.

    Raises:
        ValueError: for an activation that is flat at all candidate points.
    """
    start = _point(subject, 0.0, 1.0, "z ~ N(0, 1)")
    if kind_of(subject) == "maxout":
        return start  # stable, and equally nonlinear at every other point
    if start.nonlinearity == 0.0 and math.isfinite(start.chi_q):
        return start  # a linear function preserves any variance
    table = MomentGrid(*elementwise_function(subject))
    most = most_nonlinear(depth)
    if start.nonlinearity <= most and start.chi_q <= STEEPEST and _returns(table, 0.0, 1.0):
        return start
    straightest = None
    for q in VARIANCES:
        beta, variance = _MEANS, np.full_like(_MEANS, q)
        mean, spread, slope_square, change, _ = table.at(beta, variance)
        with np.errstate(all="ignore"):
            nonlinearity, chi_q = 1.0 - spread / (q * slope_square), change / slope_square
            # A mean that is large relative to the deviation slows training.
            order = np.argsort(mean**2 / spread)
        for i in order:
            if not (chi_q[i] <= STEEPEST and nonlinearity[i] <= LEAST_LINEAR):  # false for nan
                continue
            enough = nonlinearity[i] <= most
            straighter = straightest is None or nonlinearity[i] < straightest[0]
            if (enough or straighter) and _returns(table, float(beta[i]), q):
                if enough:
                    return _point(subject, float(beta[i]), q, found(depth))
                straightest = (nonlinearity[i], float(beta[i]), q)
    if straightest is not None:
        return _point(subject, *straightest[1:], f"the straightest stable point, for {depth} layers")
    ends: list[FixedPoint] = []
    for q in _NEAR_LINEAR:
        here = [_point(subject, beta, q, "nearly straight there, since no stable point exists") for beta in (1.0, -1.0)]
        ends = [one for one in here if 0.5 < one.chi_q < 1.5] or ends  # otherwise rounding noise of a flat part
        if ends and min(one.chi_q for one in ends) < 1.0 + _NEARLY_ONE:
            break
    if not ends:
        raise ValueError(f"{name_of(subject)} is flat at -1, 0 and 1, so its gradient is 0; use scheme='published'")
    # The first unless the other is clearly more linear: for an odd function, both are equal up to rounding.
    return ends[-1] if ends[-1].nonlinearity < 0.99 * ends[0].nonlinearity else ends[0]


def most_nonlinear(depth: int | None) -> float:
    """The largest nonlinearity at which so many layers preserve the difference of two inputs."""
    return LEAST_LINEAR if depth is None else min(LEAST_LINEAR, _LAYERS_TIMES_NONLINEARITY / depth)


def found(depth: int | None) -> str:
    """The reason for a point that satisfies all criteria."""
    return "the first stable point" if depth is None else f"stable, and straight enough for {depth} layers"


def _point(subject: Any, beta: float, q: float, reason: str) -> FixedPoint:
    found = moments(subject, mean=beta, variance=q)
    if not found.derivative_second_moment > 0:
        found = Moments(found.mean, found.second_moment, derivative_second_moment=math.nan)
    return FixedPoint(beta, q, found, reason)


def _returns(table: MomentGrid, beta: float, q: float) -> bool:
    def at(variance: np.ndarray) -> MomentArrays:
        return table.at(np.repeat(beta, len(variance)), variance)

    return returns(at, q, highest=beta)


def returns(at: Callable[[np.ndarray], MomentArrays], q: float, highest: float) -> bool:
    """Whether the variance converges to q, layer by layer, from q / 3 and from 3 q.

    Args:
        at: the moments for an array of variances.
        q: the variance to return to.
        highest: the largest mean that `at` supports.
    """
    here = at(np.array([q]))
    gain = 1.0 / here.slope_square
    bias = q - here.variance * gain
    variance, far = np.array([q / 3.0, 3.0 * q]), math.inf
    for _ in range(_ROUNDS):
        variance = gain * at(variance).variance + bias
        far = np.abs(variance / q - 1.0).max()
        if not far < 30.0 or highest + 8.0 * math.sqrt(variance.max()) > MomentGrid.REACH or variance.min() < 1e-3 * q:
            return False
        if far < _RETURNED / 10.0:
            break
    return bool(far < _RETURNED)


@cached_by_activation
def gated_fixed_point(activation: Activation, depth: int | None = None) -> FixedPoint:
    """The means of value and gate, and their variance, at which a stack preserves signal and gradient.

    Args:
        activation: a continuous gated activation.
        depth: the number of layers, for a point where the activation is sufficiently linear for them.

    Raises:
        ValueError: for one that is not a product of functions of value and gate, or is flat.
    """
    of_value, of_gate = factors(activation)
    kinks = tuple(activation.declaration.kinks_at(dict(activation.params)))
    tables = MomentGrid(on_arrays(of_value)), MomentGrid(on_arrays(of_gate), kinks)
    most = most_nonlinear(depth)
    grids = {q: _gated_grid(*tables, q) for q in VARIANCES}
    for steepest in (STEEPEST, _NEARLY_STEEP):
        # Either the first point that is sufficiently linear, or one that is not, if the margin would otherwise be
        # violated.
        for q, (nonlinearity, chi_q, order) in grids.items():
            good = (chi_q <= steepest) & (nonlinearity <= most)  # false for nan
            for i in order[good.ravel()[order]]:
                means = _gated_means(i)
                if _gated_returns(*tables, *means, q):
                    return _gated_fixed_point(activation, *means, q, found(depth))
    stable = [
        (nonlinearity.flat[i], *_gated_means(i), q)
        for q, (nonlinearity, chi_q, _) in grids.items()
        for i in np.flatnonzero((chi_q <= STEEPEST) & (nonlinearity <= LEAST_LINEAR))
    ]
    for _, *point in sorted(stable, key=lambda one: round(one[0], _DIGITS)):
        if _gated_returns(*tables, *point):
            return _gated_fixed_point(activation, *point, reason=f"the straightest stable point, for {depth} layers")
    reason = "nearly straight there, since no stable point exists"
    return _gated_fixed_point(activation, 1.0, 1.0, _GATED_NEAR_LINEAR, reason)


def _gated_grid(of_value: MomentGrid, of_gate: MomentGrid, q: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Nonlinearity and chi_q for all pairs of means, and the pairs in order of preference."""
    variance = np.full_like(_GATED_MEANS, q)
    value, gate = of_value.at(_GATED_MEANS, variance), of_gate.at(_GATED_MEANS, variance)
    with np.errstate(all="ignore"):
        both = MomentArrays(*(one[:, None] for one in value)).times(gate)
        # A mean that is large relative to the deviation slows training.
        order = np.argsort(np.round(both.mean**2 / both.variance, _DIGITS), axis=None, kind="stable")
        return 1.0 - both.variance / (q * both.slope_square), both.change / both.slope_square, order


def _gated_means(i: int | np.integer) -> tuple[float, float]:
    value, gate = np.unravel_index(i, (len(_GATED_MEANS), len(_GATED_MEANS)))
    return float(_GATED_MEANS[value]), float(_GATED_MEANS[gate])


def _gated_returns(of_value: MomentGrid, of_gate: MomentGrid, beta: float, beta_gate: float, q: float) -> bool:
    def at(variance: np.ndarray) -> MomentArrays:
        value, gate = (
            table.at(np.repeat(mean, len(variance)), variance)
            for table, mean in ((of_value, beta), (of_gate, beta_gate))
        )
        return value.times(gate)

    return returns(at, q, highest=max(beta, beta_gate))


def _gated_fixed_point(activation: Activation, beta: float, beta_gate: float, q: float, reason: str) -> FixedPoint:
    made = moments(activation, mean=(beta, beta_gate), variance=q)
    if not (made.derivative_second_moment > 0 and math.isfinite(made.second_moment)):
        raise ValueError(f"{activation} is flat around its initial point, so its gradient is 0; use scheme='published'")
    return FixedPoint(beta, q, made, reason, beta_gate)
