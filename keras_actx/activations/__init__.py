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


def _collect() -> dict[str, Activation]:
    """Every activation of the families, by name and by alias."""
    found = {}
    for family in _FAMILIES:
        for value in vars(family).values():
            if isinstance(value, Activation):
                found.update(dict.fromkeys((value.declaration.name, *value.declaration.aliases), value))
    return found


globals().update(_collect())
__all__ = sorted(_collect())  # noqa: PLE0605
