"""Formulas compiled by torch for calls that are eager: one pass over memory there and one back."""

import types
from collections.abc import Callable, Iterator
from typing import Any

import torch

from keras_actx.backend.sample import asked_once, kept_with_declaration
from keras_actx.backend.torch.mode import is_plain
from keras_actx.backend.torch.recomputed import KeepingInputs
from keras_actx.backend.torch.steps import Steps, is_of_numbers

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
    flat = flat and is_of_numbers(function, tensors)
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


@kept_with_declaration
def _there(function: Function, ranks: tuple[int, ...]) -> Function:
    def fused(*tensors: Any) -> Any:
        return function(*tensors)

    return _compiled(fused)


@kept_with_declaration
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
    with torch.no_grad(), Steps() as steps:
        function(*tensors)
    size = tensors[0].numel() // 2  # a gated activation halves it
    return steps.that_write(size) >= _MANY and not steps.draw_numbers
