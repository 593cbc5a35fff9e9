"""Writes docs/training_results.md from benchmarks/results/training, by the protocol of docs/training.md.

    python docs/make_training.py

The output is deterministic.
"""

import sys
from collections.abc import Callable, Iterable
from itertools import product
from pathlib import Path
from statistics import mean, median

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "benchmarks" / "training"))

import records  # noqa: E402  (beside the study)

PAGE = ROOT / "docs" / "training_results.md"

DEPTHS, OPTIMIZERS = (3, 10, 30, 50, 100), ("adam", "sgd")
TITLES = {
    "keras": "Keras",
    "he": "He",
    "lecun": "LeCun",
    "published": "published",
    "forward gain": "forward gain",
    "lsuv": "LSUV",
    "critical untold": "critical, own input",
    "critical": "critical",
    "critical depth": "critical, `depth=`",
    "looks_linear": "looks-linear",
    "standardized": "standardized",
    "chain": "chained blocks",
    "idinit": "IDInit",
}
#: Initializations for specific activations.
SPECIAL = {
    "tanh-init": "Tanh-Init",
    "ones": "orthogonal, ones preserved",
    "sine fixed point": "sine, fixed point",
    "siren x2": "SIREN, doubled",
}
#: Added after the defaults had been selected, and not part of the selection.
LATER_STARTS, LATER_TASKS = ("chain", "idinit"), ("mnist_5k", "diamonds")
FIRST_STARTS = tuple(one for one in TITLES if one not in LATER_STARTS)
#: Of tied initializations, the first is selected: published and simple ones first.
SIMPLEST = (
    *("published", "lecun", "he", "keras", "forward gain", "looks_linear"),
    *("critical depth", "critical", "critical untold", "standardized", "lsuv"),
)
PLACES = {
    "a single block": (("keras", "he", "lecun", "published", "forward gain", "critical untold"), (3, 10)),
    "a stack": (tuple(one for one in FIRST_STARTS if one not in ("critical untold", "looks_linear", "lsuv")), DEPTHS),
}
#: The depth is unknown to a block, so it has one initialization for all depths.
KNOWS_ITS_DEPTH = ("a stack",)
#: Where the default is not the selection of the protocol; docs/training.md has the reason.
DECIDED = {"a single block": "published"}
TIE, WORST_LOSS = 0.01, 0.02

Cell = tuple[str, int, str, str]  # task, depth, activation, optimizer
Scores = dict[Cell, dict[str, float]]


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")


def rows() -> list[dict]:
    """All results."""
    return records.read()


def cell_of(row: dict) -> Cell:
    return row["task"], row["depth"], row["activation"], row["optimizer"]


def scores_of(results: Iterable[dict]) -> Scores:
    """The median over seeds by cell and start, on average over the splits of the data."""
    scores: dict[Cell, dict[str, list[float]]] = {}
    for row in results:
        scores.setdefault(cell_of(row), {}).setdefault(row["start"], []).append(median(row["test"]))
    return {cell: {start: mean(of_splits) for start, of_splits in found.items()} for cell, found in scores.items()}


def first(results: Iterable[dict]) -> list[dict]:
    """The results that the defaults were selected by."""
    return [row for row in results if row["task"] not in LATER_TASKS and row["start"] in FIRST_STARTS]


def with_rules(scores: Scores) -> Scores:
    """The same, with "looks_linear where it exists, else X" as candidates."""
    return {
        cell: found
        | {f"looks_linear, else {x}": found.get("looks_linear", found[x]) for x in found if x != "looks_linear"}
        for cell, found in scores.items()
    }


def regret(scores: Scores, start: str, keep: Callable[[Cell], bool] = lambda _: True) -> float | None:
    """The mean difference to the best initialization of each cell, over the cells that have this one."""
    lost = [max(found.values()) - found[start] for cell, found in scores.items() if start in found and keep(cell)]
    return mean(lost) if lost else None


def verdict(scores: Scores, place: str) -> list[tuple[str, float, list[str]]]:
    """The candidates, the selected one first, then by mean regret: name, regret, and the groups beyond the limit."""
    singles, depths = PLACES[place]
    scores = {cell: found for cell, found in with_rules(scores).items() if cell[1] in depths}
    candidates = [*singles]
    if place == "a stack":
        candidates += [f"looks_linear, else {x}" for x in singles]
    ranked = [(one, regret(scores, one), losses(scores, one)) for one in candidates]
    ranked.sort(key=lambda it: it[1])
    tied = [it for it in ranked if it[1] <= ranked[0][1] + TIE]
    first = min(tied, key=lambda it: _complexity(it[0]))
    return [first, *(it for it in ranked if it is not first)]


def chosen(scores: Scores, place: str) -> dict[int, str]:
    """The default by depth: the best candidate, or the next one where it is too far below Keras's default."""
    ranked, depths = verdict(scores, place), PLACES[place][1]
    if place not in KNOWS_ITS_DEPTH:
        return dict.fromkeys(depths, next(one for one, _, groups in ranked if not groups))
    return {
        depth: next(one for one, _, groups in ranked if not any(f", {depth} layers" in it for it in groups))
        for depth in depths
    }


def losses(scores: Scores, start: str) -> list[str]:
    """The groups of task and depth where the mean score is further below Keras's default than allowed."""
    found = []
    for task, depth in sorted({cell[:2] for cell in scores}):
        here = [it for cell, it in scores.items() if cell[:2] == (task, depth)]
        difference = mean(it["keras"] - it[start] for it in here)
        if difference > WORST_LOSS:
            found.append(f"{task}, {depth} layers: {difference:.3f}")
    return found


def _complexity(start: str) -> int:
    parts = start.removeprefix("looks_linear, else ")
    return SIMPLEST.index(parts) + (SIMPLEST.index("looks_linear") if parts != start else 0)


def page() -> str:
    """The whole page."""
    every = rows()
    results, all_scores = first(every), scores_of(every)
    scores = scores_of(results)
    cells = {cell[:3] for cell in all_scores}
    trained = sum(len(row["tuning"]) + len(row["test"]) for row in every)
    lines = [
        "# Training results",
        "",
        f"Results of the [training study](training.md): {len(cells)} cells, {trained:,} training runs. The study",
        "defines the terms of this page. Generated by `python docs/make_training.py` from",
        "`benchmarks/results/training.jsonl.gz`, which `KERAS_BACKEND=jax python benchmarks/training` writes.",
        "",
    ]
    for place in PLACES:
        lines += _ranking(scores, place)
    lines += _by_depth(scores) + _by_task(scores) + _failures(results) + _overfitting(results)
    lines += _where_the_choice_loses(scores) + _later(all_scores) + _chain_and_stack(every)
    for task, depth in product(sorted({row["task"] for row in every}), DEPTHS):
        lines += _details([row for row in every if (row["task"], row["depth"]) == (task, depth)], task, depth)
    return "\n".join(lines) + "\n"


def _ranking(scores: Scores, place: str) -> list[str]:
    of_depth = chosen(scores, place)
    text = "; ".join(f"{depth} layers: {_title(one)}" for depth, one in of_depth.items())
    shallow = ", ".join(
        f"{_title(one)} {' and '.join(f'{regret(scores, one, _at(depth)):.2f}' for depth in (3, 10))}"
        for one in PLACES[place][0]
    )
    said = f"Selected: {text}."
    if place in DECIDED:
        default = _title(DECIDED[place])
        said = f"Selected by the protocol: {text}. Default: {default}, see the [conclusion](training.md#conclusion)."
    lines = [f"## For {place}", "", said, "", "The selected initialization first, then by mean regret.", ""]
    lines += ["| initialization | mean regret | groups more than 0.02 below Keras's default |", "|---|---|---|"]
    for start, lost, groups in verdict(scores, place):
        lines.append(f"| {_title(start)} | {lost:.4f} | {'; '.join(groups) or 'none'} |")
    return [*lines, "", f"Mean regret with 3 and with 10 layers: {shallow}.", ""]


def _at(depth: int) -> Callable[[Cell], bool]:
    return lambda cell: cell[1] == depth


def _title(start: str) -> str:
    if start == "specialized":
        return start
    rule, _, rest = start.rpartition("looks_linear, else ")
    return TITLES[rest] if start == rest else f"{rule}looks-linear, else {TITLES[rest]}"


def _table(first: str, cells: dict[str, dict[str, str]], starts: Iterable[str]) -> list[str]:
    starts = list(starts)
    lines = [f"| {first} | " + " | ".join(map(_title, starts)) + " |", "|---|" + "---|" * len(starts)]
    lines += [f"| {name} | " + " | ".join(row.get(one, "") for one in starts) + " |" for name, row in cells.items()]
    return [*lines, ""]


def _by_depth(scores: Scores) -> list[str]:
    cells = {}
    for optimizer, depth in product(OPTIMIZERS, DEPTHS):
        here = {cell: found for cell, found in scores.items() if (cell[3], cell[1]) == (optimizer, depth)}
        found = {one: regret(here, one) for one in FIRST_STARTS}
        cells[f"{optimizer}, {depth} layers"] = {one: f"{lost:.3f}" for one, lost in found.items() if lost is not None}
    text = "Mean regret: the test accuracy (or R²) of the best initialization of the same cell minus that of this one."
    return ["## Regret by depth", "", text, "", *_table("", cells, FIRST_STARTS)]


def _by_task(scores: Scores) -> list[str]:
    cells = {}
    for task, depth in product(sorted({cell[0] for cell in scores}), DEPTHS):
        here = [found for cell, found in scores.items() if cell[:2] == (task, depth)]
        of_start = {one: [it[one] for it in here if one in it] for one in FIRST_STARTS}
        if here:
            cells[f"{task}, {depth} layers"] = {one: f"{mean(it):.3f}" for one, it in of_start.items() if it}
    text = "Mean over activations and optimizers of the median over seeds; looks-linear exists for fewer activations."
    return ["## Score by task and depth", "", text, "", *_table("", cells, FIRST_STARTS)]


def _failures(results: list[dict]) -> list[str]:
    """How often some of the five seeds, or all, fail to train."""
    worst = {}
    for row in results:
        if row["task"] in ("digits", "digits_images"):
            worst.setdefault((row["start"], row["depth"]), []).append(min(row["test"]) < 0.2)
    cells = {
        f"{depth} layers": {one: f"{mean(worst[one, depth]):.0%}" for one in FIRST_STARTS if (one, depth) in worst}
        for depth in DEPTHS
    }
    text = "Digits: the fraction of cells, over both optimizers, in which the worst of the five seeds scores below 0.2."
    return ["## Failures", "", text, "", *_table("", cells, FIRST_STARTS)]


def _overfitting(results: list[dict]) -> list[str]:
    """The training error on diabetes, where other initializations score lower than Keras's."""
    cells: dict[str, dict[str, str]] = {}
    for depth in PLACES["a single block"][1]:
        for start in FIRST_STARTS:
            here = [row for row in results if (row["task"], row["depth"], row["start"]) == ("diabetes", depth, start)]
            loss = median(median(row["loss"]) for row in here)
            lowest = mean(max(row["tuning"]) == row["tuning"][0] for row in here)
            cells.setdefault(f"{depth} layers, training loss", {})[start] = f"{loss:.2f}"
            cells.setdefault(f"{depth} layers, lowest rate", {})[start] = f"{lowest:.0%}"
    text = (
        "The squared training error of the last steps (median over activations, optimizers and splits), and how often "
        "the lowest of the three learning rates had the best validation score."
    )
    return ["## Overfitting on diabetes", "", text, "", *_table("", cells, FIRST_STARTS)]


def _where_the_choice_loses(scores: Scores) -> list[str]:
    of_depth = chosen(scores, "a stack")
    lost = []
    for cell, found in with_rules(scores).items():
        best = max((one for one in found if one in FIRST_STARTS), key=found.get)
        behind = found[best] - found[of_depth[cell[1]]]
        if behind > 0.05:
            lost.append((behind, cell, best))
    lines = ["## Cells where the choice for a stack is worse", ""]
    lines += [f"Pairs of cell and optimizer with a regret above 0.05: {len(lost)} of {len(scores)}.", ""]
    if lost:
        lines += ["| task | layers | activation | optimizer | regret | best |", "|---|---|---|---|---|---|"]
        for size, (task, depth, activation, optimizer), best in sorted(lost, reverse=True):
            lines.append(f"| {task} | {depth} | {activation} | {optimizer} | {size:.3f} | {_title(best)} |")
        lines.append("")
    return lines


#: The initialization of a `DenseStack` of any depth.
STACK = "looks_linear, else critical depth"


def _later(scores: Scores) -> list[str]:
    """The initializations and tasks that were added later."""
    scores = {cell: found for cell, found in with_rules(scores).items() if "chain" in found}
    shown = ("keras", "he", "published", "standardized", STACK, *LATER_STARTS)
    by_depth, by_task = {}, {}
    for optimizer, depth in product(OPTIMIZERS, DEPTHS):
        here = [found for cell, found in scores.items() if (cell[3], cell[1]) == (optimizer, depth)]
        lost = {one: mean(max(found.values()) - found[one] for found in here) for one in shown}
        by_depth[f"{optimizer}, {depth} layers"] = {one: f"{it:.3f}" for one, it in lost.items()}
    for task, depth in product(LATER_TASKS, DEPTHS):
        here = [found for cell, found in scores.items() if cell[:2] == (task, depth)]
        if here:
            by_task[f"{task}, {depth} layers"] = {one: f"{mean(it[one] for it in here):.3f}" for one in shown}
    special: dict[str, dict[str, str]] = {}
    for start, (activation, depth) in product(SPECIAL, sorted({cell[2:0:-1] for cell in scores})):
        here = [found for cell, found in scores.items() if cell[2:0:-1] == (activation, depth) and start in found]
        if here:
            row = {one: f"{mean(it[one] for it in here):.3f}" for one in (start, "published", STACK, *LATER_STARTS)}
            row["specialized"] = row.pop(start)
            special[f"{SPECIAL[start]}: {activation}, {depth} layers"] = row
    return [
        "## Initializations added later",
        "",
        f"Mean regret over the {len(scores) // 2} cells in which all were trained: all cells of the digits, "
        "and one activation in six of the later tasks.",
        "",
        *_table("", by_depth, shown),
        "Score on the later tasks, mean over activations and optimizers.",
        "",
        *_table("", by_task, shown),
        "Initializations for specific activations, compared with others: mean score over tasks and optimizers.",
        "",
        *_table("", special, ("specialized", "published", STACK, *LATER_STARTS)),
    ]


def _chain_and_stack(results: list[dict]) -> list[str]:
    """The difference between chained blocks and a stack, in units of the range over seeds."""
    of = {(*cell_of(row), row["start"]): row["test"] for row in results if row.get("split", 0) == 0}
    counts: dict[str, list[int]] = {}
    for (*cell, start), chain in of.items():
        if start != "chain":
            continue
        stack = of.get((*cell, "looks_linear"), of[(*cell, "critical depth")])
        spread = max(max(one) - min(one) for one in (chain, stack))
        behind = median(stack) - median(chain)
        row = counts.setdefault(f"{cell[1]} layers", [0, 0, 0, 0])
        row[0] += 1
        row[1 if abs(behind) <= spread else 2 if behind > 0 else 3] += 1
    lines = [
        "## Chained blocks and a stack",
        "",
        "The number of pairs of cell and optimizer in which the medians of chained blocks and of a stack",
        "(looks-linear, else critical) differ by no more than the range of scores over five seeds.",
        "",
        "| | pairs | within the range | stack better | chain better |",
        "|---|---|---|---|---|",
    ]
    ordered = sorted(counts.items(), key=lambda one: int(one[0].split()[0]))
    lines += [f"| {name} | " + " | ".join(map(str, row)) + " |" for name, row in ordered]
    return [*lines, ""]


def _details(results: list[dict], task: str, depth: int) -> list[str]:
    if not results:
        return []
    lines = [f"## {task}, {depth} layers", "", "Median of five seeds ± half their range.", ""]
    for optimizer in OPTIMIZERS:
        cells: dict[str, dict[str, str]] = {}
        for row in results:
            if row["optimizer"] == optimizer and row.get("split", 0) == 0:
                half = (max(row["test"]) - min(row["test"])) / 2
                cells.setdefault(row["activation"], {})[row["start"]] = f"{median(row['test']):.3f} ± {half:.3f}"
        lines += _table(optimizer, cells, TITLES)
    return lines


if __name__ == "__main__":
    main()
