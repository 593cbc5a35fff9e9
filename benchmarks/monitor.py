"""Measures what `ActivationMonitor` costs at its default frequency, as a part of the epochs of the same run.

Prints one line for each network, with the elapsed time and with the processor time, which does not depend on what else
the machine does, and writes no file:

    KERAS_BACKEND=jax python benchmarks/monitor.py
"""

import time

import keras
import numpy as np
from keras import layers

from keras_actx.callbacks import ActivationMonitor

EPOCHS = 3
ROWS = 20_000


def now():
    """The elapsed time and the processor time, in seconds."""
    return np.array([time.perf_counter(), time.process_time()])


class Timed(ActivationMonitor):
    """The monitor, which also notes the times of its measurements and of the epochs."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.spent, self.epochs = [], []

    def on_epoch_begin(self, epoch, logs=None):
        self.began = now()

    def on_epoch_end(self, epoch, logs=None):
        ended = now()
        super().on_epoch_end(epoch, logs)
        self.spent.append(now() - ended)
        self.epochs.append(ended - self.began)


def dense():
    hidden = [layers.Dense(256, "mish") for _ in range(4)]
    return (784,), keras.Sequential([keras.Input((784,)), *hidden, layers.Dense(10)])


def convolutional():
    hidden = [layers.Conv2D(width, 3, 2, padding="same", activation="mish") for width in (16, 32, 64)]
    return (32, 32, 3), keras.Sequential([keras.Input((32, 32, 3)), *hidden, layers.Flatten(), layers.Dense(10)])


def measure(make):
    """Two monitors in one run, without and with gradients: the sums over the epochs after the first, which compiles."""
    shape, model = make()
    rng = np.random.default_rng(1)
    x = rng.normal(size=(ROWS, *shape)).astype("float32")
    y = rng.integers(10, size=ROWS)
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    monitors = Timed(x), Timed(x, y)
    model.fit(x, y, batch_size=64, epochs=EPOCHS, verbose=0, callbacks=[*monitors])
    epochs = sum(monitors[0].epochs[1:])  # those of the second contain the first monitor
    return epochs / (EPOCHS - 1), [sum(one.spent[1:]) / epochs for one in monitors]


def main():
    for make in (dense, convolutional):
        epoch, parts = measure(make)
        for what, part in zip(("without y", "with gradients"), parts, strict=True):
            print(
                f"{keras.backend.backend()}, {make.__name__}, {what}: {part[0]:.1%} of an epoch of {epoch[0]:.2f} s, "
                f"{part[1]:.1%} of its processor time, {epoch[1]:.2f} s",
                flush=True,
            )


if __name__ == "__main__":
    main()
