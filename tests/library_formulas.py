"""The activations of libraries that no environment of the tests has: formulas, written down from their sources."""

import numpy as np
from scipy import special


def _softplus(x):
    return np.logaddexp(x, 0.0)


def _leaky(slope):
    return lambda x: np.where(x >= 0, x, slope * x)


def _elu(x, alpha=1.0):
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0.0)))


def _gelu(x):
    return x * special.ndtr(x)


def _gelu_tanh(x, root=(2 / np.pi) ** 0.5):
    return x / 2 * (1 + np.tanh(root * (x + 0.044715 * x**3)))


def _hard_sigmoid(x):
    return np.clip(x + 3, 0, 6) / 6


def _sparsemax(x):
    """By bisection: the shares max(x - t, 0) sum to 1."""
    low, high = x.max(-1, keepdims=True) - 1, x.max(-1, keepdims=True)
    for _ in range(80):
        middle = (low + high) / 2
        above = np.maximum(x - middle, 0).sum(-1, keepdims=True) > 1
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    return np.maximum(x - low, 0)


def _halves(x):
    return np.split(x, 2, axis=-1)


def _squash(x):
    square = np.sum(x**2, axis=-1, keepdims=True) + 1e-7
    return np.sqrt(square) / (0.5 + square) * x


#: By the name without case and underscores.
FORMULAS = {
    "relu": lambda x: np.maximum(x, 0),
    "relu6": lambda x: np.clip(x, 0, 6),
    "relu2": lambda x: np.maximum(x, 0) ** 2,
    "leakyrelu": _leaky(0.01),
    "prelu": _leaky(0.25),
    "rrelu": _leaky((1 / 8 + 1 / 3) / 2),
    "elu": _elu,
    "celu": _elu,
    "selu": lambda x: 1.0507009873554805 * _elu(x, 1.6732632423543772),
    "gelu": _gelu,
    **dict.fromkeys(("gelutanh", "gelunew", "gelupytorchtanh", "gelupythontanh", "geluaccurate"), _gelu_tanh),
    "gelufast": lambda x: _gelu_tanh(x, 0.7978845608),
    "gelupython": _gelu,
    "gelu10": lambda x: np.clip(_gelu(x), -10, 10),
    "quickgelu": lambda x: x * special.expit(1.702 * x),
    "sigmoid": special.expit,
    "logsigmoid": lambda x: -_softplus(-x),
    "tanh": np.tanh,
    "tanhshrink": lambda x: x - np.tanh(x),
    **dict.fromkeys(("silu", "swish", "memswish"), lambda x: x * special.expit(x)),
    "mish": lambda x: x * np.tanh(_softplus(x)),
    "lisht": lambda x: x * np.tanh(x),
    **dict.fromkeys(("hardsigmoid", "hsigmoid"), _hard_sigmoid),
    **dict.fromkeys(("hardswish", "hswish", "hardsilu"), lambda x: x * _hard_sigmoid(x)),
    "hardmish": lambda x: x / 2 * np.clip(x + 2, 0, 2),
    **dict.fromkeys(("hardtanh", "clip", "clamp"), lambda x: np.clip(x, -1, 1)),
    "hardshrink": lambda x: np.where(np.abs(x) > 0.5, x, 0),
    "softshrink": lambda x: np.sign(x) * np.maximum(np.abs(x) - 0.5, 0),
    "softplus": _softplus,
    "sqrtsoftplus": lambda x: np.sqrt(_softplus(x)),
    "softsign": lambda x: x / (1 + np.abs(x)),
    "softmax": lambda x: special.softmax(x, axis=-1),
    "logsoftmax": lambda x: special.log_softmax(x, axis=-1),
    "sparsemax": _sparsemax,
    **dict.fromkeys(("linear", "identity"), lambda x: x),
    "glu": lambda x: _halves(x)[0] * special.expit(_halves(x)[1]),
    "geglu": lambda x: _halves(x)[0] * _gelu(_halves(x)[1]),
    "laplace": lambda x: (1 + special.erf((x - 0.707107) / (0.282095 * np.sqrt(2)))) / 2,
    "snake": lambda x: x + (1 - np.cos(2 * x)) / 2,
    "tlu": lambda x: np.maximum(x, 0),
    "maxout": lambda x: x.reshape(*x.shape[:-1], x.shape[-1] // 2, 2).max(-2),
    "pelu": _elu,
    "sinerelu": lambda x: np.maximum(0.0025 * (np.sin(x) - np.cos(x)), x),
    "squash": _squash,
    "xielu": lambda x: np.where(x > 0, 0.8 * x**2 + x / 2, 0.8 * (np.expm1(np.minimum(x, 0)) - x) + x / 2),
}
#: A name of several meanings, by library.
OTHERWISE = {
    "flax": {"prelu": _leaky(0.01), "gelu": _gelu_tanh},
    "tensorflow_addons": {"gelu": _gelu_tanh},
}


def formula(library, letters):
    """The formula of a name without case and underscores, as the library has it."""
    return OTHERWISE.get(library, {}).get(letters) or FORMULAS[letters]
