"""The memory that an activation saves for its backward pass: counted, not measured."""

from collections.abc import Callable
from typing import Any

from keras_actx import backend
from keras_actx.declaration.activation import Activation
from keras_actx.testing import backend as of_backend
from keras_actx.testing.structure import inputs

SHAPE = (4, 256)
#: An allowance for scalars: parameters, and constants that a backend does not treat as such.
A_FEW_BYTES = 64


def bytes_kept(function: Callable[..., Any], *tensors: Any) -> int:
    """How many bytes `function(*tensors)` saves for its backward pass, including its input; deterministic.

    On torch, the storages that autograd saves, each once. On TensorFlow, the tensors that the backward part of a graph
    reads from the forward part, each once, except constants. On JAX, the residuals of `jax.vjp`, except those that XLA
    recomputes from the others: by a comparison, a sum, a product.

    Example:

    >>> import keras, keras_actx as actx
    >>> from keras_actx.testing import bytes_kept
    >>> bytes_kept(actx.activations.mish, keras.ops.ones((2, 8)))
    64
    """
    return backend.bytes_kept(function, *tensors)


def in_inputs(function: Callable[[Any], Any], activation: Activation, dtype: str = "float32") -> float:
    """The same as a multiple of the input's size, ignoring `A_FEW_BYTES`."""
    x = inputs(activation, SHAPE, dtype)
    size = x.shape[0] * x.shape[1] * (2 if dtype in ("float16", "bfloat16") else 4)
    return max(0, bytes_kept(function, x) - A_FEW_BYTES) / size


def assert_keeps_its_input_alone(
    function: Callable[[Any], Any], activation: Activation, dtype: str = "float32"
) -> None:
    """Assert that the saved memory is no larger than the input."""
    kept = in_inputs(function, activation, dtype)
    assert kept <= 1.0, f"{activation} saves {kept:.2f} times its input in {dtype}"


def compiled_bytes(function: Callable[[Any], Any], depth: int = 6, width: int = 1024, batch: int = 4096) -> int:
    """The temporary memory of one compiled gradient of `depth` Dense layers with this activation; nothing is run.

    On JAX only, whose compiler reports it.
    """
    return of_backend.compiled_bytes(function, depth, width, batch)
