"""Keras's numpy and openvino backends: nothing is traced."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import keras

__all__ = [
    "KERNELS",
    "arctan",
    "bytes_kept",
    "cos",
    "eager_float64",
    "keeping_inputs",
    "sin",
    "tanh",
    "there_and_back",
    "with_derivative",
]

KERNELS: dict[str, Any] = {}

tanh, sin, cos, arctan = keras.ops.tanh, keras.ops.sin, keras.ops.cos, keras.ops.arctan


def with_derivative(function: Callable[..., Any], derivative: Callable[..., Any]) -> Callable[..., Any]:
    """See `keras_actx.backend.with_derivative`."""
    return function


def eager_float64() -> AbstractContextManager[None]:
    """See `keras_actx.backend.eager_float64`."""
    return nullcontext()


def there_and_back(function: Callable[..., Any]) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """See `keras_actx.backend.there_and_back`."""
    raise RuntimeError(f"the {keras.backend.backend()} backend has no gradients; use tensorflow, jax or torch")


def keeping_inputs(function: Callable[..., Any], tensors: tuple[Any, ...]) -> Any:
    """See `keras_actx.backend.keeping_inputs`. Without gradients, nothing is kept."""
    return function(*tensors)


def bytes_kept(function: Callable[..., Any], *tensors: Any) -> int:
    """See `keras_actx.backend.bytes_kept`."""
    return 0
