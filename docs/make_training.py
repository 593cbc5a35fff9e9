"""Writes docs/training_results.md, its chart and its tables, by the protocol of docs/training.md.

    python docs/make_training.py

The output is deterministic. Requires matplotlib.
"""

import sys
from collections.abc import Iterable
from itertools import product
from pathlib import Path
from statistics import mean, median

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "docs"), str(ROOT / "benchmarks" / "training")]

import evidence_chart  # noqa: E402  (beside this file)
import full_table  # noqa: E402
import records  # noqa: E402  (beside the study)
import training_selection as selection  # noqa: E402
from training_selection import (  # noqa: E402
    DEPTHS,
    FIRST_STARTS,
    LATER_STARTS,
    LATER_TASKS,
    OPTIMIZERS,
    PLACES,
    SPECIAL,
    TITLES,
    Scores,
    first,
    gap,
    scores_of,
    setting_of,
    with_rules,
)

PAGE = ROOT / "docs" / "training_results.md"
CHART = evidence_chart.FOLDER / "training.svg"
#: The initialization of a `DenseStack` of any depth.
STACK = "looks_linear, else critical depth"
DRAWN = ("keras", "he", "published", "lsuv", "standardized", "critical depth", STACK)
LATER = ("keras", "he", "published", "standardized", STACK, *LATER_STARTS)
_BEST = 6  # candidates on the page
COMPARED = ("published", STACK, *LATER_STARTS)  # with initializations for specific activations


def main() -> None:
    """Write the page, the chart and the tables."""
    every = rows()
    PAGE.write_text(page(every), encoding="utf-8")
    evidence_chart.lines(CHART, shown(every), ("layers", "mean gap to the best initialization"))
    full_table.write(tables(every))


def rows() -> list[dict]:
    """All results."""
    return records.read()


def shown(every: list[dict]) -> evidence_chart.Lines:
    """What the chart shows: the mean gap by number of layers."""
    scores = with_rules(scores_of(first(every)))
    return {
        plain(start): {depth: gap(scores, start, lambda it, depth=depth: it[1] == depth) for depth in DEPTHS}
        for start in DRAWN
    }


def page(every: list[dict]) -> str:
    """The whole page."""
    results, all_scores = first(every), scores_of(every)
    scores = scores_of(results)
    lines = [*_introduction(every, scores), *_candidates(scores), *_by_depth(scores), *_failures(results)]
    lines += [*_overfitting(results), *_later(all_scores), *_chain_and_stack(every)]
    return "\n".join(lines).rstrip() + "\n"


def _introduction(every: list[dict], scores: Scores) -> list[str]:
    trained = sum(len(row["tuning"]) + len(row["test"]) for row in every)
    rules = with_rules(scores)
    lost = {start: f"{gap(rules, start):.2f}" for start in (STACK, "keras", "he", "published")}
    worse = len(_worse(scores))
    return [
        "# Training results",
        "",
        f"Results of the [training study](training.md), which defines the terms of this page: {trained:,} training "
        f"runs in {len({setting_of(row) for row in every})} settings (task, number of layers, activation, optimizer).",
        "",
        "```bash",
        "KERAS_BACKEND=jax python benchmarks/training",
        "python docs/make_training.py",
        "```",
        "",
        "train the networks, which takes hours, and write this page, its chart and its tables.",
        "",
        f"On average over {len(scores)} settings, the score of {_title(STACK)} is {lost[STACK]} below that of the best "
        f"initialization of the setting. The difference is {lost['keras']} for Keras's default, {lost['he']} for He, "
        f"and {lost['published']} for the published initializations. In {worse} settings, another initialization is "
        "better than the default of a stack by more than 0.05.",
        "",
        "![The mean gap to the best initialization by the number of layers, for seven initializations]"
        f"(charts/{CHART.name})",
        "",
        "All numbers: [the scores of each setting](tables/training.md), and [tables by task, candidate and special"
        " case](tables/training_summaries.md).",
        "",
    ]


def _title(start: str) -> str:
    rule, _, rest = start.rpartition("looks_linear, else ")
    return TITLES[rest] if start == rest else f"{rule}looks-linear, else {TITLES[rest]}"


def plain(start: str) -> str:
    return _title(start).replace("`", "")


def _table(columns: Iterable[str], cells: dict[str, Iterable[str]]) -> list[str]:
    columns = list(columns)
    lines = ["| | " + " | ".join(columns) + " |", "|---|" + "---|" * len(columns)]
    return [*lines, *(f"| {name} | " + " | ".join(row) + " |" for name, row in cells.items()), ""]


def _candidates(scores: Scores) -> list[str]:
    lines = []
    for place in PLACES:
        of_depth = selection.chosen(scores, place)
        text = "; ".join(f"{depth} layers: {_title(one)}" for depth, one in of_depth.items())
        said = f"Selected: {text}."
        if place in selection.DECIDED:
            default = _title(selection.DECIDED[place])
            said = (
                f"Selected by the protocol: {text}. Default: {default}, see the [conclusion](training.md#conclusion)."
            )
        ranked = selection.verdict(scores, place)
        best = ranked[:_BEST]
        cells = {_title(one): (f"{lost:.4f}", "; ".join(groups) or "none") for one, lost, groups in best}
        said += f" The best {len(best)} of {len(ranked)} [candidates](tables/training_summaries.md#candidates):"
        lines += [f"## For {place}", "", said, ""]
        lines += _table(("mean gap", "groups more than 0.02 below Keras's default"), cells)
    return lines


def _by_depth(scores: Scores) -> list[str]:
    scores = with_rules(scores)
    columns = list(product(OPTIMIZERS, DEPTHS))
    cells = {}
    for start in (*FIRST_STARTS, STACK):
        found = [gap(scores, start, lambda it, of=of: (it[3], it[1]) == of) for of in columns]
        cells[_title(start)] = [f"{lost:.3f}" for lost in found]
    text = "Mean gap: the test accuracy (or R²) of the best initialization of the same setting minus that of this one."
    return ["## Gap by depth", "", text, "", *_table(_layers(columns), cells)]


def _layers(columns: Iterable[tuple[str, int]]) -> list[str]:
    return [f"{optimizer}, {depth}" for optimizer, depth in columns]


def _failures(results: list[dict]) -> list[str]:
    """How often some of the five seeds, or all, fail to train."""
    worst = {}
    for row in results:
        if row["task"] in ("digits", "digits_images"):
            worst.setdefault((row["start"], row["depth"]), []).append(min(row["test"]) < 0.2)
    cells = {
        _title(one): [f"{mean(worst[one, depth]):.0%}" if (one, depth) in worst else "" for depth in DEPTHS]
        for one in FIRST_STARTS
    }
    text = "Digits: the fraction of settings in which the worst of the five seeds scores below 0.2."
    return ["## Failures", "", text, "", *_table([f"{depth} layers" for depth in DEPTHS], cells)]


def _overfitting(results: list[dict]) -> list[str]:
    """The training error on diabetes, where other initializations score lower than Keras's."""
    depths = PLACES["a single block"][1]
    cells: dict[str, list[str]] = {}
    for start, depth in product(FIRST_STARTS, depths):
        here = [row for row in results if (row["task"], row["depth"], row["start"]) == ("diabetes", depth, start)]
        loss = median(median(row["loss"]) for row in here)
        lowest = mean(max(row["tuning"]) == row["tuning"][0] for row in here)
        cells.setdefault(_title(start), []).extend((f"{loss:.2f}", f"{lowest:.0%}"))
    text = (
        "The squared training error of the last steps (median over activations, optimizers and splits), and how often "
        "the lowest of the three learning rates had the best validation score."
    )
    columns = [f"{depth} layers, {what}" for depth in depths for what in ("training loss", "lowest rate")]
    return ["## Overfitting on diabetes", "", text, "", *_table(columns, cells)]


def _with_later(scores: Scores) -> Scores:
    return {setting: found for setting, found in with_rules(scores).items() if "chain" in found}


def _later(scores: Scores) -> list[str]:
    """The initializations and tasks that were added later."""
    scores = _with_later(scores)
    columns = list(product(OPTIMIZERS, DEPTHS))
    by_depth: dict[str, list[str]] = {}
    by_task: dict[str, list[str]] = {}
    tasks = [it for it in product(LATER_TASKS, DEPTHS) if any(setting[:2] == it for setting in scores)]
    for start in LATER:
        for of in columns:
            here = [found for setting, found in scores.items() if (setting[3], setting[1]) == of]
            lost = mean(max(found.values()) - found[start] for found in here)
            by_depth.setdefault(_title(start), []).append(f"{lost:.3f}")
        for of in tasks:
            score = mean(found[start] for setting, found in scores.items() if setting[:2] == of)
            by_task.setdefault(_title(start), []).append(f"{score:.3f}")
    return [
        "## Initializations added later",
        "",
        f"Mean gap over the {len(scores)} settings in which all were trained: all settings of the digits, and one "
        "activation in six of the later tasks.",
        "",
        *_table(_layers(columns), by_depth),
        "Score on the later tasks, mean over activations and optimizers.",
        "",
        *_table(_layers(tasks), by_task),
    ]


def _chain_and_stack(results: list[dict]) -> list[str]:
    """The difference between chained blocks and a stack, in units of the range over seeds."""
    of = {(*setting_of(row), row["start"]): row["test"] for row in results if row.get("split", 0) == 0}
    counts: dict[int, list[int]] = {}
    for (*setting, start), chain in of.items():
        if start != "chain":
            continue
        stack = of.get((*setting, "looks_linear"), of[(*setting, "critical depth")])
        spread = max(max(one) - min(one) for one in (chain, stack))
        behind = median(stack) - median(chain)
        row = counts.setdefault(setting[1], [0, 0, 0, 0])
        row[0] += 1
        row[1 if abs(behind) <= spread else 2 if behind > 0 else 3] += 1
    cells = {f"{depth} layers": map(str, row) for depth, row in sorted(counts.items())}
    return [
        "## Chained blocks and a stack",
        "",
        "The number of settings in which the medians of chained blocks and of a stack (looks-linear, else critical)",
        "differ by no more than the range of scores over five seeds.",
        "",
        *_table(("settings", "within the range", "stack better", "chain better"), cells),
    ]


# The tables


def tables(every: list[dict]) -> dict[str, list[full_table.Row]]:
    """The rows of the full tables, by the name of the file."""
    all_scores, scores = scores_of(every), scores_of(first(every))
    return {
        "training.csv": _details(every),
        "training_candidates.csv": _all_candidates(scores),
        "training_tasks.csv": _by_task(scores),
        "training_worse.csv": _worse(scores),
        "training_special.csv": _special(_with_later(all_scores)),
    }


def _details(every: list[dict]) -> list[full_table.Row]:
    """The median of five seeds and half their range, on the first split of the data."""
    found: dict[tuple, dict[str, list[float]]] = {}
    for row in every:
        if row.get("split", 0) == 0:
            found.setdefault(setting_of(row), {})[row["start"]] = row["test"]
    details = []
    for setting in sorted(found):
        task, depth, activation, optimizer = setting
        medians = {start: median(found[setting][start]) for start in TITLES if start in found[setting]}
        best = max(medians, key=medians.get)
        row = {"activation": activation, "task": task, "layers": depth, "optimizer": optimizer}
        row |= {"best": plain(best), "score of the best": f"{medians[best]:.3f}"}
        for start in TITLES:
            scores = found[setting].get(start)
            row[plain(start)] = f"{medians[start]:.3f}" if scores else ""
            row[f"{plain(start)} ±"] = f"{(max(scores) - min(scores)) / 2:.3f}" if scores else ""
        details.append(row)
    return details


def _all_candidates(scores: Scores) -> list[full_table.Row]:
    rules = with_rules(scores)
    return [
        {"initialization": plain(start), "for": place, "mean gap": f"{lost:.4f}"}
        | {f"{depth} layers": f"{gap(rules, start, lambda it, depth=depth: it[1] == depth):.2f}" for depth in (3, 10)}
        | {"groups more than 0.02 below Keras's default": "; ".join(groups) or "none"}
        for place in PLACES
        for start, lost, groups in selection.verdict(scores, place)
    ]


def _by_task(scores: Scores) -> list[full_table.Row]:
    found = []
    for task, depth in sorted({setting[:2] for setting in scores}):
        here = [it for setting, it in scores.items() if setting[:2] == (task, depth)]
        of_start = {start: [it[start] for it in here if start in it] for start in FIRST_STARTS}
        means = {plain(start): f"{mean(it):.3f}" if it else "" for start, it in of_start.items()}
        found.append({"task": task, "layers": depth} | means)
    return found


def _worse(scores: Scores) -> list[full_table.Row]:
    """Where another initialization is better than that of a stack by more than 0.05."""
    of_depth = selection.chosen(scores, "a stack")
    lost = []
    for setting, found in with_rules(scores).items():
        best = max((one for one in found if one in FIRST_STARTS), key=found.get)
        behind = found[best] - found[of_depth[setting[1]]]
        if behind > 0.05:
            lost.append((behind, setting, best))
    return [
        {"activation": activation, "task": task, "layers": depth, "optimizer": optimizer}
        | {"gap": f"{size:.3f}", "best": plain(best)}
        for size, (task, depth, activation, optimizer), best in sorted(lost, reverse=True)
    ]


def _special(scores: Scores) -> list[full_table.Row]:
    found = []
    for start, (activation, depth) in product(SPECIAL, sorted({setting[2:0:-1] for setting in scores})):
        here = [it for setting, it in scores.items() if setting[2:0:-1] == (activation, depth) and start in it]
        if here:
            row = {"activation": activation, "layers": depth, "initialization": SPECIAL[start]}
            row |= {"score": f"{mean(it[start] for it in here):.3f}"}
            row |= {plain(one): f"{mean(it[one] for it in here):.3f}" for one in COMPARED}
            found.append(row)
    return found


if __name__ == "__main__":
    main()
