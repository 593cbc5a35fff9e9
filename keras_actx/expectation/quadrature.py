"""Integrals against a normal density: composite Gauss-Legendre on panels that are split at kinks.

Gauss-Hermite is the wrong tool: across a kink it is off by up to 25% (relu's derivative). The derivative comes from
the polynomial through a panel's own nodes, so no backend's autodiff is needed and any callable will do.
"""

from collections.abc import Callable, Iterable

import numpy as np

_NODES = 16
_REACH = 12.0  # standard deviations; the density beyond is below 1e-31
_PANELS = 64
_ROUNDS = 44  # halvings of a panel: enough to corner an undeclared kink
_MOST_PANELS = 4096
#: Smooth stand-ins for a kink at 0 bend within a width that halving a panel would never come upon. No round numbers:
#: a jump at the end of a panel would not be seen.
_AROUND_ZERO = tuple(sign * 0.37 * 10.0**-power for power in range(11) for sign in (1, -1))
_TOLERANCE = np.array([1e-15, 1e-15, 1e-14])  # the derivative's rounding noise is larger

_legendre = np.polynomial.legendre.leggauss(_NODES)


def _differentiation_matrix(nodes: np.ndarray) -> np.ndarray:
    """The derivative of the interpolating polynomial at its own nodes (barycentric form)."""
    gaps = nodes[:, None] - nodes[None, :] + np.eye(len(nodes))
    weights = 1.0 / gaps.prod(axis=1)
    matrix = weights[None, :] / weights[:, None] / gaps
    np.fill_diagonal(matrix, 0.0)
    np.fill_diagonal(matrix, -matrix.sum(axis=1))
    return matrix


_derivative = _differentiation_matrix(_legendre[0])


def normal_expectations(
    function: Callable[[np.ndarray], np.ndarray], mean: float, deviation: float, kinks: Iterable[float] = ()
) -> np.ndarray:
    """E[f], E[f^2] and E[f'^2] for z ~ N(mean, deviation^2).

    Args:
        function: takes and returns a float64 array of one dimension.
        mean: of z.
        deviation: standard deviation of z, above 0.
        kinks: points where a derivative jumps; others are found by halving.

    Returns:
        Three float64 numbers; the third is inf where the function jumps.
    """
    ends = np.linspace(-_REACH, _REACH, _PANELS + 1)
    inside = [(kink - mean) / deviation for kink in (*kinks, *_AROUND_ZERO)]
    ends = np.unique(np.concatenate([ends, [one for one in inside if -_REACH < one < _REACH]]))
    low, high = ends[:-1], ends[1:]
    total = np.zeros(3)
    values = _panel_integrals(function, mean, deviation, low, high)
    for _ in range(_ROUNDS):
        middle = 0.5 * (low + high)
        left = _panel_integrals(function, mean, deviation, low, middle)
        right = _panel_integrals(function, mean, deviation, middle, high)
        halves = left + right
        scale = np.abs(total) + np.abs(halves).sum(axis=0)
        settled = (np.abs(halves - values) <= _TOLERANCE * scale).all(axis=1)
        total = total + halves[settled].sum(axis=0)
        open_ = ~settled
        if not open_.any() or 2 * open_.sum() > _MOST_PANELS:
            break
        low, high = (
            np.concatenate([low[open_], middle[open_]]),
            np.concatenate([middle[open_], high[open_]]),
        )
        values = np.concatenate([left[open_], right[open_]])
    else:
        halves, open_ = values, np.ones(len(values), bool)
    rest = halves[open_].sum(axis=0)
    if abs(rest[2]) > 1e-6 * abs(total[2] + rest[2]) and len(low) <= 64:
        rest[2] = np.inf  # what is left after every halving is a jump: its slope grows without bound
    return total + rest


def _panel_integrals(function, mean: float, deviation: float, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    nodes, weights = _legendre
    half = 0.5 * (high - low)[:, None]
    z = 0.5 * (high + low)[:, None] + half * nodes[None, :]
    f = function((mean + deviation * z).ravel()).reshape(z.shape)
    slope = (f @ _derivative.T) / (half * deviation)
    density = np.exp(-0.5 * z * z) / np.sqrt(2.0 * np.pi) * weights * half
    return np.stack([(density * f).sum(1), (density * f * f).sum(1), (density * slope * slope).sum(1)], axis=1)
