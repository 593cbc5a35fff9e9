"""Evaluation of a formula on a tensor: compute precision, output dtype, and tensors saved for the backward pass."""

import functools
from dataclasses import dataclass, fields, replace
from typing import Any

import keras

from keras_actx import backend, config
from keras_actx.choices import Gate
from keras_actx.declaration.declaration import OWN_PACKAGE, Declaration
from keras_actx.declaration.parameters import Parameter


def evaluate(
    declaration: Declaration,
    x: Any,
    params: dict[str, Any],
    *,
    gate: Gate = "last",
    interleaved: bool = False,
    **context: Any,
) -> Any:
    """Apply the formula to `x`; the result has the dtype of `x`.

    16-bit inputs are computed in float32 and rounded once at the end: compositions computed in float16 lose up to 11
    bits and can overflow to inf. The same holds for 8-bit floats. Integers and booleans are converted to
    `keras.config.floatx()`. For a gated formula, `gate` and `interleaved` are those of `GatedLinearUnit`.

    Raises:
        TypeError: if `x` or a parameter is complex.
        ValueError: if a number is infinite, or 0, in the dtype of the computation.
    """
    x = keras.ops.convert_to_tensor(x)
    formula, inputs = as_function(declaration, x, params, gate=gate, interleaved=interleaved)
    if any(isinstance(one, keras.KerasTensor) for one in inputs):
        return formula(*_all_symbolic(inputs), **context)
    if config.portable() or backend.exporting(x):
        return backend.portably(formula, inputs, **context)
    # A random formula would draw other numbers when recomputed.
    return formula(*inputs, **context) if context else apply(formula, inputs)


def evaluate_ordinary(formula: "Formula", x: Any) -> Any:
    """The same for a tensor that `backend.is_ordinary`, of the dtype of the formula."""
    if config.portable():
        return backend.portably(formula, (x,))
    fused = config.fused()
    result = backend.direct(formula, x, fused) if fused or config.memory_efficient() else None
    return apply(formula, (x,)) if result is None else result


def as_function(
    declaration: Declaration, x: Any, params: dict[str, Any], *, gate: Gate = "last", interleaved: bool = False
) -> tuple["Formula", tuple[Any, ...]]:
    """The formula as a function of tensors, and these tensors. Raises errors as `evaluate` does."""
    own = keras.backend.standardize_dtype(x.dtype)
    dtype = own if own in _USUAL else output_dtype(own, declaration.identifier)
    numbers, tensors = {}, {}
    for name, value in params.items():
        if not _is_number(value):
            tensors[name] = one = keras.ops.convert_to_tensor(value)
            output_dtype(one.dtype, f"{declaration.identifier}: {name}")
        elif backend.varies(value):
            tensors[name] = backend.as_tensor(value, x, inner_dtype(dtype))
        else:
            numbers[name] = representable(value, name, declaration.identifier, inner_dtype(dtype))
    formula = Formula(declaration, tuple(numbers.items()), tuple(tensors), dtype, gate, interleaved)
    return formula, (x if dtype == own else keras.ops.cast(x, dtype), *tensors.values())


#: The smallest number in size that no backend rounds to 0, and the largest finite one. Smaller numbers than the normal
#: ones of float32 are 0 on some backends.
_ENDS = {"float16": (2.0**-24, 65504.0), "float32": (2.0**-126, (2.0 - 2.0**-23) * 2.0**127)}


def representable(value: Any, name: str, owner: str, dtype: str) -> Any:
    """The value, which must not become infinite, or 0, in `dtype`. Raises `ValueError` if it does."""
    if type(value) is float and value != 0.0 and dtype != "float64":
        low, high = _ENDS["float16" if dtype == "float16" else "float32"]
        if not low <= abs(value) <= high:
            raise ValueError(
                f"{owner}: {name}={value!r} is outside of the range of {dtype}, in which it is used here: from "
                f"{low:.4g} to {high:.4g} in size; use such a number, or float64"
            )
    return value


_USUAL = ("float16", "bfloat16", "float32", "float64")


def apply(formula: "Formula", inputs: tuple[Any, ...]) -> Any:
    """The formula of its tensors, by a kernel, compiled or recomputed in the backward pass, as the settings say."""
    if formula.declaration.kind == "vector":  # it mixes an axis (softmax): it saves little, and takes long to recompute
        return formula(*inputs)
    result = backend.by_cuda_kernel(formula, inputs) if config.cuda_kernels() else None
    if result is not None:
        return result
    if config.fused() and backend.fuses(formula, inputs):
        return backend.fused(formula, inputs)
    return backend.rematerialize(formula, inputs) if config.memory_efficient() else formula(*inputs)


@dataclass(frozen=True)
class Formula:
    """A declared formula as a function of tensors: `x`, then the parameters in `names`. Equal ones compute the same."""

    declaration: Declaration
    numbers: tuple[tuple[str, Any], ...]
    names: tuple[str, ...]
    dtype: str
    gate: Gate = "last"
    interleaved: bool = False

    @property
    def is_own(self) -> bool:
        """Whether it belongs to this package, whose tests verify the kind of every formula."""
        return self.declaration.package == OWN_PACKAGE

    @property
    def elementwise(self) -> bool:
        """Whether it is declared to be elementwise, so that the axes of x are irrelevant."""
        return self.declaration.kind == "elementwise"

    @property
    def found(self) -> dict[Any, Any]:
        """Cached properties of formulas of this declaration, freed with it."""
        known = vars(self.declaration)
        return known["_found"] if "_found" in known else known.setdefault("_found", _Found())

    @functools.cached_property
    def own(self) -> dict[str, Any]:
        """Cached properties of this formula."""
        return {}

    def with_ordinary_numbers(self) -> "Formula":
        """The formula with generic numbers in place of those it does not branch on, to share cached results."""
        parameters = {one.name: one for one in self.declaration.parameters}
        return replace(self, numbers=tuple((name, _ordinary(value, parameters[name])) for name, value in self.numbers))

    def with_numbers_as_inputs(self) -> tuple["Formula", tuple[float, ...]]:
        """The formula with its numbers as further tensors, apart from those it may branch on; and these numbers."""
        parameters = {one.name: one for one in self.declaration.parameters}
        free = dict(one for one in self.numbers if not _is_special(one[1], parameters[one[0]]))
        kept = tuple(one for one in self.numbers if one[0] not in free)
        return replace(self, numbers=kept, names=(*self.names, *free)), tuple(free.values())

    def __hash__(self) -> int:
        # The hash of the fields that are set: torch's compiler hashes an instance that is created in compiled code
        # before its fields are set (seen in 2.11).
        return hash(tuple(map(vars(self).get, _FIELDS)))

    def __call__(self, x: Any, *tensors: Any, **context: Any) -> Any:
        """The result, in `dtype`."""
        x = keras.ops.cast(x, inner_dtype(self.dtype))
        return keras.ops.cast(self.of_inputs(self.inputs_of(x), tensors, **context), self.dtype)

    def inputs_of(self, x: Any) -> tuple[Any, ...]:
        """`x`, or its value and gate."""
        if self.declaration.kind != "gated":
            return (x,)
        halves = (x[..., ::2], x[..., 1::2]) if self.interleaved else split_halves(self.declaration, x)
        return halves if self.gate == "last" else halves[::-1]

    def of_inputs(self, inputs: tuple[Any, ...], tensors: tuple[Any, ...], **context: Any) -> Any:
        """The declared function of its inputs, `x` or value and gate, in the dtype that it computes in."""
        values = (keras.ops.cast(one, inner_dtype(self.dtype)) for one in tensors)
        # Python numbers take the dtype of the tensor they are combined with.
        params = {**dict(self.numbers), **dict(zip(self.names, values, strict=True))}
        return self.declaration.formula(*inputs, **params, **context)


@dataclass(frozen=True)
class Projection:
    """`inner(z, *parameters) @ kernel` as a function of z, the kernel and the parameters, for `backend.rematerialize`.

    Args:
        inner: a `Formula`, or a function of Keras of one tensor.
        moments: None, or the mean and deviation that the result of `inner` is standardized with.
        halves: whether `inner` halves the last axis.
    """

    inner: Any
    moments: tuple[float, float] | None
    halves: bool

    elementwise = False

    @property
    def is_own(self) -> bool:
        """See `Formula`."""
        return getattr(self.inner, "is_own", True)

    @property
    def found(self) -> dict[Any, Any]:
        """See `Formula`; Keras's functions have a dict of their own, which lasts."""
        return getattr(self.inner, "found", _FOUND)

    def with_ordinary_numbers(self) -> "Projection":
        """See `Formula`."""
        inner = self.inner.with_ordinary_numbers() if isinstance(self.inner, Formula) else self.inner
        return replace(self, inner=inner, moments=self.moments and (0.5, 2.0))

    def probe_shapes(self, rows: int, width: int, count: int) -> list[tuple[int, ...]]:
        """The shapes of `count` small arguments."""
        return [(rows, width), (width // 2 if self.halves else width, width), *[()] * (count - 2)]

    def __call__(self, z: Any, kernel: Any, *parameters: Any) -> Any:
        return keras.ops.matmul(self.multiplied(z, *parameters), kernel)

    def multiplied(self, z: Any, *parameters: Any, as_set: bool = False) -> Any:
        """What is multiplied with the kernel; with `as_set`, compiled or recomputed as the settings say."""
        applied = as_set and isinstance(self.inner, Formula)
        y = apply(self.inner, (z, *parameters)) if applied else self.inner(z, *parameters)
        return y if self.moments is None else (y - self.moments[0]) / self.moments[1]


class _Found(dict):
    """A cache on a declaration, neither saved nor copied with it."""

    def __reduce__(self) -> Any:
        return _Found, ()


_FOUND = _Found()

_FIELDS = tuple(one.name for one in fields(Formula))

#: Generic numbers, below and above 1, that formulas have no branches for.
_ORDINARY = (0.7, 1.7)


def _ordinary(value: Any, parameter: Parameter) -> Any:
    """A generic number in place of the value, unless a formula may branch on it."""
    if _is_special(value, parameter):
        return value
    other = _ORDINARY[abs(value) > 1.0] * (1.0 if value > 0.0 else -1.0)
    return other if other in parameter.range else value


def _is_special(value: Any, parameter: Parameter) -> bool:
    """Whether a formula may branch on the value: 0, 1, -1 and the default, and whatever is no float."""
    return type(value) is not float or value in (0.0, 1.0, -1.0, parameter.default)


def _all_symbolic(inputs: tuple[Any, ...]) -> list[Any]:
    """The inputs as symbolic tensors if any is symbolic: operators of JAX arrays do not accept symbolic operands."""
    symbolic = next(one for one in inputs if isinstance(one, keras.KerasTensor))
    nothing = keras.ops.sum(keras.ops.zeros_like(symbolic))

    def as_symbolic(one: Any) -> Any:
        return keras.ops.add(one, keras.ops.cast(nothing, keras.backend.standardize_dtype(one.dtype)))

    return [one if isinstance(one, keras.KerasTensor) else as_symbolic(one) for one in inputs]


def inner_dtype(dtype: str) -> str:
    """The compute dtype for a result in `dtype`; results of fewer bits are rounded once at the end."""
    return dtype if dtype in ("float32", "float64") else "float32"


def output_dtype(dtype: Any, owner: str = "an activation") -> str:
    """The dtype an activation returns for an input of `dtype`.

    Raises:
        TypeError: for a complex one.
    """
    dtype = keras.backend.standardize_dtype(dtype)
    if "complex" in dtype:
        raise TypeError(
            f"{owner} accepts real numbers, not {dtype}: the imaginary part would be lost. Pass keras.ops.real(x) and "
            "keras.ops.imag(x) separately"
        )
    if dtype == "string":
        raise TypeError(f"{owner} accepts numbers, not strings")
    return dtype if "float" in dtype else keras.config.floatx()


def split_halves(declaration: Declaration, x: Any) -> tuple[Any, Any]:
    """The value (first) and gate (last) halves of the last axis.

    Raises:
        ValueError: if the axis cannot be halved.
    """
    width = x.shape[-1] if x.shape else 1
    if width is None:  # in a graph of unknown shape; an odd axis then fails where the halves are combined
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
