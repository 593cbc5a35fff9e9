"""The parameters of an activation to test: defaults, values inside their ranges and at the bounds; and its kinks."""

import math

from keras_actx.declaration.activation import Activation
from keras_actx.declaration.parameters import Parameter

#: A gated activation is tested as a function of its gate, at this value.
GATED_VALUE = 1.5

_INSIDE = (-0.75, 0.0, 0.125, 3.0)  # few bits each, so that no dtype rounds them
_FEW = 5


def with_sample_parameters(activation: Activation) -> list[Activation]:
    """The activation, then with each parameter in turn at its sample values."""
    parameters = activation.declaration.parameters
    inside = _INSIDE if len(parameters) <= _FEW else _INSIDE[2:3]  # the coefficients of a polynomial behave alike
    changed = (activation.bind(**{one.name: value}) for one in parameters for value in _samples(one, inside))
    return list(dict.fromkeys([activation, *changed]))


def _samples(parameter: Parameter, inside: tuple[float, ...]) -> list:
    if parameter.kind is bool:
        return [False, True]
    if parameter.kind is int:
        return [parameter.default]
    candidates = (*inside, parameter.range.low, parameter.range.high)
    return sorted({one for one in candidates if one in parameter.range and math.isfinite(one)})


def is_default(activation: Activation) -> bool:
    """Whether every parameter has its default."""
    return activation == Activation(activation.name, ())


def kinks(activation: Activation) -> dict[float, float]:
    """Points where a derivative is discontinuous, with the declared derivative (if gated, at `GATED_VALUE`)."""
    promised = activation.declaration.kinks_at(dict(activation.params))
    factor = GATED_VALUE if activation.declaration.kind == "gated" else 1.0
    return {point: factor * slope for point, slope in promised.items()}
