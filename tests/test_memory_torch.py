"""torch's own ways of differentiating, with activations that keep their input alone."""

import keras
import numpy as np
import pytest

import keras_actx as actx
from keras_actx.testing import bytes_kept

if keras.backend.backend() != "torch":
    pytest.skip("of torch alone", allow_module_level=True)

import torch
from torch.utils.checkpoint import checkpoint

pytestmark = pytest.mark.usefixtures("efficient")
tanhexp, swish = actx.activations.tanhexp, actx.activations.swish


def numbers(count=6, dtype=torch.float64):
    return torch.linspace(-3, 3, count, dtype=dtype).requires_grad_()


def saved(function, *tensors):
    """The shapes that autograd saves."""
    found = []
    with torch.autograd.graph.saved_tensors_hooks(lambda one: found.append(tuple(one.shape)) or one, lambda one: one):
        result = function(*tensors)
    del result
    return found


def test_first_second_and_mixed_derivatives_by_finite_differences():
    beta = torch.tensor([0.5, 1.0, 2.0], dtype=torch.float64).requires_grad_()
    x = numbers().reshape(2, 3)

    def function(x, beta):
        return swish(x, beta=beta)

    assert torch.autograd.gradcheck(function, (x, beta))
    assert torch.autograd.gradgradcheck(function, (x, beta))


def test_one_tensor_is_saved(efficient):
    assert (saved(tanhexp, numbers()) == [(6,)]) == efficient


def test_nothing_is_saved_without_a_gradient():
    with torch.no_grad():
        assert not saved(tanhexp, numbers())
    assert not saved(tanhexp, numbers().detach())


def test_only_what_needs_a_gradient_gets_one():
    x, beta = numbers(), torch.tensor(1.0, dtype=torch.float64)
    swish(x, beta=beta).sum().backward()
    assert x.grad is not None
    assert beta.grad is None
    beta.requires_grad_()
    swish(x.detach(), beta=beta).sum().backward()
    assert beta.grad is not None


def test_transformations_of_torch_func():
    x, beta = numbers().detach(), torch.tensor(1.5, dtype=torch.float64)

    def function(x, beta):
        return swish(x, beta=beta)

    slope = torch.func.vmap(torch.func.grad(function), in_dims=(0, None))(x, beta)
    true = torch.autograd.functional.jvp(lambda x: function(x, beta), x, torch.ones_like(x))[1]
    torch.testing.assert_close(slope, true)
    torch.testing.assert_close(torch.func.jvp(lambda x: function(x, beta), (x,), (torch.ones_like(x),))[1], true)
    torch.testing.assert_close(torch.func.jacrev(function)(x, beta).diagonal(), true)
    assert torch.func.hessian(lambda x: function(x, beta).sum())(x).isfinite().all()
    per_row = torch.func.vmap(lambda x, beta: swish(x, beta=beta))(x.reshape(2, 3), torch.tensor([1.0, 2.0]))
    assert tuple(per_row.shape) == (2, 3)


def test_functions_of_torch_func_around_ordinary_gradients():
    """vmap inside, and `backward` through its result."""
    x = numbers().reshape(2, 3).detach().requires_grad_()
    torch.func.vmap(tanhexp)(x).sum().backward()
    (expected,) = torch.autograd.grad(tanhexp(x).sum(), x)
    torch.testing.assert_close(x.grad, expected)


def test_forward_mode():
    x = numbers().detach()
    with torch.autograd.forward_ad.dual_level():
        dual = torch.autograd.forward_ad.make_dual(x.requires_grad_(), torch.ones_like(x))
        found = torch.autograd.forward_ad.unpack_dual(tanhexp(dual)).tangent
    torch.testing.assert_close(found, torch.autograd.grad(tanhexp(x).sum(), x)[0])


@pytest.mark.parametrize("use_reentrant", [True, False])
def test_inside_gradient_checkpointing(use_reentrant):
    layer = torch.nn.Linear(6, 6, dtype=torch.float64)
    x = numbers()
    checkpoint(lambda x: tanhexp(layer(x)), x, use_reentrant=use_reentrant).sum().backward()
    (expected,) = torch.autograd.grad(tanhexp(layer(x)).sum(), x)
    torch.testing.assert_close(x.grad, expected)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_under_autocast(dtype, efficient):
    x = torch.linspace(-3, 3, 6).to(dtype).requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        y = tanhexp(x)
    y.sum().backward()  # outside of the block, as torch has it
    assert y.dtype == x.grad.dtype == dtype
    wide = x.detach().float().requires_grad_()
    tanhexp(wide).sum().backward()
    torch.testing.assert_close(x.grad, wide.grad.to(dtype))


def test_the_autocast_of_the_forward_pass_holds_in_the_backward_pass():
    """A formula with a matrix product, if somebody writes one, is the same both times."""
    seen = []

    @actx.register_activation(package="test_memory_torch")
    def product(x):
        y = torch.matmul(x, torch.ones(64, 64, dtype=x.dtype))
        seen.append(y.dtype)
        return x * keras.ops.sigmoid(y)

    x = torch.ones(4, 64, requires_grad=True)
    product(x).sum().backward()  # known from now on
    seen.clear()
    with torch.autocast("cpu", torch.bfloat16):
        y = product(x)
    y.sum().backward()
    assert set(seen) == {torch.bfloat16}


def test_compiled_without_a_break_in_the_graph():
    torch.compiler.reset()
    x = numbers(dtype=torch.float32)
    other = actx.get("swish(beta=2.0)")
    step = torch.compile(lambda x: tanhexp(x) * other(x), fullgraph=True, backend="aot_eager")
    step(x).sum().backward()
    (expected,) = torch.autograd.grad((tanhexp(x) * other(x)).sum(), x)
    torch.testing.assert_close(x.grad, expected)


def test_exported_and_traced():
    class Model(torch.nn.Module):
        def forward(self, x):
            return tanhexp(x)

    x = numbers(dtype=torch.float32)
    exported = torch.export.export(Model(), (x,))
    torch.testing.assert_close(exported.module()(x), tanhexp(x))
    assert "autograd" not in str(exported.graph)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::torch.jit.TracerWarning")
def test_a_trace_holds_the_steps():
    x = numbers(dtype=torch.float32)
    traced = torch.jit.trace(lambda x: tanhexp(x), (x,))
    assert "PythonOp" not in str(traced.graph)
    torch.testing.assert_close(traced(x), tanhexp(x))


def test_an_input_changed_in_place_is_noticed(efficient):
    """As with torch's own functions: what was saved must not change."""
    if not efficient:
        pytest.skip("tanhexp's first step saves no more than its results")
    x = numbers() * 1.0
    y = tanhexp(x)
    x.add_(1.0)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()


def test_a_formula_with_a_weight_of_its_own_still_trains_it():
    weight = torch.tensor(1.5, requires_grad=True)

    @actx.register_activation(package="test_memory_torch")
    def weighted(x):
        return x * keras.ops.sigmoid(weight * x)

    weighted(numbers(dtype=torch.float32)).sum().backward()
    assert weight.grad is not None


def test_retained_graphs_and_third_derivatives():
    x = numbers()
    y = tanhexp(x).sum()
    first = torch.autograd.grad(y, x, retain_graph=True)[0]
    again = torch.autograd.grad(y, x, create_graph=True)[0].detach()  # by other steps
    np.testing.assert_allclose(first, again, rtol=1e-14)
    third = torch.autograd.grad(y, x, create_graph=True)[0]
    for _ in range(2):
        (third,) = torch.autograd.grad(third.sum(), x, create_graph=True)
    assert third.isfinite().all()


def test_a_parameter_that_the_result_does_not_use():
    @actx.register_activation(package="test_memory_torch")
    def unused(x, rate=1.0, other=1.0):
        return x * keras.ops.sigmoid(rate * x)

    rate, other = torch.tensor(1.5, requires_grad=True), torch.tensor(1.0, requires_grad=True)
    unused(numbers().detach(), rate=rate, other=other).sum().backward()
    assert rate.grad is not None
    unused(numbers().detach(), other=other).sum()
    assert other.grad is None or not other.grad.any()


def test_what_the_result_does_not_need_is_not_counted():
    """And always the same: storage that is free again may be handed out to the next."""
    x = torch.ones(64)
    assert bytes_kept(lambda x: (torch.exp(x) + torch.sin(torch.exp(x)), 2.0 * x)[1], x) == 0
    assert bytes_kept(lambda x: torch.exp(x) * (torch.sin(x), x)[1], x) == 2 * x.nbytes
