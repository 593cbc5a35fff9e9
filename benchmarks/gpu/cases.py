"""Layouts, parameters and modes of torch in which kernels have to agree with the formula."""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch.utils.checkpoint import checkpoint

import keras_actx as actx
from keras_actx import config

Case = tuple[str, Callable[..., Any], tuple[torch.Tensor, ...]]


def wrong(device: torch.device) -> dict[str, str]:
    """The cases in which values or gradients differ, or that fail, and how."""
    found = {}
    for name, function, tensors in _cases(device):
        try:
            config.set_cuda_kernels(False)
            expected = _results(function, tensors)
            config.set_cuda_kernels(True)
            tolerance = 1e-4 if all(one.dtype.itemsize > 2 for one in tensors) else 3e-2
            for one, other in zip(_results(function, tensors), expected, strict=True):
                torch.testing.assert_close(one, other, rtol=tolerance, atol=tolerance)
        except Exception as error:  # whatever fails is a result
            found[name] = f"{type(error).__name__}: {str(error)[:200]}"
        finally:
            config.set_cuda_kernels(True)
    return found


def _results(function: Callable[..., Any], tensors: tuple[torch.Tensor, ...]) -> list[torch.Tensor]:
    given = [one.detach().requires_grad_() for one in tensors]
    y = function(*given)
    weights = torch.linspace(0.5, 1.5, y.numel(), device=y.device).reshape(y.shape).to(y.dtype)
    return [y.detach(), *torch.autograd.grad(y, given, weights)]


def _cases(device: torch.device) -> Iterator[Case]:
    mish, swiglu = actx.activations.mish, actx.activations.swiglu

    def swish(x: Any, beta: Any) -> Any:
        return actx.activations.swish(x, beta=beta)

    x = torch.linspace(-4, 4, 2 * 3 * 8 * 16, device=device).reshape(2, 3, 8, 16)
    layouts = {
        "contiguous": x,
        "transposed": x.transpose(2, 3),
        "channels last": x.contiguous(memory_format=torch.channels_last),
        "every second": x[..., ::2],
        "not aligned": x.flatten()[1:-1].reshape(1, -1),
        "broadcast": x[:1].expand(4, 3, 8, 16),
        "without axes": x[0, 0, 0, 0],
    }
    for name, one in layouts.items():
        yield f"mish, {name}", mish, (one,)
        if one.dim():
            yield f"swiglu, {name}", swiglu, (one,)
    for gate in ("first", "last"):
        for interleaved in (False, True):
            layer = actx.layers.GatedLinearUnit("swiglu_clamped", gate=gate, interleaved=interleaved)
            yield f"gate={gate}, interleaved={interleaved}", layer, (x,)
    for dtype in (torch.float16, torch.bfloat16, torch.float32, torch.float64):
        for shape in ((), (16,), (3, 1, 1)):
            for of_parameter in {dtype, torch.float32}:
                beta = torch.full(shape, 1.5, dtype=of_parameter, device=device)
                yield f"swish of {dtype}, beta {shape} {of_parameter}", swish, (x.to(dtype), beta)
    yield "checkpoint", lambda x: checkpoint(mish, x, use_reentrant=False), (x,)
    yield "second derivative", lambda x: torch.autograd.grad(mish(x).sum(), x, create_graph=True)[0], (x,)
    yield "torch.func", torch.func.vmap(torch.func.grad(lambda x: mish(x).sum())), (x,)
    yield "another stream or device", lambda x: _elsewhere(mish, x), (x,)
    if device.type == "cuda":
        yield "a CUDA graph", lambda x: _captured(mish, x), (x,)


def _elsewhere(function: Callable[..., Any], x: torch.Tensor) -> torch.Tensor:
    """On the last GPU, or on a stream of its own if there is one GPU."""
    if x.device.type != "cuda":
        return function(x)
    if torch.cuda.device_count() > 1:
        return function(x.to(torch.device("cuda", torch.cuda.device_count() - 1))).to(x.device)
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        y = function(x)
    torch.cuda.current_stream().wait_stream(stream)
    return y


def _captured(function: Callable[..., Any], x: torch.Tensor) -> torch.Tensor:
    """By a graph of the forward and the backward pass."""
    return torch.cuda.make_graphed_callables(function, (x.detach().clone().requires_grad_(),))(x)
