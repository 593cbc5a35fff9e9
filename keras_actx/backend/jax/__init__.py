"""JAX: constants inside `jit` need `ensure_compile_time_eval`, and float64 must be enabled."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import jax
import jax.numpy as jnp

from keras_actx.backend.exporters import called_by_exporter
from keras_actx.backend.jax.remat import rematerialized
from keras_actx.backend.probe import checked_once

# Moved out of `jax.experimental` in 2025.
_enable_x64 = jax.enable_x64 if hasattr(jax, "enable_x64") else jax.experimental.enable_x64


__all__ = [
    "KERNELS",
    "PORTABLE",
    "arctan",
    "bytes_kept",
    "clip_max",
    "clip_min",
    "cos",
    "eager_float64",
    "erfc",
    "exporting",
    "forward_and_vjp",
    "is_concrete",
    "relu",
    "rematerialize",
    "rematerializes",
    "sigmoid",
    "sin",
    "tanh",
    "with_derivative",
]

KERNELS: dict[str, Any] = {}  # XLA compiles a kernel for every formula

#: ONNX lacks the first two, and TensorFlow cannot import the last.
PORTABLE = ("expm1", "log1p", "erf")

tanh, sin, cos, arctan, erfc = jnp.tanh, jnp.sin, jnp.cos, jnp.arctan, jax.lax.erfc


def relu(x: Any) -> Any:
    """See `keras_actx.backend.relu`."""
    return _with_derivative_of_result(x) if _takes_rules((x,)) else _relu(x)


def _relu(x: Any) -> Any:
    return jnp.where(x <= 0, jnp.zeros_like(x), x)


_with_derivative_of_result = jax.custom_jvp(_relu)


@_with_derivative_of_result.defjvp
def _relu_derivative(primals: tuple[Any], tangents: tuple[Any]) -> tuple[Any, Any]:
    """From the result, which the next matrix product saves anyway; from x, XLA would save both."""
    y = _with_derivative_of_result(*primals)
    return y, jnp.where(y == 0, jnp.zeros_like(y), tangents[0])


def sigmoid(x: Any) -> Any:
    """See `keras_actx.backend.sigmoid`. It shares e^-|x| with its derivative, which XLA's own does not."""
    power = jnp.exp(-jnp.abs(x))
    return jnp.where(x < 0, power, jnp.ones_like(x)) / (1 + power)


def clip_min(x: Any, low: float) -> Any:
    """See `keras_actx.backend.clip_min`. The derivative of `jnp.maximum` is 1/2 where both are equal."""
    return jnp.where(x < low, jnp.asarray(low, x.dtype), x)


def clip_max(x: Any, high: float) -> Any:
    """See `keras_actx.backend.clip_max`."""
    return jnp.where(x > high, jnp.asarray(high, x.dtype), x)


def with_derivative(function: Callable[..., Any], derivative: Callable[..., Any]) -> Callable[..., Any]:
    """See `keras_actx.backend.with_derivative`."""
    found = jax.custom_jvp(function)

    @found.defjvp
    def _(primals: tuple[Any], tangents: tuple[Any]) -> tuple[Any, Any]:
        (x,), (tangent,) = primals, tangents
        return found(x), derivative(x) * tangent

    return lambda x: found(x) if _takes_rules((x,)) else function(x)


def exporting(x: Any) -> bool:
    """See `keras_actx.backend.exporting`. The purpose of a trace is read from the call stack."""
    return isinstance(x, jax.core.Tracer) and called_by_exporter()


@contextmanager
def eager_float64() -> Iterator[None]:
    """See `keras_actx.backend.eager_float64`."""
    with jax.ensure_compile_time_eval(), _enable_x64(True), jax.default_device(jax.devices("cpu")[0]):
        yield


def forward_and_vjp(function: Callable[..., Any]) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """See `keras_actx.backend.forward_and_vjp`."""

    def vjp(weights: Any, x: Any, cotangent: Any) -> Any:
        return jax.vjp(lambda one: function(weights, one), x)[1](cotangent)[0]

    return jax.jit(function), jax.jit(vjp)


def is_concrete(x: Any) -> bool:
    """See `keras_actx.backend.is_concrete`."""
    return not isinstance(x, jax.core.Tracer)


def rematerialize(function: Callable[..., Any], tensors: tuple[Any, ...]) -> Any:
    """See `keras_actx.backend.rematerialize`."""
    if not _takes_rules(tensors):
        return function(*tensors)
    if saves_only_inputs(function, tuple(one.dtype for one in tensors)):
        return function(*tensors)
    return rematerialized(function, False)(*tensors)


def rematerializes(x: Any) -> bool:
    """See `keras_actx.backend.rematerializes`. Only the weights may be traced, which `rematerialize` sees."""
    return not exporting(x)


def _takes_rules(tensors: tuple[Any, ...]) -> bool:
    """Whether to give JAX a function with a derivative rule of its own.

    Not for numbers: they are not being differentiated, what is traced once for all must not be made of them, and JAX
    0.6 makes tracers of them in `ensure_compile_time_eval`.
    """
    return any(isinstance(one, jax.core.Tracer) for one in tensors) and not _in_jet(tensors)


def _in_jet(tensors: tuple[Any, ...]) -> bool:
    """Whether `jax.experimental.jet` traces them, which does not support functions with a custom derivative rule."""
    jet = sys.modules.get("jax.experimental.jet")
    return jet is not None and any(_is_traced_by(jet.JetTracer, one) for one in tensors)


def _is_traced_by(kind: type, tensor: Any) -> bool:
    """Whether a tracer of this kind holds the tensor, directly or inside the tracer of a gradient or a `vmap`."""
    while isinstance(tensor, jax.core.Tracer):
        if isinstance(tensor, kind):
            return True
        tensor = getattr(tensor, "primal", getattr(tensor, "val", None))
    return False


@checked_once
def saves_only_inputs(function: Callable[..., Any], probe: list[Any]) -> bool:
    """Whether it saves only its inputs without recomputation, or captures tracers beside its arguments."""
    tensors = [jax.ShapeDtypeStruct(shape, dtype) for shape, dtype in probe]
    if any(isinstance(one, jax.core.Tracer) for one in jax.make_jaxpr(function)(*tensors).consts):
        return True
    return bytes_kept(function, *tensors) <= sum(one.size * one.dtype.itemsize for one in tensors)


def bytes_kept(function: Callable[..., Any], *tensors: Any) -> int:
    """See `keras_actx.backend.bytes_kept`."""
    with jax.disable_jit():  # so that no operation is nested in another
        traced = jax.make_jaxpr(lambda *given: jax.vjp(function, *given)[1])(*tensors)
    made_by = {variable: step for step in traced.eqns for variable in step.outvars}
    kept = {one for one in traced.jaxpr.outvars if not _is_literal(one)}

    def follows(variable: Any, given: set) -> bool:
        if _is_literal(variable) or variable in given or variable in traced.jaxpr.constvars:
            return True
        step = made_by.get(variable)
        if step is None or not all(follows(one, given) for one in step.invars):
            return False
        return step.primitive.name in _CHEAP or all(follows(one, set()) for one in step.invars)

    for one in [variable for step in reversed(traced.eqns) for variable in step.outvars]:
        if one in kept and follows(one, kept - {one}):
            kept.remove(one)
    return sum(one.aval.size * one.aval.dtype.itemsize for one in kept)


def _is_literal(variable: Any) -> bool:
    return hasattr(variable, "val")


#: Operations that XLA recomputes at every use instead of storing their result.
_CHEAP = frozenset(
    "abs add and broadcast_in_dim convert_element_type copy eq ge gt is_finite le lt max min mul ne neg not or "
    "reshape select_n sign slice squeeze stop_gradient sub xor".split()
)
