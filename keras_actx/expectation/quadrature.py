"""Integrals against a normal density: composite Gauss-Legendre on panels that are split at kinks.

Gauss-Hermite quadrature is unsuitable: across a kink its error is up to 25% (relu's derivative). The derivative is that
of the polynomial through the nodes of a panel, so any callable is supported, without automatic differentiation.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

_NODES = 16
_REACH = 16.5  # standard deviations: the range that e^x squared needs at a variance of 10
_PANELS = 88
_NARROWEST = 2.0**-44  # the least width of a panel: small enough to isolate an undeclared kink
_AT_ONCE = 128  # panels per call of the backend
_MOST_PANELS = 4096
#: Smooth approximations of a kink at 0 bend within a width that halving panels would miss. No round numbers: a jump at
#: the end of a panel would not be detected.
_AROUND_ZERO = tuple(sign * 0.37 * 10.0**-power for power in range(11) for sign in (1, -1))
#: Of f, f^2, f'^2, (z^2 - 1) f and (z^2 - 1) f^2; the derivative's rounding noise is larger.
_TOLERANCE = np.array([1e-15, 1e-15, 1e-14, 1e-15, 1e-15])
_JUMP = 1e-6  # relative to f: far above the interpolation error at the end of a panel
_REST = 1e-6  # of the derivative's moment: a larger part in the narrowest panel indicates a jump
_JUMPS_WITHIN = 6.0  # standard deviations: farther out, panels need not resolve the function
#: The same for a function computed in float32, where halving panels amplifies rounding errors.
_SINGLE_TOLERANCE = np.array([1e-7, 1e-7, 1e-4, 1e-6, 1e-6])
_SINGLE_NARROWEST, _SINGLE_JUMP, _SINGLE_REST = 2.0**-14, 1e-4, 1e-2

_legendre = np.polynomial.legendre.leggauss(_NODES)


def differentiation_matrix(nodes: np.ndarray) -> np.ndarray:
    """The derivative of the interpolating polynomial at its own nodes (barycentric form)."""
    gaps = nodes[:, None] - nodes[None, :] + np.eye(len(nodes))
    weights = 1.0 / gaps.prod(axis=1)
    matrix = weights[None, :] / weights[:, None] / gaps
    np.fill_diagonal(matrix, 0.0)
    np.fill_diagonal(matrix, -matrix.sum(axis=1))
    return matrix


_derivative = differentiation_matrix(_legendre[0])


def _values_at_ends(nodes: np.ndarray) -> np.ndarray:
    """The interpolating polynomial at -1 and 1, as weights of its values at the nodes."""
    gaps = nodes[:, None] - nodes[None, :] + np.eye(len(nodes))
    weights = 1.0 / gaps.prod(axis=1)
    terms = weights[None, :] / (np.array([[-1.0], [1.0]]) - nodes[None, :])
    return terms / terms.sum(axis=1, keepdims=True)


_ends = _values_at_ends(_legendre[0])


@dataclass(frozen=True)
class Expectations:
    """The result of `normal_expectations`, as float64 numbers; `z` in the last two is (x - mean) / deviation."""

    value: float
    square: float
    slope_square: float
    bent_value: float  # E[(z^2 - 1) f]
    bent_square: float  # E[(z^2 - 1) f^2]
    jumps: bool


@np.errstate(all="ignore")  # the function may be infinite where the density is 0
def normal_expectations(
    function: Callable[[np.ndarray], np.ndarray],
    mean: float,
    deviation: float,
    kinks: Iterable[float] = (),
    exact_to: float = 2.0**-52,
) -> Expectations:
    """E[f], E[f^2], E[f'^2], E[(z^2 - 1) f] and E[(z^2 - 1) f^2] for x = mean + deviation z, z ~ N(0, 1).

    The last two give the derivatives of the first two with respect to the variance, also with kinks: the density is
    differentiated instead of the function, d/dq E[f] = E[(z^2 - 1) f] / (2 q) with q = deviation^2.

    Args:
        function: takes and returns a float64 array of one dimension.
        mean: of x.
        deviation: standard deviation of x, above 0.
        kinks: points where a derivative is discontinuous; undeclared ones are located by halving panels.
        exact_to: the relative error of the function's values.

    Returns:
        The five expectations, and whether the function is discontinuous; the third is inf if it is, at a point not in
        `kinks`.
    """
    single = exact_to > 1e-12
    tolerance, narrowest, jump_size, most_left = (
        (_SINGLE_TOLERANCE, _SINGLE_NARROWEST, _SINGLE_JUMP, _SINGLE_REST)
        if single
        else (_TOLERANCE, _NARROWEST, _JUMP, _REST)
    )
    named = [(kink - mean) / deviation for kink in kinks]
    inside = [*named, *((point - mean) / deviation for point in _AROUND_ZERO)]
    ends = np.linspace(-_REACH, _REACH, _PANELS + 1)
    ends = np.unique(np.concatenate([ends, [one for one in inside if -_REACH < one < _REACH]]))
    low, high = ends[:-1], ends[1:]
    total, size, done = np.zeros(len(_TOLERANCE)), np.zeros(len(_TOLERANCE)), []
    values, _ = _panels(function, mean, deviation, low, high)
    while True:
        # Two if many panels are open, to find the converged ones; many if few are open, to isolate a kink in a few
        # rounds.
        widest = (high - low).max()
        parts = 2 if 4 * len(low) > _AT_ONCE else min(_AT_ONCE // len(low), max(2, int(widest / narrowest)))
        cuts = low[:, None] + (high - low)[:, None] * np.arange(parts + 1) / parts
        cuts[:, -1] = high
        new, edges = _panels(function, mean, deviation, cuts[:, :-1].ravel(), cuts[:, 1:].ravel())
        new, edges = new.reshape(len(low), parts, -1), edges.reshape(len(low), parts, 2)
        together = new.sum(axis=1)
        scale = size + np.abs(together).sum(axis=0)  # the sum itself is 0 for an odd function
        scale[2] = max(scale[2], 1e-2 * scale[1] / deviation / deviation)  # a constant's derivative is rounding noise
        settled = (np.abs(together - values) <= tolerance * scale).all(axis=1)
        total = total + together[settled].sum(axis=0)
        size = size + np.abs(together[settled]).sum(axis=0)
        done.append(_borders(cuts[settled], edges[settled]))
        open_ = ~settled
        rest = together[open_].sum(axis=0)
        low, high = cuts[open_, :-1].ravel(), cuts[open_, 1:].ravel()
        values = new[open_].reshape(-1, len(_TOLERANCE))
        narrow = len(low) > 0 and (high - low).max() < narrowest
        if not len(low) or len(low) > _MOST_PANELS or narrow:
            break
    jumps = _jumps(np.concatenate(done), max(np.sqrt(abs(total[1])), 1e-300), jump_size)
    found = total + rest
    # What remains after all halvings is a jump, whose slope grows without bound.
    cornered = narrow and abs(rest[2]) > most_left * abs(found[2])
    if cornered or any(np.abs(np.array([*named, np.inf]) - jump).min() > 1e-9 for jump in jumps):
        found[2] = np.inf
    return Expectations(*map(float, found), jumps=bool(cornered or len(jumps)))


def _panels(function, mean: float, deviation: float, low: np.ndarray, high: np.ndarray):
    """The five integrals over each panel, and the one-sided limits of the function at its two ends."""
    nodes, weights = _legendre
    half = 0.5 * (high - low)[:, None]
    z = 0.5 * (high + low)[:, None] + half * nodes[None, :]
    f = function((mean + deviation * z).ravel()).reshape(z.shape)
    slope = (f @ _derivative.T) / (half * deviation)
    density = np.exp(-0.5 * z * z) / np.sqrt(2.0 * np.pi) * weights * half
    bend = z * z - 1.0
    integrands = (f, f * f, slope * slope, bend * f, bend * f * f)
    return np.stack([(density * one).sum(1) for one in integrands], axis=1), f @ _ends.T


def _borders(cuts: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Rows of (place, value to the left or nan, value to the right or nan) for all ends of panels."""
    nothing = np.full(edges.shape[:2], np.nan)
    begin = np.stack([cuts[:, :-1], nothing, edges[..., 0]], axis=-1)
    end = np.stack([cuts[:, 1:], edges[..., 1], nothing], axis=-1)
    return np.concatenate([begin.reshape(-1, 3), end.reshape(-1, 3)])


def _jumps(borders: np.ndarray, size: float, jump_size: float) -> np.ndarray:
    """The points where the left and right limits of adjacent panels differ."""
    borders = borders[np.argsort(borders[:, 0], kind="stable")]
    place, value = borders[:, 0], np.fmax(borders[:, 1], borders[:, 2])
    gap = np.abs(np.diff(value)) > jump_size * (size + np.abs(value[1:]) + np.abs(value[:-1]))
    return place[:-1][gap & (np.diff(place) == 0) & (np.abs(place[1:]) < _JUMPS_WITHIN)]
