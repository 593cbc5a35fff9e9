"""torch: a formula computed in fewer steps than it has, when torch runs eagerly."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from keras_actx.backend.torch.mode import is_plain

Tensor = torch.Tensor
_REAL = (torch.float32, torch.float64)


@dataclass(frozen=True)
class Kernel:
    """A function of x and numbers, and its gradient's way back, from the cotangent, x and the numbers.

    Neither is differentiated. `takes` says whether x and the numbers are such that the kernel's results are right; if
    they are not, the formula is used.
    """

    there: Callable[..., Tensor]
    back: Callable[..., Tensor]
    takes: Callable[..., bool] = lambda x, *numbers: True


def by_kernel(kernel: Kernel, formula: Callable[..., Any], x: Any, numbers: tuple[Any, ...]) -> Any:
    """`formula(x, *numbers)`, by the kernel if it can."""
    if torch.compiler.is_compiling() or not isinstance(x, Tensor) or x.dtype not in _REAL or not x.numel():
        return formula(x, *numbers)
    if not all(isinstance(one, float) for one in numbers) or not is_plain(x):
        return formula(x, *numbers)
    if not kernel.takes(x, *numbers):
        return formula(x, *numbers)
    if torch.is_grad_enabled() and x.requires_grad:
        return _ByKernel.apply(kernel, formula, x, *numbers)
    return kernel.there(x, *numbers)


#: Of elements: a larger result in between is memory that the operating system hands out page by page.
_SMALL = 2**15


def in_small_parts(back: Callable[..., Tensor], cotangent: Tensor, x: Tensor, *numbers: float) -> Tensor:
    """`back(cotangent, x, *numbers)`, on a CPU of few threads part by part: its steps then take a third of the time."""
    if x.numel() < 4 * _SMALL or x.device.type != "cpu" or torch.get_num_threads() > 2 or not x.is_contiguous():
        return back(cotangent, x, *numbers)
    result = torch.empty_like(x)
    parts = (one.reshape(-1).split(_SMALL) for one in (result, cotangent, x))
    for at, change, part in zip(*parts, strict=True):
        at.copy_(back(change, part, *numbers))
    return result


class _ByKernel(torch.autograd.Function):
    """Keeps x; a derivative that is to be differentiated again is the formula's."""

    @staticmethod
    def forward(ctx: Any, kernel: Kernel, formula: Callable[..., Tensor], x: Tensor, *numbers: float) -> Tensor:
        ctx.kernel, ctx.formula, ctx.numbers = kernel, formula, numbers
        ctx.save_for_backward(x)
        return kernel.there(x, *numbers)

    @staticmethod
    def backward(ctx: Any, cotangent: Tensor) -> Any:
        (x,) = ctx.saved_tensors
        if torch.is_grad_enabled():
            x = x.view_as(x)  # a name of its own: the same tensor may come in another way too
            found = torch.autograd.grad(ctx.formula(x, *ctx.numbers), x, cotangent, create_graph=True)[0]
        else:
            found = in_small_parts(ctx.kernel.back, cotangent, x, *ctx.numbers)
        return (None, None, found, *(None for _ in ctx.numbers))
