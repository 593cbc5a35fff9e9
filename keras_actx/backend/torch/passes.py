"""torch on the CPU: a formula of one tensor by recorded operations, with as few checks in a call as possible."""

from collections.abc import Callable
from typing import Any

import torch

from keras_actx.backend.torch import chunked, eager
from keras_actx.backend.torch.compiled import Compiled, compiled
from keras_actx.backend.torch.remat import joined_steps
from keras_actx.backend.torch.replayed import OFTEN, as_function

Tensor = torch.Tensor
Function = Callable[..., Tensor]


def direct(function: Any, x: Tensor, fused: bool) -> Tensor | None:
    """See `keras_actx.backend.direct`."""
    if eager.is_on_gpu(x):
        return None
    passes = (compiled(function, x) if fused else None) or _recorded(function, x)
    if passes is None:
        return None
    if x.requires_grad and torch.is_grad_enabled():
        passes.prepare_vjp()
        return _apply(passes, x)
    return passes.forward(x)


def _recorded(function: Any, x: Tensor) -> "Recorded | None":
    known = function.own.get("recorded")
    if known is None:
        known = function.own.setdefault("recorded", Recorded(function))
    if known.forward is not None and x.numel() < chunked.smallest_split():
        return known
    known.count()
    return None


class Recorded:
    """Forward and backward pass of a formula of one tensor, None until it is called often."""

    def __init__(self, function: Any) -> None:
        self.function = function
        self.forward: Function | None = None
        self.vjp: Function | None = None
        self._calls = 0 if function.is_own and function.elementwise else OFTEN

    def prepare_vjp(self) -> None:
        """It is there."""

    def count(self) -> None:
        """Record them if it is the time."""
        if self._calls == OFTEN:
            return
        self._calls += 1
        if self._calls == OFTEN:
            function, dtype = self.function, getattr(torch, self.function.dtype)

            def vjp(cotangent: Tensor, x: Tensor) -> Tensor:
                return chunked.gradients(function, (x,), (True,), cotangent)[0]

            self.vjp = as_function(vjp, (dtype, dtype))
            self.forward = self.vjp and as_function(function, (dtype,))


class _Direct(torch.autograd.Function):
    """Saves x; the second derivative is that of the formula."""

    @staticmethod
    def forward(ctx: Any, passes: Compiled | Recorded, x: Tensor) -> Tensor:
        ctx.passes = passes
        ctx.save_for_backward(x)
        return passes.forward(x)

    @staticmethod
    def backward(ctx: Any, cotangent: Tensor) -> Any:
        (x,) = ctx.saved_tensors
        if torch.is_grad_enabled():  # the derivative is itself differentiated
            return None, next(joined_steps(ctx.passes.function, (x,), (True,), cotangent))
        return None, ctx.passes.vjp(cotangent, x)


#: Without what `apply` does within a transform of torch.func, where nothing is ordinary.
_apply: Function = super(torch.autograd.Function, _Direct).apply
