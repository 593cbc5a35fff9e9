"""The time of an activation, in copies of its tensor where memory limits it, and of a call where the processor does."""

import math
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
from torch.nn import functional

from keras_actx import config
from keras_actx.names.resolve import resolve_declared

#: Copies for a forward and a backward pass. torch's own kernels take 2.4; reading and writing each tensor once is 2.5.
AIM = 3.2
_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}

#: Cycles that the GPU waits for at first, so that the processor has issued all kernels before the first one starts.
_AHEAD = 4_000_000

NATIVE = {"silu": functional.silu, "gelu": functional.gelu, "mish": functional.mish, "relu": functional.relu}
CALLED = ("silu", "gelu", "mish", "swish(beta=1.5)", "xielu", "snake", "swiglu")


class Passes:
    """Times of large tensors on one device, in copies: the median of ten."""

    def __init__(self, device: torch.device) -> None:
        self._device, gpu = device, device.type == "cuda"
        x = torch.randn(2**26 if gpu else 2**12, device=device).view(-1, 2**10)
        self._inputs = {name: x.to(dtype) for name, dtype in _DTYPES.items()}
        self._copies = {name: self._seconds(_copied(one)) for name, one in self._inputs.items()}
        self.copy_ms = round(1e3 * self._copies["float32"], 4)

    def of(self, function: Callable[[Any], Any]) -> dict[str, float]:
        """A forward and a backward pass, in each dtype."""
        return {
            name: round(self._seconds(both(function, x)) / self._copies[name], 3) for name, x in self._inputs.items()
        }

    def _seconds(self, call: Callable[[], Any], rounds: int = 10) -> float:
        call()
        call()
        return statistics.median(self._once(call) for _ in range(rounds))

    def _once(self, call: Callable[[], Any]) -> float:
        if self._device.type != "cuda":
            started = time.perf_counter()
            call()
            return time.perf_counter() - started
        before, after = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        torch.cuda._sleep(_AHEAD)
        before.record()
        call()
        after.record()
        after.synchronize()
        return before.elapsed_time(after) / 1e3


def _copied(x: torch.Tensor) -> Callable[[], Any]:
    other = torch.empty_like(x)
    return lambda: other.copy_(x)


def both(function: Callable[[Any], Any], x: torch.Tensor) -> Callable[[], Any]:
    """The value, and the gradient for a cotangent that is there."""
    x = x.detach().requires_grad_()
    cotangent = torch.ones_like(function(x))
    return lambda: torch.autograd.grad(function(x), x, cotangent)


def calls(device: torch.device) -> dict[str, dict[str, float]]:
    """Microseconds of a small tensor, there and back, until the GPU is done; beside torch's own and the formula."""
    gpu = device.type == "cuda"
    x = torch.randn(2**18 if gpu else 2**10, device=device).view(-1, 2**9)
    found: dict[str, dict[str, float]] = {}
    for name in CALLED:
        activation = resolve_declared(name, "benchmarks/gpu").activation
        started = time.perf_counter()
        ours = both(activation, x)
        ours()
        _wait(gpu)
        found[name] = {"first_ms": _rounded(1e3 * (time.perf_counter() - started))}
        functions = {"ours": activation, "formula": _by_formula(activation)}
        if name in NATIVE:
            functions["native"] = NATIVE[name]
        times = _microseconds({way: both(function, x) for way, function in functions.items()}, gpu)
        found[name] |= times
        if name in NATIVE:
            found[name]["ratio"] = _rounded(times["ours"] / times["native"])
    return found


def _by_formula(activation: Any) -> Callable[[Any], Any]:
    """Without kernels."""

    def compute(x: Any) -> Any:
        config.set_cuda_kernels(False)
        try:
            return activation(x)
        finally:
            config.set_cuda_kernels(True)

    return compute


def _microseconds(calls: dict[str, Callable[[], Any]], gpu: bool, rounds: int = 100) -> dict[str, float]:
    """Of each call, by turns; the first decile, without what else the processor does."""
    times: dict[str, list[float]] = {way: [] for way in calls}
    for _ in range(rounds if gpu else 5):
        for way, call in calls.items():
            _wait(gpu)
            started = time.perf_counter()
            call()
            _wait(gpu)
            times[way].append(time.perf_counter() - started)
    return {way: _rounded(1e6 * statistics.quantiles(of_way, n=10)[0]) for way, of_way in times.items()}


def _wait(gpu: bool) -> None:
    if gpu:
        torch.cuda.synchronize()


def _rounded(value: float) -> float:
    return float(f"{value:.3g}") if math.isfinite(value) else value
