"""JAX rematerialization: only the inputs of a function are saved; its gradient recomputes the rest from them."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

from keras_actx.backend.jax import elementwise_map
from keras_actx.backend.probe import cached_with_declaration


@cached_with_declaration
def rematerialized(function: Callable[..., Any], differentiated: bool) -> Callable[..., Any]:
    """The function: a single pass if `differentiated`, otherwise made of primitives that other programs can read."""
    found = jax.custom_jvp(partial(_in_one_pass, function) if differentiated else function)

    def derivative(tensors: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Any, Any]:
        moved = tuple(not isinstance(one, jax.custom_derivatives.SymbolicZero) for one in tangents)
        y = rematerialized(function, True)(*tensors)
        return y, _tangent_of(function, moved, _type_of(y), tensors, elementwise_map.select(tangents, moved))

    found.defjvp(derivative, symbolic_zeros=True)
    return found


def _in_one_pass(function: Callable[..., Any], *tensors: Any) -> Any:
    if not elementwise_map.applies(function, tensors):
        return _with_inner_in_one_pass(function)(*tensors)
    numbers = (jax.ShapeDtypeStruct((), one.dtype) for one in tensors)
    return elementwise_map.mapped(function, tensors).astype(jax.eval_shape(function, *numbers).dtype)


def _with_inner_in_one_pass(function: Callable[..., Any]) -> Callable[..., Any]:
    """A `Projection` with its formula in one pass; any other function unchanged."""
    if not hasattr(getattr(function, "inner", None), "elementwise"):
        return function
    return replace(function, inner=rematerialized(function.inner, True))


# The derivative, a linear function of the tangents, as one primitive that is opaque to JAX. `jax.checkpoint` would
# suffice for the residuals of JAX, but on the CPU XLA drops its barrier early and then reuses half of the operations of
# the forward pass.
_tangent_p = Primitive("keras_actx_tangent")
_type_of = jax.typeof if hasattr(jax, "typeof") else jax.core.get_aval  # with its sharding over devices


def _tangent_of(function: Callable[..., Any], moved: tuple[bool, ...], kind: Any, tensors: Any, tangents: Any) -> Any:
    """The tangent of `function(*tensors)`, of the type `kind`; the tensors marked in `moved` have tangents."""
    return _tangent_p.bind(*tensors, *tangents, function=function, moved=moved, kind=kind)


def _forward(*given: Any, function: Callable[..., Any], moved: tuple[bool, ...], kind: Any) -> Any:
    """The implementation of the primitive: a Jacobian-vector product."""
    tensors, tangents = given[: len(moved)], given[len(moved) :]
    return jax.jvp(
        elementwise_map.of_moving(function, moved, tensors), elementwise_map.select(tensors, moved), tangents
    )[1]


def _backward(
    cotangent: Any, *given: Any, function: Callable[..., Any], moved: tuple[bool, ...], kind: Any
) -> list[Any]:
    """The transpose of the primitive: recomputes the function and returns its vector-Jacobian product."""
    if type(cotangent) is ad.Zero:
        return [None] * len(given)
    tensors = given[: len(moved)]
    if elementwise_map.applies(function, tensors):
        gradients = _gradients_in_one_pass(function, moved, tensors, cotangent)
    else:
        gradients = _gradients(function, moved, *_dependent_on_last(*tensors, cotangent))
    return [None] * len(moved) + gradients


def _gradients(function: Callable[..., Any], moved: tuple[bool, ...], *given: Any) -> list[Any]:
    """The gradients of the tensors marked in `moved`, from the tensors and the cotangent."""
    *tensors, cotangent = given
    function = _with_inner_in_one_pass(function)
    y, vjp = jax.vjp(elementwise_map.of_moving(function, moved, tensors), *elementwise_map.select(tensors, moved))
    return list(vjp(cotangent.astype(y.dtype)))


def _gradients_in_one_pass(function: Callable[..., Any], moved: tuple[bool, ...], tensors: Any, cotangent: Any) -> Any:
    """The same, in a single pass for each gradient."""
    x, *parameters = tensors
    # For 16-bit parameters, the gradient is rounded once, after the sum.
    wide = [one.astype(jnp.promote_types(one.dtype, "float32")) for one in parameters]
    gradients = []
    for place, one in enumerate(tensors):
        if moved[place]:
            step, elsewhere = (_gradient(function, place, len(moved), late) for late in (False, True))
            found = elementwise_map.mapped(step, (x, *wide, cotangent), elsewhere)
            gradients.append(_summed_to(found, one.shape).astype(one.dtype))
    return gradients


@cached_with_declaration
def _gradient(function: Callable[..., Any], place: int, count: int, late: bool) -> Callable[..., Any]:
    """The gradient of the tensor at `place`, one of `count` tensors."""
    moved = tuple(other == place for other in range(count))
    return lambda *given: _gradients(function, moved, *(_dependent_on_last(*given) if late else given))[0]


def _summed_to(gradient: Any, shape: tuple[int, ...]) -> Any:
    """The gradient summed over the axes along which a tensor of that shape was broadcast."""
    if gradient.shape == shape:
        return gradient
    more = gradient.ndim - len(shape)
    repeated = [axis for axis, size in enumerate(gradient.shape) if axis < more or shape[axis - more] != size]
    return gradient.sum(repeated).reshape(shape)


def _dependent_on_last(x: Any, *others: Any) -> tuple[Any, ...]:
    """The same tensors, with a data dependency of x on the last one."""
    return (_with_dependency(others[-1], jnp.asarray(x)), *others)  # JAX passes a Python number as it is


def _with_dependency(first: Any, x: Any) -> Any:
    """`x` with a data dependency on `first`; otherwise XLA would reuse results of the forward pass.

    XLA does not infer that the product of two consecutive integers is even. The dependency is elementwise, so that a
    tensor sharded over devices needs no communication.
    """
    if (*first.shape[:-1], 2 * (first.shape or (0,))[-1]) == x.shape:
        first = jnp.concatenate([first, first], axis=-1)  # of a gated activation
    if first.shape != x.shape:  # a parameter made the result larger
        return x
    number = (first > 0).astype(jnp.int32)
    return jnp.where((number * (number + 1)) & 1 == 0, x, jnp.zeros_like(x))


def _derivative(given: Any, changes: Any, *, function: Callable[..., Any], moved: tuple[bool, ...], kind: Any) -> Any:
    """The JVP rule: linear if only the tangents have tangents, otherwise through the implementation."""
    tensors, tangents = given[: len(moved)], given[len(moved) :]
    changed = tuple(type(one) is not ad.Zero for one in changes)
    y = _tangent_of(function, moved, kind, tensors, tangents)
    if any(changed[: len(moved)]):
        step = partial(_forward, function=function, moved=moved, kind=kind)
        return y, jax.jvp(
            elementwise_map.of_moving(step, changed, given),
            elementwise_map.select(given, changed),
            elementwise_map.select(changes, changed),
        )[1]
    rest = iter(changed[len(moved) :])
    still_moved = tuple(is_moved and next(rest) for is_moved in moved)
    return y, _tangent_of(function, still_moved, kind, tensors, elementwise_map.select(changes, changed))


def _mapped(given: Any, axes: Any, *, function: Callable[..., Any], moved: tuple[bool, ...], kind: Any) -> Any:
    """The batching rule: the primitive of the vectorized function; every tensor gets the batch axis in front."""
    given = elementwise_map.with_axis(given, axes)
    size = given[0].shape[0]
    rank = given[0].ndim
    if elementwise_map.is_elementwise(function, given[: len(moved)]) and all(one.ndim <= rank for one in given):
        given = [one.reshape((size, *[1] * (rank - one.ndim), *one.shape[1:])) for one in given]
    else:
        function = jax.vmap(function)
    tensors, tangents = given[: len(moved)], given[len(moved) :]
    return _tangent_of(function, moved, _type_of(function(*tensors)), tensors, tangents), 0


_tangent_p.def_impl(_forward)
_tangent_p.def_abstract_eval(lambda *given, kind, **_: kind)
ad.primitive_jvps[_tangent_p] = _derivative
ad.primitive_transposes[_tangent_p] = _backward
batching.primitive_batchers[_tangent_p] = _mapped
mlir.register_lowering(_tangent_p, mlir.lower_fun(_forward, multiple_results=False))
