"""torch: no autograd, and the CPU instead of the `meta` device on which Keras traces shapes."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any
from weakref import WeakSet

import keras
import torch

from keras_actx.backend.sample import asked_once

tanh, sin, cos, arctan = keras.ops.tanh, keras.ops.sin, keras.ops.cos, keras.ops.arctan


@contextmanager
def eager_float64() -> Iterator[None]:
    """See `keras_actx.backend.eager_float64`."""
    with torch.no_grad(), keras.device("cpu"), torch.device("cpu"):
        yield


def there_and_back(function: Callable[..., Any]) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """See `keras_actx.backend.there_and_back`."""

    def there(weights: Any, x: Any) -> Any:
        with torch.no_grad():
            return function(weights, x)

    def back(weights: Any, x: Any, cotangent: Any) -> Any:
        x = x.detach().requires_grad_()
        with torch.enable_grad():
            y = function([one.detach() for one in weights], x)
        if not y.requires_grad:  # nothing of x reached it, as with a step function
            return torch.zeros_like(x)
        (result,) = torch.autograd.grad(y, x, cotangent, materialize_grads=True)
        return result

    return there, back


def keeping_inputs(function: Callable[..., Any], tensors: tuple[Any, ...]) -> Any:
    """See `keras_actx.backend.keeping_inputs`."""
    if torch.compiler.is_compiling():  # which fuses the plain formula, and breaks the graph at a Function
        return function(*tensors)
    needed = torch.is_grad_enabled() and any(one.requires_grad for one in tensors)
    if not needed or _is_transformed(tensors) or _is_frugal(function, tuple(one.dtype for one in tensors)):
        return function(*tensors)
    return _KeepingInputs.apply(function, *tensors)


def _is_transformed(tensors: tuple[Any, ...]) -> bool:
    """Whether torch.func, forward mode, a tracer or Keras's tracing of shapes is at work, which want the steps."""
    forward = torch.autograd.forward_ad.unpack_dual
    return (
        _in_functorch()
        or torch.jit.is_tracing()
        or any(one.is_meta or forward(one).tangent is not None for one in tensors)
    )


# torch has no public name for it; without one, no function is taken out of torch.func's hands.
_in_functorch = getattr(torch._C, "_are_functorch_transforms_active", lambda: True)


class _KeepingInputs(torch.autograd.Function):
    """A function, then its tensors, which alone are kept; the backward pass computes the function again."""

    @staticmethod
    def forward(ctx: Any, function: Callable[..., Any], *tensors: Any) -> Any:
        ctx.function, ctx.autocast = function, _autocast(tensors[0].device.type)
        ctx.save_for_backward(*tensors)
        return function(*tensors)

    @staticmethod
    def backward(ctx: Any, cotangent: Any) -> Any:
        again = torch.is_grad_enabled()  # this derivative is to be differentiated, so it stays joined to the inputs
        needed = ctx.needs_input_grad[1:]
        with torch.enable_grad(), ctx.autocast():
            # A name of its own for each: the same tensor may be two of them.
            tensors = [
                one if not is_needed else one.view_as(one) if again else one.detach().requires_grad_()
                for one, is_needed in zip(ctx.saved_tensors, needed, strict=True)
            ]
            wanted = [one for one, is_needed in zip(tensors, needed, strict=True) if is_needed]
            y = ctx.function(*tensors)
            if not y.requires_grad:  # it uses none of them
                return (None, *(None for _ in needed))
            found = iter(torch.autograd.grad(y, wanted, cotangent, create_graph=again, materialize_grads=True))
        return (None, *(next(found) if is_needed else None for is_needed in needed))


def _autocast(device: str) -> Callable[[], AbstractContextManager[None]]:
    """What makes the autocast of now, for the backward pass, which runs outside of the user's block."""
    enabled, dtype = torch.is_autocast_enabled(device), torch.get_autocast_dtype(device)
    return lambda: torch.autocast(device, dtype, enabled)


@asked_once
def _is_frugal(function: Callable[..., Any], sample: list[Any]) -> bool:
    """Whether it keeps no more than its input by itself, or has a gradient for what is not among its inputs."""
    with keras.device("cpu"), torch.device("cpu"), torch.autocast("cpu", enabled=False), torch.enable_grad():
        tensors = [torch.ones(shape, dtype=dtype) for shape, dtype in sample]
        if function(*tensors).requires_grad:
            return True
        return bytes_kept(function, *tensors) <= sum(one.nbytes for one in tensors)


def bytes_kept(function: Callable[..., Any], *tensors: Any) -> int:
    """See `keras_actx.backend.bytes_kept`."""
    kept: WeakSet[_Saved] = WeakSet()

    def keep(tensor: Any) -> "_Saved":
        saved = _Saved(tensor.detach())  # or a step that saves its own result would keep itself alive
        kept.add(saved)
        return saved

    tensors = [one.detach().requires_grad_(one.is_floating_point()) for one in tensors]
    with torch.enable_grad(), torch.autograd.graph.saved_tensors_hooks(keep, lambda saved: saved.tensor):
        y = function(*tensors)  # what it does not depend on is gone by now, and what it does lives as long as it
    storages = [one.tensor.untyped_storage() for one in kept] if y.requires_grad else []
    return sum({one.data_ptr(): one.nbytes() for one in storages}.values())


class _Saved:
    """A tensor that autograd saves, for as long as it does."""

    def __init__(self, tensor: Any) -> None:
        self.tensor = tensor
