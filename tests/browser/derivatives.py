"""An activation of the package with its derivatives, by JAX."""

import jax
import jax.numpy as jnp
import numpy as np


def derivatives(of, x):
    """The values at the float64 numbers x, the first and the second derivatives there, as arrays."""
    x = jnp.asarray(np.asarray(x, dtype="float64"))

    def slope(x):
        return jax.jvp(of, (x,), (jnp.ones_like(x),))[1]

    return [np.asarray(one) for one in (of(x), *jax.jvp(slope, (x,), (jnp.ones_like(x),)))]
