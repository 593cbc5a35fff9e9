"""torch: no autograd for constants, and the CPU instead of the `meta` device of Keras's shape inference."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from weakref import WeakSet

import keras
import torch
from torch.autograd.function import BackwardCFunction
from torch.nn import functional

from keras_actx.backend.probe import checked_once
from keras_actx.backend.torch import chunked, eager, projected
from keras_actx.backend.torch.compiled import fused, fuses
from keras_actx.backend.torch.differentiated import with_derivative
from keras_actx.backend.torch.eager import as_tensor, exporting, is_ordinary, is_plain, reads_bytecode, varies
from keras_actx.backend.torch.kernel import by_kernel
from keras_actx.backend.torch.kernels import KERNELS
from keras_actx.backend.torch.passes import direct
from keras_actx.backend.torch.remat import Rematerialized
from keras_actx.backend.torch.steps import Steps

__all__ = [
    "KERNELS",
    "PORTABLE",
    "arctan",
    "as_tensor",
    "by_cuda_kernel",
    "by_kernel",
    "bytes_kept",
    "clip",
    "clip_max",
    "clip_min",
    "cos",
    "direct",
    "eager_float64",
    "erfc",
    "exporting",
    "forward_and_vjp",
    "fused",
    "fuses",
    "is_concrete",
    "is_ordinary",
    "reads_bytecode",
    "rematerialize",
    "rematerializes",
    "seeded",
    "sin",
    "tanh",
    "varies",
    "with_derivative",
]

#: ONNX lacks the first two, and OpenVINO approximates the last.
PORTABLE = ("expm1", "log1p", "erf")

tanh, sin, cos, arctan, erfc = keras.ops.tanh, keras.ops.sin, keras.ops.cos, keras.ops.arctan, torch.erfc


# Not `clamp`, whose gradient is four times slower on the CPU.
clip = functional.hardtanh


def clip_min(x: Any, low: float) -> Any:
    """See `keras_actx.backend.clip_min`."""
    # torch.compile of torch 2.10 takes no boolean for an index.
    relative, absolute = _SPACING[1 if x.dtype == torch.float64 else 0]
    return functional.threshold(x, low - abs(low) * relative - absolute, low)  # whose gradient at the threshold is 0


#: The spacing of float32 and of float64 numbers: relative, and absolute at 0.
_SPACING = ((2.0**-23, 2.0**-149), (2.0**-52, 2.0**-1074))


def clip_max(x: Any, high: float) -> Any:
    """See `keras_actx.backend.clip_max`."""
    return -clip_min(-x, -high)


@contextmanager
def eager_float64() -> Iterator[None]:
    """See `keras_actx.backend.eager_float64`."""
    with torch.no_grad(), keras.device("cpu"), torch.device("cpu"):
        yield


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """See `keras_actx.backend.seeded`."""
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.manual_seed(seed)
        yield


def forward_and_vjp(function: Callable[..., Any]) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """See `keras_actx.backend.forward_and_vjp`."""

    def forward(weights: Any, x: Any) -> Any:
        with torch.no_grad():
            return function(weights, x)

    def vjp(weights: Any, x: Any, cotangent: Any) -> Any:
        several = isinstance(x, list)
        inputs = [one.detach().requires_grad_() for one in (x if several else [x])]
        with torch.enable_grad():
            y = function([one.detach() for one in weights], inputs if several else inputs[0])
        if y.requires_grad:
            results = list(torch.autograd.grad(y, inputs, cotangent, materialize_grads=True))
        else:  # the output does not depend on x, as with a step function
            results = [torch.zeros_like(one) for one in inputs]
        return results if several else results[0]

    return forward, vjp


def by_cuda_kernel(function: Callable[..., Any], tensors: tuple[Any, ...]) -> Any:
    """See `keras_actx.backend.by_cuda_kernel`."""
    if torch.compiler.is_compiling() or not eager.is_on_gpu(tensors[0]):
        return None
    from keras_actx.backend.torch import cuda_kernels  # 5 ms, for a GPU only

    return cuda_kernels.by_cuda_kernel(function, tensors)


def is_concrete(x: Any) -> bool:
    """See `keras_actx.backend.is_concrete`."""
    return is_plain(x)


def rematerialize(function: Callable[..., Any], tensors: tuple[Any, ...]) -> Any:
    """See `keras_actx.backend.rematerialize`."""
    # torch.compile fuses the formula, and would break the graph at an autograd Function.
    if torch.compiler.is_compiling() or not is_plain(*tensors):
        return function(*tensors)
    passes = projected if hasattr(function, "inner") else chunked
    if not torch.is_grad_enabled() or not any(one.requires_grad for one in tensors):
        return passes.without_gradient(function, tensors)
    if saves_only_inputs(function, tuple([(one.dtype, one.device) for one in tensors])):
        return function(*tensors)
    return Rematerialized.apply(function, passes.forward, passes.vjp, *tensors)


def rematerializes(x: Any) -> bool:
    """See `keras_actx.backend.rematerializes`. Under autocast, a matrix product saves what it has cast."""
    eager = torch.is_grad_enabled() and isinstance(x, torch.Tensor) and is_plain(x) and not exporting(x)
    return eager and not torch.is_autocast_enabled(x.device.type)


@checked_once
def saves_only_inputs(function: Callable[..., Any], probe: list[Any]) -> bool:
    """Whether it saves only its inputs without recomputation, or cannot be recomputed from its inputs.

    It cannot be recomputed if it has a gradient for another tensor or draws random numbers. The result depends on the
    device, whose kernels may save less than the operations of a formula do.
    """
    _, (_, device) = probe[0]
    with keras.device(str(device)), device, torch.autocast(device.type, enabled=False), torch.enable_grad():
        tensors = [torch.ones(shape, dtype=dtype, device=its_device) for shape, (dtype, its_device) in probe]
        with Steps() as steps:
            y = function(*tensors)
        if y.requires_grad or steps.are_random:
            return True
        if function.is_own and device.type == "cpu":  # its operations can be recorded
            with torch.autograd.graph.saved_tensors_hooks(lambda one: one, lambda one: one):  # not the user's
                y = function(tensors[0].requires_grad_(), *tensors[1:])
            if isinstance(y.grad_fn, BackwardCFunction):  # one of this package, which saves x, in some more time
                return False
        return bytes_kept(function, *tensors) <= sum(one.nbytes for one in tensors)


def bytes_kept(function: Callable[..., Any], *tensors: Any) -> int:
    """See `keras_actx.backend.bytes_kept`."""
    kept: WeakSet[_Saved] = WeakSet()

    def keep(tensor: Any) -> "_Saved":
        saved = _Saved(tensor.detach())  # without detach, a result saved by its own operation is a cycle
        kept.add(saved)
        return saved

    tensors = [one.detach().requires_grad_(one.is_floating_point()) for one in tensors]
    with torch.enable_grad(), torch.autograd.graph.saved_tensors_hooks(keep, lambda saved: saved.tensor):
        y = function(*tensors)  # only tensors that y depends on are still alive here
    storages = [one.tensor.untyped_storage() for one in kept] if y.requires_grad else []
    return sum({one.data_ptr(): one.nbytes() for one in storages}.values())


class _Saved:
    """A tensor saved by autograd, with the same lifetime."""

    def __init__(self, tensor: Any) -> None:
        self.tensor = tensor
