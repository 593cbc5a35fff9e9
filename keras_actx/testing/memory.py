"""What an activation keeps for its backward pass: counted, not timed or measured."""

from collections.abc import Callable
from typing import Any

from keras_actx import backend
from keras_actx.declaration.activation import Activation
from keras_actx.testing import backend as of_backend
from keras_actx.testing.structure import inputs

SHAPE = (4, 256)
#: For scalars: parameters, and constants that a backend does not take for any.
A_FEW_BYTES = 64


def bytes_kept(function: Callable[..., Any], *tensors: Any) -> int:
    """How many bytes `function(*tensors)` keeps until its backward pass, its own input included, the same every time.

    On torch, the storages that autograd saves, each once. On TensorFlow, what the gradient's part of a graph takes from
    the forward part, each tensor once, constants excepted. On JAX, the residuals of `jax.vjp`, except those that XLA
    gets from the others without keeping them: by a comparison, a sum, a product.

    Example:

    >>> import keras, keras_actx as actx
    >>> from keras_actx.testing import bytes_kept
    >>> bytes_kept(actx.activations.mish, keras.ops.ones((2, 8)))
    64
    """
    return backend.bytes_kept(function, *tensors)


def in_inputs(function: Callable[[Any], Any], activation: Activation, dtype: str = "float32") -> float:
    """The same as a multiple of the input's size, `A_FEW_BYTES` disregarded."""
    x = inputs(activation, SHAPE, dtype)
    size = x.shape[0] * x.shape[1] * (2 if dtype in ("float16", "bfloat16") else 4)
    return max(0, bytes_kept(function, x) - A_FEW_BYTES) / size


def assert_keeps_its_input_alone(
    function: Callable[[Any], Any], activation: Activation, dtype: str = "float32"
) -> None:
    """What is kept is no larger than the input."""
    kept = in_inputs(function, activation, dtype)
    assert kept <= 1.0, f"{activation} keeps {kept:.2f} times its input in {dtype}"


def compiled_bytes(function: Callable[[Any], Any], depth: int = 6, width: int = 1024, batch: int = 4096) -> int:
    """The temporary memory of one compiled gradient of `depth` Dense layers with this activation; nothing is run.

    On JAX alone, whose compiler says it.
    """
    return of_backend.compiled_bytes(function, depth, width, batch)
