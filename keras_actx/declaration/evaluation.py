"""Running a formula on a tensor: the precision it is computed in and the dtype it returns."""

from typing import Any

import keras

from keras_actx.declaration.declaration import Declaration

_HALF_PRECISION = ("float16", "bfloat16")


def evaluate(declaration: Declaration, x: Any, params: dict[str, Any], **context: Any) -> Any:
    """Apply the formula to `x`; the result has the dtype of `x`.

    16-bit inputs are computed in float32 and rounded once at the end: composites computed in float16 lose up to
    11 bits and turn finite results into inf. Whole numbers become `keras.config.floatx()`.
    """
    x = keras.ops.convert_to_tensor(x)
    dtype = output_dtype(x.dtype)
    inner = inner_dtype(dtype)
    x = keras.ops.cast(x, inner)
    params = {name: _as_dtype(value, inner) for name, value in params.items()}
    if declaration.kind == "gated":
        value, gate = split_halves(declaration, x)
        result = declaration.formula(value, gate, **params)
    else:
        result = declaration.formula(x, **params, **context)
    return keras.ops.cast(result, dtype)


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


def _as_dtype(value: Any, dtype: str) -> Any:
    if isinstance(value, (bool, int, float, type(None))):
        return value  # Python numbers follow the tensor they meet
    return keras.ops.cast(value, dtype)
