"""A function that is declared again: silent if nothing changed, a warning if it did, and older values keep theirs."""

import functools
import importlib
import sys
import threading
import warnings

import keras
import numpy as np
import pytest

import keras_actx as actx
from keras_actx.declaration import registry

AGAIN = "is declared again"


def declare(body, *, head="x, a: float = 1.0", scope=None, **arguments):
    """A notebook cell that holds one function, run."""
    names = {"__name__": "__main__", **(scope or {})}
    exec(f"def cell({head}):\n    'One.'\n    return {body}\n", names)
    return actx.register_activation(names["cell"], package="test_notebook", **arguments)


def number(activation, x=1.0):
    return float(keras.ops.convert_to_numpy(activation(np.float32(x))))


@pytest.fixture(autouse=True)
def _a_new_notebook(monkeypatch):
    """No test finds what another has declared."""
    for table in ("_by_qualified_name", "_by_plain_name", "_by_letters", "_bodies", "_changed"):
        held = getattr(registry, table)
        monkeypatch.setattr(registry, table, dict(held) if isinstance(held, dict) else held)


def test_a_value_keeps_its_function():
    first = declare("1.0 * a * x")
    learned = actx.layers.LearnableActivation(first)
    model = keras.Sequential(
        [keras.Input((1,)), keras.layers.Dense(1, activation="test_notebook>cell", kernel_initializer="ones")]
    )
    symbolic = keras.Sequential([keras.Input((1,)), keras.layers.Activation(first)])
    x = np.ones((1, 1), "float32")
    with pytest.warns(UserWarning, match=f"'test_notebook>cell' {AGAIN}, and differs \\(code\\)"):
        second = declare("3.0 * a * x")
    for old in (first, learned, model, symbolic, model.layers[0].activation):
        assert float(keras.ops.convert_to_numpy(old(x))[0, 0]) == 1.0
    assert number(first.bind(a=2.0)) == 2.0
    assert number(first.bind(2.0)) == 2.0
    assert number(functools.partial(first, a=5.0)) == 5.0
    assert number(second) == number(actx.get("test_notebook>cell")) == 3.0
    assert first != second
    assert first.bind(a=2.0) != second.bind(a=2.0)
    assert second == actx.get("test_notebook>cell")
    assert {first: 1, second: 3}[actx.get("test_notebook>cell")] == 3
    assert actx.describe("test_notebook>cell") is second.declaration is not first.declaration
    # What is saved is a name.
    assert keras.activations.get(keras.activations.serialize(first)) == second


def test_a_factory_gives_each_its_own():
    def make(c):
        @actx.register_activation(package="test_factory")
        def scaled(x, k: float = 1.0):
            return c * k * x

        return scaled

    one = make(1.0)
    assert make(1.0) == one  # the same again
    with pytest.warns(UserWarning, match=r"value of c") as caught:
        two = make(2.0)
    assert caught[0].filename == __file__
    assert (number(one), number(two)) == (1.0, 2.0)
    assert one != two
    assert actx.get("test_factory>scaled") == two


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({}, {}),
        ({"scope": {"half": 0.5}, "body": "half * x"}, {"scope": {"half": 0.5}, "body": "half * x"}),
        ({"kinks": {0.0: 1.0}}, {"kinks": {np.float32(0): 1}}),
        ({"kinks": lambda a: {a: 1.0}}, {"kinks": lambda a: {a: 1.0}}),
        ({"scope": {"f": lambda x: x + 1}, "body": "f(x)"}, {"scope": {"f": lambda x: x + 1}, "body": "f(x)"}),
        ({"body": "(lambda y: y * 2.0)(x)"}, {"body": "(lambda y: y * 2.0)(x)"}),
        ({"body": "x if x in {1, 2, 'a', 'b'} else x"}, {"body": "x if x in {'b', 'a', 2, 1} else x"}),
    ],
)
def test_the_same_again_is_silent(before, after):
    first = declare(**{"body": "a * x", **before})
    edition = registry.edition()
    assert declare(**{"body": "a * x", **after}) == first
    assert registry.edition() == edition  # nothing that was looked up is looked up again


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        ({}, {"body": "a * x + 1"}, "code"),
        ({}, {"body": "a * x * 1"}, "code"),
        ({"body": "1 * x"}, {"body": "1.0 * x"}, "code"),
        ({"body": "True * x"}, {"body": "1 * x"}, "code"),
        ({}, {"body": "(lambda y: y * 2.0)(x)"}, "code"),
        ({"body": "(lambda y: y * 2.0)(x)"}, {"body": "(lambda y: y * 3.0)(x)"}, "code"),
        ({}, {"head": "x, a: float = 2.0"}, "parameters"),
        ({}, {"head": "x, b: float = 1.0", "body": "b * x"}, "parameters"),
        ({}, {"head": "x, a: Positive = 1.0", "scope": {"Positive": actx.ranges.Positive}}, "parameters"),
        ({}, {"kind": "vector"}, "kind"),
        ({}, {"learnable": True}, "learnable"),
        ({}, {"kinks": {0.0: 1.0}}, "kinks"),
        ({"kinks": lambda a: {a: 1.0}}, {"kinks": lambda a: {a: 2.0}}, "kinks"),
        ({"scope": {"c": 1.0}, "body": "c * x"}, {"scope": {"c": 2.0}, "body": "c * x"}, "code"),
        ({"scope": {"c": (1, 2)}, "body": "c[0] * x"}, {"scope": {"c": (2, 2)}, "body": "c[0] * x"}, "code"),
    ],
)
def test_every_change_is_said(before, after, says):
    first = declare(**{"body": "a * x", **before})
    with pytest.warns(UserWarning, match=AGAIN) as caught:
        second = declare(**{"body": "a * x", **after})
    assert len(caught) == 1
    assert says in str(caught[0].message).partition("(")[2].partition(")")[0]
    assert first != second


def test_a_helper_of_the_module_is_part_of_it():
    scope = {"__name__": "__main__"}

    def run(cell):
        exec(cell, scope)

    run("def helper(x):\n    return x")
    declaring = "def cell(x):\n    return helper(x)"
    run(declaring)
    first = actx.register_activation(scope["cell"], package="test_notebook")
    run("def helper(x):\n    return 2 * x")
    run(declaring)
    with pytest.warns(UserWarning, match=AGAIN):
        second = actx.register_activation(scope["cell"], package="test_notebook")
    assert second != first  # so nothing that was computed of the first is used


@pytest.mark.parametrize(
    ("before", "after"),
    [(np.ones(2), np.zeros(2)), (1, 1.0), ([1], [2]), ({"a": 1}, {"a": 2}), (float("nan"), 1.0), (object(), object())],
)
def test_every_value_that_a_factory_takes(before, after):
    def make(held):
        @actx.register_activation(package="test_factory")
        def holding(x):
            return x * (held is not None)

        return holding

    one = make(before)
    assert make(before) == one
    with pytest.warns(UserWarning, match="value of held"):
        other = make(after)
    assert other != one


def test_a_factory_of_functions():
    def make(inner):
        @actx.register_activation(package="test_factory")
        def outer(x):
            return inner(x)

        return outer

    one = make(lambda x: x)
    assert make(lambda x: x) == one
    with pytest.warns(UserWarning, match="value of inner"):
        assert make(lambda x: -x) != one


def test_a_better_docstring_is_no_other_function():
    first = declare("a * x", tex="a x")
    second = declare("a * x", tex="ax", cites="Somebody 2030", aliases=("other_cell",))
    assert actx.describe("test_notebook>cell") is second.declaration is not first.declaration
    assert actx.get("test_notebook>other_cell") == second


def test_each_change_warns_once_under_pythons_default_filters():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        for factor in (1.0, 2.0, 2.0, 1.0, 2.0):
            declare(f"{factor} * a * x")
    assert len([one for one in caught if AGAIN in str(one.message)]) == 3


def test_an_alias_that_is_gone_is_gone():
    declare("a * x", aliases=("gone_alias",))
    declare("a * x")
    with pytest.raises(ValueError, match="unknown activation"):
        actx.get("test_notebook>gone_alias")


def test_a_reloaded_module(tmp_path, monkeypatch):
    path = tmp_path / "test_reloaded_module.py"
    head = "import keras_actx as actx\n\n@actx.register_activation(package='test_reload')"
    text = f"{head}\ndef doubled(x):\n    return 2.0 * x\n"
    path.write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    module = importlib.import_module(path.stem)
    first = module.doubled
    path.write_text("\n\n# elsewhere in the file\n" + text)
    assert importlib.reload(module).doubled == first
    path.write_text(text.replace("2.0", "3.00"))
    with pytest.warns(UserWarning, match=AGAIN):
        assert importlib.reload(module).doubled != first
    assert number(first) == 2.0


def test_ours_reloaded_are_the_same():
    from keras_actx.activations import periodic

    before = periodic.snake
    assert importlib.reload(periodic).snake == before == actx.get("snake")


def test_two_packages_and_aliases():
    """A name of ours, of one package and of another do not disturb each other, also when one changes."""

    def make(package, factor, aliases=("second_name",)):
        @actx.register_activation(package=package, aliases=aliases)
        def snake(x):
            return factor * x

        return snake

    one, other = make("test_package.one", 1.0), make("test-package-two", 2.0)
    assert actx.get("snake") == actx.activations.snake
    assert actx.get("test_package.one>snake") == one
    assert actx.get("test-package-two>second_name") == other
    with pytest.raises(ValueError, match=r"several packages"):
        actx.get("second_name")
    with pytest.warns(UserWarning, match=AGAIN):
        changed = make("test_package.one", 3.0, aliases=())
    assert actx.get("test_package.one>snake") == changed
    assert actx.get("second_name") == other
    assert str(one) == "test_package.one>snake"


def test_declared_from_many_threads():
    """Each value is what its own thread declared, whoever holds the name at last."""
    wrong = []

    def work(factor):
        for _ in range(30):

            @actx.register_activation(package="test_race")
            def raced(x):
                return factor * x

            if number(raced) != factor or raced.declaration.formula.__closure__[0].cell_contents != factor:
                wrong.append(factor)

    def run(factor):
        try:
            work(factor)
        except BaseException as error:  # a plain thread would hide it
            wrong.append(error)

    threads = [threading.Thread(target=run, args=(float(one),)) for one in range(1, 5)]
    with warnings.catch_warnings():  # for all threads: it is the process's
        warnings.simplefilter("ignore")
        for one in threads:
            one.start()
        for one in threads:
            one.join()
    assert not wrong
    assert len([one for one in actx.names() if one == "test_race>raced"]) == 1


def test_an_equal_object_in_a_closure_is_another():
    """A list or a variable may change later: the old function would look at the old one."""

    def make(scales):
        @actx.register_activation(package="test_equal_objects")
        def scaled(x):
            return scales[0] * x

        return scaled

    with warnings.catch_warnings():
        warnings.simplefilter("error")  # nothing to warn of: they are equal now
        first, second = [2.0], [2.0]
        one, other = make(first), make(second)
    second[0] = 3.0
    assert (float(one(1.0)), float(other(1.0))) == (2.0, 3.0)
    assert one != other


def test_tensors_in_a_closure():
    """By their numbers; those of a trace are not compared, which JAX would report as leaked."""

    def declare(weight):
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")

            @actx.register_activation(package="test_tensors")
            def weighted(x):
                return x * weight

        return weighted, [str(one.message) for one in said if "is declared again" in str(one.message)]

    tensors = [keras.ops.convert_to_tensor(numbers) for numbers in ([1.0, 2.0], [1.0, 2.0], [1.0, 3.0])]
    assert declare(tensors[0])[1] == []
    assert declare(tensors[1])[1] == []
    assert len(declare(tensors[2])[1]) == 1

    class Weighted(keras.layers.Layer):
        def call(self, x):
            return declare(2.0 * keras.ops.ones_like(x))[0](x)

    model = keras.Sequential([keras.Input((2,)), Weighted()])
    for rows in (1, 2):
        assert model.predict(np.ones((rows, 2), "float32"), verbose=0).tolist() == [[2.0, 2.0]] * rows
