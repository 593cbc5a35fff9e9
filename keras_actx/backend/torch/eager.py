"""The current execution mode of torch: eager, or under a transform, tracer or compiler that records the operations."""

import sys
import threading
from collections.abc import Callable
from typing import Any

import keras
import torch
from torch.autograd import forward_ad
from torch.fx.experimental import symbolic_shapes

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
    """See `keras_actx.backend.is_ordinary`. Keras moves a tensor to the device in use, which constants are on."""
    if torch.compiler.is_compiling() or not runs_as_called(x):
        return False
    return is_on_gpu(x) or (x.is_cpu and _device_in_use() == "cpu")


def runs_as_called(*tensors: Any) -> bool:
    """Whether they are torch's own concrete tensors, and nothing intercepts, records or differentiates operations.

    Their dispatch keys, and those of the thread, tell of a transform, a tracer, a mode such as `FakeTensorMode`, a
    batch, and a tensor that is sparse, negated or of another device. Not for code that torch.compile reads.
    """
    if _current_keys().raw_repr() & _OTHERS or _forward_level() >= 0:
        return False
    for one in tensors:  # noqa: SIM110  (a generator takes twice as long, a part of the time of a kernel)
        if type(one) not in _CLASSES or _keys(one).raw_repr() & _OTHERS:
            return False
    return True


_CLASSES = (torch.Tensor, torch.nn.Parameter)
_keys, _current_keys = torch._C._dispatch_keys, torch._C._dispatch_tls_local_include_set
_DEVICES = ("CPU", "CUDA")
_PLAIN = [f"{kind}{device}" for kind in ("", "Autograd", "Autocast") for device in _DEVICES]
#: The bits of all other keys.
_OTHERS = -1
for _key in ("BackendSelect", "ADInplaceOrView", *_PLAIN):
    _OTHERS &= ~torch._C.DispatchKeySet(getattr(torch._C.DispatchKey, _key)).raw_repr()


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
