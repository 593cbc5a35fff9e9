"""Times a training step of twelve layers: `DenseBlock`s, Keras's `Dense` of the same activation, the backend's own.

    KERAS_BACKEND=torch python benchmarks/speed/steps.py

SGD on the squared error, 512 units, batches of 256. The result goes to benchmarks/results/speed/steps-BACKEND.json;
docs/make_speed.py writes the page.
"""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")

import keras
import numpy as np

import keras_actx as actx

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "benchmarks" / "speed")]

import native  # noqa: E402  (what Keras and the backend have under a name)
from turns import about, compared  # noqa: E402

FOLDER = ROOT / "benchmarks" / "results" / "speed"
BACKEND = keras.backend.backend()
DEPTH, WIDTH, BATCH, RATE = 12, 512, 256, 1e-3
#: With a function of Keras, then without.
ACTIVATIONS = ("relu", "gelu", "silu", "mish", "snake", "tanhexp")

Step = Callable[[], Any]


def main() -> None:
    """Measure, and write the result."""
    result = {
        **about(),
        "depth": DEPTH,
        "width": WIDTH,
        "batch": BATCH,
        "steps": {name: compared(contenders(name)) for name in ACTIVATIONS},
    }
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / f"steps-{BACKEND}.json").write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result["steps"], indent=1))


def contenders(name: str) -> dict[str, Step]:
    """Ours first."""
    found = {
        "ours": of_keras([actx.layers.DenseBlock(WIDTH, name, scheme="glorot") for _ in range(DEPTH)]),
        "keras": of_keras([keras.layers.Dense(WIDTH, activation=name) for _ in range(DEPTH)]),
    }
    function = native.backend_native(actx.Activation(f"keras_actx>{name}", ()))
    own = {"torch": of_torch, "jax": of_jax}.get(BACKEND)
    if function is not None and own is not None:
        found["native"] = own(function)
    return found


def data() -> tuple[np.ndarray, np.ndarray]:
    """A batch of inputs and targets."""
    rng = np.random.default_rng(0)
    return tuple(rng.normal(size=(BATCH, WIDTH)).astype("float32") for _ in range(2))


def of_keras(layers: list[keras.layers.Layer]) -> Step:
    """`train_on_batch`, which waits for the loss."""
    model = keras.Sequential([keras.Input((WIDTH,)), *layers])
    model.compile(keras.optimizers.SGD(RATE), "mse")
    x, y = data()
    return lambda: model.train_on_batch(x, y)


def of_torch(function: Callable[[Any], Any]) -> Step:
    """`torch.nn.Linear` and the function."""
    import torch

    torch.set_num_threads(1)
    layers = [torch.nn.Linear(WIDTH, WIDTH) for _ in range(DEPTH)]
    optimizer = torch.optim.SGD([one for layer in layers for one in layer.parameters()], RATE)
    x, y = data()

    def step() -> float:
        optimizer.zero_grad()
        out = torch.from_numpy(x)
        for layer in layers:
            out = function(layer(out))
        loss = torch.mean((out - torch.from_numpy(y)) ** 2)
        loss.backward()
        optimizer.step()
        return float(loss.detach())

    return step


def of_jax(function: Callable[[Any], Any]) -> Step:
    """A jitted step in plain JAX."""
    import jax
    import jax.numpy as jnp

    glorot = jax.nn.initializers.glorot_uniform()
    weights = [(glorot(key, (WIDTH, WIDTH)), jnp.zeros(WIDTH)) for key in jax.random.split(jax.random.key(0), DEPTH)]
    x, y = data()

    def loss_of(weights: Any, x: Any, y: Any) -> Any:
        for kernel, bias in weights:
            x = function(x @ kernel + bias)
        return jnp.mean((x - y) ** 2)

    @jax.jit
    def update(weights: Any, x: Any, y: Any) -> Any:
        loss, gradients = jax.value_and_grad(loss_of)(weights, x, y)
        return loss, jax.tree.map(lambda weight, gradient: weight - RATE * gradient, weights, gradients)

    def step() -> float:
        nonlocal weights
        loss, weights = update(weights, x, y)
        return float(loss)

    return step


if __name__ == "__main__":
    main()
