"""What is kept for the backward pass, and that keeping less changes no derivative."""

import contextlib
import warnings

import all_activations
import keras
import numpy as np
import pytest
from memory_switch import memory_efficient

import keras_actx as actx
from keras_actx import config
from keras_actx.declaration.evaluation import Formula
from keras_actx.testing import backend, memory, structure
from keras_actx.testing.tensors import to_float64, to_tensor

EVERY = all_activations.defaults("elementwise", "gated")
#: With kinks, ends of formulas and what is no number among them.
POINTS = np.array([-np.inf, -900.0, -40.0, -6.0, -3.0, -1.0, -0.3, -0.0, 0.0, 1e-4, 0.5, 1.0, 2.5, 6.0, 90.0, np.nan])


@pytest.fixture(autouse=True)
def _on():
    """These are the tests of the switch, whatever the default."""
    with memory_efficient(True):
        yield


def both(compute):
    """The numbers of `compute()` with the switch on, and off."""
    found = []
    for value in (True, False):
        with memory_efficient(value):
            found.append(to_float64(compute()))
    return found


def assert_same(compute):
    """The same to the last digit, NaN and infinities included."""
    on, off = both(compute)
    np.testing.assert_array_equal(on, off)


def assert_sums_are_the_same(compute):
    """The same, but for the order in which sums are added up."""
    on, off = both(compute)
    np.testing.assert_allclose(on, off, rtol=2e-6, atol=1e-6)


# -- how much


@pytest.mark.sweep(4)
@pytest.mark.parametrize("activation", EVERY, ids=str)
def test_keeps_its_input_alone(activation):
    memory.assert_keeps_its_input_alone(activation, activation)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("name", ["mish", "gelu", "snake", "relu", "tanh", "swiglu"])
def test_keeps_sixteen_bits_of_sixteen(name, dtype):
    activation = actx.Activation(name, ())
    memory.assert_keeps_its_input_alone(activation, activation, dtype)


def test_the_check_above_can_fail():
    with memory_efficient(False):
        assert memory.in_inputs(actx.activations.tanhexp, actx.activations.tanhexp) > 2
        with pytest.raises(AssertionError, match="tanhexp saves"):
            memory.assert_keeps_its_input_alone(actx.activations.tanhexp, actx.activations.tanhexp)


@pytest.mark.parametrize("shape", [(), (256,), (4, 1)])
def test_parameters_are_kept_beside_it(shape):
    x, beta = (to_tensor(np.ones(one), "float32") for one in (memory.SHAPE, shape))
    kept = memory.bytes_kept(lambda x, beta: actx.activations.swish(x, beta=beta), x, beta)
    assert kept <= 4 * (4 * 256 + int(np.prod(shape))) + memory.A_FEW_BYTES


# -- what is computed


def calls(formula, x):
    """How often a gradient computes a formula, once everything is known about it."""
    count = 0

    def counted(x):
        nonlocal count
        count += 1
        return formula(x)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it is another formula than the one before
        counted = actx.register_activation(counted, package="test_memory")
    with contextlib.suppress(Exception):
        backend.gradient(counted, x)
    count = 0
    keras.ops.convert_to_numpy(backend.gradient(counted, x))
    return count


@pytest.mark.skipif(keras.backend.backend() == "jax", reason="JAX traces a formula once for all")
def test_a_frugal_formula_is_computed_once():
    x = to_tensor(POINTS, "float32")
    assert calls(lambda x: keras.ops.where(x > 0, x, 0.1 * x), x) == 1
    assert calls(lambda x: x * keras.ops.sigmoid(x), x) == 2
    with memory_efficient(False):
        assert calls(lambda x: x * keras.ops.sigmoid(x), x) == 1


def test_a_formula_for_one_shape_alone_works():
    """Whatever the sample was on which it was looked at."""

    @actx.register_activation(package="test_memory")
    def weighted(x):
        return x * keras.ops.sigmoid(x * keras.ops.convert_to_tensor([1.0, 2.0, 3.0]))

    x = to_tensor(np.ones((2, 3)), "float32")
    assert_same(lambda: backend.gradient(weighted, x))


def test_a_symbolic_tensor_takes_the_formula_itself():
    given = []

    @actx.register_activation(package="test_memory")
    def looked_at(x, rate=1.0):
        given.append(x)
        return x * keras.ops.sigmoid(rate * x)

    symbolic = keras.Input((3,))
    assert tuple(looked_at(symbolic, rate=keras.Input((3,))).shape) == (None, 3)


@pytest.mark.sweep(4)
@pytest.mark.parametrize("activation", EVERY, ids=str)
def test_first_and_second_derivative_are_the_formulas_own(activation):
    x = to_tensor(POINTS.reshape(2, 8), "float32")
    assert_same(lambda: activation(x))
    assert_same(lambda: backend.gradient(activation, x))
    assert_sums_are_the_same(lambda: backend.gradient(lambda x: backend.gradient(activation, x), x))


@pytest.mark.sweep(4)
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
@pytest.mark.parametrize("name", ["mish", "gelu", "snake", "relu", "xielu", "swiglu"])
def test_derivatives_in_other_dtypes(name, dtype):
    activation = actx.Activation(name, ())
    x = to_tensor(np.linspace(-8, 8, 32).reshape(4, 8).astype("float16").astype("float32"), dtype)
    assert_same(lambda: backend.gradient(activation, x))


PARAMETERS = [
    (one, parameter.name)
    for one in all_activations.defaults("elementwise")
    for parameter in one.declaration.parameters
    if parameter.learnable
]


@pytest.mark.sweep(4)
@pytest.mark.parametrize(("activation", "parameter"), PARAMETERS, ids=str)
def test_derivatives_of_parameters_are_the_formulas_own(activation, parameter):
    """Of one a channel, and mixed with the derivative of x."""
    x = to_tensor(np.linspace(-3, 3, 16).reshape(2, 8), "float32")
    value = to_tensor(np.full(8, dict(activation.params)[parameter]), "float32")
    assert_sums_are_the_same(lambda: backend.gradient(lambda one: activation(x, **{parameter: one}), value))

    def mixed(one):
        return backend.gradient(lambda x: activation(x, **{parameter: one}), x)

    assert_sums_are_the_same(lambda: backend.gradient(mixed, value))


@pytest.mark.parametrize("shape", [(), (1,), (2, 1), (2, 8), (3, 1, 1)])
def test_derivatives_of_parameters_of_any_shape(shape):
    x = to_tensor(np.linspace(-3, 3, 16).reshape(2, 8), "float32")
    value = to_tensor(np.full(shape, 1.5), "float32")
    assert_sums_are_the_same(lambda: backend.gradient(lambda one: actx.activations.swish(x, beta=one), value))
    assert_sums_are_the_same(lambda: backend.gradient(lambda x: actx.activations.swish(x, beta=value), x))


def test_one_tensor_may_be_input_and_parameter():
    x = to_tensor(np.array([0.5, 1.0, 2.0]), "float32")
    assert_same(lambda: backend.gradient(lambda x: actx.activations.snake(x, alpha=x), x))


def test_whole_numbers_and_empty_tensors():
    empty = to_tensor(np.zeros((0, 3)), "float32")
    assert tuple(backend.gradient(actx.activations.mish, empty).shape) == (0, 3)
    found = actx.activations.mish(keras.ops.convert_to_tensor([1, 2], dtype="int32"))
    assert keras.backend.standardize_dtype(found.dtype) == "float32"


SOME = ["mish", "snake", "gelu", "relu", "smelu", "swiglu"]


@pytest.mark.sweep(4)
@pytest.mark.parametrize("name", SOME)
@pytest.mark.parametrize("value", [True, False])
def test_every_way_of_calling(name, value):
    activation = actx.Activation(name, ())
    with memory_efficient(value):
        structure.assert_compiled_agrees(activation, activation)
        structure.assert_transformations_agree(activation, activation)


def test_training_is_the_same():
    """A model of learnable, gated and plain activations, a few steps of Adam."""

    def trained():
        keras.utils.set_random_seed(1)
        model = keras.Sequential(
            [
                keras.Input((8,)),
                keras.layers.Dense(8, activation="swish(beta=1.5, learnable=True)"),
                actx.layers.GatedLinearUnit("swiglu"),
                keras.layers.Dense(1, activation="snake(alpha=2.0)"),
            ]
        )
        model.compile("adam", "mse", jit_compile=False)
        data = np.random.default_rng(0).normal(size=(32, 9)).astype("float32")
        model.fit(data[:, :8], data[:, 8:], epochs=2, batch_size=16, verbose=0, shuffle=False)
        return keras.ops.concatenate([keras.ops.reshape(one, (-1,)) for one in model.get_weights()])

    on, off = both(trained)
    np.testing.assert_allclose(on, off, rtol=1e-5, atol=1e-6)


# -- the switch


def test_the_switch():
    config.set_memory_efficient(False)
    assert not actx.config.memory_efficient()
    config.set_memory_efficient(True)
    assert actx.config.memory_efficient()


@pytest.mark.parametrize("value", [None, 1, "yes"])
def test_the_switch_takes_true_or_false(value):
    with pytest.raises(TypeError, match="True or False"):
        config.set_memory_efficient(value)


def test_equal_formulas_are_learnt_about_once():
    """A hundred layers of the same activation cost one look at it."""
    x = to_tensor(POINTS, "float32")

    def misses():
        found = Formula(actx.activations.snake.declaration, (), (), "float32").found
        return sum(one.cache_info().misses for make, one in found.items() if make.__name__ == "check_probe")

    backend.gradient(actx.get("snake(alpha=1.625)"), x)
    before = misses()
    for _ in range(3):
        backend.gradient(actx.get("snake(alpha=1.625)"), x)
    assert misses() == before > 0
