"""Type checkers accept what runs, and nothing else: the package has a py.typed."""

import ast
import importlib.util
import json
import pkgutil
import runpy
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest
import scripts

import keras_actx as actx
from keras_actx import choices
from keras_actx.initializers import pairing, rational_start
from keras_actx.layers import _block_parts

TESTS = Path(__file__).parent

_USES = """
from typing import Annotated

import keras_actx as actx
from keras_actx.activations import {imported}

{each}

@actx.register_activation
def plain(x, beta: actx.ranges.Positive = 1.0):
    return x


@actx.register_activation(package="project", aliases=("other",), kinks={{0.0: 1.0}}, learnable=True)
def with_arguments(x, beta: Annotated[float, actx.ranges.Range(low=0.0)] = 1.0):
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
    text = uses().replace('package="project"', 'package="test_typing"').replace("@actx.register_activation\n", "")
    exec(compile(text.partition("first:")[0], "uses", "exec"), {"__name__": "test_typing"})


def test_user_code_runs():
    runpy.run_path(str(TESTS / "user_code.py"))


def installed_stub():
    return Path(actx.activations.__file__).with_suffix(".pyi").read_text(encoding="utf-8")


def test_the_stub_is_of_the_declarations():
    assert installed_stub() == scripts.load("docs/make_stubs.py").stub(), "run python docs/make_stubs.py"


def test_the_stub_has_every_name():
    """Also those of a function and of its family: for a type checker the module hides the function otherwise."""
    declared = {one.target.id: one.annotation.id for one in ast.parse(installed_stub()).body if hasattr(one, "target")}
    assert sorted(declared) == actx.activations.__all__
    modules = {one.name for one in pkgutil.iter_modules(actx.activations.__path__)}
    assert modules & set(declared) == {"exponential"}
    assert declared["snake"] == "_TakesAlpha"


@pytest.mark.parametrize(
    ("choice", "table"),
    [
        (choices.Scheme, ["auto", *pairing.SCHEMES]),
        (choices.Mode, pairing._FANS),
        (choices.Form, pairing._FORMS),
        (choices.RationalVersion, rational_start._NAMES),
        (choices.Normalization, _block_parts._NORMALIZATIONS),
    ],
)
def test_choices_are_those_of_the_table(choice, table):
    assert sorted(get_args(choice)) == sorted(table)


@pytest.mark.parametrize(
    ("choice", "use"),
    [
        (choices.Scheme, lambda one: actx.layers.DenseBlock(4, scheme=one, first_layer=True)),
        (choices.Distribution, lambda one: actx.initializers.Paired("relu", distribution=one)),
        (choices.Gate, lambda one: actx.layers.GatedLinearUnit("glu", gate=one)),
        (choices.Grouping, lambda one: actx.layers.Maxout(2, grouping=one)),
        (choices.DataFormat, lambda one: actx.layers.MetaACON(data_format=one)),
        (choices.NameKind, lambda one: actx.names(kind=one)),
        (choices.Normalization, lambda one: actx.layers.DenseBlock(4, normalization=one)),
    ],
)
def test_choices_are_what_is_taken(choice, use):
    for one in get_args(choice):
        use(one)
    with pytest.raises(ValueError, match="is not"):
        use("other")


def test_mypy(tmp_path, monkeypatch):
    api = pytest.importorskip("mypy.api")
    place = Path(actx.__file__).parents[1]
    if place.name != "site-packages":  # where it is found anyway, and refused as a path
        monkeypatch.setenv("MYPYPATH", str(place))
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


#: Each is an error, and of which kind.
WRONG = {
    "actx.activations.snakee": "reportAttributeAccessIssue",
    "actx.gte('snake')": "reportAttributeAccessIssue",
    "actx.plot.propagatoin": "reportAttributeAccessIssue",
    "snake(x, alpah=2.0)": "reportCallIssue",
    "snake.bind(beta=2.0)": "reportCallIssue",
    "snake.bind(alpha='2')": "reportArgumentType",
    "exponential(x, 2.0)": "reportCallIssue",
    "relu.bind(0.1)": "reportCallIssue",
    "actx.activations.softmax(x, axis=0.5)": "reportArgumentType",
    "actx.layers.DenseBlock('4')": "reportArgumentType",
    "actx.layers.DenseBlock(4, scheme='critcal')": "reportArgumentType",
    "actx.layers.DenseBlock(4, normalization='bacth')": "reportArgumentType",
    "actx.layers.DenseStack(4, depth=4, scheme='critcal')": "reportArgumentType",
    "actx.layers.Maxout(2, grouping='other')": "reportArgumentType",
    "actx.layers.GatedLinearUnit('glu', gate='middle')": "reportArgumentType",
    "Paired('relu', 'critcal')": "reportArgumentType",
    "actx.pairing('relu', distribution='normal')": "reportArgumentType",
    "actx.plot.propagation('relu', schemes=('critcal',))": "reportArgumentType",
    "actx.names('gatde')": "reportArgumentType",
    "actx.compare(build, x, y, activations=['relu', 'tanh'], mode='mni')": "reportArgumentType",
    "compared.verdcit": "reportAttributeAccessIssue",
    "rational_fit('tanh', 'C')": "reportArgumentType",
    "number: int = actx.describe('snake').name": "reportAssignmentType",
}


def test_basedpyright(tmp_path):
    """Of code as a user writes it, each of the lines that are wrong is an error, and no other."""
    if importlib.util.find_spec("basedpyright") is None:
        pytest.skip("basedpyright is not installed")
    right = (TESTS / "user_code.py").read_text(encoding="utf-8").splitlines()
    (tmp_path / "planted.py").write_text("\n".join([*right, *WRONG]) + "\n", encoding="utf-8")
    settings = {
        "include": ["planted.py"],
        "typeCheckingMode": "standard",
        "extraPaths": [str(Path(actx.__file__).parents[1])],
    }
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(settings))
    command = ["-m", "basedpyright", "-p", str(tmp_path), "--pythonpath", sys.executable, "--outputjson"]
    run = subprocess.run([sys.executable, *command], capture_output=True, text=True, check=False)
    said = json.loads(run.stdout)
    found = {(one["range"]["start"]["line"], one["rule"]) for one in said["generalDiagnostics"]}
    assert found == {(len(right) + i, rule) for i, rule in enumerate(WRONG.values())}, said["generalDiagnostics"]
