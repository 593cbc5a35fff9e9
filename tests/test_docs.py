"""The documentation: its code runs, its pages are there for every activation, and its formulas are theirs."""

import doctest
import importlib
import inspect
import itertools
import json
import math
import os
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
import scripts

import keras_actx as actx
import keras_actx.testing
from keras_actx.names import layer_names

ROOT = Path(__file__).resolve().parents[1]
RECIPES = tuple(f"docs/recipes/{path.name}" for path in sorted((ROOT / "docs/recipes").glob("*.md")))
PAGES = ("README.md", *(f"docs/{path.name}" for path in sorted((ROOT / "docs").glob("*.md"))), *RECIPES)
WITH_CODE = (
    "README.md",
    "docs/audit.md",
    "docs/index.md",
    "docs/guide.md",
    "docs/choose.md",
    "docs/which.md",
    "docs/contributing.md",
    "docs/pair.md",
    "docs/replace.md",
    "docs/security.md",
    *(page for page in RECIPES if page != "docs/recipes/index.md"),
)
IN_64_BITS = ("docs/contributing.md",)  # which says so; the others are for everybody, without float64 on JAX
_FENCE = re.compile(r"^```(python|pycon)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_FILE = re.compile(r'^```python title="(\w+\.py)"\n(.*?)^```$', re.MULTILINE | re.DOTALL)  # not run, but saved
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
    text = Path(path).read_text(encoding="utf-8")
    for file, code in _FILE.findall(text):
        Path(file).write_text(code, encoding="utf-8")
    for line, code in blocks(text):
        if alone:
            variables = {"__name__": "__main__"}
            assert re.search(r"^import keras_actx", code, re.MULTILINE), f"{path}, line {line}: no import keras_actx"
        run_block(code, variables, str(path), line)


@pytest.mark.parametrize("page", PAGES)
def test_code_of_a_page_runs(page, tmp_path):
    found = blocks((ROOT / page).read_text(encoding="utf-8"))
    assert found or page not in WITH_CODE
    if found:  # in a process of its own, so that what a page declares is not there for other tests
        for file in (ROOT / page).parent.glob("*.h5"):  # that a reader downloads
            shutil.copy(file, tmp_path)
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
        for shown in re.findall(r"^```text\n(.*?)^```$", (ROOT / page).read_text(encoding="utf-8"), re.M | re.S):
            assert page != "README.md" or shown in child.stdout


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
    import griffe  # other tests import this file without the extra `docs`

    make = scripts.load("docs/make.py")
    folder = make.FOLDER / "catalogue"
    folder.mkdir(exist_ok=True)
    (folder / "gone.md").write_text("of an activation that is no more", encoding="utf-8")
    subprocess.run([sys.executable, ROOT / "docs" / "make.py"], cwd=tmp_path, check=True)
    names, layers = [name for name in actx.names() if _own(name)], actx.names(kind="layer")
    pages = {"index", "libraries", *names, *layers}
    expected = {f"{name}.md" for name in pages} | {f"{name}.svg" for name in (*names, *layers, "all", "propagation")}
    assert {path.name for path in folder.iterdir()} == {*expected, "families.json"}
    families = json.loads((folder / "families.json").read_text(encoding="utf-8"))
    assert sorted(itertools.chain(*families.values())) == sorted((*names, *layers))
    for path in folder.glob("*.svg"):
        ElementTree.parse(path)
    index = (folder / "index.md").read_text(encoding="utf-8")
    for name in names:
        _check_activation_page(folder, name)
    for name in layers:
        _check_layer_page(folder, name)
    for name in (*names, *layers):
        assert f"]({name}.md)" in index
    picture = ElementTree.parse(folder / "all.svg")
    links = [one.get("href") for one in picture.iter("{http://www.w3.org/2000/svg}a")]
    assert sorted(links) == [f"catalogue/{name}.html" for name in sorted(names)]
    # Every public name has one entry in the API reference.
    written = [*(make.FOLDER / "api").glob("*.md"), *(folder / f"{name}.md" for name in layers)]
    entries = [one for path in written for one in re.findall(r"^::: (\S+)$", path.read_text("utf-8"), re.MULTILINE)]
    assert sorted(map(id, map(_imported, entries))) == sorted(map(id, PUBLIC.values()))
    package = griffe.load("keras_actx")
    found = [package[one.removeprefix("keras_actx.")] for one in entries]
    assert [one.path for one in found if not (one.is_class or one.is_function)] == []
    # The same declarations give the same bytes.
    make.curves.save(make.curves.Curve(actx.describe("relu")).figure(), tmp_path / "again.svg")
    assert (tmp_path / "again.svg").read_bytes() == (folder / "relu.svg").read_bytes()
    again = make.activation_page.page(actx.describe("softmax"), make.Relations())
    assert again == (folder / "softmax.md").read_text(encoding="utf-8")


def _imported(path):
    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module(module), name)


def _check_activation_page(folder, name):
    declaration = actx.describe(name)
    text = (folder / f"{name}.md").read_text(encoding="utf-8")
    assert f"]({name}.svg)" in text
    _check_formulas(text, name, declaration.tex)
    for parameter in declaration.parameters:
        assert f"| `{parameter.name}` | `{parameter.default!r}` | {parameter.allowed} |" in text
    assert all(f"`{alias}`" in text for alias in declaration.aliases)
    returned = (None, 4) if declaration.kind == "gated" else (None, 8)
    assert f"- Shapes: `(None, 8)` → `{returned}`" in text
    related = set(re.findall(r"\]\((\w+)\.md\)", text.partition("## Related")[2]))
    assert len(related) >= 3
    assert name not in related
    found = blocks(text)
    assert found
    for line, code in found:
        run_block(code, {}, f"{name}.md", line)


def _check_layer_page(folder, name):
    entry = layer_names.find(name)
    text = (folder / f"{name}.md").read_text(encoding="utf-8")
    assert f"]({name}.svg)" in text
    assert f"`{entry.written}`" in text
    _check_formulas(text, name, entry.tex)
    assert all(f"`{alias}`" in text for alias in layer_names.aliases(name))
    assert "- Shapes: `(None, " in text


def _check_formulas(text, name, tex):
    formulas = [ElementTree.fromstring(one) for one in re.findall(r"<math .*?</math>", text)]
    assert tex
    assert [one.get("alttext") for one in formulas if one.get("display") == "block"] == [tex]
    for formula in formulas:
        assert "\\" not in "".join(formula.itertext()), f"{name}: a command that MathML does not have"
    assert "$" not in text, f"{name}: a formula that was not converted"


def test_relations():
    """The gate of swiglu is silu, and leaky_relu has a slope of 0.2 for half of the inputs."""
    relations = scripts.load("docs/make.py").Relations()
    assert {"silu", "swish"} <= set(relations.gates("swiglu"))
    assert "gelu" not in relations.gates("swiglu")
    assert relations.distance("relu", "leaky_relu") == pytest.approx(0.2 / math.sqrt(2), rel=1e-3)
    distances = [distance for distance, _ in relations.nearest("softmin")]
    assert distances == sorted(distances)
    assert distances[0] > 0.0


def test_docstrings_of_the_reference():
    scripts.load("docs/make.py")
    from site_pages.docstrings import converted

    text = converted(
        "One $x$, as in `keras_actx.get`.\n\n$$y =\nx$$\n\nArgs:\n    a, b: of both,\n        long.\n    c: alone.\n\n"
        "Input shape: any. Output shape: same.\n\nExample:\n\n>>> 1 + 1\n2"
    )
    assert "$" not in text
    assert re.findall('alttext="([^"]*)".*?display="(\\w+)"', text) == [("x", "inline"), ("y = x", "block")]
    assert '<autoref identifier="keras_actx.get" optional><code>keras_actx.get</code></autoref>' in text
    assert "    a: of both,\n        long.\n    b: of both,\n        long.\n    c: alone." in text
    assert "**Input shape:** any. **Output shape:** same." in text
    assert text.endswith("\nExamples:\n    >>> 1 + 1\n    2")


def test_a_plot_in_a_page_follows_the_palette(tmp_path):
    make = scripts.load("docs/make.py")
    from site_pages.hooks import themed

    make.curves.save(make.curves.Curve(actx.describe("relu")).figure(), tmp_path / "relu.svg")
    text = themed((tmp_path / "relu.svg").read_text(encoding="utf-8"), 'f and "g"')
    root = ElementTree.fromstring(text)
    assert (root.get("class"), root.get("aria-label")) == ("plot", 'f and "g"')
    assert set(re.findall(r"#[0-9a-f]{6}\b", text)) == set()
    variables = set(re.findall(r"var\((--plot-\w+)\)", text))
    style = (make.FOLDER / "style.css").read_text(encoding="utf-8")
    assert variables
    assert all(style.count(f"{one}:") == 2 for one in variables)


def _public():
    """Every public class and function, by dotted name."""
    for part in PARTS:
        module = importlib.import_module(part)
        for name in getattr(module, "__all__", [one for one in dir(module) if not one.startswith("_")]):
            value = getattr(module, name)
            if inspect.isclass(value) or inspect.isfunction(value):
                yield f"{part}.{name}", value


PARTS = (
    "keras_actx",
    *(f"keras_actx.{part}" for part in "callbacks config constraints initializers layers".split()),
    *(f"keras_actx.{part}" for part in "plot propagation ranges testing".split()),
)
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
    for name in ("README.md", "CONTRIBUTING.md", "RELEASE.md", "SECURITY.md"):
        links = re.findall(r"\]\(([^)#]+)", (ROOT / name).read_text(encoding="utf-8"))
        assert links
        assert [one for one in links if not one.startswith("https://") and not (ROOT / one).exists()] == []


@pytest.mark.same_everywhere
def test_pre_commit_runs_the_ruff_of_tox():
    rev = re.search(r"rev: v(\S+)", (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))[1]
    assert f'"ruff=={rev}"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")
