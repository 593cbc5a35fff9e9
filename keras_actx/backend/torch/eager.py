"""The current execution mode of torch: eager, or under a transform, tracer or compiler that records the operations."""

from typing import Any

import torch
from torch.fx.experimental import symbolic_shapes
from torch.utils import _python_dispatch

# Not public in torch; without it, torch.func is assumed to be active.
_in_functorch = getattr(torch._C, "_are_functorch_transforms_active", lambda: True)

# Older versions compile a function for every number.
_is_constant = getattr(symbolic_shapes, "has_static_value", lambda number: True)


def varies(number: Any) -> bool:
    """See `keras_actx.backend.varies`."""
    return torch.compiler.is_compiling() and isinstance(number, float) and not _is_constant(number)


def as_tensor(number: float, x: torch.Tensor, dtype: str) -> torch.Tensor:
    """See `keras_actx.backend.as_tensor`."""
    return torch.scalar_tensor(number, dtype=getattr(torch, dtype), device=x.device)


def is_plain(*tensors: Any) -> bool:
    """Whether they are concrete tensors and torch runs in eager mode, with nothing active that records the operations.

    What records the operations: torch.compile, torch.func, forward mode, a tracer, and Keras's shape inference on the
    `meta` device.
    """
    if torch.compiler.is_compiling() or _in_functorch() or torch.jit.is_tracing():
        return False
    forward = torch.autograd.forward_ad.unpack_dual
    return all(not one.is_meta and forward(one).tangent is None for one in tensors)


#: Whether a tensor is one of `torch.autograd.grad(..., is_grads_batched=True)`.
is_batched = getattr(getattr(torch._C, "_functorch", None), "is_legacy_batchedtensor", lambda x: False)


def is_intercepted(*tensors: Any) -> bool:
    """Whether operations on them are, by a subclass of tensors, a batch or a mode such as that of `FakeTensor`."""
    for one in tensors:
        if type(one) not in _ORDINARY or one.layout != torch.strided or one.is_neg() or is_batched(one):
            return True
    return _python_dispatch._get_current_dispatch_mode() is not None


_ORDINARY = (torch.Tensor, torch.nn.Parameter)


def is_functionalized() -> bool:
    """Whether `torch.func.functionalize` is active, which does not support autograd Functions."""
    functorch = getattr(torch._C, "_functorch", None)
    current = getattr(functorch, "peek_interpreter_stack", lambda: None)()
    return current is not None and current.key() == functorch.TransformType.Functionalize


# Since torch 2.7.
is_exporting = getattr(torch.compiler, "is_exporting", lambda: False)


def reads_bytecode() -> bool:
    """See `keras_actx.backend.reads_bytecode`."""
    return torch.compiler.is_dynamo_compiling()


def exporting(x: Any) -> bool:
    """See `keras_actx.backend.exporting`. While torch's compiler reads the bytecode, no operation can be replaced."""
    if reads_bytecode():
        return False
    return torch.jit.is_tracing() or torch.onnx.is_in_onnx_export() or is_exporting()
