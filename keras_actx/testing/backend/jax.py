"""JAX: everything is a transformation."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp


def gradient(scalar: Callable[[Any], Any], x: Any) -> Any:
    """See `keras_actx.testing.backend.gradient`."""
    return jax.grad(scalar)(x)


def compiled(function: Callable[[Any], Any], thorough: bool) -> dict[str, Callable[[Any], Any]]:
    """See `keras_actx.testing.backend.compiled`."""
    return {"jax.jit": jax.jit(function)}


def transformed(function: Callable[[Any], Any]) -> dict[str, Callable[[Any], Any]]:
    """See `keras_actx.testing.backend.transformed`."""
    return {"jax.vmap": jax.vmap(function), "jax.jit of jax.vmap": jax.jit(jax.vmap(function))}


def forward_derivative(function: Callable[[Any], Any], x: Any) -> Any:
    """See `keras_actx.testing.backend.forward_derivative`."""
    return jax.jvp(function, (x,), (jnp.ones_like(x),))[1]
