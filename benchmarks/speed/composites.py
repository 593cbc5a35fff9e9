"""Activations as one writes them with `keras.ops` from the formula of their paper, to compare the speed of ours with.

Those of tensorflow-addons and timm are among them, written down anew. They lose digits where ours do not;
tests/test_speed_results.py checks that they are the same functions.
"""

import math
from collections.abc import Callable
from typing import Any

from keras import ops


def _erf_gelu(x: Any) -> Any:
    return 0.5 * x * (1.0 + ops.erf(x / math.sqrt(2.0)))


def _tanh_gelu(x: Any) -> Any:
    return 0.5 * x * (1.0 + ops.tanh(math.sqrt(2.0 / math.pi) * (x + 0.044715 * x**3)))


def _elu(x: Any, alpha: float = 1.0) -> Any:
    return ops.where(x > 0, x, alpha * (ops.exp(ops.minimum(x, 0.0)) - 1.0))


def _hard_sigmoid(x: Any) -> Any:
    return ops.clip(x / 6.0 + 0.5, 0.0, 1.0)


def _sqnl(x: Any) -> Any:
    return x - ops.sign(x) * x * x / 4.0


COMPOSITES: dict[str, Callable[[Any], Any]] = {
    "aria2": lambda x: x / (1.0 + ops.exp(-2.0 * x)) ** 1.5,
    "bent_identity": lambda x: (ops.sqrt(x * x + 1.0) - 1.0) / 2.0 + x,
    "celu": _elu,
    "colu": lambda x: x / (1.0 - x * ops.exp(-(x + ops.exp(x)))),
    "complementary_log_log": lambda x: 1.0 - ops.exp(-ops.exp(x)),
    "cosine": ops.cos,
    "e_swish": lambda x: 1.5 * x * ops.sigmoid(x),
    "elish": lambda x: ops.where(x >= 0, x, ops.exp(x) - 1.0) * ops.sigmoid(x),
    "elu": _elu,
    "erf": ops.erf,
    "erf_act": lambda x: x * ops.erf(0.75 * ops.exp(0.75 * x)),
    "exponential": ops.exp,
    "gaussian": lambda x: ops.exp(-x * x),
    "gcu": lambda x: x * ops.cos(x),
    "gelu": _erf_gelu,
    "gelu_tanh": _tanh_gelu,
    "hard_mish": lambda x: 0.5 * x * ops.clip(x + 2.0, 0.0, 2.0),
    "hard_sigmoid": _hard_sigmoid,
    "hard_silu": lambda x: x * _hard_sigmoid(x),
    "hard_tanh": lambda x: ops.clip(x, -1.0, 1.0),
    "isru": lambda x: x / ops.sqrt(1.0 + x * x),
    "isrlu": lambda x: ops.where(x >= 0, x, x / ops.sqrt(1.0 + x * x)),
    "leaky_relu": lambda x: ops.where(x > 0, x, 0.2 * x),
    "lecun_tanh": lambda x: 1.7159 * ops.tanh(2.0 / 3.0 * x),
    "lisht": lambda x: x * ops.tanh(x),
    "log_cosh": lambda x: ops.log(ops.cosh(x)),
    "log_sigmoid": lambda x: -ops.softplus(-x),
    "logish": lambda x: x * ops.log(1.0 + ops.sigmoid(x)),
    "mish": lambda x: x * ops.tanh(ops.softplus(x)),
    "phish": lambda x: x * ops.tanh(_erf_gelu(x)),
    "prelu": lambda x: ops.maximum(x, 0.0) + 0.25 * ops.minimum(x, 0.0),
    "quick_gelu": lambda x: x * ops.sigmoid(1.702 * x),
    "relu": lambda x: ops.maximum(x, 0.0),
    "relu_squared": lambda x: ops.square(ops.relu(x)),
    "selu": lambda x: 1.0507009873554805 * _elu(x, 1.6732632423543772),
    "serf": lambda x: x * ops.erf(ops.softplus(x)),
    "sigmoid": lambda x: 1.0 / (1.0 + ops.exp(-x)),
    "silu": lambda x: x * ops.sigmoid(x),
    "smish": lambda x: x * ops.tanh(ops.log(1.0 + ops.sigmoid(x))),
    "snake": lambda x: x + ops.sin(x) ** 2,
    "soft_shrink": lambda x: ops.sign(x) * ops.maximum(ops.abs(x) - 0.5, 0.0),
    "softplus": lambda x: ops.log(1.0 + ops.exp(x)),
    "softsign": lambda x: x / (1.0 + ops.abs(x)),
    "sqnl": lambda x: _sqnl(ops.clip(x, -2.0, 2.0)),
    "squareplus": lambda x: 0.5 * (x + ops.sqrt(x * x + 4.0)),
    "swish": lambda x: x * ops.sigmoid(x),
    "tanh": ops.tanh,
    "tanh_shrink": lambda x: x - ops.tanh(x),
    "tanhexp": lambda x: x * ops.tanh(ops.exp(x)),
}
