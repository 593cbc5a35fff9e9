"""Writes docs/notebooks from three of the recipes: the same text, code and outputs.

From the repository root, with the extra `recipes` installed:

    python docs/make_notebooks.py

tests/test_recipes.py compares the files with the pages, and runs them in a kernel.
"""

import ast
import doctest
import re
from collections.abc import Iterator
from pathlib import Path

import nbformat
from nbformat import v4

DOCS = Path(__file__).resolve().parent
FOLDER = DOCS / "notebooks"
NAMES = ("dying_relu", "siren", "swap")

#: The blocks that are cells, by their language, with the name of a file that the block is the text of.
_FENCE = re.compile(r'^```(python|pycon)(?: title="(\w+\.py)")?\n(.*?)^```$', re.MULTILINE | re.DOTALL)
_START = """\
# Needs keras-actx, scikit-learn and a backend of Keras, here JAX; no network.
import os

_ = os.environ.setdefault("KERAS_BACKEND", "jax")"""


def notebook(name: str) -> nbformat.NotebookNode:
    """The recipe of this name as a notebook, with the outputs that the page shows."""
    page = (DOCS / "recipes" / f"{name}.md").read_text(encoding="utf-8")
    page = re.sub(r"\]\((\w+\.md)", r"](../recipes/\1", page)  # the other links begin with ../ in both folders
    cells = list(_cells(page))
    cells.insert(1, v4.new_code_cell(_START))
    for number, cell in enumerate(cells):
        cell["id"] = f"{name}-{number}"
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return v4.new_notebook(cells=cells, metadata={"kernelspec": kernel, "language_info": {"name": "python"}})


def _cells(page: str) -> Iterator[nbformat.NotebookNode]:
    text, *pieces = _FENCE.split(page)
    yield v4.new_markdown_cell(text.strip())
    for language, file, code, after in zip(*(iter(pieces),) * 4, strict=True):
        if language == "pycon":
            yield from _examples(code)
        else:
            yield v4.new_code_cell(f"%%writefile {file}\n{code.strip()}" if file else code.strip())
        if after.strip():
            yield v4.new_markdown_cell(after.strip())


def _examples(code: str) -> Iterator[nbformat.NotebookNode]:
    """Cells that end where the page shows an output, since a cell shows the value of its last expression only."""
    source = ""
    for example in doctest.DocTestParser().get_examples(code):
        source += example.source
        if example.want or example.source.count("\n") > 1:  # a function is a cell, too
            yield v4.new_code_cell(source.strip(), outputs=[_output(example)] if example.want else [])
            source = ""
    if source:
        yield v4.new_code_cell(source.strip())


def _output(example: doctest.Example) -> nbformat.NotebookNode:
    last = ast.parse(example.source).body[-1]
    if isinstance(last, ast.Expr) and not ast.unparse(last).startswith("print("):
        return v4.new_output("execute_result", {"text/plain": example.want.strip()})
    return v4.new_output("stream", text=example.want)


def text(name: str) -> str:
    """The file of this notebook."""
    return nbformat.writes(notebook(name)) + "\n"


def main() -> None:
    """Write the files."""
    FOLDER.mkdir(exist_ok=True)
    for name in NAMES:
        (FOLDER / f"{name}.ipynb").write_text(text(name), encoding="utf-8")


if __name__ == "__main__":
    main()
