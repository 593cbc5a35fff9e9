"""Everything public: which arguments are positional, which numbers and seeds are taken, what can be read again."""

import inspect
import types

import keras
import numpy as np
import pytest
from test_arguments import CLASSES, NEEDED

import keras_actx as actx
from keras_actx import testing

pytestmark = pytest.mark.same_everywhere

ALL = [*CLASSES, actx.constraints.InRange]
DENSE_BLOCK = inspect.signature(actx.layers.DenseBlock).parameters


def everything(space=actx, path="keras_actx"):
    """Every public function and class of the namespaces, by its path; not the values in `keras_actx.activations`."""
    for name in getattr(space, "__all__", None) or dir(space):
        found = getattr(space, name)
        if isinstance(found, types.ModuleType):
            if found.__name__ == f"{path}.{name}":
                yield from everything(found, f"{path}.{name}")
        elif callable(found) and not name.startswith("_") and not isinstance(found, actx.Activation):
            yield f"{path}.{name}", found


EVERYTHING = dict([*everything(), *everything(testing, "keras_actx.testing")])


def positional(function):
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    named = [one.name for one in inspect.signature(function).parameters.values() if one.kind in kinds]
    return named[1:] if named[:1] == ["self"] else named


def of_class(one):
    """The public methods that it defines itself; those of Keras have Keras's signatures."""
    for name, method in vars(one).items():
        of_keras = any(name in vars(base) for base in one.__mro__ if base.__module__.startswith("keras.src"))
        if not name.startswith("_") and inspect.isroutine(method) and not of_keras:
            yield f"{one.__name__}.{name}", getattr(one, name)


def too_many(objects):
    checked = dict(objects)
    for one in objects.values():
        checked.update(of_class(one) if inspect.isclass(one) else ())
    return {name: found for name, one in checked.items() if len(found := positional(one)) > 2}


def test_two_arguments_are_positional_at_most():
    for path in ("layers.DenseStack", "initializers.Paired", "constraints.InRange", "ranges.Range", "plot.propagation"):
        assert f"keras_actx.{path}" in EVERYTHING
    assert {"keras_actx.moments", "keras_actx.config.set_fused", "keras_actx.testing.KnownError"} <= set(EVERYTHING)
    found = too_many({name: one for name, one in EVERYTHING.items() if inspect.signature(one) != _OF_A_TYPE})
    assert found == {"keras_actx.compare": ["build", "x", "y"]}  # x and y as in fit


#: What `inspect` says of an annotation such as `ranges.Real`, which is callable but for no use.
_OF_A_TYPE = inspect.signature(lambda *args, **kwargs: None)


def test_a_third_one_is_noticed():
    class Planted:
        def method(self, one, other, third=3):
            """Of three."""

    assert too_many({"f": lambda one, other, third: None, "g": lambda one, other, *, third: None, "P": Planted}) == {
        "f": ["one", "other", "third"],
        "Planted.method": ["one", "other", "third"],
    }


def arguments(one):
    """The names of its arguments, with those that a stack hands to its blocks, and their defaults."""
    found = dict(inspect.signature(one).parameters)
    if one is actx.layers.DenseStack:
        found |= DENSE_BLOCK
        del found["first_layer"]  # which the stack sets
    return {name: parameter.default for name, parameter in found.items() if parameter.kind != parameter.VAR_KEYWORD}


def made(one, **given):
    return one(**{**NEEDED.get(one.__name__, {}), **given})


@pytest.mark.parametrize("one", ALL, ids=lambda one: one.__name__)
def test_every_argument_is_an_attribute(one):
    found = made(one)
    for name, default in arguments(one).items():
        value = getattr(found, name)  # raises for one that is not
        if type(default) in (int, float, bool, str) and name not in ("activation", "scheme", "depth"):
            assert isinstance(value, type(default)) or not isinstance(value, (int, float, bool)), name


#: Numbers for arguments whose default is None, or none.
NUMBERS = {
    "units": 4, "depth": 3, "num_parameters": 4, "pieces": 2, "group_size": 2, "axis": -1, "seed": 3, "slope": 0.5,
    "low": -1.0, "high": 2.0, "num_units": 2, "value_mean": 0.5, "gate_mean": 1.0, "use_bias": True, "depthwise": False,
}  # fmt: skip


@pytest.mark.parametrize("one", ALL, ids=lambda one: one.__name__)
def test_numpy_scalars_are_numbers(one):
    for name, default in arguments(one).items():
        number = NUMBERS.get(name, default)
        if type(number) not in (int, float, bool):
            continue
        scalar = {int: np.int64, float: np.float64, bool: np.bool_}[type(number)](number)
        found, plain = (made(one, **{name: value}) for value in (scalar, number))
        assert not isinstance(getattr(found, name), np.generic), name
        config, wanted = found.get_config(), plain.get_config()
        assert {**config, "name": None} == {**wanted, "name": None}, name


def test_numpy_scalars_in_functions():
    assert actx.moments("gelu", mean=np.float32(0.5), variance=np.int64(2)) == actx.moments(
        "gelu", mean=0.5, variance=2.0
    )
    assert actx.pairing("relu", "critical", depth=np.int64(5)) == actx.pairing("relu", "critical", depth=5)
    assert actx.get("snake").bind(alpha=np.float64(2.0)) == actx.get("snake(alpha=2.0)")
    with pytest.raises(ValueError, match="points=1 is not allowed"):
        testing.check_activation("relu", points=np.int64(1))
    figure = actx.plot.propagation("relu", depth=np.int64(2), width=np.int64(4), batch=np.int64(3), seed=np.int64(1))
    assert len(figure.axes) == 3


@pytest.mark.parametrize("one", [one for one in ALL if "seed" in arguments(one)], ids=lambda one: one.__name__)
def test_a_seed_may_be_a_generator(one):
    seed = made(one, seed=keras.random.SeedGenerator(5)).seed
    assert isinstance(seed, (int, keras.random.SeedGenerator))


def test_a_seed_of_a_function_may_be_a_generator():
    actx.pairing("relu", "critical").bias_initializer(keras.random.SeedGenerator(5))((4,))
    actx.plot.propagation("relu", depth=2, width=4, batch=3, seed=keras.random.SeedGenerator(5))
