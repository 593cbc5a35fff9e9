"""Training the demo's networks, all in the same way."""

import contextlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import keras
import numpy as np

from keras_actx.commands.digits import Digits
from keras_actx.commands.networks import Network

_BATCH = 64


@dataclass(frozen=True)
class Trained:
    """A trained network: its curves by epoch, and what it predicts for the test images."""

    network: Network
    history: dict[str, list[float]]
    predictions: np.ndarray
    correct: np.ndarray  # whether each test image was recognized

    @property
    def accuracy(self) -> float:
        return float(self.correct.mean())


def train(network: Network, data: Digits, epochs: int) -> Trained:
    """Fit with Keras's progress bar; without a terminal, Keras's line an epoch.

    The test images are looked at after every epoch, and nothing is chosen by them.
    """
    history = network.model.fit(
        data.train_x,
        data.train_y,
        batch_size=_BATCH,
        epochs=epochs,
        validation_data=(data.test_x, data.test_y),
        verbose=1 if sys.stdout.isatty() else 2,
    )
    predictions = predict(network.model, data.test_x)
    return Trained(network, history.history, predictions, predictions.argmax(-1) == data.test_y)


def predict(model: keras.Model, x: np.ndarray) -> np.ndarray:
    """Class probabilities, in batches of the same size everywhere, so that one backend gives the same bits again."""
    return np.asarray(model.predict(x, batch_size=_BATCH, verbose=0))


@contextlib.contextmanager
def small_and_comparable() -> Iterator[None]:
    """Compute on the CPU, whose float32 is the same on all backends, and in one thread where more only get in the way.

    PyTorch splits even a product of 64 by 64 numbers among threads, which on a busy machine takes ten times as long.
    """
    torch = sys.modules["torch"] if keras.backend.backend() == "torch" else None
    threads = torch.get_num_threads() if torch else None
    try:
        if torch:
            torch.set_num_threads(1)
        with keras.device("cpu" if keras.backend.backend() == "torch" else "cpu:0"):
            yield
    finally:
        if torch:
            torch.set_num_threads(threads)
