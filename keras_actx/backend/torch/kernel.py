"""torch: kernels that compute a formula in fewer operations in eager mode."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch.fx.experimental.proxy_tensor import get_proxy_mode

from keras_actx.backend.torch.eager import is_batched, is_plain

Tensor = torch.Tensor
_REAL = (torch.float32, torch.float64)


@dataclass(frozen=True)
class Kernel:
    """A function of x and numbers, and its vector-Jacobian product, from the cotangent, x and the numbers.

    Neither is differentiated. `supports` says whether the kernel supports x and the numbers; otherwise the formula is
    used.
    """

    forward: Callable[..., Tensor]
    vjp: Callable[..., Tensor]
    supports: Callable[..., bool] = lambda x, *numbers: True


def by_kernel(kernel: Kernel, formula: Callable[..., Any], x: Any, numbers: tuple[Any, ...]) -> Any:
    """`formula(x, *numbers)`, computed by the kernel if it supports the arguments."""
    if torch.compiler.is_compiling() or not isinstance(x, Tensor) or x.dtype not in _REAL or not x.numel():
        return formula(x, *numbers)
    if not all(isinstance(one, float) for one in numbers) or not is_plain(x):
        return formula(x, *numbers)
    if not kernel.supports(x, *numbers):
        return formula(x, *numbers)
    if torch.is_grad_enabled() and x.requires_grad:
        return _ByKernel.apply(kernel, formula, x, *numbers)
    return kernel.forward(x, *numbers)


#: Elements in a chunk: the operating system allocates the memory of larger intermediate results page by page.
_SMALL = 2**15


def in_chunks(function: Callable[..., Tensor], tensors: tuple[Tensor, ...], *numbers: float) -> Tensor:
    """`function(*tensors, *numbers)` of tensors of one shape, in chunks on a CPU with few threads.

    There this takes a third of the time. Not while the operations are recorded, to be replayed in chunks.
    """
    x = tensors[-1]
    if is_batched(tensors[0]):  # a cotangent, whose shape no result of an operation in place can have
        return tensors[0] * function(torch.ones_like(x), x, *numbers)
    if x.numel() < 4 * _SMALL or x.device.type != "cpu" or torch.get_num_threads() > 2 or not x.is_contiguous():
        return function(*tensors, *numbers)
    if get_proxy_mode() is not None:
        return function(*tensors, *numbers)
    result = torch.empty_like(x)
    for at, *parts in zip(*(one.reshape(-1).split(_SMALL) for one in (result, *tensors)), strict=True):
        at.copy_(function(*parts, *numbers))
    return result


class _ByKernel(torch.autograd.Function):
    """Saves x; the second derivative is that of the formula."""

    @staticmethod
    def forward(ctx: Any, kernel: Kernel, formula: Callable[..., Tensor], x: Tensor, *numbers: float) -> Tensor:
        ctx.kernel, ctx.formula, ctx.numbers = kernel, formula, numbers
        ctx.save_for_backward(x)
        return kernel.forward(x, *numbers)

    @staticmethod
    def backward(ctx: Any, cotangent: Tensor) -> Any:
        (x,) = ctx.saved_tensors
        if torch.is_grad_enabled():
            x = x.view_as(x)  # a distinct tensor: the same one may also be another input
            found = torch.autograd.grad(ctx.formula(x, *ctx.numbers), x, cotangent, create_graph=True)[0]
        else:
            found = in_chunks(ctx.kernel.vjp, (cotangent, x), *ctx.numbers)
        return (None, None, found, *(None for _ in ctx.numbers))
