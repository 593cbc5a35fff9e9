"""What Keras and the backend in use have under an activation's name, to compare with."""

from collections.abc import Callable
from typing import Any

import keras

from keras_actx._keras_functions import KERAS_NAMES, keras_function
from keras_actx.declaration.activation import Activation
from keras_actx.testing.samples import is_default

BACKEND = keras.backend.backend()

#: Names that mean another function there, or need arguments.
NOT_IN_KERAS = {"threshold", "sparsemax", "glu", "swish"}


def keras_native(activation: Activation) -> Callable[[Any], Any] | None:
    """`keras.activations`' function of that name, if its defaults are these."""
    name = activation.name
    if name in KERAS_NAMES - NOT_IN_KERAS and is_default(activation):
        return keras_function(name)
    return None


def backend_native(activation: Activation) -> Callable[[Any], Any] | None:
    """The backend's own function of that name, with settings that make it the same function."""
    return _NATIVE.get(activation.name) if is_default(activation) else None


if BACKEND == "torch":
    import torch
    from torch.nn import functional as F

    _NATIVE = {
        "relu": F.relu,
        "relu6": F.relu6,
        "leaky_relu": lambda x: F.leaky_relu(x, 0.2),
        "elu": F.elu,
        "selu": F.selu,
        "celu": F.celu,
        "gelu": F.gelu,
        "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"),
        "silu": F.silu,
        "mish": F.mish,
        "softplus": F.softplus,
        "softsign": F.softsign,
        "log_sigmoid": F.logsigmoid,
        "sigmoid": torch.sigmoid,
        "tanh": torch.tanh,
        "tanh_shrink": F.tanhshrink,
        "hard_sigmoid": F.hardsigmoid,
        "hard_silu": F.hardswish,
        "hard_tanh": F.hardtanh,
        "hard_shrink": F.hardshrink,
        "soft_shrink": F.softshrink,
        "erf": torch.erf,
        "arctan": torch.atan,
        "exponential": torch.exp,
        "sinc": lambda x: torch.sinc(x / torch.pi),
    }
elif BACKEND == "jax":
    import jax

    _NATIVE = {
        "relu": jax.nn.relu,
        "relu6": jax.nn.relu6,
        "leaky_relu": lambda x: jax.nn.leaky_relu(x, 0.2),
        "elu": jax.nn.elu,
        "selu": jax.nn.selu,
        "celu": jax.nn.celu,
        "gelu": lambda x: jax.nn.gelu(x, approximate=False),
        "gelu_tanh": lambda x: jax.nn.gelu(x, approximate=True),
        "silu": jax.nn.silu,
        "mish": jax.nn.mish,
        "softplus": jax.nn.softplus,
        "softsign": jax.nn.soft_sign,
        "log_sigmoid": jax.nn.log_sigmoid,
        "sigmoid": jax.nn.sigmoid,
        "tanh": jax.numpy.tanh,
        "hard_sigmoid": jax.nn.hard_sigmoid,
        "hard_silu": jax.nn.hard_silu,
        "hard_tanh": jax.nn.hard_tanh,
        "squareplus": jax.nn.squareplus,
        "sparse_plus": jax.nn.sparse_plus,
        "sparse_sigmoid": jax.nn.sparse_sigmoid,
        "erf": jax.scipy.special.erf,
        "arctan": jax.numpy.arctan,
        "exponential": jax.numpy.exp,
        "sinc": lambda x: jax.numpy.sinc(x / jax.numpy.pi),
    }
else:
    import tensorflow as tf

    _NATIVE = {
        "relu": tf.nn.relu,
        "relu6": tf.nn.relu6,
        "leaky_relu": tf.nn.leaky_relu,
        "elu": tf.nn.elu,
        "selu": tf.nn.selu,
        "gelu": tf.nn.gelu,
        "gelu_tanh": lambda x: tf.nn.gelu(x, approximate=True),
        "silu": tf.nn.silu,
        "softplus": tf.math.softplus,
        "softsign": tf.nn.softsign,
        "log_sigmoid": tf.math.log_sigmoid,
        "sigmoid": tf.math.sigmoid,
        "tanh": tf.math.tanh,
        "erf": tf.math.erf,
        "arctan": tf.math.atan,
        "exponential": tf.math.exp,
    }
