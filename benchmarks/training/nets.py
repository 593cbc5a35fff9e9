"""Training one network on JAX: a scan over steps around a scan over layers, compiled once for each cell."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from start_weights import Network
from tasks import Task

import keras_actx as actx

WIDTH, CHANNELS = 64, 16
BATCH, STEPS, MOMENTUM = 32, 150, 0.9
#: Keras's defaults for Adam.
_BETA_1, _BETA_2, _EPSILON = 0.9, 0.999, 1e-7


def kernel_shapes(task: Task) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Of the first layer and of the others."""
    if task.is_image:
        return (3, 3, 1, CHANNELS), (3, 3, CHANNELS, CHANNELS)
    return (task.train[0].shape[1], WIDTH), (WIDTH, WIDTH)


def layer(kernel: Any, x: Any) -> Any:
    """`Dense`, or `Conv2D(3, padding="same")`, without bias."""
    if kernel.ndim == 2:
        return x @ kernel
    height, width = x.shape[1:3]
    padded = jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    shifted = [padded[:, i : i + height, j : j + width] for i in range(3) for j in range(3)]
    # As one product of matrices: XLA's small convolutions are slow on a CPU.
    return jnp.concatenate(shifted, axis=-1) @ kernel.reshape(-1, kernel.shape[-1])


def pooled(images: Any) -> Any:
    """Averages of 2 x 2 pixels."""
    batch, height, width, channels = images.shape
    return images.reshape(batch, height // 2, 2, width // 2, 2, channels).mean((2, 4))


def forward(weights: dict[str, Any], x: Any, activation: Callable[[Any], Any], scale: Any, shift: Any) -> Any:
    """What the network says about `x`."""

    def one(h: Any, kernel_and_bias: tuple[Any, Any]) -> tuple[Any, None]:
        kernel, bias = kernel_and_bias
        return activation(layer(kernel, h) + bias) * scale + shift, None

    h, _ = one(x, weights["first"])
    h, _ = jax.lax.scan(one, pooled(h) if x.ndim == 4 else h, weights["hidden"])
    kernel, bias = weights["output"]
    return h.reshape(len(x), -1) @ kernel + bias


def loss(outputs: Any, y: Any) -> Any:
    """Cross entropy, or the squared error for one output."""
    if outputs.shape[-1] == 1:
        return jnp.mean((outputs[:, 0] - y) ** 2)
    return -jnp.take_along_axis(jax.nn.log_softmax(outputs), y[:, None], axis=1).mean()


def trainer(task: Task, name: str) -> Callable[..., tuple[Any, Any, Any]]:
    """The compiled training of one network: weights in, losses, and outputs for validation and test, out."""
    activation = actx.get(name)
    x, y = (jnp.asarray(one) for one in task.train)
    held_out = [jnp.asarray(part[0]) for part in (task.validation, task.test)]

    @jax.jit
    def train(weights: Any, scale: Any, shift: Any, batches: Any, rate: Any, adam: Any) -> tuple[Any, Any, Any]:
        def of_batch(weights: Any, batch: Any) -> Any:
            return loss(forward(weights, x[batch], activation, scale, shift), y[batch])

        def step(state: Any, batch: Any) -> tuple[Any, Any]:
            weights, first, second, count = state
            value, gradient = jax.value_and_grad(of_batch)(weights, batch)
            count = count + 1.0
            share = jnp.where(adam, 1.0 - _BETA_1, 1.0)  # momentum sums, Adam averages
            kept = jnp.where(adam, _BETA_1, MOMENTUM)
            first = jax.tree.map(lambda m, g: kept * m + share * g, first, gradient)
            second = jax.tree.map(lambda v, g: _BETA_2 * v + (1.0 - _BETA_2) * g * g, second, gradient)
            size = rate * jnp.where(adam, jnp.sqrt(1.0 - _BETA_2**count) / (1.0 - _BETA_1**count), 1.0)
            weights = jax.tree.map(
                lambda w, m, v: w - size * m / jnp.where(adam, jnp.sqrt(v) + _EPSILON, 1.0), weights, first, second
            )
            return (weights, first, second, count), value

        zeros = jax.tree.map(jnp.zeros_like, weights)
        (weights, *_), losses = jax.lax.scan(step, (weights, zeros, zeros, 0.0), batches)
        return losses, *(forward(weights, one, activation, scale, shift) for one in held_out)

    return train


def scaled_by_data(network: Network, task: Task, name: str, seed: int) -> Network:
    """LSUV: each kernel divided by the deviation of what it makes of 256 examples; the bias is 0, so once is enough."""
    chosen = np.random.default_rng(seed).permutation(len(task.train[0]))[:256]
    first, hidden = _scaling(name)(network.first[0], network.hidden[0], task.train[0][chosen])
    network.first = (np.asarray(first), network.first[1])
    network.hidden = (np.asarray(hidden), network.hidden[1])
    return network


@functools.cache
def _scaling(name: str) -> Callable[..., tuple[Any, Any]]:
    activation = actx.get(name)

    def one(h: Any, kernel: Any) -> tuple[Any, Any]:
        deviation = layer(kernel, h).std()
        usable = (deviation > 0) & jnp.isfinite(deviation)
        kernel = kernel / jnp.where(usable, deviation, 1.0)
        return activation(layer(kernel, h)), kernel

    @jax.jit
    def scaled(first: Any, hidden: Any, x: Any) -> tuple[Any, Any]:
        h, first = one(x, first)
        return first, jax.lax.scan(one, pooled(h) if x.ndim == 4 else h, hidden)[1]

    return scaled


def score(outputs: np.ndarray, y: np.ndarray, task: Task) -> float:
    """Accuracy, or R^2 where it is positive; what guessing scores if a number is not finite."""
    outputs = np.asarray(outputs, "float64")
    if not np.isfinite(outputs).all():
        return task.guess
    if task.outputs == 1:
        return max(0.0, 1.0 - float(((outputs[:, 0] - y) ** 2).mean() / y.var()))
    return float((outputs.argmax(1) == y).mean())
