"""torch: a function whose derivative is given."""

from collections.abc import Callable
from typing import Any

import torch

from keras_actx.backend.torch.kernel import in_small_parts
from keras_actx.backend.torch.mode import is_functionalized, is_plain
from keras_actx.backend.torch.native import DERIVATIVES

Function = Callable[..., Any]


def with_derivative(function: Function, derivative: Function) -> Function:
    """See `keras_actx.backend.with_derivative`."""
    in_place = DERIVATIVES.get(function.__name__)

    class Eager(torch.autograd.Function):
        """For steps that run one by one, and for torch.compile, which follows no rules for forward mode or `vmap`."""

        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return function(x)

        @staticmethod
        def backward(ctx: Any, cotangent: Any) -> Any:
            (x,) = ctx.saved_tensors
            if in_place is None or torch.is_grad_enabled() or torch.compiler.is_compiling():
                return cotangent * derivative(x)
            return in_small_parts(in_place, cotangent, x)

    class Transformed(torch.autograd.Function):
        """The same for torch.func and forward mode; torch takes a tenth of a millisecond more to call it."""

        @staticmethod
        def forward(x: Any) -> Any:
            return function(x)

        @staticmethod
        def setup_context(ctx: Any, inputs: tuple[Any], output: Any) -> None:
            ctx.save_for_backward(*inputs)
            ctx.save_for_forward(*inputs)

        @staticmethod
        def backward(ctx: Any, cotangent: Any) -> Any:
            (x,) = ctx.saved_tensors
            return cotangent * derivative(x)

        @staticmethod
        def jvp(ctx: Any, tangent: Any) -> Any:
            (x,) = ctx.saved_tensors
            return tangent * derivative(x)

        @staticmethod
        def vmap(info: Any, axes: tuple[int | None], x: Any) -> tuple[Any, int | None]:
            return Transformed.apply(x), axes[0]

    def call(x: Any) -> Any:
        if torch.compiler.is_compiling():
            return Eager.apply(x)
        if not is_plain(x):
            return function(x) if is_functionalized() else Transformed.apply(x)
        return Eager.apply(x) if torch.is_grad_enabled() and x.requires_grad else function(x)

    return call
