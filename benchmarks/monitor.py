"""Measures what `ActivationMonitor` costs at its default frequency, as a part of an epoch of the same run.

Prints one line for each network, and writes no file:

    KERAS_BACKEND=jax python benchmarks/monitor.py
"""

import statistics
import time

import keras
import numpy as np
from keras import layers

from keras_actx.callbacks import ActivationMonitor

EPOCHS = 3
ROWS = 20_000


class Timed(ActivationMonitor):
    """The monitor, which also notes the times of its measurements and of the epochs."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.spent, self.epochs = [], []

    def on_epoch_begin(self, epoch, logs=None):
        self.began = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        ended = time.perf_counter()
        super().on_epoch_end(epoch, logs)
        self.spent.append(time.perf_counter() - ended)
        self.epochs.append(ended - self.began)


def dense():
    hidden = [layers.Dense(256, "mish") for _ in range(4)]
    return (784,), keras.Sequential([keras.Input((784,)), *hidden, layers.Dense(10)])


def convolutional():
    hidden = [layers.Conv2D(width, 3, 2, padding="same", activation="mish") for width in (16, 32, 64)]
    return (32, 32, 3), keras.Sequential([keras.Input((32, 32, 3)), *hidden, layers.Flatten(), layers.Dense(10)])


def measure(make, with_gradients):
    """The monitor's time as a part of the epoch's: the median over the epochs after the first, which compiles."""
    shape, model = make()
    rng = np.random.default_rng(1)
    x = rng.normal(size=(ROWS, *shape)).astype("float32")
    y = rng.integers(10, size=ROWS)
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    monitor = Timed(x, y if with_gradients else None)
    model.fit(x, y, batch_size=64, epochs=EPOCHS, verbose=0, callbacks=[monitor])
    parts = [spent / epoch for spent, epoch in zip(monitor.spent[1:], monitor.epochs[1:], strict=True)]
    return statistics.median(parts), statistics.median(monitor.epochs[1:])


def main():
    for make in (dense, convolutional):
        for with_gradients in (False, True):
            part, epoch = measure(make, with_gradients)
            what = "with gradients" if with_gradients else "without y"
            print(f"{keras.backend.backend()}, {make.__name__}, {what}: {part:.1%} of an epoch of {epoch:.2f} s")


if __name__ == "__main__":
    main()
