"""A training step of a plain network, as Keras trains it and as the backend's own layers do."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

RATE = 1e-3

Step = Callable[[], Any]


@dataclass(frozen=True)
class Size:
    """Layers, units of each, and examples of a batch. SGD on the squared error."""

    depth: int
    width: int
    batch: int


def data(size: Size) -> tuple[np.ndarray, np.ndarray]:
    """A batch of inputs and targets."""
    rng = np.random.default_rng(0)
    return tuple(rng.normal(size=(size.batch, size.width)).astype("float32") for _ in range(2))


def of_keras(size: Size, layer: Callable[[], keras.layers.Layer]) -> Step:
    """`train_on_batch`, which waits for the loss."""
    model = keras.Sequential([keras.Input((size.width,)), *(layer() for _ in range(size.depth))])
    model.compile(keras.optimizers.SGD(RATE), "mse")
    x, y = data(size)
    return lambda: model.train_on_batch(x, y)


def of_torch(size: Size, function: Callable[[Any], Any]) -> Step:
    """`torch.nn.Linear` and the function."""
    import torch

    torch.set_num_threads(1)
    layers = [torch.nn.Linear(size.width, size.width) for _ in range(size.depth)]
    optimizer = torch.optim.SGD([one for layer in layers for one in layer.parameters()], RATE)
    x, y = data(size)

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


def of_jax(size: Size, function: Callable[[Any], Any]) -> Step:
    """A jitted step in plain JAX."""
    import jax
    import jax.numpy as jnp

    glorot = jax.nn.initializers.glorot_uniform()
    keys = jax.random.split(jax.random.key(0), size.depth)
    weights = [(glorot(key, (size.width, size.width)), jnp.zeros(size.width)) for key in keys]
    x, y = data(size)

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


#: The backends whose own layers are here.
OWN = {"torch": of_torch, "jax": of_jax}
