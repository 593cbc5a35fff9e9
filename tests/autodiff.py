"""Each backend's own derivative, behind one function."""

import keras

BACKEND = keras.backend.backend()


def gradient(function, x):
    """The gradient of the sum of `function(x)`: for an elementwise function, its derivative at every point.

    Differentiable itself, so that `gradient(lambda x: gradient(f, x), x)` is the second derivative.
    """
    return _gradient(lambda one: keras.ops.sum(function(one)), x)


if BACKEND == "jax":
    import jax

    def _gradient(scalar, x):
        return jax.grad(scalar)(x)

elif BACKEND == "torch":
    import torch

    def _gradient(scalar, x):
        if not x.requires_grad:
            x = x.detach().requires_grad_()
        with torch.enable_grad():
            y = scalar(x)
        # A result without a graph has derivative zero, which JAX and TensorFlow say without being asked.
        if not y.requires_grad:
            return torch.zeros_like(x)
        (result,) = torch.autograd.grad(y, x, create_graph=True, materialize_grads=True)
        return result

else:
    import tensorflow as tf

    def _gradient(scalar, x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = scalar(x)
        return tape.gradient(y, x, unconnected_gradients="zero")
