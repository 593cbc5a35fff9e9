"""The documentation: its code runs, its pages are there for every activation, and its formulas are theirs."""

import doctest
import inspect
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import keras
import pytest
import scripts

import keras_actx as actx
import keras_actx.testing

ROOT = Path(__file__).resolve().parents[1]
PAGES = ("README.md", *(f"docs/{path.name}" for path in sorted((ROOT / "docs").glob("*.md"))))
WITH_CODE = (
    "README.md",
    "docs/audit.md",
    "docs/index.md",
    "docs/guide.md",
    "docs/contributing.md",
    "docs/replace.md",
    "docs/security.md",
)
IN_64_BITS = ("docs/contributing.md",)  # which says so; the others are for everybody, without float64 on JAX
_FENCE = re.compile(r"^```(python|pycon)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_FLAGS = doctest.NORMALIZE_WHITESPACE


def blocks(text):
    """(line number, code) of the fenced blocks that are run."""
    return [(text.count("\n", 0, found.start(2)) + 1, found.group(2)) for found in _FENCE.finditer(text)]


def run_block(code, variables, name, line=1):
    """Run one block, as doctest where it has prompts, so that its outputs are checked too."""
    if not re.search(r"^>>> ", code, re.MULTILINE):
        exec(compile("\n" * (line - 1) + code, name, "exec"), variables)
        return
    run_doctest(code, variables, name, line)


def run_doctest(text, variables, name, line=1):
    """Run the examples of a text; there must be some."""
    test = doctest.DocTestParser().get_doctest(text, variables, name, name, line - 1)
    assert test.examples, f"{name} has no example"
    runner = doctest.DocTestRunner(verbose=False, optionflags=_FLAGS)
    report = []
    runner.run(test, out=report.append, clear_globs=False)
    assert not runner.summarize(verbose=False).failed, "".join(report)
    variables.update(test.globs)


def run_page(path):
    """What a reader does who copies a page from its top: all blocks, in order, with shared variables.

    Of the README, each block alone.
    """
    variables = {"__name__": "__main__"}
    alone = Path(path).name == "README.md"
    for line, code in blocks(Path(path).read_text(encoding="utf-8")):
        if alone:
            variables = {"__name__": "__main__"}
            assert re.search(r"^import keras_actx", code, re.MULTILINE), f"{path}, line {line}: no import keras_actx"
        run_block(code, variables, str(path), line)


@pytest.mark.parametrize("page", PAGES)
def test_code_of_a_page_runs(page, tmp_path):
    found = blocks((ROOT / page).read_text(encoding="utf-8"))
    assert found or page not in WITH_CODE
    if found:  # in a process of its own, so that what a page declares is not there for other tests
        script = f"import sys; sys.path.insert(0, {str(ROOT / 'tests')!r}); import test_docs; test_docs.run_page"
        child = subprocess.run(
            [sys.executable, "-c", f"{script}({str(ROOT / page)!r})"],
            cwd=tmp_path,
            env={name: value for name, value in os.environ.items() if name != "JAX_ENABLE_X64" or page in IN_64_BITS},
            capture_output=True,
            text=True,
            check=False,
        )
        assert child.returncode == 0, child.stdout + child.stderr


def test_a_wrong_block_fails(tmp_path):
    with pytest.raises(AssertionError, match="Expected"):
        run_block(">>> 1 + 1\n3\n", {}, "wrong")
    with pytest.raises(ZeroDivisionError):
        run_block("1 / 0\n", {}, "wrong")
    page = tmp_path / "page.md"
    page.write_text("```python\na = 1\n```\n\n```pycon\n>>> a\n2\n```\n", encoding="utf-8")
    with pytest.raises(AssertionError, match="line 6"):
        run_page(page)
    readme = tmp_path / "README.md"
    readme.write_text("```python\nimport keras_actx\n```\n\n```python\nkeras_actx\n```\n", encoding="utf-8")
    with pytest.raises(AssertionError, match="line 6: no import keras_actx"):
        run_page(readme)
    readme.write_text(
        "```python\nimport keras_actx\na = 1\n```\n\n```python\nimport keras_actx\na\n```\n", encoding="utf-8"
    )
    with pytest.raises(NameError):
        run_page(readme)


@pytest.mark.parametrize("page", PAGES)
def test_files_a_page_names_exist(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    named = re.findall(r"\b(?:keras_actx|tests|docs|benchmarks)/[\w/]+\.(?:py|md|yml)\b", text)
    missing = [one for one in named if not (ROOT / one).is_file() and not one.startswith("docs/catalogue/")]
    assert not missing


def _own(name):
    return actx.describe(name).package == "keras_actx"


def test_catalogue(tmp_path):
    """One test, since generating takes most of its time; of the pages themselves, which mkdocs then builds."""
    make = scripts.load("docs/make.py")
    folder = make.FOLDER
    folder.mkdir(exist_ok=True)
    (folder / "gone.md").write_text("of an activation that is no more", encoding="utf-8")
    subprocess.run([sys.executable, ROOT / "docs" / "make.py"], cwd=tmp_path, check=True)
    names = [name for name in actx.names() if _own(name)]
    pages = ("index", "libraries", *names)
    expected = {"propagation.svg", *(f"{name}.md" for name in pages), *(f"{name}.svg" for name in names)}
    assert {path.name for path in folder.iterdir()} == expected
    index = (folder / "index.md").read_text(encoding="utf-8")
    for name in names:
        declaration = actx.describe(name)
        text = (folder / f"{name}.md").read_text(encoding="utf-8")
        assert f"]({name}.md)" in index
        assert f"]({name}.svg)" in text
        formulas = [ElementTree.fromstring(one) for one in re.findall(r"<math .*?</math>", text)]
        assert declaration.tex
        displayed = [one.get("alttext") for one in formulas if one.get("display") == "block"]
        assert displayed == [declaration.tex]
        for formula in formulas:
            assert "\\" not in "".join(formula.itertext()), f"{name}: a command that MathML does not have"
        assert "$" not in text, f"{name}: a formula that was not converted"
        for parameter in declaration.parameters:
            assert f"| `{parameter.name}` | `{parameter.default!r}` | {parameter.allowed} |" in text
        assert all(f"`{alias}`" in text for alias in declaration.aliases)
        found = blocks(text)
        assert found
        for line, code in found:
            run_block(code, {}, f"{name}.md", line)
        ElementTree.parse(folder / f"{name}.svg")
    # The same declarations give the same bytes.
    again = make.Curve(actx.describe("relu"))
    make._save(again.figure(), tmp_path / "again.svg")
    assert (tmp_path / "again.svg").read_bytes() == (folder / "relu.svg").read_bytes()
    assert make.page(actx.describe("relu")) == (folder / "relu.md").read_text(encoding="utf-8")


def _public():
    """Every public class and function, by dotted name."""
    for module in (actx, actx.config, actx.layers, actx.initializers, actx.plot, actx.testing):
        for name, value in vars(module).items():
            if not name.startswith("_") and (inspect.isclass(value) or inspect.isfunction(value)):
                yield f"{module.__name__}.{name}", value
    yield "keras_actx.callbacks.ActivationMonitor", actx.callbacks.ActivationMonitor
    for name, value in vars(actx.constraints).items():
        if inspect.isclass(value) and issubclass(value, keras.constraints.Constraint):
            yield f"keras_actx.constraints.{name}", value


PUBLIC = dict(_public())


def test_public_names_are_found():
    assert {"keras_actx.get", "keras_actx.register_activation", "keras_actx.layers.DenseBlock"} <= set(PUBLIC)


@pytest.mark.parametrize("name", PUBLIC)
def test_public_docstring(name):
    value = PUBLIC[name]
    assert inspect.getdoc(value)
    ran = 0
    for test in doctest.DocTestFinder(recurse=False).find(value, name, globs={}):
        run_doctest(test.docstring, {}, name)
        ran += len(test.examples)
    assert ran, f"{name} has no example"


def test_activation_docstrings():
    for name in filter(_own, actx.names()):
        activation = getattr(actx.activations, name)
        assert actx.describe(name).summary in " ".join(activation.__doc__.split())
        run_doctest(activation.__doc__, {}, name)


@pytest.mark.same_everywhere
def test_links_of_the_files_in_the_root():
    """The pages of docs/ are checked by mkdocs."""
    for name in ("CONTRIBUTING.md", "RELEASE.md", "SECURITY.md"):
        links = re.findall(r"\]\(([^)#]+)", (ROOT / name).read_text(encoding="utf-8"))
        assert links
        assert [one for one in links if not (ROOT / one).exists()] == []


@pytest.mark.same_everywhere
def test_pre_commit_runs_the_ruff_of_tox():
    rev = re.search(r"rev: v(\S+)", (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))[1]
    assert f'"ruff=={rev}"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")
