"""Mean and second moment of the maximum of independent normal numbers, by quadrature."""

import math
from functools import lru_cache

import numpy as np

_REACH = 14.0
_PANELS, _NODES = 112, 16


@lru_cache(maxsize=64)
def largest_of_normals(count: int) -> tuple[float, float]:
    r"""$E[M]$ and $E[M^2]$ for $M = \max(z_1, ..., z_k)$ of independent $z_i \sim N(0, 1)$.

    Args:
        count: $k$, a whole number above 0.

    Example:

    >>> from keras_actx.expectation.maximum import largest_of_normals
    >>> [round(1 / largest_of_normals(k)[1], 5) for k in (2, 3, 4, 5)]  # Tseran & Montufar 2023, arXiv:2301.06956
    [1.0, 0.78391, 0.64461, 0.55555]
    """
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    ends = np.linspace(-_REACH, _REACH, _PANELS + 1)
    half = 0.5 * np.diff(ends)[:, None]
    x = (0.5 * (ends[1:] + ends[:-1])[:, None] + half * nodes).ravel()
    below = np.array([0.5 * math.erfc(-one / math.sqrt(2.0)) for one in x])
    density = count * np.exp(-0.5 * x * x) / math.sqrt(2.0 * math.pi) * below ** (count - 1)
    mass = density * (half * weights).ravel()
    return float((mass * x).sum()), float((mass * x * x).sum())
