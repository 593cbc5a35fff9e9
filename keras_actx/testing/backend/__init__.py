"""Backend-specific code of the checks: derivatives, compilers and transformations; one module per backend."""

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
    """The function compiled by every compiler of the backend, by name; including slow ones if `thorough`."""
    return _in_use.compiled(function, thorough)


def transformed(function: Callable[[Any], Any]) -> dict[str, Callable[[Any], Any]]:
    """The function, which must not mix rows, under the backend's vectorizing maps: each equals the function."""
    return _in_use.transformed(function)


def forward_derivative(function: Callable[[Any], Any], x: Any) -> Any:
    """The derivative of an elementwise function in forward mode."""
    return _in_use.forward_derivative(function, x)


def compiled_bytes(function: Callable[[Any], Any], depth: int, width: int, batch: int) -> int:
    """The temporary memory of a compiled gradient of Dense layers with this activation. On JAX only."""
    if BACKEND != "jax":
        raise RuntimeError(f"the compiler of {BACKEND} does not report its planned memory; JAX's does")
    return _in_use.compiled_bytes(function, depth, width, batch)
