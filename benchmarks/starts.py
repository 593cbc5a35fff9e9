"""The starts that benchmarks/propagation.py compares: each fills a stack of a hundred equal blocks.

Drawing costs more than measuring, so what Keras's initializers drew is kept. With one seed their numbers are
proportional to their scale (tests/test_propagation.py checks it), so a kept kernel times a gain is the kernel that the
initializer with that gain draws.
"""

import functools
import math
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

import keras_actx as actx
from keras_actx.initializers import Paired
from keras_actx.layers import DenseStack
from keras_actx.layers.dense_stack import block_seed

#: What `torch.nn.init.calculate_gain` gives, for the names that it has; leaky_relu with the slope of Keras's.
TORCH_GAINS = {
    "linear": 1.0,
    "sigmoid": 1.0,
    "tanh": 5.0 / 3.0,
    "relu": math.sqrt(2.0),
    "leaky_relu": math.sqrt(2.0 / (1.0 + 0.2**2)),
    "selu": 0.75,
}
#: Mishkin & Matas 2016, arXiv:1511.06422, whose code has these two.
_LSUV_TOLERANCE, _LSUV_ROUNDS = 0.1, 10

Draw = Callable[[int, tuple[int, ...]], Any]
_DRAWS: dict[str, Draw] = {
    "glorot_uniform": lambda seed, shape: keras.initializers.GlorotUniform(seed=seed)(shape),
    "he_normal": lambda seed, shape: keras.initializers.HeNormal(seed=seed)(shape),
    "lecun_normal": lambda seed, shape: keras.initializers.LecunNormal(seed=seed)(shape),
    "orthogonal": lambda seed, shape: keras.initializers.Orthogonal(seed=seed)(shape),
    "normal": lambda seed, shape: keras.initializers.RandomNormal(stddev=1.0, seed=seed)(shape),
    "free": lambda seed, shape: _of("linear", seed, shape, "critical", first_layer=True),
    "centred": lambda seed, shape: _of("linear", seed, shape, "critical", input_activation="linear"),
    "free, halves": lambda seed, shape: _of("bilinear", seed, shape, "critical", first_layer=True),
    "centred, halves": lambda seed, shape: _of("bilinear", seed, shape, "critical", input_activation="bilinear"),
    "looks_linear, first": lambda seed, shape: _of("linear", seed, shape, "looks_linear", first_layer=True),
    "looks_linear": lambda seed, shape: _of("linear", seed, shape, "looks_linear", input_activation="linear"),
}


def _of(name: str, seed: int, shape: tuple[int, ...], scheme: str, **situation: Any) -> Any:
    paired = Paired(name, scheme, seed=seed, **situation)
    return paired(shape) / paired.pairing.gain


@functools.cache
def drawn(kind: str, seed: int, shape: tuple[int, ...]) -> np.ndarray:
    """A kernel, or a bias, at the scale at which its kind is kept."""
    return np.asarray(keras.ops.convert_to_numpy(_DRAWS[kind](seed, shape)))


def paired_stack(name: str, scheme: str, depth: int, width: int) -> DenseStack:
    """The stack as a user makes it, but with zeros for kernels and biases; `draw` puts in what belongs there."""
    stack = DenseStack(width, name, depth=depth, scheme=scheme)
    shape = (None, width)
    for block in stack.blocks:
        # Its initializers are put back: they say what to draw.
        own = block.dense.kernel_initializer, block.dense.bias_initializer
        block.dense.kernel_initializer = block.dense.bias_initializer = keras.initializers.Zeros()
        block.build(shape)
        block.dense.kernel_initializer, block.dense.bias_initializer = own
        shape = block.compute_output_shape(shape)
    return stack


def draw(stack: DenseStack, seed: int) -> None:
    """Give every block the kernel and the bias with which `DenseStack(..., seed=seed)` is built.

    The orthogonal matrices are decomposed once for all activations; tests/test_propagation.py compares.
    """
    for block, own in zip(stack.blocks, seeds_of(stack.depth, seed), strict=True):
        dense, chosen = block.dense, block.pairing
        shape = tuple(dense.kernel.shape)
        first = chosen.form == "looks_linear" and block.first_layer
        kind = chosen.form + ", first" * first + ", halves" * chosen.halves
        dense.kernel.assign(drawn(kind, own, shape) * np.float32(chosen.gain))
        dense.bias.assign(_bias(chosen.bias_initializer(own), shape[-1:]))


def seeds_of(depth: int, seed: int) -> list[int]:
    """Those of the blocks of a stack."""
    return [block_seed(seed, i) for i in range(depth)]


def _bias(initializer: keras.initializers.Initializer, shape: tuple[int, ...]) -> Any:
    if type(initializer) is keras.initializers.RandomNormal:
        return drawn("normal", initializer.seed, shape) * np.float32(initializer.stddev) + np.float32(initializer.mean)
    return initializer(shape)


def empty_stack(name: str, depth: int, width: int) -> DenseStack:
    """A stack to be filled again and again by the other starts."""
    stack = DenseStack(width, name, depth=depth, kernel_initializer="zeros", bias_initializer="zeros")
    stack.build((None, width))
    return stack


def numbers(name: str, activation: str, scheme: str) -> dict[str, float] | str:
    """What a start of another's depends on, its gain and its bias; or the word that says why there is none.

    Args:
        name: as torch has it.
        activation: what it is called here.
        scheme: the start.
    """
    if scheme == "torch_gain":
        return {"gain": TORCH_GAINS[name]} if name in TORCH_GAINS else "n/a"
    if scheme == "forward_gain":
        return {"gain": actx.gain(activation)}
    if scheme == "edge_of_chaos":
        found = actx.moments(activation)
        slope = found.derivative_second_moment
        if not (0.0 < slope < math.inf) or found.jumps:
            return "infeasible"
        bias = 1.0 - found.second_moment / slope
        if bias < -1e-12:
            return "infeasible"
        return {"gain": 1.0 / math.sqrt(slope), "bias": math.sqrt(bias) if bias > 1e-12 else 0.0}
    return {}


def fill(stack: DenseStack, scheme: str, seed: int, x: Any, chosen: dict[str, float]) -> None:
    """Give the stack the kernels and biases of a start of another's."""
    signal = x
    for i, (block, own) in enumerate(zip(stack.blocks, seeds_of(stack.depth, seed), strict=True)):
        dense = block.dense
        shape = tuple(dense.kernel.shape)
        if scheme in ("glorot_uniform", "he_normal"):
            dense.kernel.assign(drawn(scheme, own, shape))
        elif scheme == "lsuv":
            dense.kernel.assign(drawn("orthogonal", own, shape))
            signal = block.activation_layer(_with_unit_variance(dense, signal))
        else:
            # A gain makes up for the activation in front, and in front of the first layer there is none.
            first = i == 0
            dense.kernel.assign(drawn("lecun_normal", own, shape) * np.float32(1.0 if first else chosen["gain"]))
            deviation = 0.0 if first else chosen.get("bias", 0.0)
            bias = drawn("normal", own + 1, shape[-1:]) if deviation else np.zeros(shape[-1:], "float32")
            dense.bias.assign(bias * np.float32(deviation))
            continue
        dense.bias.assign(np.zeros(shape[-1:], "float32"))


def _with_unit_variance(dense: keras.layers.Dense, signal: Any) -> Any:
    """LSUV: divide the kernel by the deviation of what comes out, until that has variance 1."""
    z = dense(signal)
    for _ in range(_LSUV_ROUNDS):
        variance = float(np.var(np.asarray(keras.ops.convert_to_numpy(z), dtype="float64")))
        if abs(variance - 1.0) < _LSUV_TOLERANCE or not 0.0 < variance < math.inf:
            break
        dense.kernel.assign(dense.kernel / math.sqrt(variance))
        z = dense(signal)
    return z
