"""TensorFlow, eagerly: a formula that is called often is one call of a graph, and has few operations."""

import sys
from pathlib import Path

import all_activations
import keras
import numpy as np
import pytest
from memory_switch import memory_efficient

import keras_actx as actx

if keras.backend.backend() != "tensorflow":
    pytest.skip("of TensorFlow alone", allow_module_level=True)

import tensorflow as tf

from keras_actx.backend import tensorflow as backend
from keras_actx.declaration.evaluation import as_function

sys.path.append(str(Path(__file__).resolve().parents[1] / "benchmarks" / "speed"))
from composites import COMPOSITES


@pytest.fixture
def at_once(monkeypatch):
    """Graphs from the first call on."""
    monkeypatch.setattr(backend, "_OFTEN", 1)


def never(*_):
    raise AssertionError("not to be called")


def numbers(dtype="float32"):
    return tf.cast(tf.reshape(tf.linspace(-3.0, 3.0, 12), (2, 6)), dtype)


def derivative(function, order=1):
    """The derivative of a function of elements."""
    if order == 0:
        return function

    def derived(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = derivative(function, order - 1)(x)
        return tape.gradient(y, x)

    return derived


def step_by_step(function, x):
    with memory_efficient(False):
        return function(x)


@pytest.mark.parametrize(
    ("name", "dtype", "tolerance"),
    [
        ("mish", "bfloat16", 1e-2),
        ("tanh_shrink", "float64", 1e-13),
        ("swish(beta=-1.5)", "float32", 1e-5),
        ("swiglu", "float32", 1e-5),
    ],
)
def test_both_passes_are_graphs(at_once, monkeypatch, name, dtype, tolerance):
    function = actx.layers.GatedLinearUnit(name, dtype=dtype) if name == "swiglu" else actx.get(name)
    x = numbers(dtype)
    expected = [step_by_step(one, x) for one in (function, derivative(function))]
    monkeypatch.setattr(backend, "_gradients", never)  # operation by operation
    for one, other in zip((function, derivative(function)), expected, strict=True):
        np.testing.assert_allclose(one(x), other, rtol=tolerance, atol=tolerance)


def test_parameters_that_are_tensors(at_once):
    beta, x = tf.Variable([0.5, 1.0, 1.5, 2.0, 2.5, 3.0]), numbers()

    def slope():
        with tf.GradientTape() as tape:
            y = actx.activations.swish(x, beta=beta)
        return tape.gradient(y, beta)

    with memory_efficient(False):
        expected = slope()
    np.testing.assert_allclose(slope(), expected, rtol=1e-5)


@pytest.mark.parametrize("name", ["mish", "log_cosh", "hard_silu"])
def test_third_derivatives(at_once, name):
    """TensorFlow cannot differentiate a called graph with custom gradients twice."""
    third, x = derivative(actx.get(name), 3), numbers("float64")
    np.testing.assert_allclose(third(x), step_by_step(third, x), rtol=1e-9, atol=1e-12)


def test_only_what_is_called_often_is_traced(monkeypatch):
    traced = []
    monkeypatch.setattr(backend, "_trace", lambda *given: traced.append(given) or never())
    for index in range(backend._OFTEN + 4):
        actx.activations.snake(numbers(), alpha=1.2 + index / 100)
    for _ in range(backend._OFTEN - 1):
        actx.activations.snake(numbers(), alpha=1.1)
    assert not traced
    with pytest.raises(AssertionError, match="not to be called"):
        actx.activations.snake(numbers(), alpha=1.1)


def test_short_formulas_are_called_directly(at_once):
    for name in ("linear", "exponential", "relu_squared"):
        function = _activation(name)
        formula, inputs = as_function(function.declaration, numbers(), dict(function.params))
        assert backend._graph_if_often(formula, "forward", inputs) is None


def test_a_user_s_formula_is_called_each_time(at_once):
    calls = []

    @actx.register_activation(package="test_graphs_tensorflow")
    def read(x):
        if tf.executing_eagerly():
            calls.append(x)
        return x * keras.ops.sigmoid(x) * keras.ops.tanh(x)

    for _ in range(3):
        read(numbers())
    assert len(calls) == 3


# -- operations


def _operations(outputs):
    """How many operations on whole tensors the outputs need; equal ones count once."""
    found, whole = {}, []

    def visit(tensor):
        operation = tensor.op
        if operation.type in ("Identity", "IdentityN", "StopGradient"):
            return visit(operation.inputs[tensor.value_index])
        if operation.type in ("Sum", "Reshape"):  # over no axes: the shapes are equal
            return visit(operation.inputs[0])
        key = (operation.type, *map(visit, operation.inputs))
        if not operation.inputs:
            key = (tf.get_static_value(tensor).tobytes(),) if operation.type == "Const" else (operation.name,)
        if key not in found:
            found[key] = len(found)
            whole.extend([operation.type] if operation.inputs and tensor.shape.rank else [])
        return found[key]

    for one in outputs:
        visit(one)
    return len(whole)


def _passes(function):
    """The numbers of operations of the function and of its recomputation with the gradient."""

    @tf.function(autograph=False, input_signature=[tf.TensorSpec([None])] * 2)
    def both(x, cotangent):
        y = function(x)
        return y, tf.gradients(y, x, grad_ys=cotangent)[0]

    y, gradient = both.get_concrete_function().outputs
    return _operations([y]), _operations([gradient])


_ELEMENTWISE = all_activations.defaults("elementwise")


def _activation(name):
    return next(one for one in _ELEMENTWISE if one.declaration.name == name)


def _formula(activation):
    return as_function(activation.declaration, numbers(), dict(activation.params))[0]


#: Upper bounds of the operations of a formula, and of its recomputation with the gradient.
BOUNDS = {
    "leaky_relu": (3, 5),
    "hard_tanh": (4, 5),
    "sigmoid": (1, 7),
    "tanh": (1, 8),
    "softplus": (6, 2),
    "silu": (6, 20),
    "mish": (9, 21),
    "elu": (7, 11),
    "gelu": (7, 18),
    "snake": (7, 13),
}


@pytest.mark.parametrize("name", BOUNDS)
def test_operations(name):
    for count, bound in zip(_passes(_formula(_activation(name))), BOUNDS[name], strict=True):
        assert count <= bound


@pytest.mark.sweep(4)
@pytest.mark.parametrize("name", sorted({one.declaration.name for one in _ELEMENTWISE} & COMPOSITES.keys()))
def test_operations_beside_those_of_the_naive_formula(name):
    most = 5 if name == "tanh_shrink" else 4  # a power series
    assert sum(_passes(_formula(_activation(name)))) <= most * sum(_passes(COMPOSITES[name]))
