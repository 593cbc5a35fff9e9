"""JAX: derivatives, `jit` and `vmap`."""

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


def compiled_bytes(function: Callable[[Any], Any], depth: int, width: int, batch: int) -> int:
    """See `keras_actx.testing.backend.compiled_bytes`."""

    def loss(kernels: list[Any], x: Any) -> Any:
        for kernel in kernels:
            x = function(x @ kernel)
        return (x * x).sum()

    kernels = [jax.ShapeDtypeStruct((width, width), jnp.float32)] * depth
    x = jax.ShapeDtypeStruct((batch, width), jnp.float32)
    return jax.jit(jax.grad(loss)).lower(kernels, x).compile().memory_analysis().temp_size_in_bytes
