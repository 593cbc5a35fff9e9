"""torch: a function that keeps its inputs alone, and is computed again on the way back."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import torch


class KeepingInputs(torch.autograd.Function):
    """A function, what computes it and what its gradients, then its tensors, which alone are kept.

    Where the derivative is to be differentiated again, it is that of the function's steps.
    """

    @staticmethod
    def forward(
        ctx: Any,
        function: Callable[..., Any],
        there: Callable[[Callable[..., Any], tuple[Any, ...]], Any],
        back: Callable[..., Iterator[Any]],
        *tensors: Any,
    ) -> Any:
        ctx.function, ctx.back, ctx.autocast = function, back, _autocast(tensors[0].device.type)
        ctx.save_for_backward(*tensors)
        return there(function, tensors)

    @staticmethod
    def backward(ctx: Any, cotangent: Any) -> Any:
        needed = ctx.needs_input_grad[3:]
        with ctx.autocast():
            if torch.is_grad_enabled():  # this derivative is to be differentiated
                found = _joined_steps(ctx.function, ctx.saved_tensors, needed, cotangent)
            else:
                found = ctx.back(ctx.function, ctx.saved_tensors, needed, cotangent)
        return (None, None, None, *(next(found) if is_needed else None for is_needed in needed))


def _joined_steps(
    function: Callable[..., Any], saved: tuple[Any, ...], needed: tuple[bool, ...], cotangent: Any
) -> Iterator[Any]:
    """The gradients, as functions of what was saved."""
    # A name of its own for each: the same tensor may be two of them.
    tensors = [one.view_as(one) if is_needed else one for one, is_needed in zip(saved, needed, strict=True)]
    wanted = [one for one, is_needed in zip(tensors, needed, strict=True) if is_needed]
    y = function(*tensors)
    if not y.requires_grad:  # it uses none of them
        return iter([None] * len(wanted))
    return iter(torch.autograd.grad(y, wanted, cotangent, create_graph=True, materialize_grads=True))


def _autocast(device: str) -> Callable[[], AbstractContextManager[None]]:
    """What makes the autocast of now, for the backward pass, which runs outside of the user's block."""
    enabled, dtype = torch.is_autocast_enabled(device), torch.get_autocast_dtype(device)
    return lambda: torch.autocast(device, dtype, enabled)
