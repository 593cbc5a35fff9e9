"""torch's own kernels, where their results are within the error bounds, and others with as few passes over memory."""

import math

import torch
from torch.nn import functional

from keras_actx.backend.torch.kernel import Kernel, Tensor

_native = torch.ops.aten


def _leaky_vjp(cotangent: Tensor, x: Tensor, slope: float) -> Tensor:
    # 0 is treated as positive: what is added is below the smallest number times the factor.
    factor, tiny = (2.0**600 if x.dtype == torch.float64 else 2.0**100), torch.finfo(x.dtype).smallest_normal
    return _native.leaky_relu_backward(cotangent, x.mul(factor).add_(tiny), slope, False)


def _hard_silu_vjp(cotangent: Tensor, x: Tensor) -> Tensor:
    inner = _native.hardsigmoid_backward(x.clamp(-_FAR, _FAR), x)  # x times the derivative of the gate
    return inner.add_(functional.hardsigmoid(x)).mul_(cotangent)


_FAR = 2.0**60  # where a gate is saturated, and x times its derivative is finite


def _swish(x: Tensor, beta: float) -> Tensor:
    if beta == 1.0:
        return functional.silu(x.clamp_min(-_FAR), inplace=True)
    bounded = x.clamp_min(-_FAR) if beta > 0.0 else x.clamp_max(_FAR)
    return x.mul(beta).sigmoid_().mul_(bounded)


def _swish_vjp(cotangent: Tensor, x: Tensor, beta: float) -> Tensor:
    """Not torch's own, in which the difference 1 - sigmoid(z) is multiplied by z."""
    z = x.mul(beta).clamp_(-_FAR, _FAR)
    density = _logistic_density(z, z, 1.0)
    return density.add_(z.sigmoid_()).mul_(cotangent)


def _logistic_density(cotangent: Tensor, x: Tensor, rate: float) -> Tensor:
    """rate^2 e^-|rate x| / (1 + e^-|rate x|)^2 times the cotangent."""
    power = x.abs().mul_(-rate).exp_()
    below = power.add(1.0)
    return power.div_(below).div_(below).mul_(rate * rate).mul_(cotangent)


#: Derivatives of `keras_actx.activations.primitives` in place, by the function's name: cotangent times f'(x).
DERIVATIVES = {
    "sigmoid": lambda cotangent, x: _logistic_density(cotangent, x, 1.0),
    "tanh": lambda cotangent, x: _logistic_density(cotangent, x, 2.0),
    "expm1": lambda cotangent, x: x.exp().mul_(cotangent),
    "softplus": lambda cotangent, x: x.sigmoid().mul_(cotangent),
    "normal_cdf": lambda cotangent, x: x.square().mul_(-0.5).exp_().mul_(math.sqrt(0.5 / math.pi)).mul_(cotangent),
    "log_cosh": lambda cotangent, x: x.tanh().mul_(cotangent),
    "x_minus_tanh": lambda cotangent, x: x.tanh().square_().mul_(cotangent),
}

#: Primitives that are one operation of torch, or almost: chunks would not make them faster.
SINGLE_KERNELS = frozenset({"erf", "expm1", "normal_cdf", "sigmoid", "tanh"})

#: By the name given to `with_kernel` in `keras_actx.activations`.
KERNELS = {
    "swish": Kernel(_swish, _swish_vjp, lambda x, beta: beta != 0.0),
    "threshold": Kernel(
        functional.threshold, lambda g, x, threshold, value: _native.threshold_backward(g, x, threshold)
    ),
    "clipped": Kernel(torch.clamp, _native.hardtanh_backward),
    "hard_sigmoid": Kernel(
        lambda x, slope, shift: functional.hardsigmoid(x),
        lambda g, x, slope, shift: _native.hardsigmoid_backward(g, x),
        # In float64, torch's kernel has the outer slope next to a kink.
        lambda x, slope, shift: (slope, shift, x.dtype) == (1 / 6, 0.5, torch.float32),
    ),
    "elu": Kernel(
        lambda x, scale, slope, rate: _native.elu(x, slope / scale, scale, rate),
        lambda g, x, scale, slope, rate: _native.elu_backward(g, slope / scale, scale, rate, False, x),
        lambda x, scale, slope, rate: scale != 0.0,
    ),
    "hard_silu": Kernel(
        lambda x: functional.hardsigmoid(x).mul_(x.clamp_min(-_FAR)),
        _hard_silu_vjp,
        lambda x: x.dtype == torch.float32,  # as for hard_sigmoid
    ),
    "hard_shrink": Kernel(functional.hardshrink, _native.hardshrink_backward),
    "soft_shrink": Kernel(functional.softshrink, _native.softshrink_backward),
    "leaky": Kernel(functional.leaky_relu, _leaky_vjp, lambda x, slope: slope != 0.0),
}
