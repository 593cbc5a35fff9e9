"""JAX: constants inside `jit` need `ensure_compile_time_eval`, and float64 needs to be switched on."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache, partial
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

from keras_actx.backend import jax_map
from keras_actx.backend.sample import asked_once

# Moved out of `jax.experimental` in 2025.
_enable_x64 = jax.enable_x64 if hasattr(jax, "enable_x64") else jax.experimental.enable_x64


tanh, sin, cos, arctan = jnp.tanh, jnp.sin, jnp.cos, jnp.arctan


@contextmanager
def eager_float64() -> Iterator[None]:
    """See `keras_actx.backend.eager_float64`."""
    with jax.ensure_compile_time_eval(), _enable_x64(True), jax.default_device(jax.devices("cpu")[0]):
        yield


def there_and_back(function: Callable[..., Any]) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """See `keras_actx.backend.there_and_back`."""

    def back(weights: Any, x: Any, cotangent: Any) -> Any:
        return jax.vjp(lambda one: function(weights, one), x)[1](cotangent)[0]

    return jax.jit(function), jax.jit(back)


def keeping_inputs(function: Callable[..., Any], tensors: tuple[Any, ...]) -> Any:
    """See `keras_actx.backend.keeping_inputs`."""
    # Numbers are not being differentiated, and what is traced once for all must not be made of them.
    if not any(isinstance(one, jax.core.Tracer) for one in tensors):
        return function(*tensors)
    if _is_frugal(function, tuple(one.dtype for one in tensors)):
        return function(*tensors)
    return _recomputed(function, False)(*tensors)


@lru_cache(maxsize=1024)
def _recomputed(function: Callable[..., Any], differentiated: bool) -> Callable[..., Any]:
    """The function; in one pass if `differentiated`, and otherwise of steps that other programs read too."""
    recomputed = jax.custom_jvp(partial(_in_one_pass, function) if differentiated else function)

    def derivative(tensors: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Any, Any]:
        moved = tuple(not isinstance(one, jax.custom_derivatives.SymbolicZero) for one in tangents)
        y = _recomputed(function, True)(*tensors)
        return y, _tangent_of(function, moved, _type_of(y), tensors, _chosen(tangents, moved))

    recomputed.defjvp(derivative, symbolic_zeros=True)
    return recomputed


def _in_one_pass(function: Callable[..., Any], *tensors: Any) -> Any:
    if not jax_map.applies(function, tensors):
        return function(*tensors)
    numbers = (jax.ShapeDtypeStruct((), one.dtype) for one in tensors)
    return jax_map.mapped(function, tensors).astype(jax.eval_shape(function, *numbers).dtype)


# The derivative, a linear function of the tangents, as one step that JAX does not look into. `jax.checkpoint` would do
# for what JAX keeps; but on the CPU XLA drops its barrier early, and then takes half of the steps from the way there.
_tangent_p = Primitive("keras_actx_tangent")
_type_of = jax.typeof if hasattr(jax, "typeof") else jax.core.get_aval  # with how it is laid out over devices


def _tangent_of(function: Callable[..., Any], moved: tuple[bool, ...], kind: Any, tensors: Any, tangents: Any) -> Any:
    """The tangent of `function(*tensors)`, of the type `kind`, where those tensors that are `moved` have tangents."""
    return _tangent_p.bind(*tensors, *tangents, function=function, moved=moved, kind=kind)


def _chosen(every: Any, moved: tuple[bool, ...]) -> tuple[Any, ...]:
    return tuple(one for one, is_moved in zip(every, moved, strict=True) if is_moved)


def _of_moved(function: Callable[..., Any], moved: tuple[bool, ...], tensors: Any) -> Callable[..., Any]:
    """The function of the tensors that move, at the others."""

    def of_moved(*moving: Any) -> Any:
        rest = iter(moving)
        return function(*(next(rest) if is_moved else one for one, is_moved in zip(tensors, moved, strict=True)))

    return of_moved


def _forward(*given: Any, function: Callable[..., Any], moved: tuple[bool, ...], kind: Any) -> Any:
    """What the step does."""
    tensors, tangents = given[: len(moved)], given[len(moved) :]
    return jax.jvp(_of_moved(function, moved, tensors), _chosen(tensors, moved), tangents)[1]


def _backward(
    cotangent: Any, *given: Any, function: Callable[..., Any], moved: tuple[bool, ...], kind: Any
) -> list[Any]:
    """What it does the other way: the function again, and the gradient through it."""
    if type(cotangent) is ad.Zero:
        return [None] * len(given)
    tensors = given[: len(moved)]
    if jax_map.applies(function, tensors):
        gradients = _gradients_in_one_pass(function, moved, tensors, cotangent)
    else:
        gradients = _gradients(function, moved, *_late(*tensors, cotangent))
    return [None] * len(moved) + gradients


def _gradients(function: Callable[..., Any], moved: tuple[bool, ...], *given: Any) -> list[Any]:
    """Of those tensors that moved, from the tensors and the gradient that comes in."""
    *tensors, cotangent = given
    y, back = jax.vjp(_of_moved(function, moved, tensors), *_chosen(tensors, moved))
    return list(back(cotangent.astype(y.dtype)))


def _gradients_in_one_pass(function: Callable[..., Any], moved: tuple[bool, ...], tensors: Any, cotangent: Any) -> Any:
    """The same; a pass each."""
    x, *parameters = tensors
    # Of 16 bits, a parameter's gradient is rounded once, when all are added up.
    wide = [one.astype(jnp.promote_types(one.dtype, "float32")) for one in parameters]
    gradients = []
    for place, one in enumerate(tensors):
        if moved[place]:
            step, elsewhere = (_gradient(function, place, len(moved), late) for late in (False, True))
            found = jax_map.mapped(step, (x, *wide, cotangent), elsewhere)
            gradients.append(_summed_to(found, one.shape).astype(one.dtype))
    return gradients


@lru_cache(maxsize=1024)
def _gradient(function: Callable[..., Any], place: int, count: int, late: bool) -> Callable[..., Any]:
    """That of one of so many tensors."""
    moved = tuple(other == place for other in range(count))
    return lambda *given: _gradients(function, moved, *(_late(*given) if late else given))[0]


def _summed_to(gradient: Any, shape: tuple[int, ...]) -> Any:
    """Over the axes along which a tensor of that shape was repeated."""
    if gradient.shape == shape:
        return gradient
    more = gradient.ndim - len(shape)
    repeated = [axis for axis, size in enumerate(gradient.shape) if axis < more or shape[axis - more] != size]
    return gradient.sum(repeated).reshape(shape)


def _late(x: Any, *others: Any) -> tuple[Any, ...]:
    """The same, but x not before the last."""
    return (_not_before(others[-1], x), *others)


def _not_before(first: Any, x: Any) -> Any:
    """`x`, but known only when `first` is; or what is made of it would be taken from the forward pass.

    XLA does not see that a whole number times the next is always even. Element by element, so that devices that share
    a tensor need not ask each other.
    """
    if (*first.shape[:-1], 2 * (first.shape or (0,))[-1]) == x.shape:
        first = jnp.concatenate([first, first], axis=-1)  # of a gated activation
    if first.shape != x.shape:  # a parameter made the result larger
        return x
    number = (first > 0).astype(jnp.int32)
    return jnp.where((number * (number + 1)) & 1 == 0, x, jnp.zeros_like(x))


def _derivative(given: Any, changes: Any, *, function: Callable[..., Any], moved: tuple[bool, ...], kind: Any) -> Any:
    """The step's own derivative: linear in the tangents alone, and through all it does where the tensors change."""
    tensors, tangents = given[: len(moved)], given[len(moved) :]
    changed = tuple(type(one) is not ad.Zero for one in changes)
    y = _tangent_of(function, moved, kind, tensors, tangents)
    if any(changed[: len(moved)]):
        step = partial(_forward, function=function, moved=moved, kind=kind)
        return y, jax.jvp(_of_moved(step, changed, given), _chosen(given, changed), _chosen(changes, changed))[1]
    rest = iter(changed[len(moved) :])
    still_moved = tuple(is_moved and next(rest) for is_moved in moved)
    return y, _tangent_of(function, still_moved, kind, tensors, _chosen(changes, changed))


def _mapped(given: Any, axes: Any, *, function: Callable[..., Any], moved: tuple[bool, ...], kind: Any) -> Any:
    """The same step of the mapped function: every tensor is given the axis, at the front."""
    size = next(one.shape[axis] for one, axis in zip(given, axes, strict=True) if axis is not None)
    given = [
        jnp.broadcast_to(one, (size, *one.shape)) if axis is None else jnp.moveaxis(one, axis, 0)
        for one, axis in zip(given, axes, strict=True)
    ]
    rank = given[0].ndim
    if jax_map.is_of_numbers(function, given[: len(moved)]) and all(one.ndim <= rank for one in given):
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


@asked_once
def _is_frugal(function: Callable[..., Any], sample: list[Any]) -> bool:
    """Whether it keeps no more than its input by itself, or is a function of more than its arguments."""
    tensors = [jax.ShapeDtypeStruct(shape, dtype) for shape, dtype in sample]
    if any(isinstance(one, jax.core.Tracer) for one in jax.make_jaxpr(function)(*tensors).consts):
        return True
    return bytes_kept(function, *tensors) <= sum(one.size * one.dtype.itemsize for one in tensors)


def bytes_kept(function: Callable[..., Any], *tensors: Any) -> int:
    """See `keras_actx.backend.bytes_kept`."""
    with jax.disable_jit():  # so that no step is hidden in another
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


#: What XLA computes again wherever it is used, rather than keep it.
_CHEAP = frozenset(
    "abs add and broadcast_in_dim convert_element_type copy eq ge gt is_finite le lt max min mul ne neg not or "
    "reshape select_n sign slice squeeze stop_gradient sub xor".split()
)
