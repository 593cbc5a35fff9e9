"""`Comparison`: the result of `compare`, as a verdict, a table, rows and a picture."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from itertools import combinations
from statistics import mean, stdev
from typing import TYPE_CHECKING, Any, Literal

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from keras_actx.models.compare.paired_t import PairedTest, paired_test
from keras_actx.models.table import new_table, plain_text
from keras_actx.plain_numbers import finite_or_none

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: The probability that any of the differences that a verdict states is chance.
ERROR = 0.05
_FEWEST_SEEDS = 3
_WIDTH = 120


@dataclass(frozen=True)
class Run:
    """The training of one activation from one seed.

    `score` is the metric at `best_epoch` (from 1 on), NaN for a run that `diverged`. `seconds` includes compilation.
    `history` has every value in the logs by epoch.
    """

    activation: str
    seed: int
    score: float
    diverged: bool
    best_epoch: int
    epochs: int
    seconds: float
    history: Mapping[str, Sequence[float]] = field(repr=False)


@dataclass(frozen=True, repr=False)
class Comparison:
    """The runs of `keras_actx.compare`, and what follows from them; as a string, a table and the verdict.

    Two activations are compared by the differences of their scores with the same seed, in a paired t-test with
    Bonferroni's correction for the number of pairs of activations. This assumes that the differences are normally
    distributed. If there is no difference between any of them, a verdict that states one has a probability of at most
    5 %. An activation of which a run diverged counts as worse than all that trained, and is in no test.

    Args:
        metric: the name of the score in the logs.
        mode: `"min"` if a lower score is better, `"max"` if a higher one is.
        runs: one `Run` for each activation and seed.
    """

    metric: str
    mode: Literal["min", "max"]
    runs: tuple[Run, ...]

    @cached_property
    def scores(self) -> dict[str, tuple[float, ...]]:
        """The scores of each activation in the order of the seeds, NaN where a run diverged; the best mean first."""
        found: dict[str, list[float]] = {}
        for run in self.runs:
            found.setdefault(run.activation, []).append(run.score)
        sign = 1 if self.mode == "min" else -1

        def rank(name: str) -> tuple[int, float]:
            finite = [score for score in found[name] if math.isfinite(score)]
            return len(found[name]) - len(finite), sign * mean(finite) if finite else 0.0

        return {name: tuple(found[name]) for name in sorted(found, key=rank)}

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds of each activation."""
        return tuple(dict.fromkeys(run.seed for run in self.runs))

    @cached_property
    def best(self) -> str:
        """The activation with the best mean, whether or not there is a difference: `verdict` says that."""
        return next(iter(self.scores))

    @cached_property
    def _trained(self) -> list[str]:
        """The activations of which no run diverged."""
        return [name for name, scores in self.scores.items() if all(map(math.isfinite, scores))]

    @cached_property
    def tests(self) -> dict[tuple[str, str], PairedTest]:
        """The test of each pair `(better, worse)` of activations that trained; empty with one seed."""
        pairs = list(combinations(self._trained, 2)) if len(self.seeds) > 1 else []
        return {
            (one, other): paired_test(self.scores[other], self.scores[one], error=ERROR, tests=len(pairs))
            for one, other in pairs
        }

    @cached_property
    def rows(self) -> list[dict[str, Any]]:
        """One row for each activation, the best mean first; `pandas.DataFrame(comparison.rows)` is a table of them.

        `mean`, `spread` (the standard deviation over seeds), `min` and `max` of the score; `difference` of the mean to
        the best one, with its corrected 95 % interval from `low` to `high`, and its corrected p-value; the mean number
        of `epochs` and `seconds`; the number of runs that `diverged`. What does not exist is NaN.
        """
        return [self._row(name) for name in self.scores]

    def _row(self, name: str) -> dict[str, Any]:
        scores, runs = self.scores[name], [run for run in self.runs if run.activation == name]
        trained = name in self._trained
        test = self.tests.get((self.best, name))
        none = math.nan
        difference = mean(scores) - mean(self.scores[self.best]) if trained else none
        return {
            "activation": name,
            "mean": mean(scores) if trained else none,
            "spread": stdev(scores) if trained and len(scores) > 1 else none,
            "min": min(scores) if trained else none,
            "max": max(scores) if trained else none,
            "difference": test.difference if test else difference,
            "low": test.low if test else none,
            "high": test.high if test else none,
            "p": test.p if test else none,
            "epochs": mean(run.epochs for run in runs),
            "seconds": mean(run.seconds for run in runs),
            "diverged": sum(run.diverged for run in runs),
        }

    @cached_property
    def verdict(self) -> str:
        """Which activation is best, or that there is no difference, or that there are too few seeds to tell."""
        return " ".join([*self._about_those_that_trained(), *self._about_those_that_diverged()])

    def _about_those_that_trained(self) -> list[str]:
        if not self._trained:
            return ["No verdict: every activation diverged with at least one seed."]
        lowest = f"{'lowest' if self.mode == 'min' else 'highest'} mean {self.metric}"
        if len(self._trained) == 1:
            return [f"{self.best!r} is the only activation that did not diverge."]
        seeds = len(self.seeds)
        if seeds < _FEWEST_SEEDS:
            count = f"{seeds} seed" + "s" * (seeds > 1)
            return [
                f"Too few seeds to tell: {self.best!r} has the {lowest}, with {count}; use {_FEWEST_SEEDS} or more."
            ]
        differs = {name: self.tests[self.best, name].differs for name in self._trained[1:]}
        equal, worse = ([name for name in differs if differs[name] is it] for it in (False, True))
        if not equal:
            following = self._trained[1]
            test = self.tests[self.best, following]
            bounds = " to ".join(f"{bound:.4g}" for bound in sorted(map(abs, (test.low, test.high))))
            less = "less" if self.mode == "min" else "more"
            return [
                f"{self.best!r} is best: its {self.metric} is {abs(test.difference):.4g} {less} than that of the next, "
                f"{following!r} ({100 - 100 * ERROR:g} % interval {bounds}, {seeds} seeds)."
            ]
        same = [name for name in equal if self.scores[name] == self.scores[self.best]]
        said = []
        if same:
            said.append(
                f"No difference: {_listed([self.best, *same])} have the same score with each seed: they are names of "
                "one function, the metric cannot tell them apart, or `build` does not use its argument."
            )
        if others := [name for name in equal if name not in same]:
            said.append(
                f"No difference: the spread between {seeds} seeds is too large to tell {self.best!r}, which has the "
                f"{lowest}, from {_listed(others)}."
            )
        if worse:
            said.append(f"{_listed(worse)} {'is' if len(worse) == 1 else 'are'} worse than {self.best!r}.")
        said += [
            f"{other!r} is worse than {one!r}."
            for one, other in combinations(equal, 2)
            if self.tests[one, other].differs
        ]
        return said

    def _about_those_that_diverged(self) -> list[str]:
        said = []
        for name in self.scores:
            seeds = [str(run.seed) for run in self.runs if run.activation == name and run.diverged]
            if seeds:
                said.append(
                    f"{name!r} diverged with {len(seeds)} of {len(self.seeds)} seeds ({', '.join(seeds)}), and counts "
                    "as worst."
                )
        return said

    def plot(self) -> "Figure":
        """Draw the scores and the differences to the best, with `keras_actx.plot.comparison`.

        Raises:
            ImportError: without matplotlib (the extra `plot`).
        """
        from keras_actx.plot.scores import comparison

        return comparison(self)

    def to_dict(self) -> dict[str, Any]:
        """Everything as dicts, lists, strings and numbers, for JSON; None for what does not exist."""
        parts = {"rows": self.rows, "runs": [asdict(run) for run in self.runs]}
        return {"metric": self.metric, "mode": self.mode, "verdict": self.verdict, **finite_or_none(parts)}

    def _table(self) -> Table:
        table = new_table(show_edge=False)
        table.add_column("activation", overflow="fold")
        titles = (f"{self.metric}, mean", "± spread", "min", "max", "difference, 95 % interval", "epochs", "s")
        for title in titles:
            table.add_column(title, justify="right")
        for row in self.rows:
            table.add_row(Text(row["activation"]), *_cells(row, len(self.seeds)))
        return table

    def __rich__(self) -> RenderableType:
        return Group(self._table(), Text(self.verdict))

    def __str__(self) -> str:
        return plain_text(self, _WIDTH)

    __repr__ = __str__


def _cells(row: Mapping[str, Any], seeds: int) -> list[str]:
    if row["diverged"]:
        scores = [f"{row['diverged']} of {seeds} diverged", "", "", "", ""]
    else:
        scores = [_number(row["mean"]), _number(row["spread"]), _number(row["min"]), _number(row["max"])]
        interval = "" if math.isnan(row["low"]) else f" ({row['low']:+.3g} to {row['high']:+.3g})"
        scores.append(f"{row['difference']:+.3g}{interval}" if row["difference"] or interval else "")
    return [*scores, f"{row['epochs']:.1f}", f"{row['seconds']:.1f}"]


def _number(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.4g}"


def _listed(names: Sequence[str]) -> str:
    *before, last = map(repr, names)
    return f"{', '.join(before)} and {last}" if before else last
