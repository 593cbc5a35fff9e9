"""Activations as one writes them with `keras.ops` from the formula of their paper, to compare the speed of ours with.

Beside each: the paper, and whether tensorflow-addons ("addons") or timm have the function; where these compute it in
another way than one writes it, theirs is in libraries.py. They lose digits where ours do not;
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


def _sparsemax(x: Any) -> Any:
    """As in the paper: sort, and find how many entries stay above the threshold that makes their sum 1."""
    ordered = ops.flip(ops.sort(x, axis=-1), axis=-1)
    sums, ranks = ops.cumsum(ordered, axis=-1), ops.arange(1, x.shape[-1] + 1, dtype=x.dtype)
    count = ops.sum(ops.cast(1.0 + ranks * ordered > sums, "int32"), axis=-1, keepdims=True)
    threshold = (ops.take_along_axis(sums, count - 1, axis=-1) - 1.0) / ops.cast(count, x.dtype)
    return ops.maximum(x - threshold, 0.0)


def _sqnl(x: Any) -> Any:
    return x - ops.sign(x) * x * x / 4.0


COMPOSITES: dict[str, Callable[[Any], Any]] = {
    "aria2": lambda x: x / (1.0 + ops.exp(-2.0 * x)) ** 1.5,  # Patwardhan et al. 2018
    "bent_identity": lambda x: (ops.sqrt(x * x + 1.0) - 1.0) / 2.0 + x,
    "celu": _elu,  # Barron 2017; timm
    "colu": lambda x: x / (1.0 - x * ops.exp(-(x + ops.exp(x)))),  # Vagerwal 2021
    "complementary_log_log": lambda x: 1.0 - ops.exp(-ops.exp(x)),
    "cosine": ops.cos,
    "e_swish": lambda x: 1.5 * x * ops.sigmoid(x),  # Alcaide 2018
    "elish": lambda x: ops.where(x >= 0, x, ops.exp(x) - 1.0) * ops.sigmoid(x),  # Basirat & Roth 2018
    "elu": _elu,  # Clevert et al. 2015; timm
    "erf": ops.erf,
    "erf_act": lambda x: x * ops.erf(0.75 * ops.exp(0.75 * x)),  # Biswas et al. 2021
    "exponential": ops.exp,
    "gaussian": lambda x: ops.exp(-x * x),  # Ramasinghe & Lucey 2021
    "gcu": lambda x: x * ops.cos(x),  # Noel et al. 2021
    "gelu": _erf_gelu,  # Hendrycks & Gimpel 2016; timm
    "gelu_tanh": _tanh_gelu,  # Hendrycks & Gimpel 2016; addons (gelu), timm
    "hard_mish": lambda x: 0.5 * x * ops.clip(x + 2.0, 0.0, 2.0),  # D. Misra, H-Mish; timm
    "hard_shrink": lambda x: ops.where(ops.abs(x) > 0.5, x, 0.0),  # torch.nn.Hardshrink; addons
    "hard_sigmoid": _hard_sigmoid,  # Howard et al. 2019; timm
    "hard_silu": lambda x: x * _hard_sigmoid(x),  # Howard et al. 2019; timm (hard_swish)
    "hard_tanh": lambda x: ops.clip(x, -1.0, 1.0),  # Collobert 2004
    "isru": lambda x: x / ops.sqrt(1.0 + x * x),  # Carlile et al. 2017
    "isrlu": lambda x: ops.where(x >= 0, x, x / ops.sqrt(1.0 + x * x)),  # Carlile et al. 2017
    "leaky_relu": lambda x: ops.where(x > 0, x, 0.2 * x),  # Maas et al. 2013; timm
    "lecun_tanh": lambda x: 1.7159 * ops.tanh(2.0 / 3.0 * x),  # LeCun et al. 1998
    "lisht": lambda x: x * ops.tanh(x),  # Roy et al. 2019; addons
    "log_cosh": lambda x: ops.log(ops.cosh(x)),
    "log_sigmoid": lambda x: -ops.softplus(-x),
    "logish": lambda x: x * ops.log(1.0 + ops.sigmoid(x)),  # Zhu et al. 2021
    "mish": lambda x: x * ops.tanh(ops.softplus(x)),  # Misra 2019; addons, timm
    "phish": lambda x: x * ops.tanh(_erf_gelu(x)),  # Naveen 2022
    "prelu": lambda x: ops.maximum(x, 0.0) + 0.25 * ops.minimum(x, 0.0),  # He et al. 2015; timm
    "quick_gelu": lambda x: x * ops.sigmoid(1.702 * x),  # Hendrycks & Gimpel 2016; timm
    "relu": lambda x: ops.maximum(x, 0.0),  # Nair & Hinton 2010; timm
    "relu_squared": lambda x: ops.square(ops.relu(x)),  # So et al. 2021
    "rrelu": lambda x: ops.where(x >= 0, x, (1 / 8 + 1 / 3) / 2 * x),  # Xu et al. 2015, outside of training; addons
    "selu": lambda x: 1.0507009873554805 * _elu(x, 1.6732632423543772),  # Klambauer et al. 2017; timm
    "serf": lambda x: x * ops.erf(ops.softplus(x)),  # Nag et al. 2021
    "sigmoid": lambda x: 1.0 / (1.0 + ops.exp(-x)),  # timm
    "silu": lambda x: x * ops.sigmoid(x),  # Elfwing et al. 2017; timm
    "smish": lambda x: x * ops.tanh(ops.log(1.0 + ops.sigmoid(x))),  # Wang et al. 2022
    "snake": lambda x: x + ops.sin(x) ** 2,  # Ziyin et al. 2020; addons
    "soft_shrink": lambda x: ops.sign(x) * ops.maximum(ops.abs(x) - 0.5, 0.0),  # torch.nn.Softshrink; addons
    "softplus": lambda x: ops.log(1.0 + ops.exp(x)),  # Dugas et al. 2001
    "softsign": lambda x: x / (1.0 + ops.abs(x)),  # Glorot & Bengio 2010
    "sparsemax": _sparsemax,  # Martins & Astudillo 2016; addons
    "sqnl": lambda x: _sqnl(ops.clip(x, -2.0, 2.0)),  # Wuraola & Patel 2018
    "squareplus": lambda x: 0.5 * (x + ops.sqrt(x * x + 4.0)),  # Barron 2021
    "swish": lambda x: x * ops.sigmoid(x),  # Ramachandran et al. 2017; timm
    "tanh": ops.tanh,  # timm
    "tanh_shrink": lambda x: x - ops.tanh(x),  # torch.nn.Tanhshrink; addons
    "tanhexp": lambda x: x * ops.tanh(ops.exp(x)),  # Liu & Di 2020
}
