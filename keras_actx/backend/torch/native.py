"""torch's own kernels, where their numbers are within the bars, and others of as few passes over memory."""

import torch
from torch.nn import functional

from keras_actx.backend.torch.kernel import Kernel, Tensor

_native = torch.ops.aten


def _leaky_back(cotangent: Tensor, x: Tensor, slope: float) -> Tensor:
    smallest = torch.finfo(x.dtype).smallest_normal * torch.finfo(x.dtype).eps
    return _native.leaky_relu_backward(cotangent, x.add(smallest), slope, False)  # 0 counts as positive


#: By the name that a formula is marked with in `keras_actx.activations`.
NATIVE = {
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
    "hard_shrink": Kernel(functional.hardshrink, _native.hardshrink_backward),
    "soft_shrink": Kernel(functional.softshrink, _native.softshrink_backward),
    "leaky": Kernel(functional.leaky_relu, _leaky_back, lambda x, slope: slope != 0.0),
}
