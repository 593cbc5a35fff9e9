"""torch's own kernels, where their numbers are within the bars, and others of as few passes over memory."""

import math
from collections.abc import Callable

import torch
from torch.nn import functional

from keras_actx.backend.torch.kernel import Kernel, Tensor
from keras_actx.backend.torch.mode import all_within
from keras_actx.backend.torch.selection import where

_native = torch.ops.aten


def is_finite(x: Tensor, *numbers: float) -> bool:
    """Whether no number is infinite, of which torch's silu and mish, or their gradients, make NaN. On the CPU."""
    return all_within(x, math.inf)


def _with_limits(there: Callable[..., Tensor], back: Callable[..., Tensor]) -> Kernel:
    """x times a gate that ends at 0 and 1, with its limits at infinities. A GPU would be held up by a look for them."""
    return Kernel(
        lambda x: torch.where(x == -math.inf, 0.0, there(x)),
        lambda g, x: torch.where(x.isinf(), torch.where(x > 0, g, 0.0), back(g, x)),
    )


def _leaky_back(cotangent: Tensor, x: Tensor, slope: float) -> Tensor:
    smallest = torch.finfo(x.dtype).smallest_normal * torch.finfo(x.dtype).eps
    return _native.leaky_relu_backward(cotangent, x.add(smallest), slope, False)  # 0 counts as positive


def _softsign(x: Tensor) -> Tensor:
    x = x.clamp(-1e30, 1e30)  # the sign of which is the result
    return x.div_(x.abs().add_(1.0))


def _softsign_back(cotangent: Tensor, x: Tensor) -> Tensor:
    slope = x.abs().add_(1.0)
    return torch.div(cotangent, slope).div_(slope)  # not by the square, which overflows


def _decay(x: Tensor, rate: float = 1.0) -> Tensor:
    """e^-|rate x|."""
    return x.abs().mul_(-rate).exp_()


def _decay_back(cotangent: Tensor, x: Tensor) -> Tensor:
    return torch.copysign(_decay(x), 0.0 - x).mul_(cotangent)  # at 0 it rises


def _sigmoid_back(cotangent: Tensor, x: Tensor) -> Tensor:
    power = _decay(x)  # not from the result, which has no digits left where it is nearly 1
    below = power.add(1.0)
    return power.div_(below).div_(below).mul_(cotangent)


def _tanh_back(cotangent: Tensor, x: Tensor) -> Tensor:
    power = _decay(x, 2.0)
    below = power.add(1.0)
    return power.mul_(4.0).div_(below).div_(below).mul_(cotangent)


def _softplus_threshold(x: Tensor) -> float:
    """Beyond it, softplus is x to the last digit."""
    return 20.0 if x.dtype == torch.float32 else 40.0


#: By the name that a formula is marked with in `keras_actx.activations`.
NATIVE = {
    "silu": Kernel(
        functional.silu,
        _native.silu_backward,
        is_finite,
        otherwise=_with_limits(functional.silu, _native.silu_backward),
    ),
    "mish": Kernel(
        functional.mish,
        _native.mish_backward,
        is_finite,
        otherwise=_with_limits(functional.mish, _native.mish_backward),
    ),
    "elu": Kernel(functional.elu, lambda g, x, alpha: _native.elu_backward(g, alpha, 1.0, 1.0, False, x)),
    "celu": Kernel(
        functional.celu,
        lambda g, x, alpha: _native.elu_backward(g, alpha, 1.0, 1.0 / alpha, False, x),
        lambda x, alpha: math.frexp(alpha)[0] == 0.5,  # it multiplies by 1 / alpha
    ),
    "scaled_elu": Kernel(
        lambda x, scale, slope: _native.elu(x, slope / scale, scale, 1.0),
        lambda g, x, scale, slope: _native.elu_backward(g, slope / scale, scale, 1.0, False, x),
    ),
    "expm1_of_negative": Kernel(
        lambda x: functional.elu(x.clamp_max(0.0), inplace=True),
        lambda g, x: where(x > 0, 0.0, _native.elu_backward(g, 1.0, 1.0, 1.0, False, x)),
    ),
    "softplus": Kernel(
        lambda x: functional.softplus(x, 1.0, _softplus_threshold(x)),
        lambda g, x: _native.softplus_backward(g, x, 1.0, _softplus_threshold(x)),
    ),
    "softsign": Kernel(_softsign, _softsign_back),
    "decay": Kernel(_decay, _decay_back),
    "sigmoid": Kernel(torch.sigmoid, _sigmoid_back),
    "tanh": Kernel(torch.tanh, _tanh_back),
    "threshold": Kernel(
        functional.threshold, lambda g, x, threshold, value: _native.threshold_backward(g, x, threshold)
    ),
    "clipped": Kernel(torch.clamp, _native.hardtanh_backward),
    "hard_sigmoid": Kernel(
        lambda x, slope, shift: functional.hardsigmoid(x),
        lambda g, x, slope, shift: _native.hardsigmoid_backward(g, x),
        # In float64, torch's has the outer slope next to a kink.
        lambda x, slope, shift: (slope, shift, x.dtype) == (1 / 6, 0.5, torch.float32),
    ),
    "hard_silu": Kernel(functional.hardswish, _native.hardswish_backward, lambda x: all_within(x, 1e30)),
    "hard_shrink": Kernel(functional.hardshrink, _native.hardshrink_backward),
    "soft_shrink": Kernel(functional.softshrink, _native.softshrink_backward),
    "leaky": Kernel(functional.leaky_relu, _leaky_back, lambda x, slope: slope != 0.0),
}
