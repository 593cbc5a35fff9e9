"""Pickles bring what they hold: another process imports this package, and the modules of users, by itself."""

import copy
import io
import json
import os
import pickle
import subprocess
import sys
import textwrap

import keras
import numpy as np
import pytest

import keras_actx as actx
from keras_actx import pickling

MODULE = """
import keras_actx as actx

@actx.register_activation(package="test_shipped", aliases=("shipped_alias",))
def shipped(x, beta: float = 2.0):
    return beta * x
"""
#: Loads every pickle of a folder, and says what came of it; nothing is imported but Keras.
CHILD = """
import json, pathlib, pickle, sys
import keras
import numpy as np

found = {}
for path in sorted(pathlib.Path(sys.argv[1]).glob("*.pickle")):
    before = "keras_actx" in sys.modules
    try:
        one = pickle.loads(path.read_bytes())
        if isinstance(one, (keras.Model, keras.Layer)):
            found[path.stem] = np.asarray(keras.ops.convert_to_numpy(one(np.ones((2, 3), "float32")))).tolist()
        else:
            found[path.stem] = str(getattr(one, "identifier", one))
    except Exception as error:
        found[path.stem] = f"{type(error).__name__}: {error}"
    if path.stem.startswith("0_plain"):
        assert not before and "keras_actx" not in sys.modules
print(json.dumps(found))
"""


@keras.saving.register_keras_serializable("test_pickles")
class Subclassed(keras.Model):
    """Of a class of its own, which a child process does not have: pickled here alone."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.dense = keras.layers.Dense(3, activation="snake")

    def call(self, x):
        return self.dense(x)


def sequential(*activations, last=()):
    layers = [keras.layers.Dense(3, activation=one) for one in activations]
    return keras.Sequential([keras.Input((3,)), *layers, *last])


def functional():
    inputs = keras.Input((3,))
    return keras.Model(inputs, actx.activations.snake(keras.layers.Dense(3)(inputs), alpha=2.0))


def built(layer):
    layer.build((None, 3))
    return layer


@pytest.fixture(scope="module")
def shipped(tmp_path_factory):
    """What is pickled, what each gives for ones, and what a child makes of it."""
    folder = tmp_path_factory.mktemp("shipped")
    (folder / "test_shipped_module.py").write_text(MODULE)
    sys.path.insert(0, str(folder))
    try:
        import test_shipped_module
    finally:
        sys.path.remove(str(folder))
    compiled = sequential("snake", "prelu")
    compiled.compile("adam", "mse")
    scope = {"__name__": "__main__"}
    exec("def in_a_notebook(x):\n    return 2.0 * x", scope)
    notebook = actx.register_activation(scope["in_a_notebook"], package="test_shipped")
    gone = actx.register_activation(
        _of_module("def of_nowhere(x):\n    return x", "test_no_such_module"), package="test_shipped"
    )
    objects = {
        "0_plain": sequential("relu", "mish"),
        "0_plain_layer": built(keras.layers.Dense(3, activation="relu")),
        "sequential": sequential("snake(alpha=2.0)", "prelu"),
        "compiled": compiled,
        "functional": functional(),
        "block": sequential(last=[actx.layers.DenseBlock(3, "mish")]),
        "start": sequential(last=[keras.layers.Dense(3, kernel_initializer=actx.initializers.Paired("mish"))]),
        "layer": built(keras.layers.Dense(3, activation="snake")),
        "ours": actx.layers.LearnableActivation("swish"),
        "users": sequential("test_shipped>shipped", "shipped(beta=3.0)"),
        "users_learn": sequential("shipped(learnable=True)"),
        "users_block": sequential(last=[actx.layers.DenseBlock(3, "shipped_alias")]),
        "notebook": sequential(notebook),
        "gone": sequential(gone),
        "value": actx.activations.snake.bind(alpha=2.0),
        "value_of_user": test_shipped_module.shipped.bind(5.0),
        "value_of_notebook": notebook,
        "value_of_nowhere": gone,
        "described": actx.describe("snake"),
        "described_of_user": actx.describe("shipped"),
        "described_of_notebook": actx.describe("in_a_notebook"),
    }
    for name, one in objects.items():
        (folder / f"{name}.pickle").write_bytes(pickle.dumps(one))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])}
    result = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(CHILD), str(folder)],
        capture_output=True, text=True, env=environment, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    return objects, json.loads(result.stdout.splitlines()[-1])


def _of_module(code, module):
    scope = {"__name__": module}
    exec(code, scope)
    return scope["of_nowhere"]


@pytest.mark.parametrize(
    "name",
    ["0_plain", "0_plain_layer", "sequential", "compiled", "functional", "block", "start", "layer", "ours", "users",
     "users_learn", "users_block"],
)  # fmt: skip
def test_models_in_a_process_without_the_import(shipped, name):
    objects, found = shipped
    expected = keras.ops.convert_to_numpy(objects[name](np.ones((2, 3), "float32")))
    assert not isinstance(found[name], str), found[name]
    np.testing.assert_allclose(found[name], expected, rtol=1e-6)


def test_values_and_declarations_in_a_process_without_the_import(shipped):
    _, found = shipped
    assert found["value"] == "snake(alpha=2.0)"
    assert found["value_of_user"] == "test_shipped>shipped(beta=5.0)"
    assert found["described"] == "snake"
    assert found["described_of_user"] == "test_shipped>shipped"


def test_what_cannot_be_shipped_says_how(shipped):
    _, found = shipped
    for name in ("notebook", "value_of_notebook", "described_of_notebook"):
        assert "test_shipped>in_a_notebook" in found[name]
        assert "move the function into a module" in found[name]
    for name in ("gone", "value_of_nowhere"):
        assert "'test_no_such_module' declares it" in found[name]
    assert all(len(found[name]) < 400 for name in found if isinstance(found[name], str))


@pytest.mark.parametrize(
    "make",
    [lambda: sequential("snake", "prelu"), functional, Subclassed],
    ids=["sequential", "functional", "subclassed"],
)
def test_copies_in_one_process(make):
    model = make()
    x = np.ones((2, 3), "float32")
    expected = keras.ops.convert_to_numpy(model(x))
    for one in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        assert type(one) is type(model)
        np.testing.assert_array_equal(keras.ops.convert_to_numpy(one(x)), expected)


def test_plain_models_are_pickled_as_keras_does():
    """Whatever this package does to pickles, it does not do to what holds nothing of it."""
    for one in (sequential("relu", "mish"), built(keras.layers.Dense(3)), keras.layers.Dropout(0.5)):
        assert b"keras_actx" not in pickle.dumps(one)
    for other in (keras.optimizers.Adam(), keras.losses.MeanSquaredError(), keras.metrics.Mean()):
        assert "keras_actx" not in repr(type(other).__reduce__)
        assert b"keras_actx" not in pickle.dumps(other)


def test_installed_once_and_only_where_it_fits(monkeypatch):
    ours = keras.Operation.__reduce__
    pickling.install()
    assert keras.Operation.__reduce__ is ours
    model = sequential("snake")
    for made in (("read", ("not an archive",)), (io.BytesIO, (io.BytesIO(b"no archive"),)), "a name"):
        monkeypatch.setattr(keras.Operation, "__reduce__", lambda self, made=made: made)
        pickling.install()
        assert model.__reduce__() is made  # a Keras that pickles in another way
    monkeypatch.setattr(keras.Operation, "__reduce__", object.__reduce__)
    pickling.install()
    assert keras.Operation.__reduce__ is object.__reduce__


def test_an_error_of_keras_stays_keras_s():
    def fails(archive):
        raise RuntimeError("of Keras")

    with pytest.raises(RuntimeError, match="of Keras"):
        pickling._read_after_import({}, fails, (None,))
    with pytest.raises(ValueError, match="move the function") as caught:
        pickling._read_after_import({"test_shipped>not_here": "__main__"}, fails, (None,))
    assert isinstance(caught.value.__cause__, RuntimeError)
    assert pickling._read_after_import({"test_shipped>not_here": "__main__"}, len, ((),)) == 0  # it was not needed


def test_declarations_are_found_by_their_name():
    for name in ("snake", "prelu", "relu2"):
        one = actx.describe(name)
        assert pickle.loads(pickle.dumps(one)) is copy.deepcopy(one) is copy.copy(one) is one


def test_an_old_pickle_of_a_value_loads():
    old = pickle.dumps(_Old("snake", (("alpha", 2.0),)))
    assert pickle.loads(old) == actx.activations.snake.bind(alpha=2.0)


def test_an_old_pickle_of_a_declaration_loads():
    """It names the module in which the function was."""
    names = b"Vkeras_actx>snake\nVkeras_actx.activations.periodic\n"
    old = b"ckeras_actx.declaration.activation\nfind_declaration\n(" + names + b"tR."
    assert pickle.loads(old) is actx.describe("snake")


class _Old:
    """Pickles as values did before they knew their module."""

    def __init__(self, *arguments):
        self.arguments = arguments

    def __reduce__(self):
        return actx.Activation, self.arguments


def test_joblib():
    """As scikit-learn does it: workers that have imported nothing."""
    joblib = pytest.importorskip("joblib")
    model = sequential("snake", "prelu")
    shapes = joblib.Parallel(2)(joblib.delayed(getattr)(one, "output_shape") for one in [model, model])
    assert shapes == [(None, 3), (None, 3)]
