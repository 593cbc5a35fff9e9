"""Writes the measured part of docs/export.md from benchmarks/results/export.

    python docs/make_export.py

The text between the two markers is replaced. The output is deterministic.
"""

import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "docs"))

import marked_part  # noqa: E402  (beside this file)
from backends import TITLES  # noqa: E402

PAGE = ROOT / "docs" / "export.md"
FOLDER = ROOT / "benchmarks" / "results" / "export"
RUNTIMES = {
    "onnx": "ONNX Runtime",
    "litert": "LiteRT",
    "openvino": "OpenVINO",
    "tf_saved_model": "TensorFlow",
    "torch": "torch",
}
#: The reason where there is no result.
NONE = {
    ("jax", "litert"): "Keras has no exporter",
    ("jax", "openvino"): "Keras's exporter fails",
    ("torch", "tf_saved_model"): "needs torch_xla, not tested",
}


def main() -> None:
    """Replace the measured part of the page."""
    marked_part.replace(PAGE, measured_part())


def results() -> dict[str, dict]:
    """The results of benchmarks/export.py, by backend."""
    return {one: json.loads((FOLDER / f"{one}.json").read_text(encoding="utf-8")) for one in TITLES}


def measured_part() -> str:
    """All tables."""
    found = results()
    lines = [
        "The number of activations and layers whose exported form agrees with the model, and the names of the others.",
        "",
        "| `format` | runtime | " + " | ".join(TITLES.values()) + " |",
        "|---|---|" + "---|" * len(TITLES),
    ]
    for name, runtime in RUNTIMES.items():
        cells = ["<br>".join(_cells(one, found[one]["formats"], name)) for one in TITLES]
        lines.append(f"| `{name}` | {runtime} | " + " | ".join(cells) + " |")
    lines += [
        "",
        "Keras's own functions, under their plain names, are exported unchanged. These fail or exceed the tolerance:",
        "",
        "| `format` | " + " | ".join(TITLES.values()) + " |",
        "|---|" + "---|" * len(TITLES),
    ]
    for name in RUNTIMES:
        cells = []
        for backend in TITLES:
            rows = [one for one in found[backend]["formats"] if one["format"] == name]
            cells.append(", ".join(f"`{one}`" for one in sorted({it for row in rows for it in row["of_keras"]})))
        lines.append(f"| `{name}` | " + " | ".join(cells) + " |")
    lines.append("")
    for backend, title in TITLES.items():
        versions = (f"{name} {version}" for name, version in found[backend]["versions"].items())
        lines += [f"{title}: {', '.join(versions)}.", ""]
    return "\n".join(lines)


def _cells(backend: str, formats: list[dict], name: str) -> list[str]:
    cells = []
    rows = [one for one in formats if one["format"] == name]
    for row in rows:
        text = f"{row['count'] - len(row['failed'])} of {row['count']}"
        if len(rows) > 1:
            text += ", any batch size" if row["rows"] is None else ", fixed batch size"
        if row["failed"]:
            text += ": not " + ", ".join(f"`{one}`" for one in sorted(row["failed"]))
        cells.append(text)
    return cells or [NONE.get((backend, name), "")]


if __name__ == "__main__":
    main()
