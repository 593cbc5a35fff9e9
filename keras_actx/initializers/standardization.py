"""The shift and scale that standardize an output to mean 0 and variance 1."""

import math
from typing import Any

from keras_actx.expectation.functions import kind_of, name_of
from keras_actx.expectation.moments import moments
from keras_actx.initializers.init_spec import InitSpec
from keras_actx.names.resolve import resolve

_ROUNDING = 1e-14
_FLAT = 1e-12  # relative to the second moment: a smaller variance is rounding


def output_moments(
    activation: Any, beta: float = 0.0, beta_gate: float | None = None, q: float = 1.0
) -> tuple[float, float]:
    """Mean and standard deviation of f(z), z ~ N(beta, q).

    Args:
        activation: f, elementwise or gated.
        beta: the mean of z, or of the value.
        beta_gate: the mean of the gate, if there is one; None for `beta`.
        q: the variance.

    Raises:
        ValueError: for an activation without moments, or whose variance is 0 or infinite.

    Example:

    >>> from keras_actx.initializers.standardization import output_moments
    >>> [round(one, 6) for one in output_moments("relu")]
    [0.398942, 0.583819]
    """
    subject = resolve(activation).subject
    kind = kind_of(subject)
    if kind == "vector":
        raise ValueError(
            f"standardize=True needs the mean and variance of the output, which are undefined for {name_of(subject)}, "
            "since it mixes a whole axis; use standardize=False, and normalization='layer' in the next block"
        )
    means = (beta, beta if beta_gate is None else beta_gate) if kind == "gated" else beta
    found = moments(subject, mean=means, variance=q)
    if not (math.isfinite(found.second_moment) and found.variance > _FLAT * found.second_moment):
        raise ValueError(
            f"standardize=True divides by the standard deviation of {name_of(subject)}, whose variance is "
            f"{found.variance:.3g} for z of mean {beta:.4g} and variance {q:.4g}; use standardize=False"
        )
    stddev = math.sqrt(found.variance)
    return found.mean if abs(found.mean) > _ROUNDING * stddev else 0.0, stddev


def output_moments_under(activation: Any, spec: InitSpec | None, normalized: bool) -> tuple[float, float]:
    """Mean and standard deviation of the output of a layer initialized by a spec.

    After a normalization, z ~ N(0, 1) for any kernel; the same is assumed if no rule gives its distribution.
    """
    if normalized or spec is None or spec.q is None:
        return output_moments(activation)
    return output_moments(activation, spec.beta, spec.beta_gate, spec.q)  # pyright: ignore[reportArgumentType]  (with q, it has beta)
