"""Start weights that fit an activation: decided by the schemes of `pairing.py`, drawn in `paired.py`."""

from typing import TYPE_CHECKING

from keras_actx.initializers import gated_bias as _gated_bias  # noqa: F401  (saved models name its class)
from keras_actx.initializers.paired import Paired as Paired

if TYPE_CHECKING:
    from keras_actx.initializers.pairing import Pairing as Pairing
    from keras_actx.initializers.rational_start import rational_fit as rational_fit

#: Imported at their first use.
_LATER = {"Pairing": "pairing", "rational_fit": "rational_start"}


def __getattr__(name: str) -> object:
    if name in _LATER:
        import importlib

        return getattr(importlib.import_module(f"keras_actx.initializers.{_LATER[name]}"), name)
    raise AttributeError(f"module 'keras_actx.initializers' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_LATER})
