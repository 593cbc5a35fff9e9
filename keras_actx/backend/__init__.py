"""The one place where backends differ; one file a backend, imported only when that backend is in use.

* `eager_float64`: leaving whatever is being traced, to compute a constant in float64.
* `tanh`, `sin`: `keras.ops` compute them in float32 for a float64 tensor on JAX (seen in Keras 3.15).
* `erfc`: `keras.ops` does not have it (3.15), and 1 - erf(x) is no substitute.
"""

import functools
import importlib
from contextlib import AbstractContextManager
from types import ModuleType
from typing import Any

import keras


@functools.cache
def _in_use() -> ModuleType:
    name = keras.backend.backend()
    return importlib.import_module(f"keras_actx.backend.{name if name in ('jax', 'tensorflow', 'torch') else 'others'}")


def eager_float64() -> AbstractContextManager[None]:
    """A context in which `keras.ops` run at once, on the CPU, in float64 and without gradients, even inside a trace."""
    return _in_use().eager_float64()


def tanh(x: Any) -> Any:
    """The hyperbolic tangent in the dtype of `x`."""
    return keras.ops.tanh(x) if isinstance(x, keras.KerasTensor) else _in_use().tanh(x)


def sin(x: Any) -> Any:
    """The sine in the dtype of `x`."""
    return keras.ops.sin(x) if isinstance(x, keras.KerasTensor) else _in_use().sin(x)


def erfc(x: Any) -> Any:
    """The complementary error function, 1 - erf(x), in the dtype of `x`."""
    return 1.0 - keras.ops.erf(x) if isinstance(x, keras.KerasTensor) else _in_use().erfc(x)
