"""torch: the operations of a formula, recorded while torch runs them on a probe."""

from collections.abc import Callable
from typing import Any

import keras
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from keras_actx.backend.probe import checked_for_every_number


class Steps(TorchDispatchMode):
    """Records the operations that run within the context."""

    def __init__(self) -> None:
        super().__init__()
        self.taken: list[tuple[Any, int]] = []

    def __torch_dispatch__(self, step: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = step(*args, **(kwargs or {}))
        self.taken.append((step, made.numel() if isinstance(made, torch.Tensor) else 0))
        return made

    def count_writing(self, size: int) -> int:
        """How many operations write a tensor of that size or larger."""
        return sum(not step.is_view and made >= size for step, made in self.taken)

    @property
    def are_random(self) -> bool:
        """Whether some operations are random, so that recomputing them gives different results."""
        return any(torch.Tag.nondeterministic_seeded in step.tags for step, _ in self.taken)

    @property
    def are_elementwise(self) -> bool:
        """Whether each operation is elementwise."""
        return not self.are_random and all(
            torch.Tag.pointwise in step.tags or step.overloadpacket in _ELEMENTWISE for step, _ in self.taken
        )


_aten = torch.ops.aten
#: Elementwise operations beside those that torch tags. The shape of a constant may depend on that of x; its value not.
_ELEMENTWISE = {
    *(_aten._to_copy, _aten.alias, _aten.clone, _aten.detach, _aten.expand, _aten.lift_fresh),
    *(_aten.empty_like, _aten.full, _aten.full_like, _aten.new_full, _aten.new_zeros, _aten.ones, _aten.ones_like),
    *(_aten.scalar_tensor, _aten.zeros, _aten.zeros_like, _aten.fill_),
    *(_aten.elu_backward, _aten.hardshrink_backward, _aten.hardsigmoid_backward, _aten.hardswish),
    *(_aten.hardswish_backward, _aten.hardtanh_backward, _aten.leaky_relu_backward, _aten.log_sigmoid_backward),
    *(_aten.log_sigmoid_forward, _aten.softplus_backward, _aten.softshrink_backward),
}


def is_elementwise(function: Callable[..., Any], tensors: tuple[Any, ...]) -> bool:
    """Whether each element of a formula's result depends only on the elements at the same position, for all shapes.

    The declared kind of a user's formula is not relied on.
    """
    return function.is_own or not _mixes(function, tuple(one.dtype for one in tensors))


@checked_for_every_number
def _mixes(function: Any, probe: list[Any]) -> bool:
    dtypes = [getattr(torch, keras.backend.standardize_dtype(dtype)) for _, dtype in probe]
    gated = not function.elementwise
    shape = (6, 8)

    def on(device: str, x: Any) -> Any:
        parameters = [torch.full((), 0.7, dtype=dtype, device=device) for dtype in dtypes[1:]]
        return function.of_inputs((x, -x) if gated else (x,), tuple(parameters))

    # There are no values on the `meta` device, so a formula can branch on the shape only.
    x = torch.empty(shape, dtype=torch.float32, device="meta", requires_grad=True)
    with keras.device("meta"), torch.device("meta"), torch.enable_grad(), Steps() as steps:
        y = on("meta", x)
        if y.requires_grad:
            torch.autograd.grad(y, x, torch.ones_like(y))
    if not steps.are_elementwise:
        return True
    with keras.device("cpu"), torch.device("cpu"), torch.no_grad():
        x = torch.linspace(-9.0, 9.0, 48)
        whole, flat, part = on("cpu", x.view(shape)), on("cpu", x), on("cpu", x[:17])
    return not all(
        torch.allclose(one, flat[: len(one)], rtol=1e-4, atol=1e-6, equal_nan=True) for one in (whole.flatten(), part)
    )
