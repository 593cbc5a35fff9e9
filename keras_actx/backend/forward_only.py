"""Keras's numpy and openvino backends, which have no gradients and trace nothing."""

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
    "forward_and_vjp",
    "is_concrete",
    "rematerialize",
    "sin",
    "tanh",
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


def forward_and_vjp(function: Callable[..., Any]) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """See `keras_actx.backend.forward_and_vjp`."""
    raise RuntimeError(f"the {keras.backend.backend()} backend has no gradients; use tensorflow, jax or torch")


def is_concrete(x: Any) -> bool:
    """See `keras_actx.backend.is_concrete`."""
    return True


def rematerialize(function: Callable[..., Any], tensors: tuple[Any, ...]) -> Any:
    """See `keras_actx.backend.rematerialize`. Without gradients, nothing is saved."""
    return function(*tensors)


def bytes_kept(function: Callable[..., Any], *tensors: Any) -> int:
    """See `keras_actx.backend.bytes_kept`."""
    return 0
