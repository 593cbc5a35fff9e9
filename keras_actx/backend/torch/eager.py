"""The current execution mode of torch: eager, or under a transform, tracer or compiler that records the operations."""

import sys
import threading
from collections.abc import Callable
from typing import Any

import keras
import torch
from torch.autograd import forward_ad
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
    for one in tensors:
        if one.is_meta:
            return False
    return _forward_level() < 0 or all(forward_ad.unpack_dual(one).tangent is None for one in tensors)


def _forward_level() -> int:
    """Negative outside of forward mode, where no tensor has a tangent."""
    return getattr(forward_ad, "_current_level", 0)


# Not public in Keras; without it, no tensor is ordinary.
_modules = [sys.modules[one.__module__] for one in keras.Variable.__mro__]
_device_in_use = next((one.get_device for one in _modules if hasattr(one, "get_device")), lambda: None)


def is_ordinary(x: Any) -> bool:
    """See `keras_actx.backend.is_ordinary`. Keras moves a tensor to the device in use."""
    if torch.compiler.is_compiling() or type(x) not in _ORDINARY or _in_functorch() or torch._C._is_tracing():
        return False
    return (
        x.is_cpu
        and not is_on_gpu(x)
        and _device_in_use() == "cpu"
        and x.layout is torch.strided
        and _forward_level() < 0
    )


def is_on_gpu(x: Any) -> bool:
    """Whether torch's runtime compiler can make kernels for x: with CUDA or ROCm."""
    return x.is_cuda


def in_new_thread(function: Callable[[], Any]) -> Any:
    """Its result on the CPU without the modes of the calling thread: autocast, hooks of saved tensors, and others."""
    results: list[Any] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            with keras.device("cpu"), torch.device("cpu"):
                results.append(function())
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]


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
_is_exporting = getattr(torch.compiler, "is_exporting", lambda: False)


def exporting(x: Any) -> bool:
    """See `keras_actx.backend.exporting`. While torch's compiler reads the bytecode, no operation can be replaced."""
    if torch.compiler.is_dynamo_compiling():
        return False
    return torch.jit.is_tracing() or torch.onnx.is_in_onnx_export() or _is_exporting()
