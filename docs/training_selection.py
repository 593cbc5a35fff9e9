"""How the training study selects the defaults, by the protocol of docs/training.md."""

from collections.abc import Callable, Iterable
from statistics import mean, median

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

Setting = tuple[str, int, str, str]  # task, depth, activation, optimizer
Scores = dict[Setting, dict[str, float]]


def setting_of(row: dict) -> Setting:
    return row["task"], row["depth"], row["activation"], row["optimizer"]


def scores_of(results: Iterable[dict]) -> Scores:
    """The median over seeds by setting and start, on average over the splits of the data."""
    scores: dict[Setting, dict[str, list[float]]] = {}
    for row in results:
        scores.setdefault(setting_of(row), {}).setdefault(row["start"], []).append(median(row["test"]))
    return {
        setting: {start: mean(of_splits) for start, of_splits in found.items()} for setting, found in scores.items()
    }


def first(results: Iterable[dict]) -> list[dict]:
    """The results that the defaults were selected by."""
    return [row for row in results if row["task"] not in LATER_TASKS and row["start"] in FIRST_STARTS]


def with_rules(scores: Scores) -> Scores:
    """The same, with "looks_linear where it exists, else X" as candidates."""
    return {
        setting: found
        | {f"looks_linear, else {x}": found.get("looks_linear", found[x]) for x in found if x != "looks_linear"}
        for setting, found in scores.items()
    }


def gap(scores: Scores, start: str, keep: Callable[[Setting], bool] = lambda _: True) -> float | None:
    """The mean difference to the best initialization of each setting, over the settings that have this one."""
    lost = [max(found.values()) - found[start] for setting, found in scores.items() if start in found and keep(setting)]
    return mean(lost) if lost else None


def verdict(scores: Scores, place: str) -> list[tuple[str, float, list[str]]]:
    """The candidates, the selected one first, then by mean gap: name, gap, and the groups beyond the limit."""
    singles, depths = PLACES[place]
    scores = {setting: found for setting, found in with_rules(scores).items() if setting[1] in depths}
    candidates = [*singles]
    if place == "a stack":
        candidates += [f"looks_linear, else {x}" for x in singles]
    ranked = [(one, gap(scores, one), losses(scores, one)) for one in candidates]
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
    for task, depth in sorted({setting[:2] for setting in scores}):
        here = [it for setting, it in scores.items() if setting[:2] == (task, depth)]
        difference = mean(it["keras"] - it[start] for it in here)
        if difference > WORST_LOSS:
            found.append(f"{task}, {depth} layers: {difference:.3f}")
    return found


def _complexity(start: str) -> int:
    parts = start.removeprefix("looks_linear, else ")
    return SIMPLEST.index(parts) + (SIMPLEST.index("looks_linear") if parts != start else 0)
