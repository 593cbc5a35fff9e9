"""The one place where backends differ; a file or folder a backend, imported only when that backend is in use.

* `eager_float64`: leaving whatever is being traced, to compute a constant in float64.
* `there_and_back`: a function compiled, and the gradient's way back through it.
* `keeping_inputs`: a function that keeps its inputs alone for its backward pass; `bytes_kept`: how much one keeps.
* `fused`: a function compiled for a call that is eager.
* `exporting`, `portably`: a formula made of operations that the target of an export knows.
* `with_kernel`: a faster way to compute a certain formula.
* `with_derivative`: a function whose derivative is given, not taken from its steps.
* `where`, `relu`, `clip`, `clip_min`, `clip_max`: in the dtype of their tensor, with the same derivative everywhere.
* `varies`: whether a compiled function is made for more than one value of a number; `as_tensor`: such a number.
* `tanh`, `sin`, `cos`, `arctan`: `keras.ops` compute them in float32 for a float64 tensor on JAX (seen in Keras 3.15).
* `erfc`: Keras has it since 3.12 only.
"""

import functools
import importlib
import inspect
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import keras

from keras_actx.backend import exporters

_name = keras.backend.backend()
# At import, not at the first call: torch.compile cannot trace an import.
_in_use = importlib.import_module(
    f"keras_actx.backend.{_name if _name in ('jax', 'tensorflow', 'torch') else 'others'}"
)


def eager_float64() -> AbstractContextManager[None]:
    """A context in which `keras.ops` run at once, on the CPU, in float64 and without gradients, even inside a trace."""
    return _in_use.eager_float64()


Function = Callable[..., Any]
_NUMBER = (int, float)


def there_and_back(function: Function) -> tuple[Function, Function]:
    """A function of weights and x, and the gradient's way back through it: J' c from weights, x and c; both compiled.

    The weights are tensors in a list, so that layers of one shape share what is compiled.
    """
    return _in_use.there_and_back(function)


def keeping_inputs(function: Function, tensors: tuple[Any, ...]) -> Any:
    """`function(*tensors)`, which keeps the tensors alone for the backward pass, and computes the rest again there.

    Derivatives of every order and mode are the function's own. A function that keeps no more by itself is called as it
    is, and so is any other where nothing is kept (without a gradient) or the backend sees to it better (torch.compile).

    Args:
        function: of tensors alone, and hashable: what is found out about it once is used for all equal ones. Its
            `elementwise` says whether it is the same function of every element of the first.
        tensors: on which to call it.
    """
    return _in_use.keeping_inputs(function, tensors)


def varies(number: Any) -> bool:
    """Whether torch.compile traces a function for more than one value of a Python number.

    A formula has branches for numbers, each of which would be compiled anew; as a tensor it is any number.
    """
    return hasattr(_in_use, "varies") and _in_use.varies(number)


def as_tensor(number: Any, x: Any, dtype: str) -> Any:
    """A number that `varies`, beside `x`."""
    return _in_use.as_tensor(number, x, dtype)


def exporting(x: Any) -> bool:
    """Whether `x` is being traced for another runtime, by an exporter of Keras or another package."""
    return hasattr(_in_use, "exporting") and not isinstance(x, keras.KerasTensor) and _in_use.exporting(x)


def portably(function: Function, tensors: tuple[Any, ...], **context: Any) -> Any:
    """`function(*tensors, **context)`, of operations that the targets of this backend's exporters know.

    Nothing is recomputed for the backward pass: a custom gradient cannot be written to a file.
    """
    return exporters.portably(function, getattr(_in_use, "PORTABLE", ()), *tensors, **context)


def fuses(function: Function, tensors: tuple[Any, ...]) -> bool:
    """Whether `fused` can compile `function`, and is worth it: on torch, eagerly, for four steps or more."""
    return hasattr(_in_use, "fuses") and _in_use.fuses(function, tensors)


def fused(function: Function, tensors: tuple[Any, ...]) -> Any:
    """`function(*tensors)`, compiled, with a gradient that is, and that keeps the tensors alone.

    Args:
        function: as `keeping_inputs` takes it; what is compiled once is used for all equal ones.
        tensors: on which to call it; of any shapes.
    """
    return _in_use.fused(function, tensors)


def with_kernel(name: str) -> Callable[[Function], Function]:
    """Marks a formula of x and numbers for which a backend may have a faster kernel, under this name.

    The kernel's results are within the same bars; where it does not do, the formula is called as ever: with parameters
    that are tensors, within a compiled function, for numbers out of its range.
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
    """How many bytes of tensors `function(*tensors)` keeps for its backward pass, each counted once.

    Counted, not measured, so always the same. On torch, the storages that autograd saves; on TensorFlow, the tensors of
    a graph's way there that its way back takes; on JAX, the residuals of `jax.vjp`, except those that a compiler gets
    from the others by a comparison, a sum or the like.
    """
    return _in_use.bytes_kept(function, *tensors)


def with_derivative(derivative: Function) -> Callable[[Function], Function]:
    """Gives an elementwise function of one tensor the derivative to use in place of that of its steps.

    Second derivatives are those of `derivative`. In an exported graph the function has its steps alone.
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

    Numbers are made tensors of the other's dtype first: Keras returns float32 for some pairs of a float64 tensor and a
    number.
    """
    if isinstance(x, _NUMBER) and not isinstance(y, _NUMBER):
        x = x * keras.ops.ones_like(y)
    elif isinstance(y, _NUMBER) and not isinstance(x, _NUMBER):
        y = y * keras.ops.ones_like(x)
    return keras.ops.where(condition, x, y)


def clip_min(x: Any, low: Any) -> Any:
    """The larger of `x` and `low`; the derivative is 1 where they are equal. NaN stays."""
    if isinstance(low, _NUMBER) and not isinstance(x, keras.KerasTensor) and hasattr(_in_use, "clip_min"):
        return _in_use.clip_min(x, low)
    return where(x < low, low, x)


def clip_max(x: Any, high: Any) -> Any:
    """The smaller of `x` and `high`; the derivative is 1 where they are equal. NaN stays."""
    if isinstance(high, _NUMBER) and not isinstance(x, keras.KerasTensor) and hasattr(_in_use, "clip_max"):
        return _in_use.clip_max(x, high)
    return where(x > high, high, x)


def relu(x: Any) -> Any:
    """The larger of `x` and 0; the derivative at 0 is 0."""
    return keras.ops.relu(x) if isinstance(x, keras.KerasTensor) or not hasattr(_in_use, "relu") else _in_use.relu(x)


def clip(x: Any, low: float, high: float) -> Any:
    """`x` within [low, high], two numbers, for what has settled there: the derivative at both is 1 or 0. NaN stays."""
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
