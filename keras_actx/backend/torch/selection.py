"""torch's `where` on the CPU, by bits: its own branches at every element, which takes six times as long."""

import struct
from typing import Any

import torch

from keras_actx.backend.torch.mode import is_plain

_BITS = {torch.float32: (torch.int32, "<f", "<i"), torch.float64: (torch.int64, "<d", "<q")}

_PLAIN = (torch.Tensor, torch.nn.Parameter)  # other kinds may not have bits

#: Below it, a call's overhead is what counts.
_FEW = 2**13

Operand = torch.Tensor | float


def where(condition: torch.Tensor, x: Operand, y: Operand) -> torch.Tensor:
    """See `keras_actx.backend.where`."""
    if torch.compiler.is_compiling():  # ahead of what it would have to guard
        return torch.where(condition, x, y)
    tensors = [one for one in (x, y) if isinstance(one, torch.Tensor)]
    dtype = tensors[0].dtype
    if (
        condition.numel() < _FEW
        or dtype not in _BITS
        or tensors[-1].dtype != dtype
        or condition.device.type != "cpu"
        or any(type(one) not in _PLAIN for one in tensors)
        or not is_plain(condition, *tensors)
    ):
        return torch.where(condition, x, y)
    condition, x, y = _of_one_shape(condition, x, y)
    if torch.is_grad_enabled() and any(one.requires_grad for one in tensors):
        return _Where.apply(condition, x, y)
    return _selected(condition, x, y)


def _of_one_shape(condition: torch.Tensor, x: Operand, y: Operand) -> tuple[torch.Tensor, Operand, Operand]:
    every = (condition, x, y)
    shape = torch.broadcast_shapes(*(one.shape for one in every if isinstance(one, torch.Tensor)))
    return tuple(one.expand(shape) if isinstance(one, torch.Tensor) and one.shape != shape else one for one in every)


class _Where(torch.autograd.Function):
    """Keeps the condition, one byte an element."""

    @staticmethod
    def forward(ctx: Any, condition: torch.Tensor, x: Operand, y: Operand) -> torch.Tensor:
        ctx.save_for_backward(condition)
        return _selected(condition, x, y)

    @staticmethod
    def backward(ctx: Any, cotangent: torch.Tensor) -> tuple[None, torch.Tensor | None, torch.Tensor | None]:
        (condition,) = ctx.saved_tensors
        _, for_x, for_y = ctx.needs_input_grad
        return (
            None,
            where(condition, cotangent, 0.0) if for_x else None,
            where(condition, 0.0, cotangent) if for_y else None,
        )


def _selected(condition: torch.Tensor, x: Operand, y: Operand) -> torch.Tensor:
    """x where the condition holds, else y, at least one of them a tensor of a dtype in `_BITS`."""
    dtype = (x if isinstance(x, torch.Tensor) else y).dtype
    integer = _BITS[dtype][0]
    mask = condition.to(integer)
    x, y = _bits(x, dtype), _bits(y, dtype)
    if isinstance(x, int) and x == 0:
        return mask.sub_(1).bitwise_and_(y).view(dtype)
    mask.neg_()
    if isinstance(y, int) and y == 0:
        return mask.bitwise_and_(x).view(dtype)
    return mask.bitwise_and_(x ^ y).bitwise_xor_(y).view(dtype)


def _bits(operand: Operand, dtype: torch.dtype) -> torch.Tensor | int:
    integer, real, whole = _BITS[dtype]
    if isinstance(operand, torch.Tensor):
        return operand.detach().view(integer)
    return struct.unpack(whole, struct.pack(real, operand))[0]
