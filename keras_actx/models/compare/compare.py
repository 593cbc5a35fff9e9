"""`compare`: trains the same model with several activations, under equal conditions, and says which is best."""

import gc
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import keras
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from keras_actx._messages import quote
from keras_actx.layers._applied import written
from keras_actx.layers._arguments import check_whole, is_whole, refuse_unless
from keras_actx.models.compare.comparison import Comparison, Run
from keras_actx.models.compare.rows import Data
from keras_actx.models.compare.runs import Budget, Builder, seeded
from keras_actx.names.resolve import resolve
from keras_actx.plain_numbers import plain
from keras_actx.seeds import LARGEST_SEED

_OWNER = "compare"


def compare(
    build: Callable[[Any], keras.Model],
    x: Any,
    y: Any,
    *,
    activations: Iterable[Any] | Mapping[str, Any],
    epochs: int = 30,
    batch_size: int = 32,
    seeds: int | Iterable[int] = 5,
    validation_split: float = 0.2,
    validation_data: tuple[Any, Any] | None = None,
    patience: int | None = 5,
    metric: str = "val_loss",
    mode: Literal["auto", "min", "max"] = "auto",
    verbose: bool | int = True,
) -> Comparison:
    """Train the same model with several activations from several seeds, and test which is best.

    Everything but the activation is the same: for each seed, all activations have the same initial random state, the
    same validation rows, the same batches in the same order, and the same budget. The score of a run is the metric at
    its best epoch, or with `patience=None` after the last one. A run whose loss or metric is not finite ends, and
    counts as the worst. Hyperparameters, such as the learning rate, are what `build` sets, for all activations alike.

    Args:
        build: a function of an activation that returns a new compiled model. It is called for every run, and once
            before that for every activation.
        x: the inputs: an array, or a list or dict of arrays; without NaN.
        y: the targets, likewise.
        activations: two or more of what a layer accepts as `activation=`: names, with parameters and
            `learnable=True`, `Activation`s, functions, or layers, of which every run gets a new one. A dict gives them
            names of your own.
        epochs: how many epochs a run has at most.
        batch_size: rows in a batch.
        seeds: how many seeds, from 0 on; or a list of seeds, whole numbers from 0 to 2**31 - 1. With fewer than 3,
            there is no verdict.
        validation_split: the part of the rows that is for validation, drawn anew for every seed.
        validation_data: `(x, y)` for validation instead, the same for every seed.
        patience: the number of epochs without improvement after which a run ends; None for no early stopping.
        metric: the score by its name in the logs: `"val_loss"`, or `"val_accuracy"` if the model is compiled with
            `metrics=["accuracy"]`.
        mode: `"min"` if a lower score is better, `"max"` if a higher one is; `"auto"` for the losses and metrics of
            Keras.
        verbose: whether a progress bar is shown, on stderr, in a terminal or a notebook.

    Returns:
        A `Comparison`, which prints as a table with its `verdict`, and has `rows`, `runs`, `scores`, `plot()` and
        `to_dict()`. The states of Python's, NumPy's and torch's random numbers are those before the call, also after an
        error or an interrupt, whose message ends with the results of the seeds that are complete.

    Raises:
        TypeError: if `build` returns no Keras model.
        ValueError: before anything is trained, for an activation that is unknown (with the nearest name) or given
            twice, data that are empty, not finite or of different numbers of rows, other arguments that are not
            allowed, and a model that is not compiled, cannot be trained or shares weights or the optimizer with an
            earlier one; after the first epoch, for a metric that is not in the logs or has no known direction.

    Example:

    >>> import keras, keras_actx as actx
    >>> import numpy as np
    >>> x = np.random.default_rng(0).normal(size=(128, 2))
    >>> y = np.abs(x[:, :1])
    >>> def build(activation):
    ...     hidden = keras.layers.Dense(8, activation)
    ...     model = keras.Sequential([keras.Input((2,)), hidden, keras.layers.Dense(1)])
    ...     model.compile(keras.optimizers.Adam(0.05), "mse")
    ...     return model
    >>> result = actx.compare(build, x, y, activations=["linear", "relu"], epochs=4, seeds=2, verbose=False)
    >>> result.best
    'relu'
    """
    epochs, batch_size, patience, verbose = map(plain, (epochs, batch_size, patience, verbose))
    candidates = _candidates(activations)
    numbers = _seeds(seeds)
    check_whole(epochs, _OWNER, "epochs", 1)
    check_whole(batch_size, _OWNER, "batch_size", 1)
    check_whole(patience, _OWNER, "patience", 1, optional="for no early stopping")
    refuse_unless(mode in ("auto", "min", "max"), _OWNER, "mode", mode, "'auto', 'min' or 'max'")
    refuse_unless(isinstance(metric, str), _OWNER, "metric", metric, "the name of a value in the logs")
    refuse_unless(verbose in (0, 1), _OWNER, "verbose", verbose, "True or False")
    data = Data(x, y, validation_split, validation_data, batch_size)
    builder = Builder(build)
    budget = Budget(epochs, patience, metric, mode)
    runs: list[Run] = []
    directions: set[Literal["min", "max"]] = set()
    with _progress(bool(verbose)) as progress, _results_kept(metric, directions, runs, len(candidates)):
        for candidate in candidates:  # what is wrong with one is found before hours of training of others
            with _named(candidate, numbers[0]), seeded(numbers[0]):
                builder(candidate.fresh())
        task = progress.add_task("", total=len(candidates) * len(numbers) * epochs)
        for seed in numbers:
            train, validation = data.split(seed)
            for candidate in candidates:
                progress.update(task, description=f"{candidate.name}, seed {seed}")
                with _named(candidate, seed), seeded(seed):
                    model = builder(candidate.fresh())
                    run, direction = budget.spend(
                        model, (train, validation), candidate.name, seed, lambda: progress.advance(task)
                    )
                runs.append(run)
                directions.add(direction)
                progress.advance(task, epochs - run.epochs)
                del model
                gc.collect()  # models are circles, and the memory of a GPU does not make Python collect them
    if len(directions) > 1:
        raise ValueError(f"{_OWNER}: metric={quote(metric)} has another direction in some of the models; give mode=")
    return Comparison(metric, directions.pop(), tuple(runs))


@dataclass(frozen=True)
class _Candidate:
    name: str
    given: Any

    def fresh(self) -> Any:
        """The activation as given; of a layer, a new one, since its weights are trained."""
        if isinstance(self.given, keras.layers.Layer):
            return type(self.given).from_config(self.given.get_config())
        return self.given


def _candidates(activations: Any) -> list[_Candidate]:
    allowed = "two or more activations in a list, or in a dict by names of your own"
    listed = isinstance(activations, Iterable) and not isinstance(activations, (str, bytes))
    refuse_unless(listed, _OWNER, "activations", activations, allowed)
    if isinstance(activations, Mapping):
        found = [_Candidate(name, _checked(given)) for name, given in activations.items()]
        for one in found:
            refuse_unless(isinstance(one.name, str), _OWNER, "activations", activations, "strings as names in a dict")
    else:
        found = [_Candidate(_name(given), given) for given in map(_checked, activations)]
    refuse_unless(len(found) > 1, _OWNER, "activations", activations, allowed)
    names = [one.name for one in found]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(
                f"{_OWNER}: activations has {quote(name)} more than once; leave one out, or give both other names in a "
                "dict"
            )
    return found


def _checked(given: Any) -> Any:
    if isinstance(given, type):
        raise ValueError(f"{_OWNER}: {quote(given)} in activations is a class; give an instance")
    try:
        resolve(given)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{_OWNER}: {quote(given)} in activations is not allowed: {error}") from error
    return given


def _name(given: Any) -> str:
    if isinstance(given, str):
        return given
    if isinstance(given, keras.layers.Layer):
        declared = getattr(given, "declared", None)
        return type(given).__name__ + (f"({declared})" if declared is not None else "")
    return written(resolve(given).subject)


def _seeds(seeds: Any) -> Sequence[int]:
    seeds = plain(seeds)
    if is_whole(seeds, 1, LARGEST_SEED + 1):
        return range(seeds)
    found = plain(list(seeds)) if isinstance(seeds, Iterable) and not isinstance(seeds, (str, bytes)) else []
    holds = bool(found) and all(is_whole(seed, 0, LARGEST_SEED) for seed in found) and len(set(found)) == len(found)
    allowed = "a number of seeds from 1 on, or a list of different whole numbers from 0 to 2**31 - 1"
    refuse_unless(holds, _OWNER, "seeds", seeds, allowed)
    return found


@contextmanager
def _named(candidate: _Candidate, seed: int) -> Iterator[None]:
    """An error says of which run it is."""
    try:
        yield
    except Exception as error:
        error.add_note(f"{_OWNER}: with the activation {candidate.name!r} and the seed {seed}")
        raise


@contextmanager
def _results_kept(metric: str, directions: set[Any], runs: list[Run], candidates: int) -> Iterator[None]:
    """An error or an interrupt after hours of training has the results of the seeds that are complete."""
    try:
        yield
    except BaseException as error:
        complete = runs[: len(runs) // candidates * candidates]
        if complete and len(directions) == 1:
            result = Comparison(metric, next(iter(directions)), tuple(complete))
            error.add_note(f"{_OWNER}: the results with the seeds {', '.join(map(str, result.seeds))}:\n{result}")
        raise


def _progress(shown: bool) -> Progress:
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    shown = shown and (console.is_terminal or console.is_jupyter)  # in a file, it would be empty lines
    return Progress(*columns, console=console, transient=True, disable=not shown)
