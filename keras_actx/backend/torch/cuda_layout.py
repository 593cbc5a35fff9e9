"""torch on a GPU: the inputs of a kernel, as views of an activation's tensors, and its results in their shapes.

A kernel computes in float32 for 16 bits. Its inputs and results have one common dtype, that of x; float32, with another
pass to convert the results, if a parameter has more bits than x, or a gradient that is added up.
"""

import functools
from typing import Any

import torch
from torch import Tensor

from keras_actx.backend.torch.cuda_kernel import is_capturing

Needed = tuple[bool, ...]


def forward_inputs(function: Any, x: Tensor, parameters: list[Tensor]) -> list[Tensor]:
    """x, or value and gate, and the parameters."""
    return [*function.inputs_of(x), *_compatible(x, parameters, False)]


def forward_result(y: Tensor, x: Tensor, parameters: list[Tensor]) -> Tensor:
    """The result in the dtype and rank of the formula's."""
    if not parameters:
        return y
    rank = max(one.dim() for one in (x, *parameters))
    return (y.reshape(x.shape) if y.dim() > rank else y).to(x.dtype)


def vjp_inputs(function: Any, x: Tensor, parameters: list[Tensor], needed: Needed, cotangent: Tensor) -> list[Tensor]:
    """The cotangent, x, or value and gate, and the parameters.

    For a gated activation, all are broadcast along the axis of pairs of x. Another input comes first that is 0 for the
    value of a pair, 1 for its gate: the gradient of the whole x is one result.
    """
    parameters = _compatible(x, parameters, any(needed[1:]))
    if function.elementwise:
        return [cotangent, x, *parameters]
    axis = _pair_axis(function)
    value, gate = _pairs(function, x).split(1, axis)
    sides = _sides if not is_capturing(x) else _sides.__wrapped__  # what a CUDA graph allocates is not kept
    side = sides(x.device, x.dtype, function.gate == "first")
    if function.gate == "first":
        value, gate = gate, value
    others = [_along_pairs(function, one) for one in (cotangent, *parameters)]
    return [side if axis == -1 else side.unsqueeze(-1), others[0], value, gate, *others[1:]]


def gradients(
    function: Any, results: list[Tensor], x: Tensor, parameters: list[Tensor], needed: Needed
) -> list[Tensor]:
    """The results of the kernel as gradients of the tensors that need them, added up where those were broadcast."""
    if function.elementwise and not parameters:
        return results
    shapes = [one.shape for one in (x, *parameters)]
    if not function.elementwise:
        shapes = [_pairs(function, x).shape, *(_along_pairs(function, one).shape for one in parameters)]
    rest, found = iter(results), []
    for one, shape, is_needed in zip((x, *parameters), shapes, needed, strict=True):
        if is_needed:
            result = next(rest)
            if result.shape != shape:
                result = result.sum_to_size(shape)
            found.append(result.reshape(one.shape).to(one.dtype))
    return found


def _pair_axis(function: Any) -> int:
    return -1 if function.interleaved else -2


def _pairs(function: Any, x: Tensor) -> Tensor:
    """x with an axis of value and gate."""
    return x.unflatten(-1, (-1, 2) if function.interleaved else (2, -1))


def _along_pairs(function: Any, one: Tensor) -> Tensor:
    return one.unsqueeze(_pair_axis(function)) if one.dim() else one


@functools.lru_cache(64)
def _sides(device: torch.device, dtype: torch.dtype, reverse: bool) -> Tensor:
    return torch.tensor([1.0, 0.0] if reverse else [0.0, 1.0], dtype=dtype, device=device)


def _compatible(x: Tensor, parameters: list[Tensor], are_summed: bool) -> list[Tensor]:
    """The parameters in the dtype of x, or in that of the computation if they have another or are summed.

    At least one axis then makes the kernel compute results in that dtype: one without axes is converted to that of x.
    """
    if not parameters:
        return parameters
    dtype = torch.float64 if x.dtype == torch.float64 else torch.float32
    if x.dtype == dtype or (not are_summed and all(one.dtype == x.dtype for one in parameters)):
        return [one.to(x.dtype) for one in parameters]
    return [one.to(dtype).reshape(one.shape or (1,)) for one in parameters]
