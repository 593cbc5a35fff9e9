"""Training of the demo's networks, all with the same settings, and a comparison of the accuracies."""

import contextlib
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from rich.console import Console

from keras_actx.commands.console import working
from keras_actx.commands.demo.networks import Digits, Network

_BATCH = 64


@dataclass(frozen=True)
class Trained:
    """A network trained with several seeds; single-valued fields are those of the last seed."""

    network: Network
    histories: list[dict[str, list[float]]]  # per seed, the curves by epoch
    accuracies: list[float]  # per seed, the fraction of correctly classified test images
    predictions: np.ndarray

    @property
    def accuracy(self) -> float:
        """The mean accuracy over the seeds."""
        return float(np.mean(self.accuracies))


def train(build: Callable[[int], Network], splits: Mapping[int, Digits], epochs: int, console: Console) -> Trained:
    """Fit with every seed on its own split; in a terminal the epoch that is trained is shown.

    The test images are evaluated after every epoch, but not used for any choice.
    """
    histories, accuracies = [], []
    network: Any = None
    model: Any = None
    started: Any = None
    predictions: Any = None
    for seed, data in splits.items():
        keras.utils.set_random_seed(seed)
        if network is None:
            with working(console, "Building a network"):
                network = build(seed)
                model = network.model
                model.optimizer.build(model.trainable_variables)
                started = [keras.ops.convert_to_numpy(one) for one in model.optimizer.variables]
            console.print(f"\n{network.title}: {', '.join(network.activations)}", style="bold")
            task = f"  seed {seed}: compiling, then {epochs} epochs"
        else:  # reuses the compiled model
            model.set_weights(build(seed).model.get_weights())
            for variable, value in zip(model.optimizer.variables, started, strict=True):
                variable.assign(value)
            task = f"  seed {seed}: {epochs} epochs"
        begun = time.perf_counter()
        with working(console, task) as say:
            history = model.fit(
                data.train_x,
                data.train_y,
                batch_size=_BATCH,
                epochs=epochs,
                validation_data=(data.test_x, data.test_y),
                verbose=0,
                callbacks=[_Epochs(lambda said, seed=seed: say(f"  seed {seed}: {said}"), epochs)],
            ).history
            predictions = predict(model, data.test_x)
        histories.append(history)
        accuracies.append(float((predictions.argmax(-1) == data.test_y).mean()))
        seconds = time.perf_counter() - begun
        console.print(f"  seed {seed}: {_said(history['loss'][-1], accuracies[-1])}, {seconds:.1f} s")
    return Trained(network, histories, accuracies, predictions)


class _Epochs(keras.callbacks.Callback):
    """Passes on a line after every epoch."""

    def __init__(self, say: Callable[[str], None], epochs: int) -> None:
        super().__init__()
        self._say, self._epochs = say, epochs

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self._say(f"epoch {epoch + 1} of {self._epochs}, {_said(logs['loss'], logs['val_accuracy'])}")


def _said(loss: float, accuracy: float) -> str:
    return f"loss {loss:.4f}, test accuracy {100 * accuracy:.1f} %"


def predict(model: keras.Model, x: np.ndarray) -> np.ndarray:
    """Class probabilities, in batches of a fixed size, so that the results are bitwise reproducible on one backend."""
    return np.asarray(model.predict(x, batch_size=_BATCH, verbose=0))  # pyright: ignore[reportArgumentType]  (Keras has no types)


def verdict(one: Trained, other: Trained) -> str:
    """A sentence that compares two networks, seed by seed, on the same test images.

    A network is reported as ahead only if it is for every one of several seeds.
    """
    points = [100 * (mine - its) for mine, its in zip(one.accuracies, other.accuracies, strict=True)]
    former, latter = one.network.title, other.network.title
    mean, seeds = sum(points) / len(points), len(points)
    spread = f"{min(points):+.1f} to {max(points):+.1f}"
    if seeds == 1:
        return f"{former} against {latter}: {mean:+.1f} points, for one seed, which is inconclusive."
    for word, sign in (("ahead of", 1), ("behind", -1)):
        if all(sign * one > 0 for one in points):
            average = f"by {abs(mean):.1f} points on average ({spread})"
            return f"{former} is {word} {latter} for each of {seeds} seeds, {average}."
    ahead = sum(one > 0 for one in points)
    return f"{former} against {latter}: {mean:+.1f} points on average ({spread}), ahead for {ahead} of {seeds} seeds."


@contextlib.contextmanager
def small_and_comparable() -> Iterator[None]:
    """Compute on the CPU, for equal float32 arithmetic on all backends, and in one thread where more are slower.

    PyTorch splits even a product of 64 by 64 matrices among threads, which on a busy machine is ten times slower.
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
