"""torch, eagerly: kernels and parts of a tensor give what the plain steps give."""

import re
from pathlib import Path

import all_activations
import keras
import numpy as np
import pytest

import keras_actx as actx

if keras.backend.backend() != "torch":
    pytest.skip("of torch alone", allow_module_level=True)

import torch

from keras_actx.activations import primitives
from keras_actx.backend import with_kernel
from keras_actx.backend.torch import KERNELS, chunked, passes, replayed
from keras_actx.backend.torch.kernels import DERIVATIVES
from keras_actx.declaration.evaluation import Formula

SPECIAL = [0.0, -0.0, np.inf, -np.inf, np.nan, 1e-45, -1e-40, 3e38]


def numbers(count, dtype=torch.float32):
    x = torch.linspace(-5, 5, count, dtype=dtype)
    x[: len(SPECIAL)] = torch.tensor(SPECIAL, dtype=dtype)
    return x


# -- kernels


NUMBERS = {
    "swish": (1.702,),
    "leaky": (0.2,),
    "clipped": (-1.0, 2.0),
    "threshold": (0.5, -1.0),
    "hard_shrink": (0.5,),
    "soft_shrink": (0.5,),
    "hard_sigmoid": (1 / 6, 0.5),
    "elu": (1.05, 1.7, 0.8),
}


def marked(name):
    """A formula that says so when it is called, marked with a kernel's name."""

    @with_kernel(name)
    def formula(x, *numbers):
        raise AssertionError(f"{name}: the formula, not the kernel")

    return formula


@pytest.mark.parametrize("name", KERNELS)
def test_every_kernel_is_used_and_differentiable(name):
    """By finite differences, in float64 or, where it is of float32 alone, near enough."""
    formula, numbers_of_it = marked(name), NUMBERS.get(name, ())
    x = torch.tensor([-7.3, -2.6, -1.1, -0.4, -0.07, 0.06, 0.45, 1.2, 2.7, 7.9]).requires_grad_()
    y = formula(x, *numbers_of_it)
    (found,) = torch.autograd.grad(y.sum(), x)
    kernel, wide, step = KERNELS[name], x.detach().double(), 1e-4
    there = (
        kernel.forward if kernel.supports(wide, *numbers_of_it) else lambda x, *rest: kernel.forward(x.float(), *rest)
    )
    if there is kernel.forward:
        slope = (there(wide + step, *numbers_of_it) - there(wide - step, *numbers_of_it)) / (2 * step)
        torch.testing.assert_close(found.double(), slope, rtol=1e-5, atol=1e-6)
    else:
        step = 1e-2
        slope = (there(wide + step, *numbers_of_it) - there(wide - step, *numbers_of_it)) / (2 * step)
        torch.testing.assert_close(found, slope, rtol=1e-2, atol=1e-3)


def test_every_kernel_has_a_formula_and_every_mark_a_kernel():
    folder = Path(actx.activations.__file__).parent
    marks = re.findall(r"@with_kernel\(\"(\w+)\"\)", "".join(one.read_text() for one in folder.glob("*.py")))
    assert sorted(marks) == sorted(KERNELS)


@pytest.mark.parametrize("infinity", [-np.inf, np.inf])
@pytest.mark.parametrize("name", ["silu", "mish", "softsign", "swish", "gelu", "gelu_tanh", "hard_silu", "log_cosh"])
def test_infinities_among_the_numbers(name, infinity):
    """Of which torch's own makes NaN, or its gradient does."""
    activation = actx.Activation(f"keras_actx>{name}", ())
    x = torch.tensor([-1.0, 0.5, infinity]).requires_grad_()
    y = activation(x)
    (gradient,) = torch.autograd.grad(y.sum(), x)
    assert not y.isnan().any()
    assert not gradient.isnan().any()
    with_nan = activation(torch.tensor([-np.inf, np.nan, 0.5]))
    assert with_nan.isnan().tolist() == [False, True, False]


@pytest.mark.parametrize("name", ["silu", "softplus", "tanh", "relu", "leaky_relu", "swiglu", "e_swish"])
def test_one_tensor_is_saved_without_recomputing(name):
    """A kernel keeps its input by itself."""
    x, shapes = torch.randn(6, 8, requires_grad=True), []
    actx.config.set_memory_efficient(False)
    try:
        with torch.autograd.graph.saved_tensors_hooks(lambda one: shapes.append(one.numel()) or one, lambda one: one):
            kept = actx.Activation(f"keras_actx>{name}", ())(x)
    finally:
        actx.config.set_memory_efficient(True)
    assert kept.requires_grad
    assert sum(shapes) <= (48 if name != "swiglu" else 96)


@pytest.mark.parametrize("name", DERIVATIVES)
def test_a_derivative_in_place_is_the_given_one(name):
    function = getattr(primitives, name)
    x = torch.linspace(-9, 9, 200, dtype=torch.float64).requires_grad_()
    weight = torch.linspace(0.5, 1.5, 200, dtype=torch.float64)
    (found,) = torch.autograd.grad(function(x), x, weight)
    (given,) = torch.autograd.grad(function(x), x, weight, create_graph=True)
    assert given.requires_grad
    torch.testing.assert_close(found, given.detach(), rtol=1e-13, atol=1e-300)


# -- parts


@pytest.fixture
def small_parts(monkeypatch):
    """Parts of 16 numbers."""
    monkeypatch.setattr(chunked, "_EACH", 8)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)


def results(function, *tensors):
    y = function(*tensors)
    weight = torch.linspace(0.5, 1.5, y.numel()).reshape(y.shape)
    return y, *torch.autograd.grad(y, tensors, weight)


@pytest.mark.parametrize("shape", [(100,), (33, 7), (2, 3, 4, 5), (1, 50), (17, 16), (3, 40)])
@pytest.mark.parametrize("beta", [None, (), "last"])
def test_parts_are_as_good_as_the_whole(small_parts, monkeypatch, shape, beta):
    x = torch.randn(shape, requires_grad=True)
    tensors = [x] if beta is None else [x, torch.full(shape[-1:] if beta == "last" else beta, 1.5, requires_grad=True)]
    function = actx.activations.tanhexp if beta is None else lambda x, beta: actx.activations.swish(x, beta=beta)
    assert (
        chunked._rows(Elementwise(), tuple(tensors))[0] is not None
        or (beta == "last" and len(shape) == 1)
        or (beta == "last" and shape[-1] > 16)
    )
    found = results(function, *tensors)
    monkeypatch.setattr(chunked, "_EACH", 2**16)
    for one, expected in zip(found, results(function, *tensors), strict=True):
        torch.testing.assert_close(one, expected, rtol=1e-5, atol=1e-5)


class Elementwise:
    elementwise = is_own = True


def test_parts_of_a_gated_activation(small_parts, monkeypatch):
    x = torch.randn(33, 8, requires_grad=True)
    activation = actx.activations.gtu
    found = results(activation, x)
    monkeypatch.setattr(chunked, "_EACH", 2**16)
    for one, expected in zip(found, results(activation, x), strict=True):
        torch.testing.assert_close(one, expected)


def test_parts_are_used(small_parts):
    """Counted by the calls of a formula."""
    sizes = []

    @actx.register_activation(package="test_steps_torch")
    def counted(x):
        sizes.append(x.numel())
        return x * keras.ops.sigmoid(x) * keras.ops.tanh(x)

    x = torch.randn(100, requires_grad=True)
    counted(x)
    sizes.clear()
    counted(x).sum().backward()
    assert sizes == 2 * [16, 16, 16, 16, 16, 16, 4]


def test_a_parameter_that_is_not_used_in_parts(small_parts):
    @actx.register_activation(package="test_steps_torch")
    def unused(x, rate=1.0, other=1.0):
        return x * keras.ops.sigmoid(rate * x) * keras.ops.tanh(x)

    rate, other = torch.tensor(1.5, requires_grad=True), torch.tensor(1.0, requires_grad=True)
    unused(torch.randn(100, requires_grad=True), rate=rate, other=other).sum().backward()
    assert rate.grad is not None
    assert other.grad is None or not other.grad.any()


# -- recorded steps


@pytest.fixture
def at_once(small_parts, monkeypatch):
    """Recorded at the first call."""
    monkeypatch.setattr(replayed, "OFTEN", 1)


@pytest.mark.parametrize("activation", all_activations.defaults("elementwise", "gated"), ids=str)
def test_recorded_steps_give_the_same_bits(at_once, monkeypatch, activation):
    x = numbers(90).reshape(9, 10).requires_grad_()
    found = both(activation, x)
    monkeypatch.setattr(chunked, "program", lambda *_: None)
    for one, expected in zip(found, both(activation, x), strict=True):
        assert_same_bits(one, expected)


def both(activation, x):
    y = activation(x)
    gradient = torch.autograd.grad(y.sum(), x)[0] if y.requires_grad else torch.zeros(())
    # Where x is NaN, torch's operations differ between layouts of a tensor.
    return y.detach(), torch.where(x.isnan(), 0.0, gradient)


def assert_same_bits(one, expected):
    """But for those of NaN."""
    torch.testing.assert_close(one, expected, rtol=0, atol=0, equal_nan=True)
    assert torch.equal(one.signbit() & ~one.isnan(), expected.signbit() & ~one.isnan())


def test_recorded_steps_are_used(at_once, monkeypatch):
    """With parameters that are tensors, and get a gradient each."""
    x, alpha = torch.randn(96, requires_grad=True), torch.tensor(1.5, requires_grad=True)

    def snake(x, alpha):
        return actx.activations.snake(x, alpha=alpha)

    first, calls = results(snake, x, alpha), []
    monkeypatch.setattr(keras.ops, "square", lambda x: calls.append(x.numel()) or torch.square(x))
    again = results(snake, x, alpha)
    assert not calls
    for one, expected in zip(again, first, strict=True):
        torch.testing.assert_close(one, expected, rtol=0, atol=0)


def test_two_results_that_are_one_tensor(at_once):
    recorded = replayed.Program(lambda x, y: [total := x + y, total], (torch.ones(8), torch.ones(8)))
    found = torch.zeros(8), torch.zeros(8)
    recorded.run((torch.ones(8), torch.ones(8)), recorded.buffers((8,)), found)
    assert torch.equal(found[0], torch.full((8,), 2.0))
    assert torch.equal(found[1], torch.full((8,), 2.0))


def test_a_formula_of_a_user_is_not_recorded(at_once):
    """It may look at more than its arguments."""
    outside = [1.0]

    @actx.register_activation(package="test_steps_torch")
    def looks(x):
        return outside[0] * x * keras.ops.tanh(x) * keras.ops.sigmoid(x)

    x = torch.randn(96, requires_grad=True)
    before = looks(x)
    outside[0] = 2.0
    torch.testing.assert_close(looks(x), 2.0 * before)


def test_a_number_of_few_calls_is_not_recorded(small_parts, monkeypatch):
    made = []
    monkeypatch.setattr(replayed, "Program", lambda *given: made.append(given))
    x = torch.randn(96, requires_grad=True)
    for step in range(4):
        actx.activations.aria2(x, alpha=1.0 + step / 7).sum().backward()
    assert not made


# -- small tensors


@pytest.fixture
def recorded(monkeypatch):
    """Recorded at the first call."""
    monkeypatch.setattr(passes, "OFTEN", 1)


@pytest.fixture
def alone(recorded, monkeypatch):
    """From now on, nothing but what is recorded computes a formula."""

    def switch():
        def fail(*_):
            raise AssertionError("not recorded")

        monkeypatch.setattr(Formula, "__call__", fail)

    return switch


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("activation", all_activations.defaults("elementwise"), ids=str)
def test_small_tensors_give_the_same_bits(recorded, activation, dtype):
    x = numbers(90, dtype).reshape(9, 10).t().requires_grad_()
    activation = activation.bind()
    expected = both(activation, x)
    assert activation._formulas[dtype].own["recorded"].forward is not None
    for one, other in zip(both(activation, x), expected, strict=True):
        assert_same_bits(one, other)


@pytest.mark.parametrize("shape", [(), (0,), (7,), (2, 3, 4)])
def test_one_recorded_function_for_all_shapes(alone, shape):
    activation = actx.activations.tanhexp.bind()
    x = torch.full(shape, 0.7, requires_grad=True)
    expected = both(activation, x)
    alone()
    for one, other in zip(both(activation, x), expected, strict=True):
        assert_same_bits(one, other)
    with torch.inference_mode():
        assert_same_bits(activation(x), expected[0])


def test_recorded_within_other_modes(alone):
    """Without an effect on later calls."""
    activation, x = actx.activations.mish.bind(), torch.linspace(-3, 3, 9).requires_grad_()
    expected = both(actx.activations.mish.bind(), x)
    with (
        torch.inference_mode(),
        torch.autocast("cpu", torch.bfloat16),
        torch.autograd.graph.saved_tensors_hooks(lambda one: one * 2, lambda one: one),
    ):
        activation(x)
    alone()
    for one, other in zip(both(activation, x), expected, strict=True):
        assert_same_bits(one, other)


def test_a_recorded_function_saves_its_input_alone(recorded):
    activation, x, shapes = actx.activations.mish.bind(), torch.randn(4, 6, requires_grad=True), []
    activation(x)
    with torch.autograd.graph.saved_tensors_hooks(lambda one: shapes.append(tuple(one.shape)) or one, lambda one: one):
        kept = activation(x)
    assert kept.requires_grad
    assert shapes == [(4, 6)]


def test_second_derivatives_and_batches_of_a_recorded_function(recorded):
    activation, x = actx.activations.mish.bind(), torch.randn(6, dtype=torch.float64).requires_grad_()
    activation(x)
    assert torch.autograd.gradgradcheck(activation, (x,))
    (rows,) = torch.autograd.grad(activation(x), x, torch.eye(6, dtype=torch.float64), is_grads_batched=True)
    torch.testing.assert_close(rows.diagonal(), torch.autograd.grad(activation(x).sum(), x)[0])
    assert torch.func.hessian(lambda x: activation(x).sum())(x).isfinite().all()


@pytest.mark.parametrize("setting", [actx.config.set_memory_efficient, actx.config.set_portable])
def test_settings_after_it_was_recorded(alone, setting):
    activation, x = actx.activations.mish.bind(), torch.randn(6)
    activation(x)
    alone()
    activation(x)
    setting(setting is actx.config.set_portable)
    try:
        with pytest.raises(AssertionError, match="not recorded"):
            activation(x)
    finally:
        setting(setting is not actx.config.set_portable)


@pytest.mark.parametrize("condition", [lambda x: x > 0, lambda x: torch.isfinite(x)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_masks_in_place_of_where(condition, dtype):
    x = numbers(40, dtype)

    def function(x):
        return [torch.where(condition(x), x, -0.0), torch.where(condition(x), torch.inf, -x)]

    recorded = replayed.Program(function, (torch.ones(40, dtype=dtype),))
    found = torch.empty_like(x), torch.empty_like(x)
    recorded.run((x,), recorded.buffers((40,)), found)
    for one, expected in zip(found, function(x), strict=True):
        assert_same_bits(one, expected)
