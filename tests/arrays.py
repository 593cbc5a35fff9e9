"""Tensors for tests: of given numbers, of random ones."""

import keras
import numpy as np


def tensor(x, dtype="float64"):
    """A tensor of whatever numpy takes for an array."""
    return keras.ops.convert_to_tensor(np.asarray(x), dtype=dtype)


def random(*shape, seed=0):
    """Normal numbers in an array, the same for equal arguments."""
    return np.random.default_rng(seed).normal(size=shape)
