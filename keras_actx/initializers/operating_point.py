"""Where on its curve an activation is used: the mean and variance of the numbers that a layer hands to it."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_actx.expectation.cache import cached_by_activation
from keras_actx.expectation.functions import elementwise_function, kind_of, name_of
from keras_actx.expectation.moments import Moments, moments
from keras_actx.expectation.table import Row, Table

STEEPEST = 0.9  # of the variance map: nearer to 1, the variance wanders off within a hundred layers
LEAST_LINEAR = 0.75  # above it, one layer makes nearly everything of two inputs the same
_LAYERS_TIMES_NONLINEARITY = 2.0
_MEANS = np.arange(-16, 17) / 8.0
VARIANCES = (1.0, 0.5, 0.25, 0.1, 0.03, 0.01, 0.003, 0.001, 0.0003, 0.0001)
_NEAR_LINEAR = (0.01, 0.001)
_NEARLY_ONE = 2e-3  # what chi_q may exceed 1 by where the start is nearly straight: a fifth in a hundred layers
_ROUNDING = 1e-13
_ROUNDS = 60
_RETURNED = 0.05


@dataclass(frozen=True)
class OperatingPoint:
    """z ~ N(beta, q), and what the activation makes of it; for a gated one, the gate is N(beta_gate, q)."""

    beta: float
    q: float
    moments: Moments
    reason: str
    beta_gate: float | None = None

    @property
    def chi_q(self) -> float:
        """By how much a change of the variance grows from layer to layer, weights and mean kept."""
        return self.moments.variance_slope / self.moments.derivative_second_moment

    @property
    def nonlinearity(self) -> float:
        """1 - Var / (q E[f'^2]): 0 for a straight line, never below it (Poincare)."""
        index = 1.0 - self.moments.variance / (self.q * self.moments.derivative_second_moment)
        return index if index > _ROUNDING else 0.0


@cached_by_activation
def operating_point(subject: Any, depth: int | None = None) -> OperatingPoint:
    """The point at which a stack of this activation, with centred kernels, keeps its variance and its gradients.

    Args:
        subject: what `subject_of` gives, elementwise or a maxout, and without jumps.
        depth: how many layers there are, for a point where the activation is straight enough for them.

    Raises:
        ValueError: for one that is flat wherever it could be used.
    """
    start = _point(subject, 0.0, 1.0, "z ~ N(0, 1)")
    if kind_of(subject) == "maxout":
        return start  # stable, and as bent at every other point
    if start.nonlinearity == 0.0 and math.isfinite(start.chi_q):
        return start  # a straight line keeps whatever it is given
    table = Table(*elementwise_function(subject))
    most = most_nonlinear(depth)
    if start.nonlinearity <= most and start.chi_q <= STEEPEST and _returns(table, 0.0, 1.0):
        return start
    straightest = None
    for q in VARIANCES:
        beta, variance = _MEANS, np.full_like(_MEANS, q)
        mean, spread, slope_square, change, _ = table.at(beta, variance)
        with np.errstate(all="ignore"):
            nonlinearity, chi_q = 1.0 - spread / (q * slope_square), change / slope_square
            # A large mean next to a small spread is what training stumbles over.
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
    ends: list[OperatingPoint] = []
    for q in _NEAR_LINEAR:
        here = [_point(subject, beta, q, "nearly straight there, since no stable point exists") for beta in (1.0, -1.0)]
        ends = [one for one in here if 0.5 < one.chi_q < 1.5] or ends  # far off, it is a flat piece's rounding noise
        if ends and min(one.chi_q for one in ends) < 1.0 + _NEARLY_ONE:
            break
    if not ends:
        raise ValueError(f"{name_of(subject)} is flat at -1, 0 and 1, so no gradient passes; use scheme='textbook'")
    # The first unless the other is clearly straighter: of an odd function both are the same but for rounding.
    return ends[-1] if ends[-1].nonlinearity < 0.99 * ends[0].nonlinearity else ends[0]


def most_nonlinear(depth: int | None) -> float:
    """How bent the activation may be for so many layers to keep two inputs apart."""
    return LEAST_LINEAR if depth is None else min(LEAST_LINEAR, _LAYERS_TIMES_NONLINEARITY / depth)


def found(depth: int | None) -> str:
    """The reason for a point that is all it should be."""
    return "the first stable point" if depth is None else f"stable, and straight enough for {depth} layers"


def _point(subject: Any, beta: float, q: float, reason: str) -> OperatingPoint:
    found = moments(subject, mean=beta, variance=q)
    if not found.derivative_second_moment > 0:
        found = Moments(found.mean, found.second_moment, math.nan)
    return OperatingPoint(beta, q, found, reason)


def _returns(table: Table, beta: float, q: float) -> bool:
    def at(variance: np.ndarray) -> Row:
        return table.at(np.repeat(beta, len(variance)), variance)

    return returns(at, q, highest=beta)


def returns(at: Callable[[np.ndarray], Row], q: float, highest: float) -> bool:
    """Whether the variance comes back to q, layer by layer, from a third of it and from three times as much.

    Args:
        at: the moments for an array of variances.
        q: the variance to return to.
        highest: the largest mean that `at` looks at.
    """
    here = at(np.array([q]))
    gain = 1.0 / here.slope_square
    bias = q - here.variance * gain
    variance, far = np.array([q / 3.0, 3.0 * q]), math.inf
    for _ in range(_ROUNDS):
        variance = gain * at(variance).variance + bias
        far = np.abs(variance / q - 1.0).max()
        if not far < 30.0 or highest + 8.0 * math.sqrt(variance.max()) > Table.REACH or variance.min() < 1e-3 * q:
            return False
        if far < _RETURNED / 10.0:
            break
    return bool(far < _RETURNED)
