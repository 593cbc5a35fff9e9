"""Where results are known to be further from the truth than the bars allow, and how far."""

from collections.abc import Iterable
from dataclasses import dataclass

import keras
import numpy as np

from keras_actx.declaration.activation import Activation


@dataclass(frozen=True)
class Entry:
    """One known excess: where, how large it was measured, and what prevents better.

    Args:
        name: the activation's identifier.
        reason: what prevents better.
        ulps: the largest error measured there, in units in the last place of max(|f|, |x f'|), or of a derivative's
            largest term; inf where a result is NaN or infinite.
        quantity: "value" or "derivative".
        dtypes: names separated by blanks.
        backends: names separated by blanks.
        low: the region's lower end.
        high: the region's upper end.

    Example:

    >>> import numpy as np
    >>> from keras_actx.testing import Entry
    >>> known = Entry("tanh", "the backend's own tanh", 7.0, low=-20.0, high=20.0)
    >>> known.covers(np.array([5.0, 5.0, 50.0]), np.array([6.5, 7.5, 6.5])).tolist()
    [True, False, False]
    """

    name: str
    reason: str
    ulps: float
    quantity: str = "value"
    dtypes: str = "float32 float64"
    backends: str = "tensorflow jax torch"
    low: float = -np.inf
    high: float = np.inf

    def covers(self, x: np.ndarray, ulps: np.ndarray) -> np.ndarray:
        """The points it answers for: inside, and no worse than measured."""
        return (x >= self.low) & (x <= self.high) & (ulps <= self.ulps)

    def __str__(self) -> str:
        return f"{self.name}-{self.quantity}-{self.dtypes.replace(' ', '-')}-{self.low:g}..{self.high:g}"


def entries_for(ledger: Iterable[Entry], activation: Activation, quantity: str, dtype: str) -> list[Entry]:
    """The entries that concern an activation here."""
    return [
        one
        for one in ledger
        if one.name == activation.name
        and one.quantity == quantity
        and dtype in one.dtypes.split()
        and keras.backend.backend() in one.backends.split()
    ]


def excused(entries: Iterable[Entry], x: np.ndarray, ulps: np.ndarray) -> np.ndarray:
    """Which points some entry answers for."""
    result = np.zeros(x.shape, bool)
    for entry in entries:
        result |= entry.covers(x, ulps)
    return result
