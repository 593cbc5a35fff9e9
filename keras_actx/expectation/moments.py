"""`moments` and `gain`: Gaussian moments of an activation."""

import math
from collections.abc import Callable, Iterable
from dataclasses import KW_ONLY, dataclass
from typing import Any

import numpy as np

from keras_actx._messages import quote
from keras_actx.expectation.cache import cached_by_activation
from keras_actx.expectation.functions import (
    elementwise_function,
    exact_to,
    factors,
    kind_of,
    name_of,
    on_arrays,
)
from keras_actx.expectation.maximum import largest_of_normals
from keras_actx.expectation.quadrature import normal_expectations
from keras_actx.names.resolve import resolve
from keras_actx.plain_numbers import finite


@dataclass(frozen=True)
class Moments:
    """The moments of an activation for a normal input; see `keras_actx.moments`.

    Example:

    >>> import keras_actx as actx
    >>> round(actx.moments("relu").variance, 6)
    0.340845
    """

    mean: float
    second_moment: float
    _: KW_ONLY
    derivative_second_moment: float
    mean_slope: float = math.nan  # derivative of the mean with respect to the variance of z
    second_moment_slope: float = math.nan
    jumps: bool = False

    @property
    def variance(self) -> float:
        return self.second_moment - self.mean * self.mean

    @property
    def variance_slope(self) -> float:
        """The derivative of the variance with respect to the variance of z, at constant mean of z."""
        return self.second_moment_slope - 2.0 * self.mean * self.mean_slope


def moments(activation: Any, *, mean: float | tuple[float, float] = 0.0, variance: float = 1.0) -> Moments:
    r"""Mean, second moment, variance and second moment of the derivative of $\phi(z)$ for $z \sim N(m, q)$.

    Args:
        activation: any specification of an activation (see `keras_actx.get`), gated ones included, or any elementwise
            callable. A learnable one is used with its initial values. For a gated one, value and gate are independent
            and the derivative is the sum over both; for `layers.Maxout(..., pieces=k)`, the same holds of its k inputs.
        mean: $m$, a finite number; for a gated activation also a pair, for the value and the gate.
        variance: $q$, a number above 0.

    Returns:
        A `Moments`, by quadrature in float64: `mean`, `second_moment`, `variance`, `derivative_second_moment`, and the
        derivatives of the first three with respect to $q$: `mean_slope`, `second_moment_slope`, `variance_slope`.
        `jumps` says whether the function is discontinuous; the derivative's moment is then that of the continuous
        parts, or inf if no declaration lists the discontinuities.

    Raises:
        ValueError: for something that is not elementwise, gated or a maxout, arguments out of range, or a function that
            is not finite or varies too fast for the quadrature.

    Example:

    >>> import keras_actx as actx
    >>> round(actx.moments("relu").second_moment, 12)
    0.5
    """
    subject = resolve(activation).subject
    means: tuple[Any, ...] = (
        mean if isinstance(mean, tuple) and len(mean) == 2 and kind_of(subject) == "gated" else (mean,)
    )
    for name, value, allowed in (*(("mean", one, -math.inf) for one in means), ("variance", variance, 0.0)):
        number = finite(value)
        if number is None or number <= allowed:
            raise ValueError(f"{name}={quote(value)} is not allowed; use a finite number" + " above 0" * (allowed == 0))
    found = _moments(subject, (float(means[0]), float(means[-1])), float(variance))
    if math.isnan(found.mean) or math.isnan(found.second_moment):
        raise ValueError(
            f"{quote(name_of(subject))} has no moments for z of mean {quote(mean)} and variance {quote(variance)}: its "
            "values there are not finite; change its parameters or the range"
        )
    return found


def gain(activation: Any) -> float:
    r"""The forward gain $1 / \sqrt{E[\phi(z)^2]}$ for $z \sim N(0, 1)$.

    Weights of standard deviation gain / sqrt(fan_in) preserve the second moment of the signal from layer to layer.

    Args:
        activation: as for `moments`.

    Raises:
        ValueError: for something that is not elementwise, or that is zero everywhere.

    Example:

    >>> import keras_actx as actx
    >>> round(actx.gain("relu"), 12)
    1.414213562373
    """
    second = moments(activation).second_moment
    if not (math.isfinite(second) and second > 0):
        raise ValueError(f"{quote(name_of(activation))} has no forward gain: E[phi(z)^2] is {second:.6g}")
    return 1.0 / math.sqrt(second)


@cached_by_activation
def _moments(subject: Any, means: tuple[float, float], variance: float) -> Moments:
    kind = kind_of(subject)
    if kind == "vector":
        raise ValueError(
            f"{name_of(subject)} mixes a whole axis, so it has no moments of its own; in front of a layer, write "
            "first_layer=True there if its numbers have mean 0 and variance 1, or give the layer an initializer of "
            "your choice"
        )
    if kind == "maxout":
        return _of_maxout(subject, means[0], variance)
    if kind == "gated":
        kinks = tuple(subject.declaration.kinks_at(dict(subject.params)))
        of_value, of_gate = factors(subject)
        v, g = (
            _of_function(subject, on_arrays(one), mean, variance, at)
            for one, mean, at in ((of_value, means[0], ()), (of_gate, means[1], kinks))
        )
        return of_independent_factors(v, g)
    on_numbers, kinks = elementwise_function(subject)
    return _of_function(subject, on_numbers, means[0], variance, kinks)


def of_independent_factors(v: Moments, g: Moments) -> Moments:
    """The moments of a product of two independent factors; the derivative's moment is the sum over both."""
    return Moments(
        mean=v.mean * g.mean,
        second_moment=v.second_moment * g.second_moment,
        derivative_second_moment=v.derivative_second_moment * g.second_moment
        + v.second_moment * g.derivative_second_moment,
        mean_slope=v.mean_slope * g.mean + v.mean * g.mean_slope,
        second_moment_slope=v.second_moment_slope * g.second_moment + v.second_moment * g.second_moment_slope,
        jumps=v.jumps or g.jumps,
    )


def _of_maxout(layer: Any, mean: float, variance: float) -> Moments:
    if layer.pieces is None:
        raise ValueError(
            "the configuration of a Maxout does not determine how many inputs it compares: write "
            f"Maxout({layer.num_units}, pieces=2), or the actual number, for its moments"
        )
    first, second = largest_of_normals(layer.pieces)
    deviation = math.sqrt(variance)
    return Moments(
        mean=mean + deviation * first,
        second_moment=mean * mean + 2.0 * mean * deviation * first + variance * second,
        derivative_second_moment=1.0,  # only the largest input has a nonzero derivative, 1
        mean_slope=first / (2.0 * deviation),
        second_moment_slope=mean * first / deviation + second,
    )


def _of_function(
    subject: Any, function: Callable[[np.ndarray], np.ndarray], mean: float, variance: float, kinks: Iterable[float]
) -> Moments:
    found = normal_expectations(function, mean, math.sqrt(variance), kinks, exact_to())
    if not found.resolved and math.isfinite(found.square):
        raise ValueError(
            f"{quote(name_of(subject))} varies too fast for its moments at mean {quote(mean)} and variance "
            f"{quote(variance)} to be computed; change its parameters, or choose the initializer yourself"
        )
    # Stein's lemma, applied to the density: d/dq E[f] = E[(z^2 - 1) f] / (2 q), also where f has no second derivative.
    return Moments(
        mean=found.value,
        second_moment=found.square,
        derivative_second_moment=found.slope_square,
        mean_slope=found.bent_value / (2.0 * variance),
        second_moment_slope=found.bent_square / (2.0 * variance),
        jumps=found.jumps,
    )
