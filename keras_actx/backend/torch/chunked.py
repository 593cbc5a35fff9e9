"""torch on the CPU: a formula computed in chunks, so that intermediate results fit the processor's cache.

What autograd saves for the gradient exists for one chunk at a time, never for the whole tensor.
"""

from collections.abc import Callable, Iterator
from typing import Any

import torch

from keras_actx.backend.torch.eager import runs_as_called
from keras_actx.backend.torch.replayed import program
from keras_actx.backend.torch.steps import is_elementwise

Function = Callable[..., Any]

#: Elements for each thread; for fewer, the overhead of an operation dominates.
_EACH = 2**15


def forward(function: Function, tensors: tuple[Any, ...]) -> Any:
    """`function(*tensors)`."""
    x, *parameters = tensors
    rows, any_length = _rows(function, tensors)
    if rows is None:
        return function(*tensors)
    parts = rows.split(_count(rows))
    recorded = program(
        "forward", function, lambda: lambda *given: [function(*given)], (parts[0], *parameters), any_length
    )
    if recorded is None:
        first = function(parts[0], *parameters)
        result = first.new_empty((len(rows), *first.shape[1:]))
    else:
        result, buffers = rows.new_empty((len(rows), *recorded.shapes[0][1:])), recorded.buffers(parts[0].shape)
    for at, part in zip(result.split(_count(rows)), parts, strict=True):
        if recorded is not None and len(part) == len(parts[0]):
            recorded.run((part, *parameters), buffers, (at,))
        else:
            at.copy_(first if recorded is None and part is parts[0] else function(part, *parameters))
    return result.view(*x.shape[:-1], -1)


def without_gradient(function: Function, tensors: tuple[Any, ...]) -> Any:
    """`function(*tensors)`, where no gradient is computed."""
    return forward(function, tensors) if getattr(function, "is_own", False) else function(*tensors)


def vjp(function: Function, tensors: tuple[Any, ...], needed: tuple[bool, ...], cotangent: Any) -> Iterator[Any]:
    """The gradients of `function(*tensors)` for the `needed` tensors, None where it does not depend on them."""
    x, *parameters = tensors
    rows, any_length = _rows(function, tensors)
    if rows is None:
        return iter(gradients(function, tensors, needed, cotangent))
    cotangents = cotangent.reshape(len(rows), *([-1] if rows.dim() > 1 else [])).split(_count(rows))
    of_x, totals = torch.empty_like(rows) if needed[0] else None, None
    parts = rows.split(_count(rows))
    places = of_x.split(_count(rows)) if needed[0] else [None] * len(parts)
    recorded = program(
        f"vjp {needed}",
        function,
        lambda: lambda change, *given: gradients(function, given, needed, change),
        (cotangents[0], parts[0], *parameters),
        any_length,
    )
    buffers = recorded.buffers(parts[0].shape) if recorded is not None else None
    for at, part, change in zip(places, parts, cotangents, strict=True):
        if recorded is not None and len(part) == len(parts[0]):
            found = [torch.empty_like(one) for one, is_needed in zip(parameters, needed[1:], strict=True) if is_needed]
            recorded.run((change, part, *parameters), buffers, (*([at] if needed[0] else []), *found))
        else:
            found = gradients(function, (part, *parameters), needed, change)
            if needed[0]:
                of_part = found.pop(0)
                at[:] = 0.0 if of_part is None else of_part
        added = zip(totals or [None] * len(found), found, strict=True)
        totals = [one if total is None else total if one is None else total + one for total, one in added]
    return iter(([of_x.view(x.shape)] if needed[0] else []) + totals)


def gradients(function: Function, tensors: tuple[Any, ...], needed: tuple[bool, ...], cotangent: Any) -> list[Any]:
    """The gradients of `function(*tensors)` for the `needed` tensors, as `vjp`, of the whole."""
    with torch.enable_grad():
        # A distinct tensor for each: the same tensor may appear twice.
        tensors = [one.detach().requires_grad_(is_needed) for one, is_needed in zip(tensors, needed, strict=True)]
        wanted = [one for one in tensors if one.requires_grad]
        y = function(*tensors)
        if not y.requires_grad:  # it depends on none of them
            return [None] * len(wanted)
        return list(torch.autograd.grad(y, wanted, cotangent, materialize_grads=True))


def _rows(function: Function, tensors: tuple[Any, ...]) -> tuple[Any, bool]:
    """x with one axis, or with two if the last axis is significant; and whether one program serves all lengths.

    None if it is not to be split.
    """
    x, *parameters = tensors
    if not x.is_cpu or not x.is_contiguous() or x.numel() < smallest_split() or not runs_as_called(*tensors):
        return None, False
    if not is_elementwise(function, tensors):
        return None, False
    if function.elementwise and not any(one.dim() for one in parameters):
        return x.view(-1), True
    along_last = all(one.dim() <= 1 for one in parameters)
    fits = along_last and x.dim() > 1 and x.shape[-1] <= smallest_split() // 2
    return x.view(-1, x.shape[-1]) if fits else None, False


def _count(rows: Any) -> int:
    """The number of rows in a chunk."""
    return max(1, smallest_split() // 2 // (rows.shape[1] if rows.dim() > 1 else 1))


def smallest_split() -> int:
    """The number of elements from which on a tensor is split, into chunks of half that size."""
    return 2 * _EACH * max(2, torch.get_num_threads())
