"""Kernels for a GPU run on the CPU, by the stand-in of their compiler, and the formula to compare them with."""

import host_kernels
import numpy as np
import pytest
import torch

import keras_actx as actx
from keras_actx import config
from keras_actx.backend.torch import cuda_kernel, eager
from keras_actx.declaration import registry

if host_kernels.COMPILER is None:
    pytest.skip("NOT TESTED: no C++ compiler here, in place of a GPU's", allow_module_level=True)


def forget():
    """The kernels of all activations."""
    for one in registry.every():
        vars(one).pop("_found", None)


def calls_on_the_cpu(monkeypatch):
    """The names of the kernels that run, for a fixture."""
    monkeypatch.setattr(eager, "is_on_gpu", lambda x: True)
    monkeypatch.setattr(cuda_kernel, "compile_source", host_kernels.Standin)
    monkeypatch.setattr(cuda_kernel, "_warned", False)
    monkeypatch.setattr(host_kernels.Standin, "calls", [])
    forget()
    yield host_kernels.Standin.calls
    forget()


def numbers(*shape, dtype=torch.float32):
    return torch.linspace(-4, 4, int(np.prod(shape)), dtype=dtype).reshape(shape).requires_grad_()


def both(function, *tensors):
    """The result and the gradients of a weighted sum."""
    y = function(*tensors)
    weights = torch.linspace(0.5, 1.5, y.numel(), dtype=y.dtype).reshape(y.shape)
    return [y.detach(), *torch.autograd.grad(y, [one for one in tensors if one.requires_grad], weights)]


def by_formula(function, *tensors):
    config.set_cuda_kernels(False)
    try:
        return both(function, *tensors)
    finally:
        config.set_cuda_kernels(True)


def assert_same(function, *tensors, tolerance=1e-5):
    for one, expected in zip(both(function, *tensors), by_formula(function, *tensors), strict=True):
        torch.testing.assert_close(one, expected, rtol=tolerance, atol=tolerance)


def swish(x, beta):
    return actx.activations.swish(x, beta=beta)
