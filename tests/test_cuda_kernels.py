"""Kernels for a GPU; the processor's C++ compiler stands in for that of a GPU."""

import keras
import numpy as np
import pytest

import keras_actx as actx

if keras.backend.backend() != "torch":
    pytest.skip("of torch alone", allow_module_level=True)

import host_kernels
import torch
from gpu_calls import assert_same, both, by_formula, numbers, swish
from torch.utils.checkpoint import checkpoint

from keras_actx.backend.torch import cuda_kernel
from keras_actx.testing import bytes_kept

SHAPES = [(), (5,), (4, 6), (2, 3, 4, 6)]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("shape", SHAPES)
def test_elementwise(calls, shape, dtype):
    assert_same(actx.activations.gelu, numbers(*shape, dtype=dtype), tolerance=1e-5 if dtype.itemsize > 2 else 1e-2)
    assert [one.rpartition("_")[0] for one in calls] == ["gelu_forward", "gelu_backward"]


def other_layouts(x):
    """The same numbers, not one after another."""
    yield x.detach().t().contiguous().t().requires_grad_()
    yield torch.stack([x.detach(), x.detach()], -1)[..., 0].requires_grad_()
    yield x.detach()[:1].expand(x.shape).requires_grad_()


@pytest.mark.parametrize("name", ["mish", "swiglu"])
def test_layouts(calls, name):
    for x in other_layouts(numbers(6, 8)):
        assert_same(actx.Activation(f"keras_actx>{name}", ()), x)
        image = x.detach().unflatten(0, (2, 1, 3)).contiguous(memory_format=torch.channels_last)
        assert_same(actx.Activation(f"keras_actx>{name}", ()), image.requires_grad_())
    assert len(calls) == 12


@pytest.mark.parametrize("interleaved", [False, True])
@pytest.mark.parametrize("gate", ["first", "last"])
@pytest.mark.parametrize("shape", [(2,), (8,), (4, 6), (3, 2, 10)])
def test_gated(calls, shape, gate, interleaved):
    """Value and gate differ in every place, and one kernel runs each way."""
    layer = actx.layers.GatedLinearUnit("swiglu_clamped", gate=gate, interleaved=interleaved)
    assert_same(layer, numbers(*shape))
    assert len(calls) == 2


def test_one_pass_reads_both_halves(calls, monkeypatch):
    """No copy is made of them: the kernels get views."""
    storages = []

    class Watched(host_kernels.Standin):
        def __call__(self, *tensors, **numbers):
            storages.append({one.untyped_storage().data_ptr() for one in tensors})
            return super().__call__(*tensors, **numbers)

    monkeypatch.setattr(cuda_kernel, "compile_source", Watched)
    x = numbers(4, 6)
    for interleaved in (False, True):
        layer = actx.layers.GatedLinearUnit("glu", gate="first", interleaved=interleaved)
        layer(x).sum().backward()
    assert all(x.untyped_storage().data_ptr() in found for found in storages)
    assert [len(found) for found in storages] == [1, 2, 1, 2]  # x, and the cotangent


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
@pytest.mark.parametrize("of_parameter", [torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("shape", [(), (1,), (6,), (4, 1), (2, 1, 6)])
def test_parameters_learn(calls, shape, of_parameter, dtype):
    """Also one of more axes than x."""
    x, beta = numbers(4, 6, dtype=dtype), torch.full(shape, 1.5, dtype=of_parameter, requires_grad=True)
    assert_same(swish, x, beta, tolerance=1e-5 if dtype == torch.float32 else 2e-2)
    assert_same(swish, x.detach(), beta, tolerance=1e-5 if dtype == torch.float32 else 2e-2)
    assert_same(swish, x, beta.detach(), tolerance=1e-5 if dtype == torch.float32 else 2e-2)
    assert len(calls) == 6


@pytest.mark.parametrize("shape", [(), (3,), (4, 1)])
@pytest.mark.parametrize("interleaved", [False, True])
def test_parameters_of_a_gated_activation_learn(calls, shape, interleaved):
    @actx.register_activation(package="test_cuda_kernels", kind="gated")
    def scaled(value, gate, rate=1.5):
        return value * keras.ops.tanh(rate * gate)

    rate = torch.full(shape, 1.25, requires_grad=True)

    def function(x, rate):
        from keras_actx.declaration.evaluation import evaluate

        return evaluate(scaled.declaration, x, {"rate": rate}, interleaved=interleaved)

    assert_same(function, numbers(4, 6), rate)
    assert len(calls) == 2


def test_a_part_of_the_gradients(calls):
    """The kernel is that of all tensors that need one."""
    x, beta = numbers(6), torch.tensor(1.5, requires_grad=True)
    of_x, of_beta = (torch.autograd.grad(swish(x, beta).sum(), one)[0] for one in (x, beta))
    expected = by_formula(lambda x, beta: swish(x, beta).sum(), x, beta)
    torch.testing.assert_close(of_x, expected[1] / 0.5)
    torch.testing.assert_close(of_beta, expected[2] / 0.5)
    assert len(set(calls)) == 2


def test_16_bit_gradients_are_added_in_32(calls):
    """Each is below the smallest number of float16."""
    x = torch.full((4096,), 2.0**-12, dtype=torch.float16)
    beta = torch.tensor(1.5, dtype=torch.float16, requires_grad=True)
    y = swish(x, beta)
    (found,) = torch.autograd.grad(y, beta, torch.full_like(y, 2.0**-4))
    assert float(found) == pytest.approx(4096 * 2.0**-4 * 2.0**-24 / 4, rel=2e-2)
    assert len(calls) == 2


def test_a_whole_number_and_the_same_tensor_twice(calls):
    assert_same(swish, numbers(6), torch.tensor(2))
    x = numbers(6)
    assert_same(lambda one: swish(one, one), x)
    assert len(calls) == 4


def test_whole_numbers_become_floats(calls):
    found = actx.activations.gelu(torch.arange(-3, 4))
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, torch.nn.functional.gelu(torch.arange(-3.0, 4.0)))
    assert len(calls) == 1


def test_one_kernel_for_all_numbers(calls, monkeypatch):
    made = []
    monkeypatch.setattr(cuda_kernel, "compile_source", lambda *args: made.append(args) or host_kernels.Standin(*args))
    for value in (0.3, 0.5, 1.7, -2.0, 25.0):
        assert_same(lambda x, value=value: swish(x, value), numbers(9))
    assert len(made) == 2
    for value in (0.0, 1.0):  # of which formulas leave out operations
        assert_same(lambda x, value=value: swish(x, value), numbers(9))
    assert len(made) == 6


def test_only_the_input_is_saved(calls):
    x = numbers(64)
    assert bytes_kept(actx.activations.gelu, x) == x.nbytes
    assert len(calls) == 1


def test_without_a_gradient(calls):
    with torch.no_grad():
        assert not actx.activations.gelu(numbers(4)).requires_grad
    with torch.inference_mode():
        actx.activations.snake(torch.ones(4))
    assert not actx.activations.gelu(torch.ones(4)).requires_grad
    assert len(calls) == 3


def test_within_checkpoint_and_autocast(calls):
    x = numbers(4, 6)
    expected = by_formula(actx.activations.gelu, x)
    found = both(lambda x: checkpoint(actx.activations.gelu, x, use_reentrant=False), x)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other)
    with torch.autocast("cpu", torch.bfloat16):
        assert_same(lambda x: actx.activations.gelu(x @ x.T), x)
    assert len(calls) == 5


def test_in_layers(calls):
    block = actx.layers.DenseBlock(5, activation="swish(beta=1.5, learnable=True)")
    block.build((2, 4))
    calls.clear()
    block(np.ones((2, 4), "float32")).sum().backward()
    assert [one.rpartition("_")[0] for one in calls] == ["swish_forward", "swish_backward"]
    assert block.activation_layer.weights[0].value.grad is not None


def test_relu_is_native(calls):
    """It keeps its result, as the next layer does; in 16 bits the formula converts, and the kernel does not."""
    assert_same(actx.activations.relu, numbers(4, 6))
    assert not calls
    assert_same(actx.activations.relu, numbers(4, 6, dtype=torch.bfloat16), tolerance=0.0)
    assert_same(actx.Activation("relu", {"negative_slope": 0.3}), numbers(4, 6))
    assert len(calls) == 4
