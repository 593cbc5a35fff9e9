"""One training run of `compare`: a new model, the random state of the seed, and one rule for the score."""

import math
import random
import time
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import keras
import numpy as np

from keras_actx import backend
from keras_actx._messages import did_you_mean, quote
from keras_actx.layers._arguments import refuse_unless
from keras_actx.models.compare.comparison import Run
from keras_actx.models.compare.rows import Batches

_OWNER = "compare"


class Builder:
    """Builds models, and raises an error for one that is not new, not compiled or cannot be trained."""

    def __init__(self, build: Callable[[Any], Any]) -> None:
        refuse_unless(callable(build), _OWNER, "build", build, "a function of an activation that returns a model")
        self._build = build
        self._known: dict[int, weakref.ref[Any]] = {}

    def __call__(self, activation: Any) -> Any:
        model = self._build(activation)
        if not isinstance(model, keras.Model):
            raise TypeError(f"{_OWNER}: build returned {quote(model)}; it must return a Keras model")
        if not model.compiled:
            raise ValueError(f"{_OWNER}: build returned a model that is not compiled; call model.compile in build")
        if model.built and not model.trainable_variables:
            raise ValueError(f"{_OWNER}: build returned a model that has nothing to train")
        parts = {"model": model, "optimizer": model.optimizer}
        parts |= {f"weight {quote(one.path)}": one for one in model.trainable_variables}
        for what, part in parts.items():
            known = self._known.get(id(part))
            if known is not None and known() is part:
                raise ValueError(
                    f"{_OWNER}: build returned the {what} of an earlier call; it must create the model, its layers and "
                    "its optimizer in each call"
                )
        self._known |= {id(part): weakref.ref(part) for part in parts.values()}
        return model


class _EpochEnds(keras.callbacks.Callback):
    """At the end of an epoch: check that the metric is there, and end a run with values that are not finite."""

    def __init__(self, metric: str, advance: Callable[[], None]) -> None:
        super().__init__()
        self._metric, self._advance = metric, advance
        self.diverged = False

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        logs = logs or {}
        if self._metric not in logs:
            raise ValueError(
                f"{_OWNER}: metric={quote(self._metric)} is not in the logs of the model; it has "
                f"{', '.join(map(repr, logs))}.{did_you_mean(self._metric, logs)}"
            )
        if (shape := np.shape(logs[self._metric])) != ():
            raise ValueError(
                f"{_OWNER}: metric={quote(self._metric)} is an array of the shape {shape} and not one number; let the "
                "metric of the model average it, as keras.metrics.F1Score(average='macro') does"
            )
        watched = {"loss", "val_loss", self._metric} & {name for name in logs if np.shape(logs[name]) == ()}
        if not all(math.isfinite(logs[name]) for name in watched):
            model: Any = self.model
            self.diverged = model.stop_training = True
        self._advance()


@dataclass(frozen=True)
class Budget:
    """What every run may spend, and how it is scored."""

    epochs: int
    patience: int | None
    metric: str
    mode: str

    def spend(
        self, model: Any, data: tuple[Batches, Any], name: str, seed: int, advance: Callable[[], None]
    ) -> tuple[Run, Literal["min", "max"]]:
        """Train a model; returns the run, and the direction of the metric."""
        batches, validation = data
        batches.restart()
        ends = _EpochEnds(self.metric, advance)
        # Also without early stopping: it knows the directions of Keras's metrics.
        stopping = keras.callbacks.EarlyStopping(self.metric, patience=self.patience or self.epochs, mode=self.mode)
        begin = time.perf_counter()
        history = model.fit(
            batches,
            epochs=self.epochs,
            validation_data=validation,
            validation_batch_size=batches.batch_size,
            shuffle=False,
            callbacks=[ends, stopping],
            verbose=0,
        ).history
        seconds = time.perf_counter() - begin
        better = stopping.monitor_op
        direction: Literal["min", "max"] = "min" if better is not None and bool(better(1.0, 2.0)) else "max"
        history = {name: np.asarray(values).tolist() for name, values in history.items()}
        values = history[self.metric]
        pick = min if direction == "min" else max
        best = len(values) if self.patience is None or ends.diverged else values.index(pick(values)) + 1
        score = math.nan if ends.diverged else float(values[best - 1])
        return Run(name, seed, score, ends.diverged, best, len(values), seconds, history), direction


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Python's, NumPy's and torch's random numbers from a seed; afterwards as before.

    Keras draws the seeds of layers and initializers from Python's.
    """
    states = random.getstate(), np.random.get_state()
    random.seed(seed)
    np.random.seed(seed)
    try:
        with backend.seeded(seed):
            yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
