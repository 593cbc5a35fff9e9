"""Known excesses over the error bounds: where, how large, and why."""

from collections.abc import Iterable
from dataclasses import KW_ONLY, dataclass

import keras
import numpy as np

from keras_actx.declaration.activation import Activation
from keras_actx.testing.samples import is_default


@dataclass(frozen=True)
class KnownError:
    """One known excess over an error bound: where, how large, and why it cannot be avoided.

    Args:
        name: the activation's identifier.
        reason: why it cannot be avoided.
        error: the largest error allowed there, in units of the bound's bracket; inf if a result is NaN or infinite.
        quantity: "value" or "derivative".
        dtypes: names separated by blanks.
        backends: names separated by blanks.
        low: the region's lower end.
        high: the region's upper end.
        tail: for a derivative, whether 2 eps max|f'| is the bound there, in place of `error`.
        defaults: whether it is for default parameters, or for all others.

    Example:

    >>> import numpy as np
    >>> from keras_actx.testing import KnownError
    >>> known = KnownError("tanh", "the backend's own tanh", error=7.0, low=-20.0, high=20.0)
    >>> known.covers(np.array([5.0, 5.0, 50.0]), np.array([6.5, 7.5, 6.5])).tolist()
    [True, False, False]
    """

    name: str
    reason: str
    _: KW_ONLY
    error: float = 0.0
    quantity: str = "value"
    dtypes: str = "float32 float64"
    backends: str = "tensorflow jax torch"
    low: float = -np.inf
    high: float = np.inf
    tail: bool = False
    defaults: bool = True

    def contains(self, x: np.ndarray) -> np.ndarray:
        """The points of its region."""
        return (x >= self.low) & (x <= self.high)

    def covers(self, x: np.ndarray, errors: np.ndarray) -> np.ndarray:
        """The points of its region whose error is no larger than it allows."""
        return self.contains(x) & (errors <= self.error)

    def __str__(self) -> str:
        return f"{self.name}-{self.quantity}-{self.dtypes.replace(' ', '-')}-{self.low:g}..{self.high:g}"


def known_errors_for(
    every: Iterable[KnownError], activation: Activation, quantity: str, dtype: str
) -> list[KnownError]:
    """The known errors that apply to an activation on this backend."""
    return [
        one
        for one in every
        if one.name == activation.name
        and one.quantity == quantity
        and dtype in one.dtypes.split()
        and keras.backend.backend() in one.backends.split()
        and one.defaults == is_default(activation)
    ]


def excused(known: Iterable[KnownError], x: np.ndarray, errors: np.ndarray) -> np.ndarray:
    """The points covered by an exception."""
    result = np.zeros(x.shape, bool)
    for one in known:
        result |= one.covers(x, errors)
    return result
