"""torch: a function that saves only its inputs and is recomputed in the backward pass."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import torch


class Rematerialized(torch.autograd.Function):
    """Arguments: a function, implementations of its forward and backward pass, then its tensors, which alone are saved.

    If the derivative is itself differentiated, it is that of the function's operations.
    """

    @staticmethod
    def forward(
        ctx: Any,
        function: Callable[..., Any],
        compute_forward: Callable[[Callable[..., Any], tuple[Any, ...]], Any],
        compute_vjp: Callable[..., Iterator[Any]],
        *tensors: Any,
    ) -> Any:
        ctx.function, ctx.compute_vjp, ctx.autocast = function, compute_vjp, _autocast(tensors[0].device.type)
        ctx.save_for_backward(*tensors)
        return compute_forward(function, tensors)

    @staticmethod
    def backward(ctx: Any, cotangent: Any) -> Any:
        needed = ctx.needs_input_grad[3:]
        with ctx.autocast():
            if torch.is_grad_enabled():  # the derivative is itself differentiated
                found = _joined_steps(ctx.function, ctx.saved_tensors, needed, cotangent)
            else:
                found = ctx.compute_vjp(ctx.function, ctx.saved_tensors, needed, cotangent)
        return (None, None, None, *(next(found) if is_needed else None for is_needed in needed))


def _joined_steps(
    function: Callable[..., Any], saved: tuple[Any, ...], needed: tuple[bool, ...], cotangent: Any
) -> Iterator[Any]:
    """The gradients, as differentiable functions of the saved tensors."""
    # A distinct tensor for each: the same tensor may appear twice.
    tensors = [one.view_as(one) if is_needed else one for one, is_needed in zip(saved, needed, strict=True)]
    wanted = [one for one, is_needed in zip(tensors, needed, strict=True) if is_needed]
    y = function(*tensors)
    if not y.requires_grad:  # it depends on none of them
        return iter([None] * len(wanted))
    return iter(torch.autograd.grad(y, wanted, cotangent, create_graph=True, materialize_grads=True))


def _autocast(device: str) -> Callable[[], AbstractContextManager[None]]:
    """Restores the current autocast state in the backward pass, which runs outside of the user's context."""
    enabled, dtype = torch.is_autocast_enabled(device), torch.get_autocast_dtype(device)
    return lambda: torch.autocast(device, dtype, enabled)
