"""Formulas compiled by torch for calls that are eager: one pass over memory there and one back."""

import types
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from keras_actx.backend.sample import asked_once
from keras_actx.backend.torch.mode import is_plain
from keras_actx.backend.torch.recomputed import KeepingInputs

#: What `torch.compile` makes kernels with.
COMPILER = "inductor"

#: Fewer steps are as fast one by one.
_MANY = 4

Function = Callable[..., Any]


def fuses(function: Function, tensors: tuple[Any, ...]) -> bool:
    """See `keras_actx.backend.fuses`."""
    if torch.compiler.is_compiling() or not tensors[0].numel() or not is_plain(*tensors):
        return False
    return _is_long(function, tuple(one.dtype for one in tensors))


def fused(function: Function, tensors: tuple[Any, ...]) -> Any:
    """See `keras_actx.backend.fused`."""
    x, *parameters = tensors
    # One piece of code for all shapes, where no parameter has one.
    flat = x.dim() > 1 and x.is_contiguous() and not any(one.dim() for one in parameters)
    if flat:
        tensors = (x.flatten() if function.elementwise else x.flatten(0, -2), *parameters)
    if torch.is_grad_enabled() and any(one.requires_grad for one in tensors):
        result = KeepingInputs.apply(function, _run_there, _run_back, *tensors)
    else:
        result = _run_there(function, tensors)
    return result.view(*x.shape[:-1], -1) if flat else result


def _run_there(function: Function, tensors: tuple[Any, ...]) -> Any:
    with torch.no_grad():
        return _there(function, _ranks(tensors))(*tensors)


def _run_back(function: Function, tensors: tuple[Any, ...], needed: tuple[bool, ...], cotangent: Any) -> Iterator[Any]:
    return iter(_back(function, _ranks(tensors), needed)(cotangent, *tensors))


def _ranks(tensors: tuple[Any, ...]) -> tuple[int, ...]:
    return tuple(one.dim() for one in tensors)


# With code of its own for every number of axes: torch counts what it compiles of one piece of code, and gives up after
# eight.


@lru_cache(maxsize=1024)
def _there(function: Function, ranks: tuple[int, ...]) -> Function:
    def fused(*tensors: Any) -> Any:
        return function(*tensors)

    return _compiled(fused)


@lru_cache(maxsize=1024)
def _back(function: Function, ranks: tuple[int, ...], needed: tuple[bool, ...]) -> Function:
    """Of a cotangent and the tensors, to those that are needed."""

    def fused(cotangent: Any, *tensors: Any) -> Any:
        def of_needed(*chosen: Any) -> Any:
            rest = iter(chosen)
            return function(*(next(rest) if is_needed else one for one, is_needed in zip(tensors, needed, strict=True)))

        chosen = [one for one, is_needed in zip(tensors, needed, strict=True) if is_needed]
        return torch.func.vjp(of_needed, *chosen)[1](cotangent)

    return _compiled(fused)


def _compiled(function: Function) -> Function:
    own = types.FunctionType(
        function.__code__.replace(), function.__globals__, function.__name__, None, function.__closure__
    )
    compiled = torch.compile(own, backend=COMPILER, fullgraph=True)

    def for_any_shape(*tensors: Any) -> Any:
        # Not `dynamic=True`, which makes variables of a formula's constants too.
        others = [one.detach() for one in tensors]  # another name, for a mark that is not the caller's
        for one in others:
            torch._dynamo.maybe_mark_dynamic(one, tuple(range(one.dim())))
        return compiled(*others)

    return for_any_shape


@asked_once
def _is_long(function: Function, sample: list[Any]) -> bool:
    """Whether a formula takes four or more steps, so that compiling it saves passes over memory."""
    tensors = [torch.ones(shape, dtype=dtype) for shape, dtype in sample]
    passes = _Passes(tensors[0].numel() // 2)  # a gated activation halves it
    with torch.no_grad(), passes:
        function(*tensors)
    return passes.count >= _MANY


class _Passes(TorchDispatchMode):
    """Counts the steps that write a tensor of a size or larger."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size, self.count = size, 0

    def __torch_dispatch__(self, step: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = step(*args, **(kwargs or {}))
        self.count += isinstance(made, torch.Tensor) and not step.is_view and made.numel() >= self.size
        return made
