"""The independent oracle: reference values of an activation, to more digits than any dtype."""

import functools
import itertools
import math
from typing import Any

import numpy as np

from keras_actx.declaration.activation import Activation
from keras_actx.testing.cache import cached, digest, fingerprint
from keras_actx.testing.errors import spacing
from keras_actx.testing.precision import Formula, settled
from keras_actx.testing.samples import GATED_VALUE, is_default


def reference(activation: Activation) -> Formula:
    """The declaration's reference formula as a function of the engine and the input (for a gated one: the gate).

    Raises:
        ValueError: if the declaration has none.
    """
    declaration, params = activation.declaration, dict(activation.params)
    if declaration.exact is None:
        raise ValueError(
            f"{activation} has no reference formula; declare one: "
            "@keras_actx.register_activation(exact=lambda mp, x: ...)"
        )
    exact = declaration.exact
    if declaration.kind == "gated":
        return lambda mp, gate: exact(mp, mp.mpf(GATED_VALUE), gate, **params)
    return lambda mp, x: exact(mp, x, **params)


def values(activation: Activation, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The true values, each as an unevaluated sum of two doubles; +-inf beyond double's range."""
    return _at("values", activation, x, reference(activation), bits=80)


def derivatives(activation: Activation, x: np.ndarray, order: int = 1) -> np.ndarray:
    """The true derivatives, by central differences with a step below the spacing of points and any period."""
    return _at(f"derivative {order}", activation, x, _difference(reference(activation), order), bits=60)[0]


def parameter_derivatives(activation: Activation, parameter: str, x: np.ndarray) -> np.ndarray:
    """The true derivatives with respect to a parameter."""
    declaration, params = activation.declaration, dict(activation.params)
    point = params.pop(parameter)

    def at(one: float) -> float:
        def along(mp, value):
            return declaration.exact(mp, mp.mpf(one), **params, **{parameter: value})  # pyright: ignore[reportOptionalCall]  (callers need `exact`)

        return settled(_difference(along, 1), [point], bits=60)[0][0]

    return np.array([at(one) for one in x.tolist()])


def sensitivities(activation: Activation, x: np.ndarray, order: int = 0) -> np.ndarray:
    """The sum of |p df/dp| over all parameters p, unless all have their defaults; of f' for `order` 1."""
    total = np.zeros(np.shape(x))
    if not is_default(activation):
        for name, value in activation.params:
            if isinstance(value, float) and value != 0.0:
                formula = _scaled(activation, name, order)
                total += np.abs(_at(f"sensitivity {name} {order}", activation, x, formula, bits=24)[0])
    return total


def _scaled(activation: Activation, parameter: str, order: int) -> Formula:
    """p df/dp, of f or its derivative, as a function of x."""
    declaration, params = activation.declaration, dict(activation.params)
    value = params.pop(parameter)
    exact: Any = declaration.exact

    def along_x(mp, scale):
        changed = mp.mpf(value) * scale
        if declaration.kind == "gated":
            return lambda mp, gate: exact(mp, mp.mpf(GATED_VALUE), gate, **params, **{parameter: changed})
        return lambda mp, x: exact(mp, x, **params, **{parameter: changed})

    def quotient(mp, x):
        h = mp.mpf(2) ** -100
        above, below = along_x(mp, 1 + h), along_x(mp, 1 - h)
        if order:
            above, below = _difference(above, 1), _difference(below, 1)
        return (above(mp, x) - below(mp, x)) / (2 * h)

    return quotient


#: Points where an activation equals its limits, if it has any.
FAR_OUT = tuple(1.3 * 2.0**exponent for exponent in range(950, 1_020, 7))


@functools.cache
def limit(activation: Activation, sign: int) -> float:
    """The limit at +-infinity; NaN if there is none."""
    formula = reference(activation)

    try:
        found = [one[0] for one in settled(formula, [sign * one for one in FAR_OUT])]
    except ArithmeticError:
        return math.nan
    far = found[-1]
    if all(abs(one) > 1e250 and math.copysign(1.0, one) == math.copysign(1.0, far) for one in found):
        return math.copysign(math.inf, far)
    if not all(abs(one - far) <= 1e-250 for one in found):
        return math.nan
    return far if abs(far) > 1e-250 else 0.0


def _difference(formula: Formula, order: int) -> Formula:
    def quotient(mp, x):
        h = mp.mpf(2) ** -100 * min(abs(x), mp.mpf(1)) if x != 0 else mp.mpf(2) ** -1_400
        if order == 1:
            return (formula(mp, x + h) - formula(mp, x - h)) / (2 * h)
        return (formula(mp, x + h) - 2 * formula(mp, x) + formula(mp, x - h)) / h**2

    return quotient


_remembered: dict[tuple, tuple[np.ndarray, ...]] = {}


def _at(what: str, activation: Activation, x: np.ndarray, formula: Formula, bits: int) -> tuple[np.ndarray, np.ndarray]:
    points, back = np.unique(x, return_inverse=True)
    kind = activation.declaration.kind
    key = (what, fingerprint(activation.declaration.exact), kind, activation.params, digest(points))  # pyright: ignore[reportArgumentType]  (callers need `exact`)
    if key not in _remembered:
        while len(_remembered) > 16:  # the arrays of a long run
            _remembered.pop(next(iter(_remembered)))
        _remembered[key] = cached(key, lambda: _columns(settled(formula, points.tolist(), bits)))
    high, rest = _remembered[key]
    return high[back], (rest * _unit(high))[back]


def _columns(pairs: list[tuple[float, float]]) -> tuple[np.ndarray, np.ndarray]:
    """The first doubles, and the second ones in units of the first's last place, for which 24 bits suffice."""
    flat = np.fromiter(itertools.chain.from_iterable(pairs), dtype="float64", count=2 * len(pairs))
    high = flat[0::2].copy()
    return high, (flat[1::2] / _unit(high)).astype("float32")


def _unit(high: np.ndarray) -> np.ndarray:
    return spacing(np.where(np.isfinite(high), high, 1.0), "float64")
