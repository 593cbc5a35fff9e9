"""A parameter given as another Python number each time: learnt about once, kept within bounds, compiled once."""

import copy
import dataclasses
import functools
import gc
import weakref

import keras
import numpy as np
import pytest

import keras_actx as actx
from keras_actx.backend import probe
from keras_actx.declaration.declaration import Declaration
from keras_actx.declaration.evaluation import Formula
from keras_actx.testing import backend
from keras_actx.testing.tensors import to_float64, to_tensor

NAME = keras.backend.backend()
of_torch = pytest.mark.skipif(NAME != "torch", reason="of torch alone")
X = np.linspace(-3, 3, 8, dtype="float32").reshape(2, 4)


def declared(**options):
    """A formula with numbers to ask about, that nobody knows yet."""

    def eased(x, rate=1.0):
        return x * keras.ops.sigmoid(rate * x) * keras.ops.tanh(x)

    return actx.register_activation(eased, **{"package": "test_new_numbers", **options})


def test_a_question_is_asked_once_for_all_numbers():
    asked = []

    @probe.checked_once
    def question(function, sample):
        asked.append(dict(function.numbers)["rate"])
        return True

    declaration = declared().declaration

    def ask(number):
        return question(Formula(declaration, (("rate", number),), (), "float32"), ("float32",))

    assert all(ask(1.0 + index / 40) for index in range(1, 40))
    assert len(asked) == 1
    assert all(map(ask, (0.0, 1.0, -1.0)))  # for which formulas leave out steps
    assert asked[1:] == [0.0, 1.0, -1.0]


def test_a_question_that_decides_about_numbers_is_asked_of_each_but_for_own_formulas():
    asked = []

    @probe.checked_for_every_number
    def question(function, sample):
        asked.append(dict(function.numbers))
        return True

    for declaration, key in ((declared().declaration, "rate"), (actx.activations.snake.declaration, "alpha")):
        asked.clear()
        for number in (1.25, 1.5, 1.5):
            question(Formula(declaration, ((key, number),), (), "float32"), ("float32",))
        assert len(asked) == (2 if key == "rate" else 1)


def test_no_backend_asks_about_every_number():
    x, function = to_tensor(X, "float32"), actx.activations.softplus

    def asked():
        found = Formula(function.declaration, (), (), "float32").found
        return {make: kept.cache_info().currsize for make, kept in found.items() if make.__name__ == "check_probe"}

    before = asked()  # by other tests
    for index in range(12):
        backend.gradient(lambda x, index=index: function(x, beta=1.1 + index / 100), x)
    assert all(count - before.get(make, 0) <= 3 for make, count in asked().items())


def test_what_is_kept_is_bounded():
    """200 numbers, of which none comes again."""
    x, formula = to_tensor(X, "float32"), declared()
    gradient = backend.gradient
    for index in range(200):
        gradient(lambda x, index=index: formula(x, rate=1.5 + index / 1000), x)
    kept = Formula(formula.declaration, (), (), "float32").found
    assert kept
    assert max(one.cache_info().currsize for one in kept.values()) <= probe._CACHE_SIZE


def test_values_of_new_numbers_are_right():
    x, formula = to_tensor(X, "float32"), declared()
    for rate in (0.3, 1.0, 1.3, 1.7, 2.9, -0.4):
        exact = X * np.tanh(X) / (1.0 + np.exp(-rate * X.astype("float64")))
        np.testing.assert_allclose(to_float64(formula(x, rate=rate)), exact, rtol=1e-5, atol=1e-6)


def test_what_a_user_declared_is_freed():
    """Its function too, once another has its name."""
    x, first = to_tensor(X, "float32"), declared(package="test_freed")
    backend.gradient(first, x)
    backend.gradient(functools.partial(first, rate=1.5), x)
    gone = [weakref.ref(first.declaration), weakref.ref(first.declaration.formula)]
    del first

    def eased(x, rate=1.0):
        return rate * x

    eased.__qualname__ = declared.__qualname__ + ".<locals>.eased"
    with pytest.warns(UserWarning, match="declared again"):
        actx.register_activation(eased, package="test_freed")
    backend.gradient(lambda x: keras.ops.square(x), x)
    gc.collect()
    assert [one() for one in gone] == [None, None]


def test_what_was_found_out_is_not_copied():
    one = declared()
    backend.gradient(one, to_tensor(X, "float32"))
    assert isinstance(one.declaration, Declaration)
    found = vars(one.declaration).get("_found")
    assert not copy.copy(found)
    assert not copy.deepcopy(found)
    assert "_found" not in vars(dataclasses.replace(one.declaration))


@of_torch
@pytest.mark.parametrize(
    "call",
    [
        lambda x, number: actx.activations.snake(x, alpha=number),
        lambda x, number: actx.activations.acon_b(x, beta=number),
        lambda x, number: actx.activations.gaussian.bind(a=number)(x),
        lambda x, number: actx.activations.relu(x, max_value=number),
    ],
    ids=["snake", "acon_b", "bind", "optional"],
)
def test_one_graph_for_all_numbers(call):
    import torch

    torch.compiler.reset()
    graphs = []
    step = torch.compile(call, fullgraph=True, backend=lambda graph, inputs: graphs.append(graph) or graph.forward)
    x = torch.tensor(X)
    for number in [1.0, *np.linspace(1.1, 3.0, 10).tolist()]:
        torch.testing.assert_close(step(x, number), call(x, number), rtol=1e-5, atol=1e-6)
    assert len(graphs) <= 3  # of the first number, and of any; torch may ask for one more


@of_torch
def test_whole_numbers_and_booleans_in_a_graph():
    import torch

    torch.compiler.reset()
    x = torch.tensor(X)
    for call, numbers in (
        (lambda x, number: actx.activations.snake(x, alpha=number), (1, 2, 3)),
        (lambda x, number: actx.activations.softmax(x, axis=number), (-1, 0)),
        (lambda x, number: actx.activations.gelu(x, approximate=number), (True, False)),
    ):
        step = torch.compile(call, fullgraph=True, backend="eager")
        for number in numbers:
            torch.testing.assert_close(step(x, number), call(x, number), rtol=1e-5, atol=1e-6)
