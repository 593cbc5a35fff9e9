"""Formulas compiled by torch for eager calls: one pass over memory in the forward and one in the backward pass."""

import types
from collections.abc import Callable, Iterator
from typing import Any

import torch

from keras_actx.backend.probe import cached_with_declaration, checked_once
from keras_actx.backend.torch.eager import is_plain
from keras_actx.backend.torch.remat import Rematerialized
from keras_actx.backend.torch.steps import Steps, is_elementwise

#: The backend of `torch.compile`.
COMPILER = "inductor"

#: Fewer operations are as fast in eager mode.
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
    # One code object for all shapes, if all parameters are scalars.
    flat = x.dim() > 1 and x.is_contiguous() and not any(one.dim() for one in parameters)
    flat = flat and is_elementwise(function, tensors)
    if flat:
        tensors = (x.flatten() if function.elementwise else x.flatten(0, -2), *parameters)
    if torch.is_grad_enabled() and any(one.requires_grad for one in tensors):
        result = Rematerialized.apply(function, _run_forward, _run_vjp, *tensors)
    else:
        result = _run_forward(function, tensors)
    return result.view(*x.shape[:-1], -1) if flat else result


def _run_forward(function: Function, tensors: tuple[Any, ...]) -> Any:
    with torch.no_grad():
        return _forward(function, _ranks(tensors))(*tensors)


def _run_vjp(function: Function, tensors: tuple[Any, ...], needed: tuple[bool, ...], cotangent: Any) -> Iterator[Any]:
    return iter(_vjp(function, _ranks(tensors), needed)(cotangent, *tensors))


def _ranks(tensors: tuple[Any, ...]) -> tuple[int, ...]:
    return tuple(one.dim() for one in tensors)


# A separate code object for every rank: torch limits the compilations of one code object to eight.


@cached_with_declaration
def _forward(function: Function, ranks: tuple[int, ...]) -> Function:
    def fused(*tensors: Any) -> Any:
        return function(*tensors)

    return _compiled(fused)


@cached_with_declaration
def _vjp(function: Function, ranks: tuple[int, ...], needed: tuple[bool, ...]) -> Function:
    """A function of a cotangent and the tensors: the gradients of the tensors marked in `needed`."""

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
        # Not `dynamic=True`, which also makes a formula's constants dynamic.
        others = [one.detach() for one in tensors]  # new tensors, so that the caller's are not marked
        for one in others:
            torch._dynamo.maybe_mark_dynamic(one, tuple(range(one.dim())))
        return compiled(*others)

    return for_any_shape


@checked_once
def _is_long(function: Function, probe: list[Any]) -> bool:
    """Whether a formula has four or more operations, so that compiling it saves passes over memory."""
    tensors = [torch.ones(shape, dtype=dtype) for shape, dtype in probe]
    with torch.no_grad(), Steps() as steps:
        function(*tensors)
    size = tensors[0].numel() // 2  # a gated activation halves it
    return steps.count_writing(size) >= _MANY and not steps.are_random
