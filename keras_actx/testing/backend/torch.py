"""torch: autograd, torch.func and torch.compile."""

from collections.abc import Callable
from functools import cache
from typing import Any

import keras
import torch


def gradient(scalar: Callable[[Any], Any], x: Any) -> Any:
    """See `keras_actx.testing.backend.gradient`."""
    again = x.requires_grad  # this is part of a higher derivative; otherwise it is computed as in training
    if not again:
        x = x.detach().requires_grad_()
    with torch.enable_grad():
        y = scalar(x)
    # A result without a graph has derivative zero, which JAX and TensorFlow return by default.
    if not y.requires_grad:
        return torch.zeros_like(x)
    (result,) = torch.autograd.grad(y, x, create_graph=again, materialize_grads=True)
    return result


def compiled(function: Callable[[Any], Any], thorough: bool) -> dict[str, Callable[[Any], Any]]:
    """See `keras_actx.testing.backend.compiled`. Its default code generator takes seconds per function."""
    torch.compiler.reset()  # the number of compilations of a code object is limited, and all activations share one
    backend = "inductor" if thorough else "aot_eager"
    if not takes_whole_graphs():
        return {}
    return {f"torch.compile({backend})": torch.compile(function, fullgraph=True, backend=backend)}


@cache
def takes_whole_graphs() -> bool:
    """Whether torch compiles Keras's own functions without a graph break; false for Keras 3.10."""
    try:
        torch.compile(keras.ops.relu, fullgraph=True, backend="eager")(torch.ones(2))
    except torch._dynamo.exc.Unsupported:
        return False
    return True


def transformed(function: Callable[[Any], Any]) -> dict[str, Callable[[Any], Any]]:
    """See `keras_actx.testing.backend.transformed`."""
    return {
        "torch.func.vmap": torch.func.vmap(function),
        "torch.func.functionalize": torch.func.functionalize(function),
    }


def forward_derivative(function: Callable[[Any], Any], x: Any) -> Any:
    """See `keras_actx.testing.backend.forward_derivative`."""
    return torch.func.jvp(function, (x,), (torch.ones_like(x),))[1]
