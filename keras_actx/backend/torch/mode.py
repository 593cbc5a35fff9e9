"""How torch runs now: one step after the other, or under something that wants to see the steps."""

from typing import Any

import torch
from torch.fx.experimental import symbolic_shapes

# torch has no public name for it; without one, no function is taken out of torch.func's hands.
_in_functorch = getattr(torch._C, "_are_functorch_transforms_active", lambda: True)

# Older ones compile a function for every number.
_is_constant = getattr(symbolic_shapes, "has_static_value", lambda number: True)


def varies(number: Any) -> bool:
    """See `keras_actx.backend.varies`."""
    return torch.compiler.is_compiling() and isinstance(number, float) and not _is_constant(number)


def as_tensor(number: float, x: torch.Tensor, dtype: str) -> torch.Tensor:
    """See `keras_actx.backend.as_tensor`."""
    return torch.scalar_tensor(number, dtype=getattr(torch, dtype), device=x.device)


def is_plain(*tensors: Any) -> bool:
    """Whether they are numbers in memory and torch runs eagerly, with nothing at work that wants the steps themselves.

    Such are torch.compile, torch.func, forward mode, a tracer, and Keras's tracing of shapes on the `meta` device.
    """
    if torch.compiler.is_compiling() or _in_functorch() or torch.jit.is_tracing():
        return False
    forward = torch.autograd.forward_ad.unpack_dual
    return all(not one.is_meta and forward(one).tangent is None for one in tensors)


def is_functionalized() -> bool:
    """Whether `torch.func.functionalize` is at work, which takes no function with a derivative of its own."""
    functorch = getattr(torch._C, "_functorch", None)
    current = getattr(functorch, "peek_interpreter_stack", lambda: None)()
    return current is not None and current.key() == functorch.TransformType.Functionalize


# Since torch 2.7.
_is_exporting = getattr(torch.compiler, "is_exporting", lambda: False)


def exporting(x: Any) -> bool:
    """See `keras_actx.backend.exporting`. Where torch's compiler reads the code, nothing can be replaced."""
    if torch.compiler.is_dynamo_compiling():
        return False
    return torch.jit.is_tracing() or torch.onnx.is_in_onnx_export() or _is_exporting()
