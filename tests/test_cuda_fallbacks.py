"""Where the formula is used and no kernel: under transforms, while a CUDA graph is captured, without a compiler."""

import threading
import warnings

import keras
import pytest

import keras_actx as actx
from keras_actx import config

if keras.backend.backend() != "torch":
    pytest.skip("of torch alone", allow_module_level=True)

import host_kernels
import torch
from gpu_calls import both, by_formula, numbers, swish
from torch.fx.experimental.proxy_tensor import make_fx

from keras_actx.backend.torch import cuda_kernel, cuda_kernels
from keras_actx.testing.backend.torch import takes_whole_graphs


def test_second_derivatives(calls):
    x = numbers(6, dtype=torch.float64)
    assert torch.autograd.gradcheck(actx.activations.mish, x)
    assert torch.autograd.gradgradcheck(actx.activations.mish, x)
    beta = torch.tensor(1.25, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradgradcheck(swish, (x, beta))
    assert calls


TRANSFORMED = {
    "grad": lambda f, x: torch.func.grad(lambda x: f(x).sum())(x),
    "vmap": lambda f, x: torch.func.vmap(f)(x),
    "jvp": lambda f, x: torch.func.jvp(f, (x,), (torch.ones_like(x),))[1],
    "jacrev": lambda f, x: torch.func.jacrev(f)(x),
    "hessian": lambda f, x: torch.func.hessian(lambda x: f(x).sum())(x),
    "functionalize": lambda f, x: torch.func.functionalize(f)(x),
    "compile": lambda f, x: torch.compile(f, backend="aot_eager", fullgraph=takes_whole_graphs())(x),
    "make_fx": lambda f, x: make_fx(f)(x)(x),
    "jit": lambda f, x: torch.jit.trace(f, x, check_trace=False)(x),
    "export": lambda f, x: torch.export.export(Module(f), (x,)).module()(x),
}


class Module(torch.nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


@pytest.mark.filterwarnings("ignore:.torch.jit.trace:DeprecationWarning")
@pytest.mark.parametrize("name", TRANSFORMED)
def test_transformed(calls, name):
    function, x = TRANSFORMED[name], numbers(2, 3).detach()
    found = function(actx.activations.gelu, x)
    assert not calls
    config.set_cuda_kernels(False)
    try:
        torch.testing.assert_close(found, function(actx.activations.gelu, x))
    finally:
        config.set_cuda_kernels(True)


def test_forward_mode(calls):
    with torch.autograd.forward_ad.dual_level():
        dual = torch.autograd.forward_ad.make_dual(numbers(4).detach(), torch.ones(4))
        tangent = torch.autograd.forward_ad.unpack_dual(actx.activations.gelu(dual)).tangent
    assert tangent is not None
    assert not calls


def test_a_batch_of_cotangents(calls):
    x = numbers(3)
    y = actx.activations.gelu(x)
    (found,) = torch.autograd.grad(y, x, torch.eye(3), is_grads_batched=True)
    (expected,) = torch.autograd.grad(actx.activations.gelu(x), x, torch.ones(3))
    torch.testing.assert_close(found.diagonal(), expected)
    assert sum("backward" in one for one in calls) == 1


def test_fake_tensors_and_modes(calls):
    with torch._subclasses.fake_tensor.FakeTensorMode():
        assert actx.activations.gelu(torch.ones(4)).shape == (4,)
    with torch.utils.flop_counter.FlopCounterMode(display=False):
        actx.activations.gelu(torch.ones(4))
    assert not calls


def test_empty_odd_and_many(calls):
    assert actx.activations.gelu(numbers(0, 4)).shape == (0, 4)
    with pytest.raises(ValueError, match="even size"):
        actx.activations.swiglu(numbers(3))
    assert actx.activations.gelu(torch.ones((1,) * 17)).shape == (1,) * 17
    rational = actx.layers.LearnableActivation("rational")
    assert rational(torch.ones(4)).shape == (4,)  # more parameters than a kernel has inputs
    assert not [one for one in calls if "silu" not in one]  # which it starts as


def test_the_switch(calls):
    assert config.cuda_kernels()
    config.set_cuda_kernels(False)
    try:
        assert not config.cuda_kernels()
        actx.activations.gelu(numbers(4))
        assert not calls
    finally:
        config.set_cuda_kernels(True)
    actx.activations.gelu(numbers(4))
    assert calls


@pytest.mark.parametrize("value", [1, "on", None])
def test_the_switch_takes_true_or_false(value):
    with pytest.raises(TypeError, match="accepts True or False"):
        config.set_cuda_kernels(value)


def test_nothing_is_compiled_for_the_processor(monkeypatch):
    def fail(*args):
        raise AssertionError

    monkeypatch.setattr(cuda_kernels, "_kernels_of", fail)
    actx.activations.gelu(numbers(4)).sum().backward()


def test_capturing(calls, monkeypatch):
    """Nothing is compiled meanwhile; what was compiled before runs."""
    x, capturing = numbers(4), []
    monkeypatch.setattr(cuda_kernel, "is_capturing", lambda x: bool(capturing))
    capturing.append(True)
    expected = both(actx.activations.gelu, x)
    assert not calls
    capturing.clear()
    both(actx.activations.gelu, x)
    capturing.append(True)
    for one, other in zip(both(actx.activations.gelu, x), expected, strict=True):
        torch.testing.assert_close(one, other)
    assert len(calls) == 4


def test_threads(calls, monkeypatch):
    made, found, start = [], [], threading.Barrier(8)
    monkeypatch.setattr(cuda_kernel, "compile_source", lambda *args: made.append(args) or host_kernels.Standin(*args))
    x = numbers(64)
    expected = by_formula(actx.activations.mish, x)

    def run():
        start.wait()
        found.append(both(actx.activations.mish, x))

    threads = [threading.Thread(target=run) for _ in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(found) == 8
    assert len(made) == 2
    for results in found:
        for one, other in zip(results, expected, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5)


def failing(*args):
    raise RuntimeError("no NVRTC here")


def test_one_warning_without_the_compiler(calls, monkeypatch):
    monkeypatch.setattr(cuda_kernel, "compile_source", failing)
    x = numbers(4)
    with pytest.warns(RuntimeWarning, match=r"could not make.*set_cuda_kernels\(False\).*no NVRTC here"):
        found = both(actx.activations.gelu, x)
    for one, other in zip(found, by_formula(actx.activations.gelu, x), strict=True):
        torch.testing.assert_close(one, other)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        both(actx.activations.gelu, x)
        both(actx.activations.mish, x)


def test_a_gradient_that_cannot_be_compiled(calls, monkeypatch):
    x = numbers(4)
    y = actx.activations.gelu(x)
    monkeypatch.setattr(cuda_kernel, "compile_source", failing)
    with pytest.warns(RuntimeWarning, match="could not make"):
        y.sum().backward()
    (expected,) = torch.autograd.grad(torch.nn.functional.gelu(x).sum(), x)
    torch.testing.assert_close(x.grad, expected)


def test_memory_errors_are_not_hidden(calls, monkeypatch):
    def full(*args):
        raise torch.cuda.OutOfMemoryError("full")

    monkeypatch.setattr(cuda_kernel, "compile_source", full)
    with pytest.raises(torch.cuda.OutOfMemoryError):
        actx.activations.gelu(numbers(4))
