"""Initializers matched to an activation: chosen by the schemes in `pairing.py`, drawn in `paired.py`."""

from typing import TYPE_CHECKING

from keras_actx.choices import Distribution as Distribution
from keras_actx.choices import Scheme as Scheme
from keras_actx.initializers import gated_bias as _gated_bias  # noqa: F401  (saved models name its class)
from keras_actx.initializers.paired import Paired as Paired
from keras_actx.lazy_imports import lazy_imports as _lazy_imports

if TYPE_CHECKING:
    from keras_actx.initializers.pairing import Pairing as Pairing
    from keras_actx.initializers.rational_start import rational_fit as rational_fit

__all__ = ["Distribution", "Paired", "Pairing", "Scheme", "rational_fit"]

if not TYPE_CHECKING:  # otherwise a type checker would accept any name in this package
    __getattr__, __dir__ = _lazy_imports(
        globals(),
        {"Pairing": "keras_actx.initializers.pairing", "rational_fit": "keras_actx.initializers.rational_start"},
    )
