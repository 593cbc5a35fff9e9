"""Training steps of eight Dense layers on a GPU, their time and memory, with and without kernels, and Keras's own."""

import gc
import statistics
import time
from typing import Any

import keras
import torch

from keras_actx import config

DEPTH = 8
ACTIVATIONS = ("relu", "gelu", "mish", "swish(beta=1.5)", "xielu", "snake")
POLICIES = ("float32", "mixed_bfloat16")


def steps(device: torch.device) -> dict[str, dict[str, float]]:
    """Milliseconds of a step and MiB of memory beside that of the weights, by dtype policy and activation."""
    gpu = device.type == "cuda"
    width, batch = (2048, 8192) if gpu else (16, 8)
    functions: dict[str, Any] = {f"Keras's {name}": getattr(keras.activations, name) for name in ("relu", "gelu")}
    functions |= {name: f"keras_actx>{name}" for name in ACTIVATIONS}
    found = {}
    for policy in POLICIES:
        keras.config.set_dtype_policy(policy)
        for name, function in functions.items():
            row = _measured(function, width, batch, device)
            if not name.startswith("Keras"):
                config.set_cuda_kernels(False)
                row |= {f"formula_{key}": value for key, value in _measured(function, width, batch, device).items()}
                config.set_cuda_kernels(True)
            found[f"{policy}, {name}"] = row
    keras.config.set_dtype_policy("float32")
    return found


def _measured(function: Any, width: int, batch: int, device: torch.device) -> dict[str, float]:
    keras.utils.set_random_seed(0)
    with keras.device("gpu" if device.type == "cuda" else "cpu"):
        start = keras.initializers.VarianceScaling(0.25)  # xielu grows as x^2: with more, its results are NaN
        layers = [keras.layers.Dense(width, activation=function, kernel_initializer=start) for _ in range(DEPTH)]
        model = keras.Sequential([keras.Input((width,)), *layers])
        weights = [one.value for one in model.trainable_variables]
        optimizer = torch.optim.SGD(weights, lr=1e-4)
        x = torch.randn(batch, width, device=device)

        def step() -> None:
            optimizer.zero_grad()
            model(x).float().square().mean().backward()
            optimizer.step()

        for _ in range(3):
            step()
        return _times_and_memory(step, device.type == "cuda")


def _times_and_memory(step: Any, gpu: bool) -> dict[str, float]:
    if not gpu:
        started = time.perf_counter()
        step()
        return {"ms": round(1e3 * (time.perf_counter() - started), 2), "MiB": 0.0}
    gc.collect()
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    before, times = torch.cuda.memory_allocated(), []
    for _ in range(8):
        started = time.perf_counter()
        step()
        torch.cuda.synchronize()
        times.append(time.perf_counter() - started)
    peak = torch.cuda.max_memory_allocated() - before
    return {"ms": round(1e3 * statistics.median(times), 2), "MiB": round(peak / 2**20)}
