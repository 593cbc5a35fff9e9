"""The one place where backends differ; one file a backend, imported only when that backend is in use.

* `eager_float64`: leaving whatever is being traced, to compute a constant in float64.
* `there_and_back`: a function compiled, and the gradient's way back through it.
* `tanh`, `sin`, `cos`, `arctan`: `keras.ops` compute them in float32 for a float64 tensor on JAX (seen in Keras 3.15).
"""

import importlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import keras

_name = keras.backend.backend()
# At import, not at the first call: torch.compile cannot trace an import.
_in_use = importlib.import_module(
    f"keras_actx.backend.{_name if _name in ('jax', 'tensorflow', 'torch') else 'others'}"
)


def eager_float64() -> AbstractContextManager[None]:
    """A context in which `keras.ops` run at once, on the CPU, in float64 and without gradients, even inside a trace."""
    return _in_use.eager_float64()


Function = Callable[..., Any]


def there_and_back(function: Function) -> tuple[Function, Function]:
    """A function of weights and x, and the gradient's way back through it: J' c from weights, x and c; both compiled.

    The weights are tensors in a list, so that layers of one shape share what is compiled.
    """
    return _in_use.there_and_back(function)


def tanh(x: Any) -> Any:
    """The hyperbolic tangent in the dtype of `x`."""
    return keras.ops.tanh(x) if isinstance(x, keras.KerasTensor) else _in_use.tanh(x)


def sin(x: Any) -> Any:
    """The sine in the dtype of `x`."""
    return keras.ops.sin(x) if isinstance(x, keras.KerasTensor) else _in_use.sin(x)


def cos(x: Any) -> Any:
    """The cosine in the dtype of `x`."""
    return keras.ops.cos(x) if isinstance(x, keras.KerasTensor) else _in_use.cos(x)


def arctan(x: Any) -> Any:
    """The inverse tangent in the dtype of `x`."""
    return keras.ops.arctan(x) if isinstance(x, keras.KerasTensor) else _in_use.arctan(x)
