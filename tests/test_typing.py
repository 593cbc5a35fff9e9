"""Type checkers accept what runs: the package has a py.typed."""

import ast
import pkgutil
from pathlib import Path

import pytest

import keras_actx as actx

_USES = """
from typing import Annotated

import keras_actx as actx
from keras_actx.activations import {imported}

{each}

@actx.activation
def plain(x, beta: actx.Positive = 1.0):
    return x


@actx.activation(package="project", aliases=("other",), kinks={{0.0: 1.0}}, learnable=True)
def with_arguments(x, beta: Annotated[float, actx.Range(low=0.0)] = 1.0):
    return x


first: actx.Activation = plain
second: actx.Activation = with_arguments.bind(2.0)
third: actx.Activation = plain.bind(beta=2.0)
name: str = actx.describe("snake").name
y = plain(1.0, 2.0), actx.get("snake")(1.0), with_arguments(1.0, beta=2.0)
"""


def uses():
    names = actx.activations.__all__
    each = "\n".join(
        f"v{i}: actx.Activation = actx.activations.{one}; w{i} = {one}.bind()" for i, one in enumerate(names)
    )
    return _USES.format(imported=", ".join(names), each=each)


def test_what_is_checked_runs():
    text = uses().replace('package="project"', 'package="test_typing"').replace("@actx.activation\n", "")
    exec(compile(text.partition("first:")[0], "uses", "exec"), {"__name__": "test_typing"})


def test_families_of_the_name_of_a_function_are_said():
    """For a type checker a module of that name hides the function, unless it is declared."""
    source = Path(actx.activations.__file__).read_text()
    declared = {
        one.target.id
        for block in ast.parse(source).body
        if isinstance(block, ast.If)
        for one in block.body
        if isinstance(one, ast.AnnAssign)
    }
    modules = {one.name for one in pkgutil.iter_modules(actx.activations.__path__)}
    assert declared == modules & set(actx.activations.__all__)


def test_mypy(tmp_path, monkeypatch):
    api = pytest.importorskip("mypy.api")
    monkeypatch.setenv("MYPYPATH", str(Path(actx.__file__).parents[1]))
    path = tmp_path / "uses.py"

    def run(text):
        path.write_text(text)
        options = ["--follow-imports=silent", "--ignore-missing-imports", f"--cache-dir={tmp_path / 'cache'}"]
        return api.run([*options, str(path)])

    said, _, status = run(uses())
    assert not status, said
    said, _, status = run(uses().replace("second: actx.Activation", "second: int"))
    assert status
    assert "Incompatible types" in said
