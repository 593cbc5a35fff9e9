"""Integrals against a normal density: composite Gauss-Legendre on panels that are split at kinks.

Gauss-Hermite quadrature is unsuitable: across a kink its error is up to 25% (relu's derivative). The derivative is that
of the polynomial through the nodes of a panel, so any callable is supported, without automatic differentiation.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

_NODES = 16
_REACH = 16.5  # standard deviations: the range that e^x squared needs at a variance of 10
_PANELS = 88
_NARROWEST = 2.0**-44  # the least width of a panel: small enough to isolate an undeclared kink
_AT_ONCE = 128  # panels per call of the backend
_MOST_PANELS = 2**13
#: Relative to E[f] and E[f^2]: a larger error in the panels that remain open invalidates the result. Rounding errors of
#: a function that computes in float32 are smaller.
_UNRESOLVED = 1e-4
#: Rounding errors in f, relative to it, in units of the error of a single operation, are at most this large. Within
#: this bound, parts of a panel whose highest Legendre coefficients differ by less than a factor have rounding errors
#: only, which its derivative amplifies the more, the narrower the panel; a kink gives one part larger coefficients.
_NOISE, _ALIKE = 2.0**12, 8.0
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


def _highest_coefficients(nodes: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The last six coefficients of the Legendre series of the interpolating polynomial, as weights of its values."""
    degrees = np.arange(len(nodes) - 6, len(nodes))
    return (np.polynomial.legendre.legvander(nodes, len(nodes) - 1)[:, degrees] * weights[:, None] * (degrees + 0.5)).T


_highest = _highest_coefficients(*_legendre)


@dataclass(frozen=True)
class Expectations:
    """The result of `normal_expectations`, as float64 numbers; `z` in the last two is (x - mean) / deviation."""

    value: float
    square: float
    slope_square: float
    bent_value: float  # E[(z^2 - 1) f]
    bent_square: float  # E[(z^2 - 1) f^2]
    jumps: bool
    resolved: bool  # False if the function varies too fast for the panels


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
        The five expectations, to about twelve digits, fewer where rounding errors of `function` conceal a kink; whether
        it is discontinuous, in which case the third is inf if one of the points is not in `kinks`; and whether the
        panels resolve it.
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
    total, size, rest, lost, scale = np.zeros((5, len(_TOLERANCE)))
    done = []
    values = _panels(function, mean, deviation, low, high).integrals
    while len(low) and len(low) <= _MOST_PANELS:
        # Two if many panels are open, to find the converged ones; many if few are open, to isolate a kink in a few
        # rounds.
        widest = (high - low).max()
        parts = 2 if 4 * len(low) > _AT_ONCE else min(_AT_ONCE // len(low), max(2, int(widest / narrowest)))
        cuts = low[:, None] + (high - low)[:, None] * np.arange(parts + 1) / parts
        cuts[:, -1] = high
        found = _panels(function, mean, deviation, cuts[:, :-1].ravel(), cuts[:, 1:].ravel())
        new, edges, gap, tail, largest = (one.reshape(len(low), parts, *one.shape[1:]) for one in found)
        together = new.sum(axis=1)
        scale = size + np.abs(together).sum(axis=0)  # the sum itself is 0 for an odd function
        scale[2] = max(scale[2], 1e-2 * scale[1] / deviation / deviation)  # a constant's derivative is rounding noise
        error = np.abs(together - values)
        converged = error <= tolerance * scale
        noise = _NOISE * exact_to * (largest.max(axis=1) + np.sqrt(scale[1]))
        converged[:, 2] |= tail.max(axis=1) <= np.minimum(_ALIKE * tail.min(axis=1), noise)
        # A kink between the end of a panel and its last node is in none of the integrals.
        known = np.isin(np.stack([cuts[:, :-1], cuts[:, 1:]], axis=-1), named)
        settled = converged.all(axis=1) & (np.where(known, 0.0, gap).max(axis=(1, 2)) <= noise)
        narrow = ~settled & (high - low < parts * narrowest)
        total = total + together[settled].sum(axis=0)
        size = size + np.abs(together[settled]).sum(axis=0)
        rest = rest + together[narrow].sum(axis=0)
        open_ = ~(settled | narrow)
        done.append(_borders(cuts[~open_], edges[~open_]))
        low, high = cuts[open_, :-1].ravel(), cuts[open_, 1:].ravel()
        values, lost = new[open_].reshape(-1, len(_TOLERANCE)), error[open_].sum(axis=0)
    resolved = bool((lost <= _UNRESOLVED * scale)[:2].all())
    jumps = _jumps(np.concatenate(done), max(np.sqrt(abs(total[1])), 1e-300), jump_size)
    found = total + rest + values.sum(axis=0)
    # What remains after all halvings is a jump, whose slope grows without bound.
    cornered = abs(rest[2]) > most_left * abs(found[2])
    if cornered or any(np.abs(np.array([*named, np.inf]) - jump).min() > 1e-9 for jump in jumps):
        found[2] = np.inf
    return Expectations(*map(float, found), jumps=bool(cornered or len(jumps)), resolved=resolved)


class _Panels(NamedTuple):
    """Quantities of each panel."""

    integrals: np.ndarray
    edges: np.ndarray  # the one-sided limits of the function at the two ends
    gap: np.ndarray  # the differences of the function at the ends from these limits
    tail: np.ndarray  # the size of the highest coefficients of the Legendre series
    largest: np.ndarray  # of |f| + |x f'|, which bounds what rounding x changes


def _panels(function, mean: float, deviation: float, low: np.ndarray, high: np.ndarray) -> _Panels:
    nodes, weights = _legendre
    half = 0.5 * (high - low)[:, None]
    z = np.concatenate([0.5 * (high + low)[:, None] + half * nodes, low[:, None], high[:, None]], axis=1)
    f = function((mean + deviation * z).ravel()).reshape(z.shape)
    (z, _), (f, at_ends) = (np.split(one, [_NODES], axis=1) for one in (z, f))
    slope = (f @ _derivative.T) / (half * deviation)
    density = np.exp(-0.5 * z * z) / np.sqrt(2.0 * np.pi) * weights * half
    bend = z * z - 1.0
    integrands = (f, f * f, slope * slope, bend * f, bend * f * f)
    edges = f @ _ends.T
    reach = abs(mean) + deviation * np.abs(z)
    return _Panels(
        np.stack([(density * one).sum(1) for one in integrands], axis=1),
        edges,
        np.abs(edges - at_ends),
        np.sqrt(np.square(f @ _highest.T).mean(axis=1)),
        (np.abs(f) + reach * np.abs(slope)).max(axis=1),
    )


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
