"""torch on the CPU: float32 computed in float64, which has digits to spare and costs twice the time."""

import math

import torch
from torch.nn import functional

from keras_actx.backend.torch.kernel import Kernel, Tensor
from keras_actx.backend.torch.mode import all_within, is_plain
from keras_actx.backend.torch.native import is_finite
from keras_actx.backend.torch.selection import where

_native = torch.ops.aten


def error_of_product(factor: Tensor | float, x: Tensor, missing: float) -> Tensor | None:
    """See `keras_actx.backend.error_of_product`. Of float32, from float64, which has all digits of the product."""
    if torch.compiler.is_compiling() or x.dtype != torch.float32 or x.device.type != "cpu":
        return None
    tensors = [one for one in (factor, x) if isinstance(one, Tensor)]
    if any(one.dtype != x.dtype for one in tensors) or not is_plain(*tensors):
        return None
    with torch.no_grad():
        exact = x.double() * factor
        if missing:
            exact.add_(x, alpha=missing)
        return exact.sub_(factor * x).float()


def _is_single(x: Tensor, *numbers: float) -> bool:
    """Whether x is of float32, on the CPU and finite."""
    return x.dtype == torch.float32 and is_finite(x)


def _swish(x: Tensor, beta: float, missing: float = 0.0) -> Tensor:
    z = x.double().mul_(beta)
    return functional.silu(z, inplace=True).div_(beta).float()


def _swish_back(cotangent: Tensor, x: Tensor, beta: float, missing: float = 0.0) -> Tensor:
    return _native.silu_backward(cotangent.double(), x.double().mul_(beta)).float()


def _swish_takes(x: Tensor, beta: float, missing: float = 0.0) -> bool:
    return 1e-6 < abs(beta) < 1e6 and _is_single(x)


def _density(x: Tensor) -> Tensor:
    """The normal distribution's."""
    return x.square().mul_(-0.5).exp_().mul_(1.0 / math.sqrt(2.0 * math.pi))


def _normal_cdf(x: Tensor) -> Tensor:
    """The normal distribution function; torch's `ndtr` has no digits of the lower tail."""
    return x.mul(-math.sqrt(0.5)).erfc_().mul_(0.5)


def _gelu(x: Tensor) -> Tensor:
    x = x.double()
    return _normal_cdf(x).mul_(x).float()


def _gelu_back(cotangent: Tensor, x: Tensor) -> Tensor:
    x = x.double()
    return _density(x).mul_(x).add_(_normal_cdf(x)).mul_(cotangent).float()


_TANH_GELU = math.sqrt(8.0 / math.pi), 0.044715


def _gelu_tanh(x: Tensor) -> Tensor:
    scale, cubic = _TANH_GELU
    x = x.double()
    return x.square().mul_(cubic).add_(1.0).mul_(x).mul_(scale).sigmoid_().mul_(x).float()


def _gelu_tanh_back(cotangent: Tensor, x: Tensor) -> Tensor:
    scale, cubic = _TANH_GELU
    x = x.double()
    square = x.square()
    gate = square.mul(cubic).add_(1.0).mul_(x).mul_(scale).sigmoid_()
    inner = square.mul_(3.0 * scale * cubic).add_(scale).mul_(x)  # x times the derivative of the gate's argument
    return inner.mul_(1.0 - gate).add_(1.0).mul_(gate).mul_(cotangent).float()


def _gaussian(x: Tensor, a: float) -> Tensor:
    return x.double().div_(a).square_().neg_().exp_().float()


def _gaussian_back(cotangent: Tensor, x: Tensor, a: float) -> Tensor:
    x = x.double().div_(a)
    return x.square().neg_().exp_().mul_(x).mul_(-2.0 / a).mul_(cotangent).float()


def _complementary_log_log(x: Tensor) -> Tensor:
    return x.double().exp_().neg_().expm1_().neg_().float()


def _complementary_log_log_back(cotangent: Tensor, x: Tensor) -> Tensor:
    x = x.double()
    return x.sub_(x.exp()).exp_().mul_(cotangent).float()


def _squared_sine(x: Tensor, alpha: float) -> Tensor:
    return x.mul(alpha).sin_().square_()


def _squared_sine_back(cotangent: Tensor, x: Tensor, alpha: float) -> Tensor:
    return x.mul(alpha).mul_(2.0).sin_().mul_(alpha).mul_(cotangent)


def _root(x: Tensor, rate: float, constant: float) -> Tensor:
    """sqrt(rate x^2 + constant)."""
    return x.square().mul_(rate).add_(constant).sqrt_()


def _hyperbola(x: Tensor, bend: float) -> Tensor:
    """For negative x the sum cancels; (bend / 2)^2 over that of -x is the same number."""
    x = x.double()
    larger = _root(x, 1.0, bend * bend).add_(x.abs()).mul_(0.5)
    return where(x < 0, larger.reciprocal().mul_(0.25 * bend * bend), larger).float()


def _hyperbola_back(cotangent: Tensor, x: Tensor, bend: float) -> Tensor:
    return _hyperbola(x, bend).double().div_(_root(x.double(), 1.0, bend * bend)).mul_(cotangent).float()


def _isru(x: Tensor, alpha: float) -> Tensor:
    x = x.double()
    return x.div_(_root(x, alpha, 1.0)).float()


def _isru_back(cotangent: Tensor, x: Tensor, alpha: float) -> Tensor:
    return _root(x.double(), alpha, 1.0).pow_(-3).mul_(cotangent).float()


def _bent_identity(x: Tensor) -> Tensor:
    x = x.double()
    return _root(x, 1.0, 1.0).sub_(1.0).mul_(0.5).add_(x).float()


def _bent_identity_back(cotangent: Tensor, x: Tensor) -> Tensor:
    x = x.double()
    return x.div_(_root(x, 1.0, 1.0)).mul_(0.5).add_(1.0).mul_(cotangent).float()


def _log_cosh(x: Tensor) -> Tensor:
    return x.double().sinh_().square_().log1p_().mul_(0.5).float()


def _is_near(x: Tensor, *numbers: float) -> bool:
    """Whether sinh and its square are finite."""
    return x.dtype == torch.float32 and all_within(x, 300.0)


def _x_minus_tanh(x: Tensor) -> Tensor:
    x = x.double()
    square = x.square()
    series = square.mul(17.0 / 315.0).sub_(2.0 / 15.0).mul_(square).add_(1.0 / 3.0).mul_(square).mul_(x)
    return where(square < 1e-4, series, x - x.tanh()).float()


def _x_minus_tanh_back(cotangent: Tensor, x: Tensor) -> Tensor:
    return x.tanh().square_().mul_(cotangent)


#: By the name that a formula is marked with in `keras_actx.activations`.
WIDE = {
    "swish": Kernel(_swish, _swish_back, _swish_takes),
    "gelu": Kernel(_gelu, _gelu_back, _is_single),
    "gelu_tanh": Kernel(_gelu_tanh, _gelu_tanh_back, _is_single),
    "normal_cdf": Kernel(
        lambda x: _normal_cdf(x.double()).float(),
        lambda g, x: _density(x.double()).mul_(g).float(),
        _is_single,
    ),
    "gaussian": Kernel(_gaussian, _gaussian_back, lambda x, a: 1e-30 < a < 1e30 and _is_single(x)),
    "complementary_log_log": Kernel(_complementary_log_log, _complementary_log_log_back, _is_single),
    "squared_sine": Kernel(
        _squared_sine, _squared_sine_back, lambda x, alpha: all_within(x, 1e37 / max(1.0, abs(alpha)))
    ),
    "hyperbola": Kernel(_hyperbola, _hyperbola_back, lambda x, bend: 1e-100 < bend < 1e100 and _is_single(x)),
    "isru": Kernel(_isru, _isru_back, lambda x, alpha: 1e-100 < alpha < 1e100 and _is_single(x)),
    "bent_identity": Kernel(_bent_identity, _bent_identity_back, _is_single),
    "log_cosh": Kernel(_log_cosh, lambda g, x: x.tanh().mul_(g), _is_near),
    "x_minus_tanh": Kernel(_x_minus_tanh, _x_minus_tanh_back, _is_single),
}
