"""Compares a `DenseStack` with the backend's own layers and relu: the memory of training, and the time of a step.

    KERAS_BACKEND=jax python benchmarks/one_tensor.py [NAME ...] [--depth 12] [--width 256] [--batch 2048]

For each activation, over the backend's own relu: the bytes saved for the backward pass, without the kernels, also with
`keras_actx.config.set_memory_efficient(False)`; on JAX, the temporary memory of the compiled gradient. The time of a
training step (median of steps by turns, in the processor's time), over the backend's own relu and over the same blocks
in a `Sequential` model, which save two tensors a layer. A gated activation has kernels and pre-activations of twice as
many columns.
"""

import argparse
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

import keras_actx as actx
from keras_actx.testing import bytes_kept

sys.path.insert(0, str(Path(__file__).resolve().parent / "speed"))

from networks import OWN, Size, Step, data
from turns import about, compared

BACKEND = keras.backend.backend()
NAMES = (
    *(f"keras_actx>{name}" for name in ("relu", "silu", "gelu", "mish", "snake")),
    "swish(learnable=True)",
    "swiglu",
)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=NAMES, help="activations")
    for name, value in (("depth", 12), ("width", 256), ("batch", 2048)):
        parser.add_argument(f"--{name}", type=int, default=value)
    options = parser.parse_args()
    size = Size(options.depth, options.width, options.batch)
    print(about(), size)
    print(f"{'over native relu':<24}{'saved':>8}{'not memory-efficient':>22}{'step':>8}{'step over blocks':>18}")
    of_relu = saved(native, native_weights(size), size)
    for name in options.names:
        steps = {
            "ours": step([stack(name, size)], size),
            "native": native_step(size),
            "blocks": step([actx.layers.DenseBlock(size.width, name) for _ in range(size.depth)], size),
        }
        times = compared(steps)
        found = {}
        for efficient in (True, False):
            actx.config.set_memory_efficient(efficient)
            found[efficient] = saved(*of_stack(name, size), size) / of_relu
        actx.config.set_memory_efficient(True)
        numbers = found[True], found[False], times["native"][0], times["blocks"][0]
        print(f"{name:<24}{numbers[0]:>8.2f}{numbers[1]:>22.2f}{numbers[2]:>8.2f}{numbers[3]:>18.2f}", flush=True)


def stack(name: str, size: Size) -> keras.layers.Layer:
    return actx.layers.DenseStack(size.width, name, depth=size.depth, seed=1)


def step(layers: list[Any], size: Size) -> Step:
    """A step of SGD on the squared error, by Keras."""
    model = keras.Sequential([keras.Input((size.width,)), *layers])
    model.compile(keras.optimizers.SGD(1e-3), "mse")
    x, y = map(keras.ops.convert_to_tensor, data(size))
    return lambda: model.train_on_batch(x, y)


def native_step(size: Size) -> Step:
    """The same with the backend's own layers; on TensorFlow, Keras's."""
    if BACKEND in OWN:
        return OWN[BACKEND](size, keras.ops.relu)
    return step([keras.layers.Dense(size.width, "relu") for _ in range(size.depth)], size)


def native(x: Any, *weights: Any) -> Any:
    for kernel, bias in zip(weights[::2], weights[1::2], strict=True):
        x = keras.ops.relu(keras.ops.matmul(x, kernel) + bias)
    return x


def native_weights(size: Size) -> list[Any]:
    shapes = ((size.width, size.width), (size.width,)) * size.depth
    return [keras.random.normal(shape) for shape in shapes]


def of_stack(name: str, size: Size) -> tuple[Callable[..., Any], list[Any]]:
    """A stack as a function of its input and its weights, and these."""
    one = stack(name, size)
    one.build((None, size.width))
    weights = [keras.ops.convert_to_tensor(each) for each in one.trainable_variables]
    return lambda x, *weights: one.stateless_call(list(weights), [], x)[0], weights


def saved(function: Callable[..., Any], weights: list[Any], size: Size) -> int:
    """The bytes saved beside the kernels; on JAX those that the compiler plans."""
    x = keras.ops.ones((size.batch, size.width))
    if BACKEND == "jax":
        import jax

        gradient = jax.jit(jax.grad(lambda weights: keras.ops.mean(function(x, *weights) ** 2)))
        return gradient.lower(weights).compile().memory_analysis().temp_size_in_bytes
    kernels = sum(4 * each.shape[0] * each.shape[1] for each in weights if len(each.shape) == 2)
    return bytes_kept(function, x, *weights) - kernels


if __name__ == "__main__":
    main()
