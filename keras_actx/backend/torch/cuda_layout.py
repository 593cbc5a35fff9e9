"""torch on a GPU: the inputs of a kernel, as views of an activation's tensors, and its results in their shapes.

A kernel computes in float32 for 16 bits. Its inputs and results have one common dtype, that of x; float32, with another
pass to convert the results, if a parameter has more bits than x, or a gradient that is added up.
"""

from typing import Any

import torch
from torch import Tensor

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
    """The cotangent, x, or value and gate, and the parameters."""
    return [cotangent, *function.inputs_of(x), *_compatible(x, parameters, any(needed[1:]))]


def gradients(
    function: Any, results: list[Tensor], x: Tensor, parameters: list[Tensor], needed: Needed
) -> list[Tensor]:
    """The results of the kernel as gradients of the tensors that need them, added up where those were broadcast."""
    rest, found = iter(results), []
    if needed[0]:
        parts = [_added_up(next(rest), one.shape) for one in function.inputs_of(x)]
        found.append((parts[0] if function.elementwise else _joined(function, parts)).to(x.dtype))
    for one, is_needed in zip(parameters, needed[1:], strict=True):
        if is_needed:
            found.append(_added_up(next(rest), one.shape).to(one.dtype))
    return found


def _added_up(result: Tensor, shape: torch.Size) -> Tensor:
    return result if result.shape == shape else result.sum_to_size(shape)


def _joined(function: Any, parts: list[Tensor]) -> Tensor:
    """The gradients of value and gate as that of x: another pass, but a kernel cannot write into a part of a tensor."""
    parts = parts if function.gate == "last" else parts[::-1]
    return torch.stack(parts, -1).flatten(-2) if function.interleaved else torch.cat(parts, -1)


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
