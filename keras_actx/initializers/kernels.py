"""Constructions of kernels: orthogonal matrices, centred columns, mirrored halves, delta-orthogonal convolutions."""

import math
from typing import Any

from keras import ops

#: The least fan_in for centring: below it, removing the mean would remove too much of the signal.
LEAST_CENTRED = 16


def orthogonal(normal: Any, stddev: float, centred: bool) -> Any:
    """A matrix with orthogonal columns, or rows if there are fewer, from a matrix of independent normal numbers.

    Its entries have the given standard deviation, so that x' W has the size of x times stddev sqrt(fan_out) for any
    shape; Keras's own `Orthogonal` attenuates the signal if there are more units than inputs.

    Args:
        normal: the `(fan_in, fan_out)` matrix to start from.
        stddev: of an entry.
        centred: whether the columns also have mean 0; they are rescaled to compensate for the removed direction.
    """
    fan_in, fan_out = normal.shape
    if fan_out < fan_in:
        start = centre(normal) if centred else normal  # the columns of Q span the same space as those of `start`
        return stddev * math.sqrt(fan_in) * _signed(start)
    basis = ops.transpose(_signed(ops.transpose(normal)))
    if not centred:
        return stddev * math.sqrt(fan_out) * basis
    return stddev * math.sqrt(fan_out * fan_in / (fan_in - 1)) * centre(basis)


def _signed(matrix: Any) -> Any:
    """Q of the QR decomposition, with signs such that it is uniform over the orthogonal matrices (Mezzadri 2007)."""
    q, r = ops.qr(matrix)
    signs = ops.where(ops.diagonal(r) < 0, -1.0, 1.0)
    return q * ops.cast(signs, q.dtype)


def centre(matrix: Any) -> Any:
    """The matrix with the mean of each column removed."""
    return matrix - ops.mean(matrix, axis=0, keepdims=True)


def mirror(block: Any, inputs_axis: int | None) -> Any:
    """[A, -A] along the last axis, and below it [-A, A] along the axis of the inputs, if the inputs are paired."""
    row = ops.concatenate([block, -block], axis=-1)
    return row if inputs_axis is None else ops.concatenate([row, -row], axis=inputs_axis)


def join_halves(first: Any, last: Any, interleaved: bool) -> Any:
    """Both concatenated along the last axis, or with alternating columns."""
    if not interleaved:
        return ops.concatenate([first, last], axis=-1)
    return ops.reshape(ops.stack([first, last], axis=-1), (*first.shape[:-1], 2 * first.shape[-1]))


def at_centre(matrix: Any, taps: tuple[int, ...]) -> Any:
    """A convolution's kernel that is zero except for the matrix at its centre (delta-orthogonal: arXiv:1806.05393).

    For an even number of taps, the centre is the tap before the middle, which padding "same" aligns with the pixel
    itself.
    """
    around = [((size - 1) // 2, size - 1 - (size - 1) // 2) for size in taps]
    return ops.pad(ops.reshape(matrix, (*(1 for _ in taps), *matrix.shape)), [*around, (0, 0), (0, 0)])
