"""Errors in units of the error bound, and the error due to a backend's flushing of subnormals."""

import keras
import ml_dtypes
import numpy as np

#: The error allowed for underflow, in units of the smallest normal number times max(1, |x|). XLA's and TensorFlow's CPU
#: kernels flush subnormals to 0, also those of intermediate results, which may be up to 32 times smaller than the
#: result. torch preserves them, but its sigmoid, 1 / (1 + e^-x), is 0 where it would be subnormal.
_UNDERFLOW = {"jax": 32.0, "tensorflow": 32.0, "torch": 1.0}


def spacing(values: np.ndarray, dtype: str) -> np.ndarray:
    """The spacing of numbers of `dtype` at |values|; at least that of subnormals."""
    limits = ml_dtypes.finfo(dtype)
    exponent = np.where(values == 0, limits.minexp, np.frexp(np.abs(values))[1] - 1)
    exponent = np.clip(exponent, limits.minexp, limits.maxexp - 1)
    return np.ldexp(1.0, exponent - limits.nmant)


def underflow(x: np.ndarray, dtype: str) -> np.ndarray:
    """The absolute error that flushed subnormals may cause at inputs `x`."""
    if dtype == "float16":  # computed in float32, where its subnormals are normal
        return np.zeros_like(x)
    scale = _UNDERFLOW.get(keras.backend.backend(), 32.0)
    return scale * float(ml_dtypes.finfo(dtype).tiny) * np.maximum(1.0, np.abs(x))


def flushes_inputs() -> bool:
    """Whether a subnormal input is treated as 0."""
    return keras.backend.backend() != "torch"


def absolute(
    y: np.ndarray, true: tuple[np.ndarray, np.ndarray], x: np.ndarray, dtype: str, at_zero: float | None = None
) -> np.ndarray:
    """The error of `y` in excess of underflow; inf where it is incorrectly NaN or infinite.

    Args:
        y: results, in float64.
        true: exact values, as two doubles.
        x: the inputs.
        dtype: of inputs and results.
        at_zero: the true value at 0, which a backend that flushes subnormal inputs may return for them.
    """
    high, low = true
    limits = ml_dtypes.finfo(dtype)
    largest, tiny = float(limits.max), float(limits.tiny)
    with np.errstate(invalid="ignore", over="ignore"):
        error = np.abs((y - high) - low)
        if at_zero is not None and flushes_inputs() and dtype != "float16":
            error = np.where(np.abs(x) < tiny, np.minimum(error, np.abs(y - at_zero)), error)
        error = np.maximum(error - underflow(x, dtype), 0.0)
    # Where the true value rounds to infinity, or is one bit below it, infinity is accepted.
    overflows = np.abs(high) > largest * (1 - 4 * float(limits.eps))
    error[overflows & (y == np.copysign(np.inf, high))] = 0.0
    error[np.isnan(y) | np.isnan(error)] = np.inf
    return error


def in_units(error: np.ndarray, size: np.ndarray, dtype: str) -> np.ndarray:
    """An absolute error in units of eps times `size`; of a 16-bit dtype, in units in the last place."""
    unit = spacing(size, dtype) if dtype.endswith("16") else float(ml_dtypes.finfo(dtype).eps) * np.abs(size)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return np.where(error == 0.0, 0.0, error / unit)
