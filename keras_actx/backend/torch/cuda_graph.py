"""torch on a GPU: a formula and its derivative recorded as operations on single elements."""

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch._decomp import core_aten_decompositions
from torch.fx.experimental.proxy_tensor import make_fx

from keras_actx.backend.torch.cuda_source import is_known
from keras_actx.backend.torch.eager import in_new_thread

Function = Callable[..., Any]

#: All inputs have this shape: a sum over the elements of a broadcast parameter is no operation on single elements.
_SHAPE = (8,)


def record_forward(formula: Any) -> torch.fx.GraphModule:
    """The formula as a graph; its inputs: x, or value and gate, and the parameters."""
    split = 1 if formula.elementwise else 2
    count = split + len(formula.names)

    def forward(*inputs: Any) -> Any:
        # Within a transform, which no kernel of torch replaces the formula in.
        return torch.func.vjp(lambda *given: formula.of_inputs(given[:split], given[split:]), *inputs)[0]

    return _recorded(forward, formula.dtype, count)


def record_vjp(formula: Any, needed: tuple[bool, ...]) -> torch.fx.GraphModule:
    """Its derivative as a graph with a result for each of x, or of value and gate, and the parameters that is `needed`.

    The inputs: the cotangent, then those of the formula.
    """
    split = 1 if formula.elementwise else 2
    wanted = (*needed[:1] * split, *needed[1:])

    def gradients(cotangent: Any, *inputs: Any) -> list[Any]:
        def of_wanted(*chosen: Any) -> Any:
            rest = iter(chosen)
            given = [next(rest) if is_wanted else one for one, is_wanted in zip(inputs, wanted, strict=True)]
            return formula.of_inputs(tuple(given[:split]), tuple(given[split:]))

        chosen = [one for one, is_wanted in zip(inputs, wanted, strict=True) if is_wanted]
        return list(torch.func.vjp(of_wanted, *chosen)[1](cotangent))

    return _recorded(gradients, formula.dtype, 1 + split + len(formula.names))


def _recorded(function: Function, dtype: str, count: int) -> torch.fx.GraphModule:
    """Fails for a function that reads the value of an element."""

    def record() -> torch.fx.GraphModule:
        examples = [torch.linspace(0.3, 0.7, *_SHAPE, dtype=getattr(torch, dtype)) + at / 64 for at in range(count)]
        return make_fx(function, decomposition_table=_decompositions(), tracing_mode="fake")(*examples)

    return in_new_thread(record)


@functools.cache
def _decompositions() -> dict[Any, Function]:
    """Of the operators without an expression."""
    core = {torch.ops.aten.gelu.default: torch._refs.nn.functional.gelu}
    return core | {one: steps for one, steps in core_aten_decompositions().items() if not is_known(one)}
