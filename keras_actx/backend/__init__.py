"""Backend-specific code: one module or package per backend, imported only when that backend is active.

* `eager_float64`: a context outside of any trace, to compute a constant in float64.
* `forward_and_vjp`: a compiled function and its compiled vector-Jacobian product.
* `seeded`: the backend's own random numbers from a seed, for a while.
* `is_concrete`: whether a tensor has values, outside of any trace.
* `rematerialize`: saves only the inputs of a function for the backward pass; `bytes_kept`: how many bytes it saves.
* `fused`: compiles a function for eager calls; `by_cuda_kernel`: generates its kernels for a GPU.
* `reads_bytecode`: whether torch's compiler runs the code instead of Python.
* `exporting`, `portably`: compute a formula from operations that the export target supports.
* `with_kernel`: a faster kernel for a specific formula.
* `with_derivative`: a function with a custom derivative.
* `where`, `relu`, `clip`, `clip_min`, `clip_max`: in the dtype of their tensor, with the same derivative everywhere.
* `varies`: whether a function is compiled for more than one value of a number; `as_tensor`: such a number as a tensor.
* `tanh`, `sin`, `cos`, `arctan`: `keras.ops` compute them in float32 for a float64 tensor on JAX (seen in Keras 3.15).
* `erfc`: available in Keras since version 3.12 only.
"""

import functools
import importlib
import inspect
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import keras

from keras_actx.backend import exporters

_name = keras.backend.backend()
# At import, not at the first call: torch.compile cannot trace an import.
_in_use = importlib.import_module(
    f"keras_actx.backend.{_name if _name in ('jax', 'tensorflow', 'torch') else 'forward_only'}"
)


def eager_float64() -> AbstractContextManager[None]:
    """A context in which `keras.ops` run eagerly, on the CPU, in float64 and without gradients, even inside a trace."""
    return _in_use.eager_float64()


Function = Callable[..., Any]
_NUMBER = (int, float)


def forward_and_vjp(function: Function) -> tuple[Function, Function]:
    """A function of weights and x and its vector-Jacobian product J' c of weights, x and cotangent c; both compiled.

    The weights are a list of tensors, so that layers of equal shape share the compiled functions. x is a tensor or a
    list of them, and so is the product.
    """
    return _in_use.forward_and_vjp(function)


def seeded(seed: int) -> AbstractContextManager[None]:
    """A context in which the random numbers of the backend start from the seed, and after which they go on as before.

    On torch only: JAX has no state of random numbers, and TensorFlow's cannot be restored.
    """
    return _in_use.seeded(seed) if hasattr(_in_use, "seeded") else nullcontext()


def is_concrete(x: Any) -> bool:
    """Whether a tensor has values: it is not symbolic, and no tracer, compiler or transform records operations."""
    return not isinstance(x, keras.KerasTensor) and _in_use.is_concrete(x)


def rematerialize(function: Function, tensors: tuple[Any, ...]) -> Any:
    """`function(*tensors)`, which saves only the tensors for the backward pass and recomputes the rest there.

    Derivatives of every order and mode are those of the function. The function is called unchanged if it saves no more
    than its inputs, if nothing is saved (no gradient is computed), or if the backend already handles it
    (torch.compile).

    Args:
        function: a hashable function of tensors, a `Formula` or a `Projection`; probe results are cached and shared by
            equal functions. Its `elementwise` attribute says whether it is the same function of every element of the
            first tensor.
        tensors: its arguments.
    """
    return _in_use.rematerialize(function, tensors)


def rematerializes(x: Any) -> bool:
    """Whether a function of `x` may save anything, so that `rematerialize` saves less; False for a symbolic tensor."""
    return hasattr(_in_use, "rematerializes") and not isinstance(x, keras.KerasTensor) and _in_use.rematerializes(x)


def varies(number: Any) -> bool:
    """Whether torch.compile traces a function for more than one value of a Python number.

    A formula may branch on the value of a number, so that each value would be compiled separately; a tensor stands for
    all values.
    """
    return hasattr(_in_use, "varies") and _in_use.varies(number)


def as_tensor(number: Any, x: Any, dtype: str) -> Any:
    """A number that `varies` as a tensor on the device of `x`."""
    return _in_use.as_tensor(number, x, dtype)


def reads_bytecode() -> bool:
    """Whether torch's compiler is reading the bytecode of the caller, which cannot look at the call stack there."""
    return hasattr(_in_use, "reads_bytecode") and _in_use.reads_bytecode()


def is_ordinary(x: Any) -> bool:
    """Whether `x` is a tensor of the backend of float32, float64 or 16 bits, and nothing records its operations.

    Always False on JAX and TensorFlow, where a call has other costs.
    """
    return _is_ordinary(x)


_is_ordinary = getattr(_in_use, "is_ordinary", lambda x: False)


def direct(function: Function, x: Any, fused: bool) -> Any:
    """`function(x)` with the least overhead, for `x` that `is_ordinary`; None where there is no such way.

    On torch, on the CPU, for formulas of this package that are called often: their operations are recorded. It saves
    only its input for the backward pass.

    Args:
        function: a `Formula` of one tensor.
        x: the tensor.
        fused: whether the formula is compiled, as by the function of that name.
    """
    return _in_use.direct(function, x, fused)


def exporting(x: Any) -> bool:
    """Whether an exporter, of Keras or another package, is tracing `x` for another runtime."""
    return hasattr(_in_use, "exporting") and not isinstance(x, keras.KerasTensor) and _in_use.exporting(x)


def portably(function: Function, tensors: tuple[Any, ...], **context: Any) -> Any:
    """`function(*tensors, **context)`, computed from operations that the targets of this backend's exporters support.

    Nothing is recomputed for the backward pass: a custom gradient cannot be written to a file.
    """
    return exporters.portably(function, getattr(_in_use, "PORTABLE", ()), *tensors, **context)


def fuses(function: Function, tensors: tuple[Any, ...]) -> bool:
    """Whether `fused` can compile `function` and saves time: on torch, in eager mode, for several operations."""
    return hasattr(_in_use, "fuses") and _in_use.fuses(function, tensors)


def fused(function: Function, tensors: tuple[Any, ...]) -> Any:
    """`function(*tensors)`, compiled, with a compiled backward pass that saves only the tensors.

    Args:
        function: as for `rematerialize`; equal functions share the compiled code.
        tensors: its arguments, of any shapes.
    """
    return _in_use.fused(function, tensors)


def by_cuda_kernel(function: Function, tensors: tuple[Any, ...]) -> Any:
    """`function(*tensors)`, by one generated kernel, and its gradient by another; None where there is none.

    On torch, in eager mode, for tensors on a GPU. It saves only the tensors for the backward pass.

    Args:
        function: as for `rematerialize`; equal functions of any numbers share the kernels.
        tensors: its arguments, of any shapes.
    """
    return _in_use.by_cuda_kernel(function, tensors) if hasattr(_in_use, "by_cuda_kernel") else None


def with_kernel(name: str) -> Callable[[Function], Function]:
    """Registers a formula of x and numbers under this name, for which a backend may have a faster kernel.

    The kernel's results are within the same error bounds. Where it does not apply, the formula is used: for parameters
    that are tensors, within a compiled function, and for numbers outside of its range.
    """

    def marked(formula: Function) -> Function:
        kernel = _in_use.KERNELS.get(name)
        if kernel is None:
            return formula

        names = tuple(inspect.signature(formula).parameters)[1:]

        @functools.wraps(formula)
        def by_kernel(x: Any, *numbers: Any, **named: Any) -> Any:
            numbers = (*numbers, *(named[one] for one in names if one in named))
            return _in_use.by_kernel(kernel, formula, x, numbers)

        return by_kernel

    return marked


def bytes_kept(function: Function, *tensors: Any) -> int:
    """How many bytes of tensors `function(*tensors)` saves for its backward pass, each tensor counted once.

    Counted, not measured, so deterministic. On torch, the storages that autograd saves; on TensorFlow, the tensors of
    the forward graph that the backward graph reads; on JAX, the residuals of `jax.vjp`, except those that a compiler
    recomputes from the others by a comparison, a sum or a similar cheap operation.
    """
    return _in_use.bytes_kept(function, *tensors)


def with_derivative(derivative: Function) -> Callable[[Function], Function]:
    """Gives an elementwise function of one tensor a custom derivative, which replaces that of its operations.

    Second derivatives are those of `derivative`. An exported graph contains only the operations of the function.
    """

    def marked(function: Function) -> Function:
        differentiable = _in_use.with_derivative(function, derivative)

        @functools.wraps(function)
        def call(x: Any) -> Any:
            plain = isinstance(x, (keras.KerasTensor, *_NUMBER)) or exporters.is_portable()
            return function(x) if plain else differentiable(x)

        return call

    return marked


def where(condition: Any, x: Any, y: Any) -> Any:
    """`x` where the condition holds, `y` elsewhere: tensors of one dtype, one of which may be a number instead.

    Numbers are first converted to tensors of the other's dtype: Keras returns float32 for some pairs of a float64
    tensor and a number.
    """
    if hasattr(_in_use, "where") and not any(isinstance(one, keras.KerasTensor) for one in (condition, x, y)):
        return _in_use.where(condition, x, y)
    if isinstance(x, _NUMBER) and not isinstance(y, _NUMBER):
        x = x * keras.ops.ones_like(y)
    elif isinstance(y, _NUMBER) and not isinstance(x, _NUMBER):
        y = y * keras.ops.ones_like(x)
    return keras.ops.where(condition, x, y)


def clip_min(x: Any, low: Any) -> Any:
    """The larger of `x` and `low`; the derivative is 1 where they are equal. NaN is propagated."""
    if isinstance(low, _NUMBER) and not isinstance(x, keras.KerasTensor) and hasattr(_in_use, "clip_min"):
        return _in_use.clip_min(x, low)
    return where(x < low, low, x)


def clip_max(x: Any, high: Any) -> Any:
    """The smaller of `x` and `high`; the derivative is 1 where they are equal. NaN is propagated."""
    if isinstance(high, _NUMBER) and not isinstance(x, keras.KerasTensor) and hasattr(_in_use, "clip_max"):
        return _in_use.clip_max(x, high)
    return where(x > high, high, x)


def relu(x: Any) -> Any:
    """The larger of `x` and 0; the derivative at 0 is 0."""
    return keras.ops.relu(x) if isinstance(x, keras.KerasTensor) or not hasattr(_in_use, "relu") else _in_use.relu(x)


def clip(x: Any, low: float, high: float) -> Any:
    """`x` clipped to [low, high], two numbers; NaN is propagated.

    For functions that are saturated at both ends: the derivative there is 1 or 0.
    """
    if isinstance(x, keras.KerasTensor) or not hasattr(_in_use, "clip"):
        return clip_max(clip_min(x, low), high)
    return _in_use.clip(x, low, high)


def erfc(x: Any) -> Any:
    """The complementary error function."""
    if exporters.is_portable():
        return exporters.replacement("erfc")(x)
    if not isinstance(x, keras.KerasTensor) and hasattr(_in_use, "erfc"):
        return _in_use.erfc(x)
    return keras.ops.erfc(x) if hasattr(keras.ops, "erfc") else 1.0 - keras.ops.erf(x)


def sigmoid(x: Any) -> Any:
    """1 / (1 + e^-x)."""
    own = not isinstance(x, keras.KerasTensor) and hasattr(_in_use, "sigmoid")
    return _in_use.sigmoid(x) if own else keras.ops.sigmoid(x)


def tanh(x: Any) -> Any:
    """The hyperbolic tangent in the dtype of `x`."""
    return keras.ops.tanh(x) if isinstance(x, keras.KerasTensor) else _in_use.tanh(x)


def sin(x: Any) -> Any:
    """The sine in the dtype of `x`."""
    return keras.ops.sin(x) if isinstance(x, keras.KerasTensor) else _in_use.sin(x)


def cos(x: Any) -> Any:
    """The cosine in the dtype of `x`."""
    return keras.ops.cos(x) if isinstance(x, keras.KerasTensor) else _in_use.cos(x)


def arctan(x: Any) -> Any:
    """The inverse tangent in the dtype of `x`."""
    return keras.ops.arctan(x) if isinstance(x, keras.KerasTensor) else _in_use.arctan(x)
