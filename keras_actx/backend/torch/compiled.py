"""Formulas compiled by torch for eager calls: one pass over memory in the forward and one in the backward pass."""

import contextlib
import types
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch.fx.experimental.proxy_tensor import make_fx

from keras_actx.backend.probe import cached_with_declaration, checked_once
from keras_actx.backend.torch.eager import in_new_thread, is_plain
from keras_actx.backend.torch.remat import Rematerialized
from keras_actx.backend.torch.steps import Steps, is_elementwise

#: The backend of `torch.compile`.
COMPILER = "inductor"

#: Fewer operations, in the forward and the backward pass, are as fast in eager mode.
_MANY = 6

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


class Compiled:
    """Forward and backward pass of an elementwise formula of one tensor, compiled once for all shapes of one rank.

    They are called without torch's guards: nothing else is an input of a formula of this package.
    """

    def __init__(self, function: Any, shape: tuple[int, ...]) -> None:
        self.function = function
        self._kind = shape, getattr(torch, function.dtype)
        self._forward = _without_guards(function, [self._kind])
        self._vjp: Function | None = None

    def forward(self, x: Any) -> Any:
        """`function(x)`."""
        return self._forward([x])[0]

    def prepare_vjp(self) -> None:
        """Compile it, in the thread of the user."""
        if self._vjp is None:

            def vjp(cotangent: Any, x: Any) -> Any:
                return torch.func.vjp(self.function, x)[1](cotangent)[0]

            self._vjp = _without_guards(vjp, [self._kind] * 2)

    def vjp(self, cotangent: Any, x: Any) -> Any:
        """The gradient of x."""
        return self._vjp([cotangent.contiguous(), x])[0]


def compiled(function: Any, x: Any) -> Compiled | None:
    """The compiled passes for an ordinary tensor; None if `fused` has to take their place."""
    rank, is_large = x.dim(), x.numel() >= _LARGE
    known = function.own
    if ("compiled", rank, is_large) not in known:
        known["compiled", rank, is_large] = None
        if rank and COMPILER == "inductor" and function.is_own and function.elementwise and fuses(function, (x,)):
            size = round((2**20 if is_large else 2**10) ** (1 / rank))
            with contextlib.suppress(Exception):  # another version of torch; `fused` uses the public part only
                known["compiled", rank, is_large] = Compiled(function, tuple(range(size + 1, size + 1 + rank)))
    return known["compiled", rank, is_large] if x.is_contiguous() else None


#: Elements from which on several threads share the work; the code is another.
_LARGE = 2**15


def _without_guards(function: Function, kinds: list[Any]) -> Function:
    """A function of a list of contiguous tensors of one shape, of any lengths, to a list with its result."""
    from torch._inductor.compile_fx import compile_fx_inner  # takes seconds to import
    from torch._inductor.decomposition import select_decomp_table

    def compile_it() -> Function:
        examples = [torch.ones(shape, dtype=dtype) for shape, dtype in kinds]
        graph = make_fx(
            lambda *given: [function(*given)], decomposition_table=select_decomp_table(), tracing_mode="symbolic"
        )(*examples)
        inputs = [node.meta["val"] for node in graph.graph.nodes if node.op == "placeholder"]
        code = compile_fx_inner(graph, inputs)
        return getattr(code, "current_callable", None) or code  # without what `code` records for debugging

    return in_new_thread(compile_it)


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
    """Whether a formula and its derivative have so many operations that compiling them saves passes over memory."""
    tensors = [torch.ones(shape, dtype=dtype, requires_grad=True) for shape, dtype in probe]
    with torch.enable_grad(), Steps() as steps:
        y = function(*tensors)
        if y.requires_grad:
            torch.autograd.grad(y.sum(), tensors, allow_unused=True)
    size = tensors[0].numel() // 2  # a gated activation halves it
    return steps.count_writing(size) >= _MANY and not steps.are_random
