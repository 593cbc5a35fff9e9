"""The test points of an activation: all numbers of the 16-bit dtypes, and a grid of any size for 32 and 64 bits."""

import functools

import ml_dtypes
import numpy as np

from keras_actx.declaration.activation import Activation
from keras_actx.testing.samples import kinks

DTYPES = ("float16", "bfloat16", "float32", "float64")
_BLOCK = 512


def points(activation: Activation, dtype: str, count: int) -> np.ndarray:
    """Finite numbers of `dtype`, as float64, about `count` of them and every kink with its neighbours.

    16 bits: evenly spaced bit patterns, all 65,536 except the infinities and NaNs if `count` allows.
    """
    numpy_dtype = numpy_type(dtype)
    around = _around(np.array(list(kinks(activation)), dtype="float64"), numpy_dtype)
    sixteen = numpy_dtype.itemsize == 2
    grid = _patterns(dtype, max(1, 2**16 // count)) if sixteen else _spread(dtype, count)
    return in_blocks(np.unique(np.concatenate([grid, around[np.isfinite(around)]])))


def in_blocks(x: np.ndarray) -> np.ndarray:
    """The points, some of them repeated at the end, padded to a multiple of 512, since JAX compiles for every size."""
    return np.resize(x, -(-len(x) // _BLOCK) * _BLOCK)


def numpy_type(dtype: str) -> np.dtype:
    """The numpy dtype of a dtype's name."""
    return np.dtype(ml_dtypes.bfloat16 if dtype == "bfloat16" else dtype)


def _around(at: np.ndarray, numpy_dtype: np.dtype) -> np.ndarray:
    """The points and their neighbours on both sides."""
    with np.errstate(over="ignore"):
        at = at.astype(numpy_dtype)
    up = np.array(np.inf, numpy_dtype)
    return np.concatenate([at, np.nextafter(at, up), np.nextafter(at, -up)]).astype("float64")


@functools.cache
def _patterns(dtype: str, step: int) -> np.ndarray:
    with np.errstate(invalid="ignore"):  # some patterns are signalling NaNs
        numbers = np.arange(0, 2**16, step, dtype="uint16").view(numpy_type(dtype)).astype("float64")
    return numbers[np.isfinite(numbers)]


@functools.cache
def _spread(dtype: str, count: int) -> np.ndarray:
    """Logarithmic from tiny to max, random bit patterns, and dense where activations bend and where they vanish."""
    limits, generator = np.finfo(dtype), np.random.default_rng(0)
    eighth = count // 8
    size = np.exp(np.linspace(np.log(limits.tiny), np.log(limits.max), eighth)[:-1], dtype="float64")
    bits = generator.integers(0, 2**limits.bits, eighth, dtype="uint64").astype(f"uint{limits.bits}")
    with np.errstate(invalid="ignore"):
        random = bits.view(dtype).astype("float64")
    bends = [np.linspace(-half, half, 2 * part) for half, part in ((4, eighth // 2), (12, eighth), (120, eighth // 2))]
    tails = np.linspace(-800, 800, eighth // 2)
    ends = np.array([0.0, limits.max, -limits.max, limits.tiny, -limits.tiny])
    grid = np.concatenate([size, -size, random[np.isfinite(random)], *bends, tails, ends])
    return np.unique(grid.astype(dtype).astype("float64"))


def rounded(at: list[float] | np.ndarray, dtype: str) -> np.ndarray:
    """The nearest numbers of `dtype`, as float64."""
    return np.asarray(at, dtype="float64").astype(numpy_type(dtype)).astype("float64")
