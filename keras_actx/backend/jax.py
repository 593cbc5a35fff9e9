"""JAX: constants inside `jit` need `ensure_compile_time_eval`, and float64 needs to be switched on."""

from collections.abc import Iterator
from contextlib import contextmanager

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
