"""torch on a GPU, eagerly: one kernel for the forward and one for the backward pass of an elementwise formula.

The formula is recorded with its numbers as inputs, so that one kernel serves all numbers; but 0, 1, -1 and the default,
on which formulas branch, are constants. A kernel has no dispatch of its own: where anything is active that intercepts
operations, the formula is used.
"""

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch

from keras_actx.backend.probe import cached_with_declaration
from keras_actx.backend.torch import chunked, cuda_layout
from keras_actx.backend.torch.cuda_graph import record_forward, record_vjp
from keras_actx.backend.torch.cuda_kernel import Kernel, named_numbers, warn_once
from keras_actx.backend.torch.eager import runs_as_called
from keras_actx.backend.torch.reads import Reads
from keras_actx.backend.torch.remat import autocast_of, gradients
from keras_actx.backend.torch.steps import is_elementwise

Needed = tuple[bool, ...]

#: The dtypes in which they are computed.
_DTYPES = {torch.float16: "float32", torch.bfloat16: "float32", torch.float32: "float32", torch.float64: "float64"}
#: Of torch's runtime compiler: tensors, and axes.
_MOST_TENSORS, _MOST_AXES = 8, 16


def by_cuda_kernel(function: Any, tensors: tuple[Any, ...]) -> Any:
    """See `keras_actx.backend.by_cuda_kernel`."""
    if not _are_supported(function, tensors):
        return None
    kernels = _kernels_of(function, _DTYPES[tensors[0].dtype])
    if kernels is None or kernels.is_native or not kernels.recorded.are_usable():
        return None
    if torch.is_grad_enabled() and any(one.requires_grad for one in tensors):
        return _apply(function, kernels, *tensors)
    return kernels.forward(function, tensors)


def _are_supported(function: Any, tensors: tuple[Any, ...]) -> bool:
    if not runs_as_called(*tensors):
        return False
    x, gated = tensors[0], not function.elementwise
    if x.dtype not in _DTYPES or not x.numel() or x.dim() > _MOST_AXES:
        return False
    if gated and (not x.dim() or x.shape[-1] % 2):  # for which the formula has an error
        return False
    # A gradient has the cotangent as a further input, a gated one also a gate.
    if len(tensors) + (2 if gated else 1) > _MOST_TENSORS or any(one.device != x.device for one in tensors[1:]):
        return False
    return is_elementwise(function, tensors)


class Kernels:
    """The kernels of a formula with its numbers. `is_native`: a kernel of torch is as good."""

    def __init__(self, recorded: "Recorded", numbers: tuple[float, ...], is_native: bool) -> None:
        self.recorded, self._numbers, self.is_native = recorded, named_numbers(numbers), is_native

    def forward(self, function: Any, tensors: tuple[Any, ...]) -> Any:
        """`function(*tensors)`."""
        x, *parameters = tensors
        if not parameters and function.elementwise:
            results = self.recorded.forward(tensors, self._numbers)
            return function(x) if results is None else results[0]
        inputs = cuda_layout.forward_inputs(function, x, parameters)
        results = self.recorded.forward(inputs, self._numbers)
        return function(*tensors) if results is None else cuda_layout.forward_result(results[0], x, parameters)

    def vjp(
        self, kernel: Kernel, function: Any, tensors: tuple[Any, ...], needed: Needed, cotangent: Any
    ) -> list[Any] | None:
        """The gradients of the tensors that need one, by their kernel; None if it cannot run."""
        x, *parameters = tensors
        if not parameters and function.elementwise:
            return kernel((cotangent, x), self._numbers)
        results = kernel(cuda_layout.vjp_inputs(function, x, parameters, needed, cotangent), self._numbers)
        return results and cuda_layout.gradients(function, results, x, parameters, needed)


class _Generated(torch.autograd.Function):
    """`Rematerialized` with kernels, without what they do not need: it takes as long as a kernel."""

    @staticmethod
    def forward(ctx: Any, function: Any, kernels: Kernels, *tensors: Any) -> Any:
        ctx.function, ctx.kernels, ctx.recorded = function, kernels, ctx.needs_input_grad[2:]
        ctx.kernel = kernels.recorded.vjp(ctx.recorded)  # here, not in torch's thread that computes the gradient
        ctx.autocast = autocast_of(tensors[0])
        ctx.save_for_backward(*tensors)
        return kernels.forward(function, tensors)

    @staticmethod
    def backward(ctx: Any, cotangent: Any) -> Any:
        found, needed = None, ctx.needs_input_grad[2:]
        if ctx.kernel is not None and not torch.is_grad_enabled() and runs_as_called(cotangent):
            found = ctx.kernels.vjp(ctx.kernel, ctx.function, ctx.saved_tensors, ctx.recorded, cotangent)
        if found is None:
            return (None, None, *gradients(ctx, ctx.function, chunked.vjp, needed, cotangent))
        if len(needed) > 1:  # fewer may be needed than were recorded
            rest = iter(found)
            every = [next(rest) if is_recorded else None for is_recorded in ctx.recorded]
            found = [one if is_needed else None for one, is_needed in zip(every, needed, strict=True)]
        return (None, None, *found)


#: Without the part of torch in Python, for torch.func and for signatures with keywords.
_apply = super(torch.autograd.Function, _Generated).apply


class Recorded:
    """The kernels of a formula for all numbers: the forward one, and one for each combination of gradients.

    Args:
        formula: with the numbers that are inputs last among its names.
        numbers: how many of its names are numbers.
    """

    def __init__(self, formula: Any, numbers: int) -> None:
        self._formula, self._count = formula, numbers
        self._reads = None if formula.is_own else Reads(formula.declaration.formula)
        graph = record_forward(formula)
        #: Whether it is torch's relu, which keeps its result for the gradient, as the layer that follows does.
        self.is_relu = [one.target for one in graph.graph.nodes if one.op == "call_function"] == [_RELU]
        self.forward = self._kernel("forward", graph)
        self._vjps: dict[Needed, Kernel | None] = {}

    def vjp(self, needed: Needed) -> Kernel | None:
        """The kernel of the gradients that are needed; None if there is none."""
        if needed not in self._vjps:
            with _lock:
                if needed not in self._vjps:
                    every = (*needed, *(False,) * self._count)
                    self._vjps[needed] = _made_of(
                        self._formula, lambda: self._kernel("backward", record_vjp(self._formula, every))
                    )
        return self._vjps[needed]

    def are_usable(self) -> bool:
        """Whether they can be compiled, and a user's formula has not changed."""
        return not self.forward.has_failed and (self._reads is None or self._reads.are_unchanged())

    def _kernel(self, direction: str, graph: torch.fx.GraphModule) -> Kernel:
        return Kernel(f"{self._formula.declaration.name}_{direction}", graph, self._count)


#: torch records one function at a time; gradients are computed in threads of their own.
_lock = threading.RLock()


@cached_with_declaration
def _kernels_of(function: Any, dtype: str) -> Kernels | None:
    """None if a user's formula cannot be recorded."""
    wide, function = (
        function.dtype == dtype,
        replace(function, dtype=dtype, gate="last", interleaved=False),
    )  # the same kernels for all
    general, numbers = function.with_numbers_as_inputs()
    recorded = _recorded(general, len(numbers))
    if recorded is None and numbers:  # a user's formula that branches on another number
        numbers, recorded = (), _recorded(function, 0)
    return None if recorded is None else Kernels(recorded, numbers, wide and recorded.is_relu)


_RELU = torch.ops.aten.relu.default


def _recorded(formula: Any, numbers: int) -> Recorded | None:
    with _lock:
        return _record(formula, numbers)


@cached_with_declaration
def _record(formula: Any, numbers: int) -> Recorded | None:
    return _made_of(formula, lambda: Recorded(formula, numbers))


def _made_of(formula: Any, make: Callable[[], Any]) -> Any:
    """None for a user's formula that cannot be recorded: it branches on a value, or has an unknown operator."""
    try:
        return make()
    except Exception as error:
        if formula.is_own:
            warn_once(error)
        return None
