"""The tables of docs/tables/speed_calls.md about the import, looking up names, and building layers from names."""

from typing import Any

from backends import TITLES

LOOKUPS = {
    "again": '`get("snake(alpha=2.0)")`, repeated',
    "of Keras": '`get("relu")`',
    "first": '`get("snake(alpha=...)")`, first',
}

Results = dict[str, dict[str, Any]]


def part(imports: Results, names: Results) -> list[str]:
    """The tables, as lines."""
    return [*_imports(imports), *_lookup(names), *_dense(names)]


def _imports(imports: Results) -> list[str]:
    lines = [
        "## Import",
        "",
        "Milliseconds: the median over several processes, with minimum and maximum in parentheses. Measured by "
        "`KERAS_BACKEND=torch python benchmarks/import_time.py`.",
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
        "## Looking up a name",
        "",
        "Microseconds, after the given number of additional activations were declared with "
        "`@keras_actx.register_activation`. This table and the next are measured by "
        "`KERAS_BACKEND=torch python benchmarks/speed/names.py`.",
        "",
        "| | " + " | ".join(f"{more} added" for more in names["jax"]["lookup"]) + " |",
        "|---|" + "---|" * len(names["jax"]["lookup"]),
    ]
    for backend, title in TITLES.items():
        for what, words in LOOKUPS.items():
            cells = [_quartiles(found[what]) for found in names[backend]["lookup"].values()]
            lines.append(f"| {title}, {words} | " + " | ".join(cells) + " |")
    return [*lines, ""]


def _dense(names: Results) -> list[str]:
    lines = [
        "## Building a layer",
        "",
        '`keras.layers.Dense(64, activation="relu")` in a process that has imported keras_actx, relative to one '
        f"that has not, interleaved, {names['jax']['dense']['pairs']} pairs.",
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
