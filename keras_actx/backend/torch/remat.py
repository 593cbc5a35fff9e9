"""torch: a function that saves only its inputs and is recomputed in the backward pass."""

from collections.abc import Callable, Iterator
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
        ctx.function, ctx.compute_vjp, ctx.autocast = function, compute_vjp, autocast_of(tensors[0])
        ctx.save_for_backward(*tensors)
        return compute_forward(function, tensors)

    @staticmethod
    def backward(ctx: Any, cotangent: Any) -> Any:
        return (None, None, None, *gradients(ctx, ctx.function, ctx.compute_vjp, ctx.needs_input_grad[3:], cotangent))


def gradients(
    ctx: Any,
    function: Callable[..., Any],
    compute_vjp: Callable[..., Iterator[Any]],
    needed: tuple[bool, ...],
    cotangent: Any,
) -> list[Any]:
    """Those of the saved tensors of a context, in its state of autocast; None for those that need none."""
    tensors = ctx.saved_tensors
    # The derivative may itself be differentiated.
    compute = joined_steps if torch.is_grad_enabled() else compute_vjp
    if ctx.autocast == autocast_of(tensors[0]):
        found = compute(function, tensors, needed, cotangent)
    else:  # the backward pass runs outside of the user's context
        enabled, dtype = ctx.autocast
        with torch.autocast(tensors[0].device.type, dtype, enabled):
            found = compute(function, tensors, needed, cotangent)
    return [next(found) if is_needed else None for is_needed in needed]


def joined_steps(
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


def autocast_of(x: torch.Tensor) -> tuple[bool, torch.dtype | None]:
    """Whether the operations of the device of `x` are cast now, and to which dtype."""
    device = x.device.type
    return (True, torch.get_autocast_dtype(device)) if torch.is_autocast_enabled(device) else (False, None)
