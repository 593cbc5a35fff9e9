"""The one place where backends differ; one file a backend, imported only when that backend is in use.

* `eager_float64`: leaving whatever is being traced, to compute a constant in float64.
* `there_and_back`: a function compiled, and the gradient's way back through it.
* `keeping_inputs`: a function that keeps its inputs alone for its backward pass; `bytes_kept`: how much one keeps.
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


def keeping_inputs(function: Function, tensors: tuple[Any, ...]) -> Any:
    """`function(*tensors)`, which keeps the tensors alone for the backward pass, and computes the rest again there.

    Derivatives of every order and mode are the function's own. A function that keeps no more by itself is called as it
    is, and so is any other where nothing is kept (without a gradient) or the backend sees to it better (torch.compile).

    Args:
        function: of tensors alone, and hashable: what is found out about it once is used for all equal ones.
        tensors: on which to call it.
    """
    return _in_use.keeping_inputs(function, tensors)


def bytes_kept(function: Function, *tensors: Any) -> int:
    """How many bytes of tensors `function(*tensors)` keeps for its backward pass, each counted once.

    Counted, not measured, so always the same. On torch, the storages that autograd saves; on TensorFlow, the tensors of
    a graph's way there that its way back takes; on JAX, the residuals of `jax.vjp`, except those that a compiler gets
    from the others by a comparison, a sum or the like.
    """
    return _in_use.bytes_kept(function, *tensors)


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
