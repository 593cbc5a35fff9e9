"""Every activation, one decorated function each, in files by family. To add one, write it in its family's file.

`keras_actx.activations.snake` is the value with default parameters: call it, or `bind` others.
"""

from keras_actx.activations import (
    bounded,
    exponential,
    gated,
    periodic,
    rectified,
    sigmoid_weighted,
    softplus_based,
    vector,
)
from keras_actx.declaration.activation import Activation

_FAMILIES = (rectified, exponential, sigmoid_weighted, softplus_based, bounded, periodic, vector, gated)

for _family in _FAMILIES:
    for _name, _value in vars(_family).items():
        if isinstance(_value, Activation):
            globals()[_name] = _value
            for _alias in _value.declaration.aliases:
                globals()[_alias] = _value

__all__ = sorted(name for name, value in globals().items() if isinstance(value, Activation))  # noqa: PLE0605
