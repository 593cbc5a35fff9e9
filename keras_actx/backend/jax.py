"""JAX: constants inside `jit` need `ensure_compile_time_eval`, and float64 needs to be switched on."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import jax
import jax.numpy as jnp

# Moved out of `jax.experimental` in 2025.
_enable_x64 = jax.enable_x64 if hasattr(jax, "enable_x64") else jax.experimental.enable_x64


tanh, sin, cos, arctan = jnp.tanh, jnp.sin, jnp.cos, jnp.arctan


@contextmanager
def eager_float64() -> Iterator[None]:
    """See `keras_actx.backend.eager_float64`."""
    with jax.ensure_compile_time_eval(), _enable_x64(True), jax.default_device(jax.devices("cpu")[0]):
        yield


def there_and_back(function: Callable[..., Any]) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """See `keras_actx.backend.there_and_back`."""

    def back(weights: Any, x: Any, cotangent: Any) -> Any:
        return jax.vjp(lambda one: function(weights, one), x)[1](cotangent)[0]

    return jax.jit(function), jax.jit(back)
