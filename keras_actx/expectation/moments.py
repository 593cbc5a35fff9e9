"""`moments` and `gain`: what an activation does to a normal input."""

import math
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import keras
import numpy as np

from keras_actx.backend import eager_float64
from keras_actx.declaration.activation import Activation
from keras_actx.expectation.quadrature import Expectations, normal_expectations
from keras_actx.names.identify import identify
from keras_actx.names.keras_table import keras_function
from keras_actx.names.suggest import quote


@dataclass(frozen=True)
class Moments:
    """What an activation makes of a normal input; see `keras_actx.moments`.

    Example:

    >>> import keras_actx as actx
    >>> round(actx.moments("relu").variance, 6)
    0.340845
    """

    mean: float
    second_moment: float
    derivative_second_moment: float
    mean_slope: float = math.nan  # of the mean, with the variance of z
    second_moment_slope: float = math.nan
    jumps: bool = False

    @property
    def variance(self) -> float:
        return self.second_moment - self.mean**2

    @property
    def variance_slope(self) -> float:
        """What one unit more variance of z adds to the variance, the mean of z kept."""
        return self.second_moment_slope - 2.0 * self.mean * self.mean_slope


def moments(activation: Any, *, mean: float = 0.0, variance: float = 1.0) -> Moments:
    r"""Mean, second moment, variance and second moment of the derivative of $\phi(z)$ for $z \sim N(m, q)$.

    Args:
        activation: whatever names an activation (see `keras_actx.get`), gated ones included, or any elementwise
            callable. A learnable one counts with its start values. For a gated one, value and gate are independent
            and the derivative is the sum over both.
        mean: $m$, a finite number.
        variance: $q$, a number above 0.

    Returns:
        A `Moments`, by quadrature in float64: `mean`, `second_moment`, `variance`, `derivative_second_moment`, and by
        how much the first three change with $q$: `mean_slope`, `second_moment_slope`, `variance_slope`. `jumps` says
        whether the function does; the derivative's moment is then that of the parts between the jumps, or inf if no
        declaration names the points.

    Raises:
        ValueError: for something that is not elementwise, or arguments out of range.

    Example:

    >>> import keras_actx as actx
    >>> round(actx.moments("relu").second_moment, 12)
    0.5
    """
    for name, value, allowed in (("mean", mean, -math.inf), ("variance", variance, 0.0)):
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not number or not math.isfinite(value) or value <= allowed:
            raise ValueError(f"{name}={quote(value)} is not allowed; use a finite number" + " above 0" * (allowed == 0))
    subject = subject_of(activation)
    compute = _moments if isinstance(subject, Hashable) else _moments.__wrapped__
    return compute(subject, float(mean), float(variance))


def gain(activation: Any) -> float:
    r"""The forward gain $1 / \sqrt{E[\phi(z)^2]}$ for $z \sim N(0, 1)$.

    Weights of standard deviation gain / sqrt(fan_in) keep the second moment of the signal from layer to layer.

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
        raise ValueError(f"{quote(activation)} has no forward gain: E[phi(z)^2] is {second}")
    return 1.0 / math.sqrt(second)


def subject_of(activation: Any) -> Any:
    """An `Activation` where there is a declaration (it knows its kinks), else the callable."""
    from keras_actx.layers.declared import DeclaredActivationLayer

    if isinstance(activation, DeclaredActivationLayer):
        return activation.activation
    if isinstance(activation, Activation):
        return activation
    if isinstance(activation, str) and keras_function(activation) is None:
        return identify(activation).activation
    function = keras.activations.get(activation)
    name = getattr(function, "__name__", "")
    if isinstance(name, str) and keras_function(name) is function:
        return Activation(f"keras_actx>{name}", ())  # the same function, with its kinks known
    return function


@lru_cache(maxsize=256)
def _moments(subject: Any, mean: float, variance: float) -> Moments:
    deviation = math.sqrt(variance)
    declaration = subject.declaration if isinstance(subject, Activation) else None
    if declaration is not None and declaration.kind == "vector":
        raise ValueError(f"{subject} mixes a whole axis, so it has no moments of its own")
    if declaration is not None and declaration.kind == "gated":
        kinks = tuple(declaration.kinks_at(dict(subject.params)))
        of_value, of_gate = _factors(subject)
        v, g = (
            _collected(normal_expectations(on_arrays(one, check=False), mean, deviation, at), variance)
            for one, at in ((of_value, ()), (of_gate, kinks))
        )
        return Moments(
            mean=v.mean * g.mean,
            second_moment=v.second_moment * g.second_moment,
            derivative_second_moment=v.derivative_second_moment * g.second_moment
            + v.second_moment * g.derivative_second_moment,
            mean_slope=v.mean_slope * g.mean + v.mean * g.mean_slope,
            second_moment_slope=v.second_moment_slope * g.second_moment + v.second_moment * g.second_moment_slope,
            jumps=v.jumps or g.jumps,
        )
    on_numbers, kinks = elementwise_function(subject)
    return _collected(normal_expectations(on_numbers, mean, deviation, kinks), variance)


def elementwise_function(subject: Any) -> tuple[Callable[[np.ndarray], np.ndarray], tuple[float, ...]]:
    """What `subject_of` gave, as a function of float64 arrays, and its declared kinks.

    The function raises `ValueError` where it finds that it is not elementwise.
    """
    declared = isinstance(subject, Activation)
    kinks = tuple(subject.declaration.kinks_at(dict(subject.params))) if declared else ()
    function = fresh(subject) if isinstance(subject, keras.Layer) else subject
    return on_arrays(function, check=not declared), kinks


def name_of(activation: Any) -> str:
    """What an activation is called in a message."""
    if isinstance(activation, (str, Activation)):
        return str(activation)
    return getattr(activation, "__name__", None) or type(activation).__name__


def _collected(found: Expectations, variance: float) -> Moments:
    # Stein's lemma, applied to the density: d/dq E[f] = E[(z^2 - 1) f] / (2 q), also where f has no second derivative.
    return Moments(
        mean=found.value,
        second_moment=found.square,
        derivative_second_moment=found.slope_square,
        mean_slope=found.bent_value / (2.0 * variance),
        second_moment_slope=found.bent_square / (2.0 * variance),
        jumps=found.jumps,
    )


def _factors(activation: Activation) -> tuple[Callable[[Any], Any], Callable[[Any], Any]]:
    """A gated activation as a function of the value times one of the gate.

    Raises:
        ValueError: if it is not such a product.
    """
    formula, params = activation.declaration.formula, dict(activation.params)
    points = np.array([-2.0, -0.75, 0.5, 1.0, 2.5, 9.0])

    def on_grid(both: Any) -> Any:
        return formula(both[:, 0], both[:, 1], **params)

    with eager_float64():
        table = _run(on_grid, np.stack(np.meshgrid(points, points, indexing="ij"), axis=-1).reshape(-1, 2))
    table = table.reshape(len(points), len(points))
    row, column = np.unravel_index(np.argmax(np.abs(table)), table.shape)
    largest = float(table[row, column])
    if not largest or not np.allclose(table, np.outer(table[:, column], table[row]) / largest, rtol=1e-9, atol=1e-12):
        raise ValueError(f"{activation} is no product of a function of the value and one of the gate: no moments")
    value, gate = float(points[row]), float(points[column])

    def of_value(x: Any) -> Any:
        return formula(x, gate * keras.ops.ones_like(x), **params)

    def of_gate(x: Any) -> Any:
        return formula(value * keras.ops.ones_like(x), x, **params) / largest

    return of_value, of_gate


def fresh(layer: keras.Layer) -> Callable[[Any], Any]:
    """The layer at its start, in float64: every call gets a new copy, so that the user's own is never built here.

    One of ours with a parameter for each channel gets one for all, since there are no channels here.
    """
    from keras_actx.layers.learned_parameters import LayerWithParameters

    changed: dict[str, Any] = {"dtype": "float64"}
    if isinstance(layer, LayerWithParameters):
        changed |= {key: None for key in ("num_parameters", "axes") if key in layer.get_config()}

    def start(x: Any) -> Any:
        return type(layer).from_config({**layer.get_config(), **changed})(x)

    return start


def on_arrays(function: Callable[[Any], Any], check: bool = True) -> Callable[[np.ndarray], np.ndarray]:
    """The function on float64 arrays of any length, checked to be elementwise on the first if so asked."""

    def on_arrays(x: np.ndarray) -> np.ndarray:
        nonlocal check
        # In blocks of one size: JAX compiles anew for every other.
        blocks = np.resize(x, (-(-x.size // _BLOCK), _BLOCK))
        with eager_float64(), np.errstate(all="ignore"):
            if check:
                _require_elementwise(function, blocks[0])
                check = False
            y = [_run(function, block) for block in blocks]
        return np.concatenate(y)[: x.size]

    return on_arrays


_BLOCK = 2048


def _run(function: Callable[[Any], Any], x: np.ndarray) -> np.ndarray:
    result = function(keras.ops.convert_to_tensor(x, dtype="float64"))
    return np.asarray(keras.ops.convert_to_numpy(result), dtype="float64")


def _require_elementwise(function: Callable[[Any], Any], x: np.ndarray) -> None:
    """Raise `ValueError` unless a row's numbers do not depend on what else is in the array."""
    rows, columns = x.reshape(32, -1), x.reshape(-1, 32)
    # Other neighbours in the row and in the column, then fewer in all.
    together, apart, alone = (_run(function, one) for one in (rows, columns, rows[:1]))
    kept = (together.shape, apart.shape, alone.shape) == (rows.shape, columns.shape, rows[:1].shape)
    if kept and all(
        np.allclose(together.ravel()[: one.size], one.ravel(), rtol=1e-5, atol=1e-6, equal_nan=True)
        for one in (apart, alone)
    ):
        return
    name = getattr(function, "__name__", repr(function))
    raise ValueError(f"{quote(name)} is not elementwise, so it has no moments; choose the initializer yourself")
