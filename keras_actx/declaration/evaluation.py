"""Running a formula on a tensor: the precision it is computed in, the dtype it returns, what is kept for gradients."""

from dataclasses import dataclass
from typing import Any

import keras

from keras_actx import backend, config
from keras_actx.declaration.declaration import Declaration

_HALF_PRECISION = ("float16", "bfloat16")


def evaluate(declaration: Declaration, x: Any, params: dict[str, Any], **context: Any) -> Any:
    """Apply the formula to `x`; the result has the dtype of `x`.

    16-bit inputs are computed in float32 and rounded once at the end: composites computed in float16 lose up to
    11 bits and turn finite results into inf. Whole numbers become `keras.config.floatx()`.
    """
    x = keras.ops.convert_to_tensor(x)
    dtype = output_dtype(x.dtype)
    numbers = {name: value for name, value in params.items() if _is_number(value)}
    tensors = {name: keras.ops.convert_to_tensor(value) for name, value in params.items() if name not in numbers}
    formula = Formula(declaration, tuple(numbers.items()), tuple(tensors), dtype)
    inputs = (keras.ops.cast(x, dtype), *tensors.values())
    # A random formula would draw other numbers the second time. One that mixes an axis (softmax) keeps little, and
    # what it does twice is dear.
    if context or declaration.kind == "vector" or any(isinstance(one, keras.KerasTensor) for one in inputs):
        return formula(*inputs, **context)
    if config.fused() and backend.fuses(formula, inputs):
        return backend.fused(formula, inputs)
    return backend.keeping_inputs(formula, inputs) if config.memory_efficient() else formula(*inputs)


@dataclass(frozen=True)
class Formula:
    """A declared formula as a function of tensors: `x`, then the parameters in `names`. Equal ones do the same."""

    declaration: Declaration
    numbers: tuple[tuple[str, Any], ...]
    names: tuple[str, ...]
    dtype: str

    @property
    def elementwise(self) -> bool:
        """Whether it means nothing along which axes the elements of x are."""
        return self.declaration.kind == "elementwise"

    def __hash__(self) -> int:
        # That of the fields, as far as they are set: torch's compiler, to call one that is made in what it compiles,
        # looks it up before it has any (seen in 2.11).
        return hash(tuple(vars(self).values()))

    def __call__(self, x: Any, *tensors: Any, **context: Any) -> Any:
        """The result, in `dtype`."""
        inner = inner_dtype(self.dtype)
        x = keras.ops.cast(x, inner)
        values = (keras.ops.cast(one, inner) for one in tensors)
        # Python numbers follow the tensor they meet.
        params = {**dict(self.numbers), **dict(zip(self.names, values, strict=True))}
        if self.declaration.kind == "gated":
            value, gate = split_halves(self.declaration, x)
            result = self.declaration.formula(value, gate, **params)
        else:
            result = self.declaration.formula(x, **params, **context)
        return keras.ops.cast(result, self.dtype)


def inner_dtype(dtype: str) -> str:
    """The dtype to compute in for a result in `dtype`: rounded once at the end, 16-bit results keep their digits."""
    return "float32" if dtype in _HALF_PRECISION else dtype


def output_dtype(dtype: Any) -> str:
    """The dtype an activation returns for an input of `dtype`."""
    dtype = keras.backend.standardize_dtype(dtype)
    return dtype if "float" in dtype else keras.config.floatx()


def split_halves(declaration: Declaration, x: Any) -> tuple[Any, Any]:
    """The value (first) and gate (last) halves of the last axis.

    Raises:
        ValueError: if the axis cannot be halved.
    """
    width = x.shape[-1] if x.shape else 1
    if width is None:  # in a graph of unknown shape; an odd axis then fails where the halves meet
        half = keras.ops.shape(x)[-1] // 2
        return x[..., :half], x[..., half:]
    if width % 2:
        raise ValueError(
            f"{declaration.identifier} needs a last axis of even size, to split into value and gate; "
            f"it received shape {tuple(x.shape)}"
        )
    value, gate = keras.ops.split(x, 2, axis=-1)
    return value, gate


def _is_number(value: Any) -> bool:
    return isinstance(value, (bool, int, float, type(None)))
