"""torch: the steps that a formula takes, as torch runs them on a sample."""

from collections.abc import Callable
from typing import Any

import keras
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from keras_actx.backend.sample import asked_of_every_number


class Steps(TorchDispatchMode):
    """Notes the steps that are taken within."""

    def __init__(self) -> None:
        super().__init__()
        self.taken: list[tuple[Any, int]] = []

    def __torch_dispatch__(self, step: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = step(*args, **(kwargs or {}))
        self.taken.append((step, made.numel() if isinstance(made, torch.Tensor) else 0))
        return made

    def that_write(self, size: int) -> int:
        """How many write a tensor of that size or larger."""
        return sum(not step.is_view and made >= size for step, made in self.taken)

    @property
    def draw_numbers(self) -> bool:
        """Whether some are random: other numbers would come out the next time."""
        return any(torch.Tag.nondeterministic_seeded in step.tags for step, _ in self.taken)

    @property
    def are_of_numbers(self) -> bool:
        """Whether each makes every number from those in the same place."""
        return not self.draw_numbers and all(
            torch.Tag.pointwise in step.tags or step.overloadpacket in _OF_NUMBERS for step, _ in self.taken
        )


_aten = torch.ops.aten
#: Beside those that torch tags. A constant may have the shape of x; what it is, must not.
_OF_NUMBERS = {
    *(_aten._to_copy, _aten.alias, _aten.clone, _aten.detach, _aten.expand, _aten.lift_fresh),
    *(_aten.empty_like, _aten.full, _aten.full_like, _aten.new_full, _aten.new_zeros, _aten.ones, _aten.ones_like),
    *(_aten.scalar_tensor, _aten.zeros, _aten.zeros_like),
}


def is_of_numbers(function: Callable[..., Any], tensors: tuple[Any, ...]) -> bool:
    """Whether every number of a formula's result is made of those in the same place, whatever the shape around it.

    A declaration says no more than what somebody meant.
    """
    return function.is_own or not _mixes(function, tuple(one.dtype for one in tensors))


@asked_of_every_number
def _mixes(function: Any, sample: list[Any]) -> bool:
    dtypes = [getattr(torch, keras.backend.standardize_dtype(dtype)) for _, dtype in sample]
    gated = not function.elementwise
    shape = (6, 8)

    def on(device: str, x: Any) -> Any:
        parameters = [torch.full((), 0.7, dtype=dtype, device=device) for dtype in dtypes[1:]]
        return function.of_inputs((x, -x) if gated else (x,), tuple(parameters))

    # No numbers are there to look at, so there is no branch but for the shape.
    x = torch.empty(shape, dtype=torch.float32, device="meta", requires_grad=True)
    with keras.device("meta"), torch.device("meta"), torch.enable_grad(), Steps() as steps:
        y = on("meta", x)
        if y.requires_grad:
            torch.autograd.grad(y, x, torch.ones_like(y))
    if not steps.are_of_numbers:
        return True
    with keras.device("cpu"), torch.device("cpu"), torch.no_grad():
        x = torch.linspace(-9.0, 9.0, 48)
        whole, flat, part = on("cpu", x.view(shape)), on("cpu", x), on("cpu", x[:17])
    return not all(
        torch.allclose(one, flat[: len(one)], rtol=1e-4, atol=1e-6, equal_nan=True) for one in (whole.flatten(), part)
    )
