"""Arguments are checked where they are given: of the decorator, of Range, of a value and its calls."""

import fractions
import functools
import math
from typing import Annotated

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import keras_actx as actx
from keras_actx.declaration import registry

try:
    import ml_dtypes

    OTHER_SCALARS = [ml_dtypes.bfloat16(0.25)]
except ImportError:
    OTHER_SCALARS = []
SCALARS = [np.float16(0.25), np.float32(0.25), np.float64(0.25), np.longdouble(0.25), np.array(0.25), *OTHER_SCALARS]
LONGEST = 600  # characters of a message about a hostile value


def identity(x, beta: float = 1.0):
    """One."""
    return beta * x


def no_parameter(x):
    """One."""
    return x


def refuses(error, says, function, **arguments):
    with pytest.raises(error, match=says) as caught:
        actx.register_activation(function, **{"package": "test_arguments", **arguments})
    assert len(str(caught.value)) < LONGEST
    assert registry.find(f"test_arguments>{getattr(function, '__name__', '')}") is None


@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [
        ({"kind": "elementwse"}, ValueError, "elementwise, vector, gated. Did you mean 'elementwise'"),
        ({"kind": "Gated"}, ValueError, "Did you mean 'gated'"),
        ({"kind": None}, TypeError, "elementwise, vector, gated"),
        ({"kind": ["gated"]}, TypeError, "kind="),
        ({"aliases": "abc"}, TypeError, r"tuple of names: \('abc',\)"),
        ({"aliases": ("fine", 3)}, TypeError, "aliases="),
        ({"aliases": None}, TypeError, "aliases="),
        ({"aliases": ("Not_fine",)}, ValueError, "'Not_fine' is not allowed"),
        ({"cites": 3}, TypeError, "cites="),
        ({"cites": (3,)}, TypeError, "cites="),
        ({"tex": None}, TypeError, "tex="),
        ({"tex": b"x"}, TypeError, "tex="),
        ({"package": 3}, TypeError, "package=3"),
        ({"package": "keras"}, ValueError, "not 'keras'"),
        ({"package": "a" * 10_000}, ValueError, "package="),
        ({"learnable": 1}, TypeError, "True or False"),
        ({"learnable": "yes"}, TypeError, "True or False"),
        ({"kinks": 3}, TypeError, "kinks=3"),
        ({"kinks": [0.0]}, TypeError, "kinks="),
        ({"kinks": {"a": 1.0}}, TypeError, "finite numbers"),
        ({"kinks": {0.0: None}}, TypeError, "finite numbers"),
        ({"kinks": {math.nan: 1.0}}, TypeError, "finite numbers"),
        ({"kinks": {10**400: 1.0}}, TypeError, "finite numbers"),
        ({"kinks": lambda: {0.0: 1.0}}, TypeError, "cannot be called with the parameters"),
        ({"kinks": lambda beta: 3}, TypeError, "{point: derivative}"),
        ({"exact": 3}, TypeError, r"function of \(mp, x"),
    ],
)
def test_arguments_of_the_decorator(arguments, error, says):
    refuses(error, says, identity, **arguments)
    with (
        pytest.raises(error, match=says) if "beta" not in says and not callable(arguments.get("kinks")) else _nothing()
    ):
        actx.register_activation(**{"package": "test_arguments", **arguments})  # before there is a function


class _nothing:
    def __enter__(self):
        pass

    def __exit__(self, *_):
        pass


def test_learnable_needs_a_parameter():
    refuses(ValueError, "requires a learnable parameter", no_parameter, learnable=True)

    def whole(x, n: int = 1):
        return x

    def fixed(x, beta: Annotated[float, actx.ranges.Range(learnable=False)] = 1.0):
        return x

    def gated(value, gate, beta: float = 1.0):
        return value

    def random(x, beta: float = 1.0, *, training=False, seed=None):
        return x

    refuses(ValueError, "requires a learnable parameter", whole, learnable=True)
    refuses(ValueError, "requires a learnable parameter", fixed, learnable=True)
    refuses(ValueError, "gated", gated, learnable=True, kind="gated")
    refuses(ValueError, "random in training", random, learnable=True)


@pytest.mark.parametrize(
    ("function", "says"),
    [
        (3, "not a function"),
        ("snake", "not a function"),
        (actx.activations.snake, "an activation already"),
        (functools.partial(identity, beta=2.0), "no __name__"),
        (len, "must take x first"),
    ],
    ids=["number", "string", "activation", "partial", "builtin"],
)
def test_what_is_no_function(function, says):
    refuses(TypeError, says, function)


def test_a_lambda_has_no_name():
    refuses(ValueError, "'<lambda>' is not allowed", lambda x: x)


@pytest.mark.parametrize(
    ("head", "says"),
    [
        ("x, a: Range(0.0, 1.0) = 2.0", r"annotated|a number in \[0, 1\]"),
        ("x, a: Annotated[float, Range(0.0, 1.0)] = 2.0", r"a number in \[0, 1\]"),
        ("x, a: Annotated[int, Range(1, 9)] = 0", r"a whole number in \[1, 9\]"),
        ("x, a: Annotated[bool, Range(0.0, 1.0)] = True", "no Range limits"),
        ("x, a: float = None", "any finite number"),
        ("x, a: float | str = 1.0", "float, int or bool"),
        ("x, a: 'nowhere' = 1.0", "annotations"),
        ("x, größe=1.0", "ASCII"),
        (f"x, {'a' * 41}=1.0", "at most 40"),
        ("x, " + ", ".join(f"a{one}=1.0" for one in range(51)), "at most 50"),
    ],
)
def test_signatures(head, says):
    scope = {"Annotated": Annotated, "Range": actx.ranges.Range}
    exec(f"def bad_head({head}):\n    return x", scope)
    with pytest.raises((TypeError, ValueError), match=says):
        actx.register_activation(scope["bad_head"], package="test_arguments")


def test_whole_numbers_have_ranges():
    @actx.register_activation(package="test_arguments")
    def with_count(x, count: Annotated[int, actx.ranges.Range(low=1, high=9)] = 3, either: int | float = 1):
        return x

    assert actx.get("with_count(count=9)").params == (("count", 9), ("either", 1.0))
    for wrong in (0, 10, 1.0):
        with pytest.raises(ValueError, match=r"a whole number in \[1, 9\]"):
            with_count.bind(count=wrong)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"low": 2.0, "high": 1.0}, ValueError),
        ({"low": 1.0, "high": 1.0, "low_open": True}, ValueError),
        ({"low": 1.0, "high": 1.0, "high_open": True}, ValueError),
        ({"low": math.nan}, ValueError),
        ({"high": math.nan}, ValueError),
        ({"low": math.inf}, ValueError),
        ({"low": 10**400}, ValueError),
        ({"high": -(10**400)}, ValueError),
        ({"low": "0"}, TypeError),
        ({"low": None}, TypeError),
        ({"high": True}, TypeError),
        ({"high": 1j}, TypeError),
        ({"low_open": 1}, TypeError),
        ({"high_open": "yes"}, TypeError),
        ({"learnable": None}, TypeError),
    ],
)
def test_empty_ranges(arguments, error):
    with pytest.raises(error, match="Range"):
        actx.ranges.Range(**arguments)


def test_ranges_take_numbers_of_all_sorts():
    assert actx.ranges.Range(low=np.float32(0.5), high=fractions.Fraction(3, 2)) == actx.ranges.Range(0.5, 1.5)
    assert actx.ranges.Range(low=1, high=1) == actx.ranges.Range(1.0, 1.0)
    assert actx.ranges.Range(-(10**400), 10**400) == actx.ranges.Range()
    assert actx.ranges.Range(low_open=np.bool_(True)) == actx.ranges.Range(low_open=True)


@pytest.mark.parametrize("number", SCALARS, ids=lambda one: type(one).__name__)
def test_numpy_scalars(number):
    quarter = actx.activations.snake.bind(alpha=0.25)
    for value in (
        actx.activations.snake.bind(alpha=number),
        actx.activations.snake.bind(number),
        actx.Activation("snake", (("alpha", number),)),
        actx.Activation("snake", {"alpha": number}),
        actx.Activation.from_config({"name": "snake", "params": {"alpha": number}}),
    ):
        assert value == quarter
        assert type(value.params[0][1]) is float
        assert actx.get(str(value)) == value
    x = np.float32(0.5)
    expected = keras.ops.convert_to_numpy(quarter(x))
    for y in (actx.activations.snake(x, number), actx.activations.snake(x, alpha=number)):
        np.testing.assert_array_equal(keras.ops.convert_to_numpy(y), expected)
    with pytest.raises(ValueError, match=r"\(0, inf\)"):
        actx.activations.snake(x, alpha=-number)  # checked, as a Python number is

    @actx.register_activation(package="test_arguments")
    def with_scalar(x, alpha: float = number, on: bool = np.bool_(True), n: int = np.int8(3)):
        return x

    assert with_scalar.params == (("alpha", 0.25), ("on", True), ("n", 3))
    assert with_scalar.bind(on=np.bool_(False), n=np.uint64(7)).params[1:] == (("on", False), ("n", 7))


def test_tensors_stay_tensors():
    x = np.ones((2, 3), "float32")
    for alpha in (np.array([1.0, 2.0, 3.0], "float32"), [1.0, 2.0, 3.0], keras.ops.convert_to_tensor([1.0, 2.0, 3.0])):
        assert tuple(actx.activations.snake(x, alpha=alpha).shape) == (2, 3)
    with pytest.raises(ValueError, match="whole number"):
        actx.activations.softmax(x, axis=keras.ops.convert_to_tensor([0]))
    with pytest.raises(ValueError, match="True or False"):
        actx.activations.gelu(x, approximate=np.array([True]))


@pytest.mark.parametrize("value", ["a", b"a", {}, {1.0}, 1j, object(), np.str_("a"), np.datetime64(0, "s"), len, True])
def test_parameters_that_are_no_numbers(value):
    snake = actx.activations.snake
    for make in (
        lambda: snake(1.0, alpha=value),
        lambda: snake(1.0, value),
        lambda: snake.bind(alpha=value),
        lambda: snake.bind(value),
        lambda: actx.Activation("snake", {"alpha": value}),
    ):
        with pytest.raises(ValueError, match=r"alpha accepts a number in \(0, inf\)"):
            make()


@pytest.mark.parametrize("params", ["abc", 3, None, [3], [("alpha",)], [([], 1.0)], [("alpha", 1.0, 2.0)], {3: 1.0}])
def test_params_that_are_no_pairs(params):
    with pytest.raises((TypeError, ValueError), match=r"give pairs|has no parameter"):
        actx.Activation("snake", params)


def test_a_parameter_given_twice():
    with pytest.raises(ValueError, match="twice"):
        actx.Activation("snake", (("alpha", 1.0), ("alpha", 2.0)))


def test_describe_takes_a_name():
    with pytest.raises(ValueError, match=r"name alone here, without parameters: 'swish'|Did you mean 'swish'"):
        actx.describe("swish(beta=1.5)")


anything = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.binary(max_size=3),
    st.sampled_from([10**400, -(10**400), 1j, np.float32(1), np.int64(2), np.bool_(True), np.array([1.0]), np.nan,
                     len, object(), int, fractions.Fraction(1, 3), "gated", "elementwise", ("fuzz_alias",),
                     "x" * 10_000, np.array("a"), lambda **_: {}, lambda **_: 1 / 0]),
    st.lists(st.one_of(st.text(max_size=3), st.floats()), max_size=3),
    st.dictionaries(st.one_of(st.floats(), st.text(max_size=3)), st.one_of(st.floats(), st.none()), max_size=2),
    st.tuples(st.text(max_size=3)), st.sets(st.integers(), max_size=2),
)  # fmt: skip


def ours_or_works(call):
    """Nothing but an error of ours: one whose message is short, from our code and not from below it."""
    try:
        return call()
    except (ValueError, TypeError) as error:
        assert 10 < len(str(error)) < LONGEST, str(error)[: 2 * LONGEST]
        trace = error.__traceback__
        while trace.tb_next:
            trace = trace.tb_next
        assert "keras_actx" in trace.tb_frame.f_code.co_filename, (trace.tb_frame.f_code.co_filename, str(error))
        return None


many = settings(deadline=None, max_examples=300, derandomize=True)
ARGUMENTS = ("tex", "cites", "aliases", "kind", "learnable", "kinks", "exact", "package")


@many
@given(st.dictionaries(st.sampled_from(ARGUMENTS), anything, max_size=3), st.integers(0))
def test_fuzz_of_the_decorator(arguments, number):
    def fuzzed(x, beta: float = 1.0):
        return beta * x

    fuzzed.__qualname__ = fuzzed.__name__ = f"fuzzed_{number % 10**9}"
    try:
        value = ours_or_works(lambda: actx.register_activation(fuzzed, **{"package": "test_fuzz", **arguments}))
    except UserWarning:  # declared again
        return
    if value is not None:
        assert isinstance(value, actx.Activation)
        assert actx.describe(value.name) is value.declaration
        assert actx.get(str(value)) == value
        assert value.__doc__
        assert isinstance(value.declaration.kinks_at(dict(value.params)), dict)


@many
@given(anything)
def test_fuzz_of_what_is_decorated(formula):
    ours_or_works(lambda: actx.register_activation(formula, package="test_fuzz"))


@many
@given(st.dictionaries(st.sampled_from(["low", "high", "low_open", "high_open", "learnable"]), anything, max_size=3))
def test_fuzz_of_ranges(arguments):
    limits = ours_or_works(lambda: actx.ranges.Range(**arguments))
    if limits is not None:
        assert limits == eval(repr(limits), {"Range": actx.ranges.Range, "inf": math.inf})
        assert isinstance(str(limits), str)


@many
@given(anything, st.sampled_from(["snake", "softmax", "gelu", "relu", "mish", "prelu", "swiglu_clamped"]))
def test_fuzz_of_values(value, name):
    activation = getattr(actx.activations, name)
    for call in (
        lambda: activation.bind(value),
        lambda: activation.bind(value, value),
        lambda: activation.bind(**dict.fromkeys(activation.declaration.defaults, value)),
        lambda: activation.bind(no_such=value),
        lambda: actx.Activation(name, value),
        lambda: actx.Activation(value, ()),
        lambda: actx.Activation(name, dict.fromkeys(activation.declaration.defaults, value)),
        lambda: actx.Activation.from_config(value),
        lambda: actx.Activation.from_config({"name": value, "params": {}}),
        lambda: actx.Activation.from_config({"name": name, "params": value}),
    ):
        made = ours_or_works(call)
        if made is not None:
            assert isinstance(made, actx.Activation)
            assert made == actx.Activation(made.name, made.params)
            hash(made)
