"""`config.set_fused`: torch compiles an activation that it would run step by step; other backends are as ever."""

import contextlib
import shutil

import keras
import numpy as np
import pytest

import keras_actx as actx
from keras_actx import config
from keras_actx.declaration import registry
from keras_actx.testing import bytes_kept

TORCH = keras.backend.backend() == "torch"
of_torch = pytest.mark.skipif(not TORCH, reason="of torch alone")


@contextlib.contextmanager
def fused():
    """The setting, put back afterwards."""
    config.set_fused(True)
    try:
        yield
    finally:
        config.set_fused(False)


def test_the_setting():
    assert not config.fused()
    with fused():
        assert actx.config.fused()
    assert not config.fused()


@pytest.mark.parametrize("value", [1, "on", None])
def test_the_setting_takes_true_or_false(value):
    with pytest.raises(TypeError, match="accepts True or False"):
        config.set_fused(value)
    assert not config.fused()


@pytest.mark.skipif(TORCH, reason="of the others")
def test_it_changes_nothing_elsewhere():
    x = keras.ops.convert_to_tensor(np.linspace(-3, 3, 7, dtype="float32"))
    before = actx.activations.logish(x)
    with fused():
        after = actx.activations.logish(x)
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(before), keras.ops.convert_to_numpy(after))


if TORCH:
    import torch
    from torch._dynamo.backends.common import aot_autograd

    from keras_actx.backend.torch import compiled as of_package


def forget():
    """What was compiled."""
    for one in registry.every():
        vars(one).pop("_found", None)


@pytest.fixture
def graphs(monkeypatch):
    """The graphs that are compiled, by a compiler that takes the steps one by one; new for every test."""
    found = []

    def count(graph, inputs):
        found.append(graph)
        return graph.forward

    monkeypatch.setattr(of_package, "COMPILER", aot_autograd(fw_compiler=count))
    forget()
    torch.compiler.reset()
    with fused():
        yield found
    forget()


def numbers(*shape):
    """Some, with a gradient."""
    return torch.linspace(-4, 4, int(np.prod(shape))).reshape(shape).requires_grad_()


def both(function, *tensors):
    """The result and the gradients of its sum."""
    y = function(*tensors)
    return [y.detach(), *torch.autograd.grad(y.sum(), tensors)]


def unfused(function, *tensors):
    """The same, step by step."""
    config.set_fused(False)
    try:
        return both(function, *tensors)
    finally:
        config.set_fused(True)


@of_torch
@pytest.mark.parametrize("name", ["logish", "snake", "gelu", "swiglu", "quick_gelu", "tanh"])
def test_values_and_gradients_are_the_same(graphs, name):
    function, x = actx.Activation(f"keras_actx>{name}", ()), numbers(6, 8)
    found = both(function, x)
    assert len(graphs) == 2  # there and back
    for one, expected in zip(found, unfused(function, x), strict=True):
        torch.testing.assert_close(one, expected, rtol=1e-5, atol=1e-6)


@of_torch
def test_one_graph_for_all_shapes(graphs):
    """Of more than one number: torch compiles for 1 apart."""
    function = actx.activations.snake
    for shape in ((64,), (7,), (1000,), (4, 6), (6, 4), (2, 3, 4, 5), (5, 1, 3)):
        x = numbers(*shape)
        y, gradient = both(function, x)
        assert y.shape == gradient.shape == x.shape
    assert len(graphs) == 2


@of_torch
def test_gated_activations_of_any_shape(graphs):
    for shape in ((4, 6), (6, 4), (2, 3, 4, 10)):
        y, gradient = both(actx.activations.swiglu, numbers(*shape))
        assert tuple(y.shape) == (*shape[:-1], shape[-1] // 2)
        assert tuple(gradient.shape) == shape
    assert len(graphs) == 2


@of_torch
@pytest.mark.parametrize("shape", [(), (8,)])
def test_parameters_learn(graphs, shape):
    x, beta = numbers(6, 8), torch.full(shape, 1.5, requires_grad=True)

    def function(x, beta):
        return actx.activations.swish(x, beta=beta)

    found = both(function, x, beta)
    assert len(graphs) == 2
    for one, expected in zip(found, unfused(function, x, beta), strict=True):
        torch.testing.assert_close(one, expected, rtol=1e-5, atol=1e-5)


@of_torch
def test_second_derivatives(graphs):
    x = numbers(9)
    (first,) = torch.autograd.grad(actx.activations.logish(x).sum(), x, create_graph=True)
    (second,) = torch.autograd.grad(first.sum(), x)
    config.set_fused(False)
    (first,) = torch.autograd.grad(actx.activations.logish(x).sum(), x, create_graph=True)
    torch.testing.assert_close(second, torch.autograd.grad(first.sum(), x)[0])


@of_torch
def test_without_a_gradient_it_is_compiled_too(graphs):
    with torch.no_grad():
        actx.activations.snake(numbers(9))
    actx.activations.snake(numbers(9).detach())
    assert len(graphs) == 1


@of_torch
@pytest.mark.parametrize("name", ["relu", "elu", "exponential", "softmax"])
def test_a_formula_of_few_steps_is_not_compiled(graphs, name):
    """Nor one that mixes an axis."""
    both(actx.Activation(f"keras_actx>{name}", ()), numbers(4, 6))
    assert not graphs


@of_torch
def test_it_keeps_its_input_alone(graphs):
    x = numbers(64, 64)
    for memory in (True, False):
        config.set_memory_efficient(memory)
        assert bytes_kept(actx.activations.logish, x) <= x.nbytes
    config.set_memory_efficient(True)


@of_torch
def test_within_torch_compile_nothing_is_compiled_twice(graphs):
    own = []
    step = torch.compile(
        actx.activations.snake, fullgraph=True, backend=lambda graph, inputs: own.append(graph) or graph.forward
    )
    step(numbers(9))
    assert len(own) == 1
    assert not graphs


@of_torch
def test_a_caller_s_tensor_is_left_unmarked(graphs):
    x = numbers(9)
    both(actx.activations.snake, x)
    assert not [one for one in vars(x) if "dynamo" in one]


@of_torch
def test_a_layer_trains(graphs):
    layer = keras.layers.Dense(4, activation="logish")
    model = keras.Sequential([keras.Input((3,)), layer])
    model.compile("sgd", "mse")
    before = keras.ops.convert_to_numpy(layer.kernel).copy()
    model.fit(np.ones((8, 3)), np.ones((8, 4)), verbose=0)
    assert graphs
    assert (keras.ops.convert_to_numpy(layer.kernel) != before).any()


@of_torch
@pytest.mark.skipif(
    not (shutil.which("g++") or shutil.which("clang++")), reason="torch's compiler needs a C++ compiler"
)
def test_by_torch_s_own_compiler(monkeypatch):
    """Once for all shapes, and without guards."""
    monkeypatch.setattr(torch, "compile", None)
    snake = actx.activations.snake.bind()
    for shape in ((33, 7), (1, 7), (7, 1), (1, 1), (0, 3)):
        x = numbers(*shape)
        with fused():
            found = both(snake, x)
            y = snake(x)
            (first,) = torch.autograd.grad(y.sum(), x, create_graph=True)
        if x.numel():
            assert snake._formulas[torch.float32].own["compiled", 2, False] is not None
        torch.testing.assert_close(first, found[1], rtol=1e-5, atol=1e-6)
        for one, expected in zip(found, both(snake, x), strict=True):
            torch.testing.assert_close(one, expected, rtol=1e-5, atol=1e-6)
