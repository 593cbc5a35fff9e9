"""What checking needs of a backend: its derivatives, its compilers and its transformations; one file a backend."""

import importlib
from collections.abc import Callable
from typing import Any

import keras

BACKEND = keras.backend.backend()
if BACKEND not in ("tensorflow", "jax", "torch"):
    raise ImportError(f"keras_actx.testing needs a backend with derivatives: tensorflow, jax or torch, not {BACKEND}")
_in_use = importlib.import_module(f"keras_actx.testing.backend.{BACKEND}")


def gradient(function: Callable[[Any], Any], x: Any) -> Any:
    """The gradient of the sum of `function(x)`: for an elementwise function, its derivative at every point.

    Differentiable itself, so that `gradient(lambda x: gradient(f, x), x)` is the second derivative.
    """
    return _in_use.gradient(lambda one: keras.ops.sum(function(one)), x)


def compiled(function: Callable[[Any], Any], thorough: bool = False) -> dict[str, Callable[[Any], Any]]:
    """The function compiled in every way the backend has, by name; with its slow compilers too if `thorough`."""
    return _in_use.compiled(function, thorough)


def transformed(function: Callable[[Any], Any]) -> dict[str, Callable[[Any], Any]]:
    """The function, which must not mix rows, through the backend's maps over rows: each equals the function itself."""
    return _in_use.transformed(function)


def forward_derivative(function: Callable[[Any], Any], x: Any) -> Any:
    """The derivative of an elementwise function by forward mode."""
    return _in_use.forward_derivative(function, x)


def compiled_bytes(function: Callable[[Any], Any], depth: int, width: int, batch: int) -> int:
    """The temporary memory of a compiled gradient of Dense layers with this activation. On JAX alone."""
    if BACKEND != "jax":
        raise RuntimeError(f"the compiler of {BACKEND} does not say how much memory it plans; JAX's does")
    return _in_use.compiled_bytes(function, depth, width, batch)
