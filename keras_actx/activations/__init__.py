"""All activations, one decorated function each, in modules by family. Add a new one to the module of its family.

`keras_actx.activations.snake` is the value with default parameters; call it, or `bind` other parameters. Type checkers
read `__init__.pyi`, which `docs/make_stubs.py` generates from the declarations.
"""

from keras_actx.activations import (
    bounded,
    gated,
    hard,
    leaky,
    logarithmic,
    normal_weighted,
    pade_units,
    periodic,
    portable,  # noqa: F401  (used by exported graphs)
    rectified,
    sigmoid_weighted,
    softplus_based,
    tanh_weighted,
    vector,
    wavelet,
)
from keras_actx.activations import exponential as _exponential
from keras_actx.declaration.activation import Activation

_FAMILIES = (
    rectified,
    leaky,
    hard,
    _exponential,
    logarithmic,
    sigmoid_weighted,
    normal_weighted,
    tanh_weighted,
    softplus_based,
    bounded,
    periodic,
    wavelet,
    pade_units,
    vector,
    gated,
)


def _collect() -> dict[str, Activation]:
    """All activations of the families, by name and by alias."""
    found = {}
    for family in _FAMILIES:
        for value in vars(family).values():
            if isinstance(value, Activation):
                found.update(dict.fromkeys((value.declaration.name, *value.declaration.aliases), value))
    return found


globals().update(_collect())
__all__ = sorted(_collect())  # noqa: PLE0605
