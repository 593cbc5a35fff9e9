"""torch: the product of an activation's result with a kernel, which does not save that result."""

from collections.abc import Iterator
from typing import Any

import keras
import torch


def forward(function: Any, tensors: tuple[Any, ...]) -> Any:
    """`function(*tensors)`, for a `Projection`."""
    z, kernel, *parameters = tensors
    return keras.ops.matmul(_applied(function, z, *parameters).detach(), kernel)


def without_gradient(function: Any, tensors: tuple[Any, ...]) -> Any:
    """`function(*tensors)`, where no gradient is computed."""
    return function(*tensors)


def vjp(function: Any, tensors: tuple[Any, ...], needed: tuple[bool, ...], cotangent: Any) -> Iterator[Any]:
    """The gradients of `function(*tensors)` for the `needed` tensors, None where it does not depend on them."""
    z, kernel, *parameters = tensors
    of_inner = [needed[0], *needed[2:]]
    given = [one.detach().requires_grad_(is_needed) for one, is_needed in zip((z, *parameters), of_inner, strict=True)]
    y = _applied(function, *given)
    found: list[Any] = []
    if needed[1]:
        rows = (one.reshape(-1, one.shape[-1]) for one in (y.detach(), cotangent))
        found = [keras.ops.matmul(next(rows).T, next(rows))]
    wanted = [one for one in given if one.requires_grad]
    gradients = [None] * len(wanted)
    if wanted and y.requires_grad:
        change = keras.ops.matmul(cotangent, kernel.T)
        gradients = list(torch.autograd.grad(y, wanted, change, materialize_grads=True))
    return iter(gradients[: needed[0]] + found + gradients[needed[0] :])


def _applied(function: Any, z: Any, *parameters: Any) -> Any:
    """The activation, as it is computed in training: there are other kernels for that."""
    with torch.enable_grad():
        return function.multiplied(z, *parameters, as_set=True)
