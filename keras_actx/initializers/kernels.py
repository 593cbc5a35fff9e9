"""What kernels are drawn from: orthogonal matrices, centred columns, mirrored halves, the centre of a convolution."""

import math
from typing import Any

from keras import ops

#: Below it, removing the mean over fan_in would remove too much of the signal.
LEAST_CENTRED = 16


def orthogonal(normal: Any, stddev: float, centred: bool) -> Any:
    """A matrix with orthogonal columns, or rows where there are fewer, from one of independent normal numbers.

    Its entries have the standard deviation given, so x' W keeps the size of x times stddev sqrt(fan_out) whatever
    the shape; Keras's own `Orthogonal` loses signal where there are more units than inputs.

    Args:
        normal: the `(fan_in, fan_out)` matrix to start from.
        stddev: of an entry.
        centred: whether the columns get the mean 0 too; their length makes up for the direction lost.
    """
    fan_in, fan_out = normal.shape
    if fan_out < fan_in:
        start = centre(normal) if centred else normal  # the columns of Q span what those of `start` do
        return stddev * math.sqrt(fan_in) * _signed(start)
    basis = ops.transpose(_signed(ops.transpose(normal)))
    if not centred:
        return stddev * math.sqrt(fan_out) * basis
    return stddev * math.sqrt(fan_out * fan_in / (fan_in - 1)) * centre(basis)


def _signed(matrix: Any) -> Any:
    """Q of the QR decomposition, with the signs that make it uniform over all orthogonal ones (Mezzadri 2007)."""
    q, r = ops.qr(matrix)
    signs = ops.where(ops.diagonal(r) < 0, -1.0, 1.0)
    return q * ops.cast(signs, q.dtype)


def centre(matrix: Any) -> Any:
    """The matrix with the mean of each column removed."""
    return matrix - ops.mean(matrix, axis=0, keepdims=True)


def mirror(block: Any, inputs_axis: int | None) -> Any:
    """[A, -A] in the last axis, and below it [-A, A] in that of the inputs, if there is one to pair."""
    row = ops.concatenate([block, -block], axis=-1)
    return row if inputs_axis is None else ops.concatenate([row, -row], axis=inputs_axis)


def join_halves(first: Any, last: Any, interleaved: bool) -> Any:
    """Both side by side in the last axis, or their columns in turn."""
    if not interleaved:
        return ops.concatenate([first, last], axis=-1)
    return ops.reshape(ops.stack([first, last], axis=-1), (*first.shape[:-1], 2 * first.shape[-1]))


def at_centre(matrix: Any, taps: tuple[int, ...]) -> Any:
    """A convolution's kernel that is zero but for the matrix at its centre (delta-orthogonal: arXiv:1806.05393).

    Of an even number of taps the centre is the one before the middle: the one that padding "same" lays on the pixel
    itself.
    """
    around = [((size - 1) // 2, size - 1 - (size - 1) // 2) for size in taps]
    return ops.pad(ops.reshape(matrix, (*(1 for _ in taps), *matrix.shape)), [*around, (0, 0), (0, 0)])
