"""torch, eagerly: where, kernels and parts of a tensor give what the plain steps give."""

import re
from pathlib import Path

import keras
import numpy as np
import own
import pytest

import keras_actx as actx

if keras.backend.backend() != "torch":
    pytest.skip("of torch alone", allow_module_level=True)

import torch

from keras_actx.backend import torch as here
from keras_actx.backend import where, with_kernel
from keras_actx.backend.torch import KERNELS, blocks, selection

SPECIAL = [0.0, -0.0, np.inf, -np.inf, np.nan, 1e-45, -1e-40, 3e38]


@pytest.fixture
def any_size(monkeypatch):
    """By bits for a few numbers too."""
    monkeypatch.setattr(selection, "_FEW", 1)


def numbers(count, dtype=torch.float32):
    x = torch.linspace(-5, 5, count, dtype=dtype)
    x[: len(SPECIAL)] = torch.tensor(SPECIAL, dtype=dtype)
    return x


def bits(x):
    return x.detach().numpy().view(f"int{8 * x.element_size()}")


# -- where


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("other", [0.0, -0.0, 1.5, -np.inf, np.nan, "tensor"])
@pytest.mark.usefixtures("any_size")
def test_where_is_torch_s_bit_for_bit(dtype, other):
    x = numbers(64, dtype)
    y = x.flip(0) if other == "tensor" else other
    condition = torch.arange(64) % 3 == 0
    for found, expected in (
        (where(condition, x, y), torch.where(condition, x, y)),
        (where(condition, y, x), torch.where(condition, y, x)),
    ):
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(bits(found.float()), bits(expected.float()))


@pytest.mark.parametrize(
    "shapes", [((4, 6), (6,), ()), ((6,), (4, 6), (4, 1)), ((4, 1), (1, 6), (4, 6)), ((), (3,), (2, 3))]
)
@pytest.mark.usefixtures("any_size")
def test_where_broadcasts_with_its_gradient(shapes):
    condition, x, y = (torch.rand(shape) for shape in shapes)
    condition = condition > 0.5
    x.requires_grad_(), y.requires_grad_()
    found, expected = where(condition, x, y), torch.where(condition, x, y)
    torch.testing.assert_close(found, expected, rtol=0, atol=0)
    weight = torch.rand(found.shape)
    for one, other in zip(
        torch.autograd.grad(found, (x, y), weight), torch.autograd.grad(expected, (x, y), weight), strict=True
    ):
        torch.testing.assert_close(one, other)


@pytest.mark.usefixtures("any_size")
def test_what_where_does_not_take_has_gradient_zero():
    """Also where the gradient of the other is NaN or infinite: 0 times either would be NaN."""
    x = numbers(16).requires_grad_()
    y = where(torch.arange(16) >= 8, x, 2.0)
    cotangent = torch.full((16,), np.nan)
    cotangent[8:] = 3.0
    (gradient,) = torch.autograd.grad(y, x, cotangent)
    np.testing.assert_array_equal(gradient, np.repeat([0.0, 3.0], 8))


@pytest.mark.usefixtures("any_size")
def test_where_of_steps_and_of_views():
    x = torch.rand(8, 6, dtype=torch.float64).t().requires_grad_()
    assert torch.autograd.gradgradcheck(lambda x: where(x > 0.5, x * x, 3.0 * x), (x,))
    every_other = torch.rand(20)[::2]
    assert torch.equal(where(every_other > 0.5, every_other, 0.0), torch.where(every_other > 0.5, every_other, 0.0))


@pytest.mark.usefixtures("any_size")
def test_where_under_torch_func_and_forward_mode():
    x = torch.rand(8)
    double = torch.func.vmap(torch.func.grad(lambda one: where(one > 0.5, one * one, one)))(x)
    torch.testing.assert_close(double, torch.where(x > 0.5, 2 * x, 1.0))
    tangent = torch.func.jvp(lambda x: where(x > 0.5, x * x, x), (x,), (torch.ones(8),))[1]
    torch.testing.assert_close(tangent, double)


def test_where_by_bits_is_used(monkeypatch):
    seen = []
    monkeypatch.setattr(selection, "_selected", lambda *given: seen.append(given) or torch.where(*given))
    x = torch.rand(selection._FEW)
    where(x > 0.5, x, 0.0)
    assert len(seen) == 1


# -- kernels


NUMBERS = {
    "elu": (1.5,),
    "celu": (2.0,),
    "scaled_elu": (1.05, 1.75),
    "swish": (1.702,),
    "leaky": (0.2,),
    "clipped": (-1.0, 2.0),
    "threshold": (0.5, -1.0),
    "hard_shrink": (0.5,),
    "soft_shrink": (0.5,),
    "squared_sine": (1.5,),
    "gaussian": (1.5,),
    "hard_sigmoid": (1 / 6, 0.5),
    "hyperbola": (2.0,),
    "isru": (1.5,),
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
    there = kernel.there if kernel.takes(wide, *numbers_of_it) else lambda x, *rest: kernel.there(x.float(), *rest)
    if there is kernel.there:
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


@pytest.mark.parametrize("name", ["silu", "mish", "softplus", "elu", "gelu", "relu", "leaky_relu", "swiglu", "e_swish"])
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


@pytest.mark.parametrize("name", ["silu", "mish"])
def test_what_a_gpu_does_with_infinities(name):
    """It never looks at the numbers: the limits, also for all the others, are those of the CPU."""
    kernel = KERNELS[name]
    assert not kernel.takes(torch.ones(3, device="meta"))
    x = torch.tensor([-np.inf, -2.0, 0.0, 3.0, np.inf, np.nan])
    y, slopes = kernel.otherwise.there(x), kernel.otherwise.back(torch.full((6,), 2.0), x)
    assert y[[0, 4]].tolist() == [0.0, np.inf]
    assert slopes[[0, 4]].tolist() == [0.0, 2.0]
    assert y[5].isnan()
    assert slopes[5].isnan()
    inside = x[1:4]
    torch.testing.assert_close(y[1:4], kernel.there(inside), rtol=0, atol=0)
    torch.testing.assert_close(slopes[1:4], kernel.back(torch.full((3,), 2.0), inside), rtol=0, atol=0)


# -- parts


@pytest.fixture
def small_parts(monkeypatch):
    """Parts of 16 numbers."""
    monkeypatch.setattr(blocks, "_EACH", 8)
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
        blocks._rows(Elementwise(), tuple(tensors)) is not None
        or (beta == "last" and len(shape) == 1)
        or (beta == "last" and shape[-1] > 16)
    )
    found = results(function, *tensors)
    monkeypatch.setattr(blocks, "_EACH", 2**16)
    for one, expected in zip(found, results(function, *tensors), strict=True):
        torch.testing.assert_close(one, expected, rtol=1e-5, atol=1e-5)


class Elementwise:
    elementwise = is_own = True


def test_parts_of_a_gated_activation(small_parts, monkeypatch):
    x = torch.randn(33, 8, requires_grad=True)
    activation = actx.activations.gtu
    found = results(activation, x)
    monkeypatch.setattr(blocks, "_EACH", 2**16)
    for one, expected in zip(found, results(activation, x), strict=True):
        torch.testing.assert_close(one, expected)


def test_parts_are_used(small_parts):
    """Counted by the calls of a formula."""
    sizes = []

    @actx.activation(package="test_steps_torch")
    def counted(x):
        sizes.append(x.numel())
        return x * keras.ops.sigmoid(x) * keras.ops.tanh(x)

    x = torch.randn(100, requires_grad=True)
    counted(x)
    sizes.clear()
    counted(x).sum().backward()
    assert sizes == 2 * [16, 16, 16, 16, 16, 16, 4]


def test_a_parameter_that_is_not_used_in_parts(small_parts):
    @actx.activation(package="test_steps_torch")
    def unused(x, rate=1.0, other=1.0):
        return x * keras.ops.sigmoid(rate * x) * keras.ops.tanh(x)

    rate, other = torch.tensor(1.5, requires_grad=True), torch.tensor(1.0, requires_grad=True)
    unused(torch.randn(100, requires_grad=True), rate=rate, other=other).sum().backward()
    assert rate.grad is not None
    assert other.grad is None or not other.grad.any()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("activation", own.defaults("elementwise"), ids=str)
def test_branches_are_left_out_only_for_numbers_that_do_not_take_them(activation, dtype):
    """The same with a number among them that is large, and takes a branch."""
    for bound in (1.0, 7.0, 39.5, 250.0):
        x = torch.linspace(-bound, bound, 52, dtype=dtype)  # not through a kink
        alone, among = (
            one.requires_grad_() for one in (x.clone(), torch.cat([x, torch.full((1,), 1e30, dtype=dtype)]))
        )
        y, z = activation(alone), activation(among)[:-1]
        rounding = 64 * torch.finfo(dtype).eps
        torch.testing.assert_close(y, z, rtol=rounding, atol=rounding)
        if y.requires_grad:
            slopes = (torch.autograd.grad(one.sum(), given)[0][:52] for one, given in ((y, alone), (z, among)))
            torch.testing.assert_close(*slopes, rtol=rounding * (1 + bound), atol=rounding * (1 + bound))


def test_what_is_known_of_numbers():
    inside, outside = torch.linspace(-3, 3, 50), torch.linspace(-3, 3, 50)
    outside[7] = 1e30
    assert here.all_within(inside, 3.5)
    assert not here.all_within(outside, 3.5)
    assert not here.all_within(torch.tensor([0.0, np.nan]), 3.5)
    assert not here.all_within(torch.tensor([]), 3.5)
    assert not here.all_within(torch.tensor([3.5]), 3.5)


def test_the_error_of_a_product():
    x, factor = torch.randn(1000), 1.702
    error = here.error_of_product(factor, x, 0.0)
    exact = x.double() * factor
    torch.testing.assert_close((factor * x).double() + error.double(), exact, rtol=1e-14, atol=0)
    assert not error.requires_grad
    assert here.error_of_product(factor, x.double(), 0.0) is None
