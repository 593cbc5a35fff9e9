"""The recipes on every backend, and their notebooks; tests/test_docs.py runs each page on JAX."""

import subprocess
import sys

import keras
import pytest
import scripts
import test_docs
from sweeps import WHOLE

BACKEND = keras.backend.backend()
#: Two devices are a program for JAX, and KerasTuner is installed for the documentation only.
NOT_ANYWHERE = {f"docs/recipes/{name}.md" for name in ("index", "two_devices", "keras_tuner")}
ANYWHERE = tuple(page for page in test_docs.RECIPES if page not in NOT_ANYWHERE)
#: This page has code for each backend.
CHOSEN = ANYWHERE if WHOLE else ("docs/recipes/export.md",)


@pytest.mark.skipif(BACKEND == "jax", reason="tests/test_docs.py runs them on JAX")
@pytest.mark.parametrize("page", CHOSEN)
def test_a_recipe_runs_on_this_backend(page, tmp_path):
    test_docs.test_code_of_a_page_runs(page, tmp_path)


def _made():
    pytest.importorskip("nbclient", reason="the extra `recipes`, in the environment of the documentation")
    return scripts.load("docs/make_notebooks.py")


def test_notebooks_are_written_from_the_recipes():
    made = _made()
    written = {path.stem: path.read_text(encoding="utf-8") for path in made.FOLDER.glob("*.ipynb")}
    assert written == {name: made.text(name) for name in made.NAMES}, "run docs/make_notebooks.py"


@pytest.mark.parametrize("name", ["siren", "dying_relu", "swap"] if WHOLE else ["siren"])
def test_a_notebook_has_the_outputs_of_its_page_in_a_kernel(name, tmp_path):
    made = _made()
    ran = tmp_path / "ran.ipynb"
    code = (
        "import sys, nbclient, nbformat\nfound = nbformat.read(sys.argv[1], 4)\n"
        "nbclient.NotebookClient(found, timeout=300).execute()\nnbformat.write(found, sys.argv[2])"
    )
    command = [sys.executable, "-c", code, made.FOLDER / f"{name}.ipynb", ran]
    subprocess.run(command, check=True, cwd=tmp_path)  # not in the process of the tests, which fail for any warning
    written, found = (made.nbformat.read(one, as_version=4) for one in (made.FOLDER / f"{name}.ipynb", ran))
    assert [_outputs(cell) for cell in found.cells] == [_outputs(cell) for cell in written.cells]


def _outputs(cell):
    """The outputs of a cell as text, without their spaces."""
    outputs = (dict(one) for one in cell.get("outputs", ()))
    return [str(one.get("text") or one.get("data") or one).split() for one in outputs]
