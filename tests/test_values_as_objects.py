"""`Activation` as a value: equality, copies, configs, signatures, calls, and the user's own."""

import copy
import inspect
import pickle
import threading
from typing import Annotated

import keras
import numpy as np
import pytest

import keras_actx as actx
from keras_actx.declaration import registry

ALL = [
    getattr(actx.activations, name)
    for name in actx.activations.__all__
    if getattr(actx.activations, name).declaration.name == name
]


@pytest.mark.parametrize("activation", ALL, ids=str)
def test_copies_are_equal(activation):
    assert copy.copy(activation) is activation
    assert copy.deepcopy(activation) is activation
    assert pickle.loads(pickle.dumps(activation)) == activation
    assert hash(pickle.loads(pickle.dumps(activation))) == hash(activation)
    assert keras.activations.get(keras.activations.serialize(activation)) == activation
    assert activation != "snake"


@pytest.mark.parametrize("activation", ALL, ids=str)
def test_config_holds_every_parameter(activation):
    config = activation.get_config()
    assert config["params"] == activation.declaration.defaults
    assert actx.Activation.from_config(config) == activation
    assert list(inspect.signature(activation).parameters)[1:] == list(config["params"])
    assert activation.__name__ == activation.declaration.name
    assert activation.declaration.summary in activation.__doc__


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"name": "snake"},
        {"name": "snake", "params": None},
        {"name": "snake", "params": {}, "extra": 1},
        {"name": "snake", "params": {"alpha": float("nan")}},
        {"name": "snake", "params": {"alpha": "2"}},
        {"name": "snake", "params": {"alpha": True}},
        {"name": "snake", "params": {"alpha": 10**400}},
        {"name": "snake", "params": {"beta": 1.0}},
        {"name": "os.system", "params": {}},
        {"name": ["snake"], "params": {}},
        {"name": "x" * 10_000, "params": {}},
        "snake",
    ],
)
def test_bad_configs_are_refused(config):
    with pytest.raises(ValueError, match=r"\w") as caught:
        actx.Activation.from_config(config)
    assert len(str(caught.value)) < 500


def test_values_are_frozen():
    with pytest.raises(AttributeError):
        actx.activations.snake.params = ()


def test_call_with_parameters():
    x = np.array([0.5, -1.0], "float32")
    expected = x + np.sin(2 * x) ** 2 / 2
    np.testing.assert_allclose(_numpy(actx.activations.snake(x, alpha=2.0)), expected, rtol=1e-6)
    tensor = keras.ops.convert_to_tensor(2.0)
    np.testing.assert_allclose(_numpy(actx.activations.snake(x, alpha=tensor)), expected, rtol=1e-6)
    for wrong in ({"alpha": -1.0}, {"beta": 1.0}, {"beta": tensor}, {"alpha": "a"}):
        with pytest.raises(ValueError, match="snake"):
            actx.activations.snake(x, **wrong)


def test_one_node_in_a_graph():
    inputs = keras.Input((4,), dtype="float64")
    model = keras.Model(inputs, actx.activations.snake(inputs, alpha=3.0))
    assert [type(layer).__name__ for layer in model.layers] == ["InputLayer", "Activation"]
    assert model.output.dtype == "float64"
    assert "snake" in model.to_json()
    halved = actx.activations.swiglu(keras.Input((8,)))
    assert halved.shape == (None, 4)


def test_other_inputs():
    assert keras.backend.standardize_dtype(actx.activations.mish(np.array([1, 2])).dtype) == "float32"
    assert actx.activations.mish(1.0).shape == ()
    assert actx.activations.mish(np.zeros((0, 3))).shape == (0, 3)
    with pytest.raises(ValueError, match="even size"):
        actx.activations.swiglu(np.zeros((2, 3)))


@actx.register_activation(package="test_project", aliases=("own_alias",))
def own_swish(x, beta: Annotated[float, actx.ranges.Range(low=0.0)] = 1.0):
    """The tests' own activation."""
    return x * keras.ops.sigmoid(beta * x)


def test_a_users_own_activation(tmp_path):
    assert isinstance(own_swish, actx.Activation)
    assert str(own_swish) == "test_project>own_swish(beta=1.0)"
    for name in ("own_swish", "test_project>own_swish", "own_alias"):
        assert actx.get(name) == own_swish
    mine, ours = actx.moments(own_swish), actx.moments("swish(beta=1.0)")  # another formula of the same function
    assert [mine.mean, mine.second_moment, mine.derivative_second_moment] == pytest.approx(
        [ours.mean, ours.second_moment, ours.derivative_second_moment], rel=1e-13
    )
    model = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(4, activation="own_swish(beta=2.0)"),
            keras.layers.Dense(4, activation="own_swish(learnable=True)"),
            actx.layers.DenseBlock(3, activation=own_swish),
        ]
    )
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    x = np.linspace(-1, 1, 8, dtype="float32").reshape(2, 4)
    np.testing.assert_array_equal(_numpy(model(x)), _numpy(loaded(x)))
    assert loaded.layers[0].activation == own_swish.bind(beta=2.0)


def test_declaring_twice():
    def declare():
        @actx.register_activation(package="test_twice")
        def twice(x):
            return x

        return twice

    declare()
    declare()  # a notebook cell run again
    with pytest.raises(ValueError, match="exists already"):

        @actx.register_activation(package="test_twice", aliases=("twice",))
        def another(x):
            return x

    assert registry.find("test_twice>another") is None


def test_two_packages_with_one_name():
    for package in ("test_one", "test_two"):

        @actx.register_activation(package=package)
        def shared_name(x):
            return x

    with pytest.raises(ValueError, match="'test_one>shared_name' or 'test_two>shared_name'"):
        actx.get("shared_name")
    assert callable(actx.get("test_two>shared_name"))


def test_a_plain_name_of_ours_stays_ours():
    @actx.register_activation(package="test_shadow")
    def snake(x):
        return x

    assert actx.get("snake") == actx.activations.snake
    assert actx.get("test_shadow>snake").name == "test_shadow>snake"


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"package": "keras"}, ValueError),
        ({"package": "a b"}, ValueError),
        ({"aliases": ("Bad",)}, ValueError),
        ({"kind": "gated"}, TypeError),
    ],
)
def test_bad_declarations(arguments, error):
    with pytest.raises(error):

        @actx.register_activation(**arguments)
        def fine(x):
            return x


def test_bad_signatures():
    for text in (
        "y",
        "x, a",
        "x, *a",
        "x, **a",
        "x, a='b'",
        "x, learnable=1.0",
        "x, a: list = ()",
        "x, a=float('nan')",
    ):
        scope = {}
        exec(f"def bad({text}):\n    return x", scope)
        with pytest.raises((TypeError, ValueError)):
            actx.register_activation(scope["bad"], package="test_bad")
        assert registry.find("test_bad>bad") is None


def test_first_use_from_many_threads():
    failures = []

    def use(number):
        try:
            for step in range(20):
                assert actx.get(f"snake(alpha={1 + number + step / 20})")(1.0).shape == ()

                def made(x):
                    return x

                made.__name__ = f"made_{number}_{step}"
                actx.register_activation(made, package="test_threads")
        except BaseException as error:  # a plain thread would hide it
            failures.append(error)

    threads = [threading.Thread(target=use, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert len([name for name in actx.names() if name.startswith("test_threads>")]) == 160


def _numpy(x):
    return keras.ops.convert_to_numpy(x)
