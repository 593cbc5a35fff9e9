"""`resolve`: the one place that reads what a user passes as an activation, and how often that is looked up."""

import ast
from pathlib import Path

import keras
import numpy as np
import pytest

import keras_actx as actx
from keras_actx.declaration import registry
from keras_actx.names.resolve import resolve, resolve_declared

pytestmark = pytest.mark.same_everywhere

ROOT = Path(actx.__file__).parent
SNAKE = actx.activations.snake.bind(alpha=2.0)


@pytest.mark.parametrize(
    ("value", "subject"),
    [
        ("snake(alpha=2.0)", SNAKE),
        ("keras_actx>snake(alpha=2.0)", SNAKE),
        (SNAKE, SNAKE),
        (keras.activations.serialize(SNAKE), SNAKE),
        (keras.layers.Activation(SNAKE), SNAKE),
        (actx.layers.LearnableActivation(SNAKE), SNAKE),
        ("relu", actx.activations.relu),
        (keras.activations.relu, actx.activations.relu),
        (keras.layers.Activation("relu"), actx.activations.relu),
        ("swish", actx.activations.silu),
        (None, actx.activations.linear),
        (keras.ops.sin, keras.ops.sin),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),  # without addresses: pytest-xdist compares them
)
def test_every_form_stands_for_the_same(value, subject):
    found = resolve(value)
    assert found.subject == subject
    assert found.activation == (subject if isinstance(subject, actx.Activation) else None)
    assert resolve(found) is found
    assert callable(found.function)
    x = np.array([-1.0, 0.5], "float32")
    np.testing.assert_allclose(*(keras.ops.convert_to_numpy(one(x)) for one in (found.function, subject)), rtol=1e-6)


def test_what_is_kept_of_it():
    """Names stay names, so that configs hold them; of a layer, the layer."""
    layer = actx.layers.LearnableActivation("swish")
    assert resolve("relu").given == "relu"
    assert resolve("relu").function is keras.activations.relu
    assert resolve(" snake ").given == " snake "
    assert resolve(layer).given is resolve(layer).function is layer


def test_the_reserved_keys():
    found = resolve("swish(beta=1.5, learnable=True, num_parameters=8)")
    assert (found.learnable, found.num_parameters, found.per_channel, found.stochastic) == (True, 8, False, False)
    assert resolve("rrelu").stochastic
    assert resolve(actx.activations.rrelu).stochastic
    assert not resolve(keras.activations.serialize(actx.activations.rrelu)).stochastic  # saved as a value


@pytest.mark.parametrize("value", ["snak", "snake(beta=1)", "maxout", 5, {"no": "config"}, b"snake"], ids=str)
def test_anything_else_is_a_value_error(value):
    for read in (resolve, resolve_declared):
        with pytest.raises(ValueError, match=r".{10}"):
            read(value)


def test_what_must_be_declared():
    assert resolve_declared("relu").activation == actx.activations.relu
    assert resolve_declared(SNAKE.get_config()).activation == SNAKE
    with pytest.raises(ValueError, match=r"mine: .*@keras_actx"):
        resolve_declared(keras.ops.sin, "mine")


def test_what_the_user_has_given_keras_is_known_everywhere():
    def twice(x):
        return 2.0 * x

    keras.saving.get_custom_objects()["twice"] = twice
    try:
        assert resolve("twice").subject is twice
        assert actx.layers.DenseBlock(4, "twice").activation is twice
        assert actx.moments("twice").second_moment == pytest.approx(4.0)
    finally:
        del keras.saving.get_custom_objects()["twice"]


def test_nothing_else_reads_it():
    """`keras.activations.get`, and our own capture of it, are called in one module; the hook tests them."""
    found = {
        path.relative_to(ROOT).as_posix()
        for path in ROOT.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("activations.get", "keras_get"))
    }
    assert found == {"names/resolve.py", "names/keras_table.py"}


@pytest.mark.parametrize("name", ["snake", "mish", "prelu", "swiglu"])
def test_blocks_of_a_stack_look_nothing_up(name, monkeypatch):
    """One look into the table a name, for twenty blocks as for two."""
    find, asked = registry.find, []
    monkeypatch.setattr(registry, "find", lambda one: asked.append(one) or find(one))
    from keras_actx.names import resolve as module

    looks = []
    for depth in (2, 20):
        for cached in (module._named, module._own_value):
            cached.cache_clear()
        asked.clear()
        actx.layers.DenseStack(4, name, depth=depth)
        looks.append([one.removeprefix("keras_actx>") for one in asked])
    assert looks[0] == looks[1]
    assert sorted(looks[0]) == sorted([name, "linear"])  # that of Keras's Dense, which has none
