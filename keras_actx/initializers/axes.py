"""The roles of the axes of a kernel: taps of a convolution, inputs that are summed over, units."""

import math
import operator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from keras import ops

from keras_actx._messages import quote


@dataclass(frozen=True)
class Layout:
    """The sizes of a kernel's axes by role, and their order in the kernel."""

    shape: tuple[int, ...]
    taps: tuple[int, ...]
    inputs: tuple[int, ...]
    units: tuple[int, ...]
    order: tuple[int, ...] = ()  # the kernel's axes: taps first, then inputs, then units

    @classmethod
    def of(cls, shape: tuple[int, ...], input_axes: Sequence[int], output_axes: Sequence[int]) -> "Layout":
        """The layout of a kernel of `shape`; all other axes are taps. Raises `ValueError` for missing axes."""
        rank = len(shape)
        for axis in (*input_axes, *output_axes):
            if not -rank <= axis < rank:
                raise ValueError(f"a kernel of shape {shape} has no axis {axis}; change input_axes or output_axes")
        inputs, units = ([axis % rank for axis in axes] for axes in (input_axes, output_axes))
        if len({*inputs, *units}) < len(inputs) + len(units):
            raise ValueError(
                f"an axis of a kernel of shape {shape} is named twice by input_axes={tuple(input_axes)} and "
                f"output_axes={tuple(output_axes)}"
            )
        taps = [axis for axis in range(rank) if axis not in inputs and axis not in units]
        sizes = (tuple(shape[axis] for axis in axes) for axes in (taps, inputs, units))
        return cls(shape, *sizes, order=(*taps, *inputs, *units))

    @property
    def sizes(self) -> tuple[int, ...]:
        """`(*taps, fan_in, fan_out)`, with the fans of a single tap."""
        return (*self.taps, math.prod(self.inputs), math.prod(self.units))

    @property
    def spread(self) -> tuple[int, ...]:
        """`(*taps, *inputs, *units)`."""
        return (*self.taps, *self.inputs, *self.units)

    def arranged(self, kernel: Any) -> Any:
        """The kernel of `shape` from one of `sizes` or `spread`."""
        if tuple(kernel.shape) != self.spread:
            kernel = ops.reshape(kernel, self.spread)
        if self.order == tuple(range(len(self.order))):
            return kernel
        return ops.transpose(kernel, [self.order.index(axis) for axis in range(len(self.order))])


def checked_axes(input_axes: Any, output_axes: Any) -> tuple[list[int] | None, list[int] | None]:
    """Both as lists, for a config. Raises `ValueError` for anything else, and for one without the other."""
    checked = []
    for name, axes in (("input_axes", input_axes), ("output_axes", output_axes)):
        try:
            if isinstance(axes, (str, bytes)):
                raise TypeError
            checked.append(None if axes is None else [operator.index(one) for one in axes])
        except TypeError:
            raise ValueError(f"{name}={quote(axes)} is not allowed; use None or whole numbers, as (1, 2)") from None
    if (checked[0] is None) != (checked[1] is None):
        raise ValueError("input_axes and output_axes must be given together")
    return checked[0], checked[1]
