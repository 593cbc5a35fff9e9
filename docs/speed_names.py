"""The parts of docs/speed.md about names: the import, looking one up, building a layer from one."""

from typing import Any

from backends import TITLES

LOOKUPS = {
    "again": '`get("snake(alpha=2.0)")`, again',
    "of Keras": '`get("relu")`',
    "first": '`get("snake(alpha=...)")`, never seen',
}

Results = dict[str, dict[str, Any]]


def part(imports: Results, names: Results) -> list[str]:
    """The tables, as lines."""
    return [*_imports(imports), *_lookup(names), *_dense(names)]


def _imports(imports: Results) -> list[str]:
    lines = [
        "### Import",
        "",
        "Milliseconds: the middle of several processes, and from the least to the greatest. "
        "`KERAS_BACKEND=torch python benchmarks/import_time.py` measures it.",
        "",
        "| | `import keras` | `import keras_actx` adds |",
        "|---|---|---|",
    ]
    for backend, title in TITLES.items():
        cells = [
            f"{found['median']:g} ({found['min']:g} .. {found['max']:g})"
            for found in (imports[backend][one] for one in ("keras_ms", "keras_actx_adds_ms"))
        ]
        lines.append(f"| {title} | " + " | ".join(cells) + " |")
    return [*lines, ""]


def _lookup(names: Results) -> list[str]:
    lines = [
        "### Looking up a name",
        "",
        "Microseconds, after so many more activations were declared with `@keras_actx.activation`. "
        "`KERAS_BACKEND=torch python benchmarks/speed/names.py` measures this and the next table.",
        "",
        "| | " + " | ".join(f"{more} more" for more in names["jax"]["lookup"]) + " |",
        "|---|" + "---|" * len(names["jax"]["lookup"]),
    ]
    for backend, title in TITLES.items():
        for what, words in LOOKUPS.items():
            cells = [_quartiles(found[what]) for found in names[backend]["lookup"].values()]
            lines.append(f"| {title}, {words} | " + " | ".join(cells) + " |")
    return [*lines, ""]


def _dense(names: Results) -> list[str]:
    lines = [
        "### Building a layer",
        "",
        '`keras.layers.Dense(64, activation="relu")` in a process that has imported keras_actx, over one that has not, '
        f"by turns, {names['jax']['dense']['pairs']} pairs.",
        "",
        "| | microseconds | ratio |",
        "|---|---|---|",
    ]
    for backend, title in TITLES.items():
        dense = names[backend]["dense"]
        lines.append(f"| {title} | {_quartiles(dense['us'])} | {_quartiles(dense['ratio'])} |")
    return [*lines, ""]


def _quartiles(found: list[float]) -> str:
    return f"{found[0]:.3g} ({found[1]:.3g} .. {found[2]:.3g})"
