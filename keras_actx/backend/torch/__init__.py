"""torch: no autograd, and the CPU instead of the `meta` device on which Keras traces shapes."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from weakref import WeakSet

import keras
import torch
from torch.nn import functional

from keras_actx.backend.sample import asked_once
from keras_actx.backend.torch import blocks
from keras_actx.backend.torch.compiled import fused, fuses
from keras_actx.backend.torch.differentiated import with_derivative
from keras_actx.backend.torch.kernel import by_kernel
from keras_actx.backend.torch.mode import as_tensor, exporting, is_plain, varies
from keras_actx.backend.torch.native import NATIVE
from keras_actx.backend.torch.recomputed import KeepingInputs
from keras_actx.backend.torch.steps import Steps

__all__ = [
    "KERNELS",
    "PORTABLE",
    "arctan",
    "as_tensor",
    "by_kernel",
    "bytes_kept",
    "clip",
    "clip_max",
    "clip_min",
    "cos",
    "eager_float64",
    "erfc",
    "exporting",
    "fused",
    "fuses",
    "keeping_inputs",
    "sin",
    "tanh",
    "there_and_back",
    "varies",
    "with_derivative",
]

KERNELS = NATIVE

#: ONNX has not the first two, and OpenVINO an approximation of the last.
PORTABLE = ("expm1", "log1p", "erf")

tanh, sin, cos, arctan, erfc = keras.ops.tanh, keras.ops.sin, keras.ops.cos, keras.ops.arctan, torch.erfc


# Not `clamp`, whose gradient takes the CPU four times as long.
clip = functional.hardtanh


def clip_min(x: Any, low: float) -> Any:
    """See `keras_actx.backend.clip_min`."""
    relative, absolute = _SPACING[x.dtype == torch.float64]
    return functional.threshold(x, low - abs(low) * relative - absolute, low)  # whose gradient at the threshold is 0


#: Between numbers of 32 and 64 bits: relative, and at 0.
_SPACING = ((2.0**-23, 2.0**-149), (2.0**-52, 2.0**-1074))


def clip_max(x: Any, high: float) -> Any:
    """See `keras_actx.backend.clip_max`."""
    return -clip_min(-x, -high)


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
    if not needed or not is_plain(*tensors):
        return function(*tensors)
    if _is_frugal(function, tuple((one.dtype, one.device) for one in tensors)):
        return function(*tensors)
    return KeepingInputs.apply(function, blocks.there, blocks.back, *tensors)


@asked_once
def _is_frugal(function: Callable[..., Any], sample: list[Any]) -> bool:
    """Whether it keeps no more than its input by itself, or cannot be computed again from its inputs alone.

    Namely one that has a gradient for something else, or that draws random numbers. Each device has kernels of its own,
    which keep less than the steps of a formula do.
    """
    _, (_, device) = sample[0]
    with keras.device(str(device)), device, torch.autocast(device.type, enabled=False), torch.enable_grad():
        tensors = [torch.ones(shape, dtype=dtype, device=its_device) for shape, (dtype, its_device) in sample]
        with Steps() as steps:
            y = function(*tensors)
        if y.requires_grad or steps.draw_numbers:
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
