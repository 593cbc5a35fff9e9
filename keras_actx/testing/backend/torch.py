"""torch: autograd, torch.func and torch.compile."""

from collections.abc import Callable
from functools import cache
from typing import Any

import keras
import torch


def gradient(scalar: Callable[[Any], Any], x: Any) -> Any:
    """See `keras_actx.testing.backend.gradient`."""
    again = x.requires_grad  # this is part of a higher derivative; by itself it is what training takes
    if not again:
        x = x.detach().requires_grad_()
    with torch.enable_grad():
        y = scalar(x)
    # A result without a graph has derivative zero, which JAX and TensorFlow say without being asked.
    if not y.requires_grad:
        return torch.zeros_like(x)
    (result,) = torch.autograd.grad(y, x, create_graph=again, materialize_grads=True)
    return result


def compiled(function: Callable[[Any], Any], thorough: bool) -> dict[str, Callable[[Any], Any]]:
    """See `keras_actx.testing.backend.compiled`. Its usual code generator takes seconds for every function."""
    torch.compiler.reset()  # it compiles a function a few times only, and takes all activations for one
    backend = "inductor" if thorough else "aot_eager"
    if not takes_whole_graphs():
        return {}
    return {f"torch.compile({backend})": torch.compile(function, fullgraph=True, backend=backend)}


@cache
def takes_whole_graphs() -> bool:
    """Whether torch compiles Keras's own functions without a break in the graph; not those of Keras 3.10."""
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
