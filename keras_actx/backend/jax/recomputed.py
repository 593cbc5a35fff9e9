"""JAX: a function whose gradient computes it again from its inputs, which alone are kept."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

from keras_actx.backend.jax import scalars
from keras_actx.backend.sample import kept_with_declaration


@kept_with_declaration
def recomputed(function: Callable[..., Any], differentiated: bool) -> Callable[..., Any]:
    """The function; in one pass if `differentiated`, and otherwise of steps that other programs read too."""
    found = jax.custom_jvp(partial(_in_one_pass, function) if differentiated else function)

    def derivative(tensors: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Any, Any]:
        moved = tuple(not isinstance(one, jax.custom_derivatives.SymbolicZero) for one in tangents)
        y = recomputed(function, True)(*tensors)
        return y, _tangent_of(function, moved, _type_of(y), tensors, scalars.chosen(tangents, moved))

    found.defjvp(derivative, symbolic_zeros=True)
    return found


def _in_one_pass(function: Callable[..., Any], *tensors: Any) -> Any:
    if not scalars.applies(function, tensors):
        return function(*tensors)
    numbers = (jax.ShapeDtypeStruct((), one.dtype) for one in tensors)
    return scalars.mapped(function, tensors).astype(jax.eval_shape(function, *numbers).dtype)


# The derivative, a linear function of the tangents, as one step that JAX does not look into. `jax.checkpoint` would do
# for what JAX keeps; but on the CPU XLA drops its barrier early, and then takes half of the steps from the way there.
_tangent_p = Primitive("keras_actx_tangent")
_type_of = jax.typeof if hasattr(jax, "typeof") else jax.core.get_aval  # with how it is laid out over devices


def _tangent_of(function: Callable[..., Any], moved: tuple[bool, ...], kind: Any, tensors: Any, tangents: Any) -> Any:
    """The tangent of `function(*tensors)`, of the type `kind`, where those tensors that are `moved` have tangents."""
    return _tangent_p.bind(*tensors, *tangents, function=function, moved=moved, kind=kind)


def _forward(*given: Any, function: Callable[..., Any], moved: tuple[bool, ...], kind: Any) -> Any:
    """What the step does."""
    tensors, tangents = given[: len(moved)], given[len(moved) :]
    return jax.jvp(scalars.of_moved(function, moved, tensors), scalars.chosen(tensors, moved), tangents)[1]


def _backward(
    cotangent: Any, *given: Any, function: Callable[..., Any], moved: tuple[bool, ...], kind: Any
) -> list[Any]:
    """What it does the other way: the function again, and the gradient through it."""
    if type(cotangent) is ad.Zero:
        return [None] * len(given)
    tensors = given[: len(moved)]
    if scalars.applies(function, tensors):
        gradients = _gradients_in_one_pass(function, moved, tensors, cotangent)
    else:
        gradients = _gradients(function, moved, *_late(*tensors, cotangent))
    return [None] * len(moved) + gradients


def _gradients(function: Callable[..., Any], moved: tuple[bool, ...], *given: Any) -> list[Any]:
    """Of those tensors that moved, from the tensors and the gradient that comes in."""
    *tensors, cotangent = given
    y, back = jax.vjp(scalars.of_moved(function, moved, tensors), *scalars.chosen(tensors, moved))
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
            found = scalars.mapped(step, (x, *wide, cotangent), elsewhere)
            gradients.append(_summed_to(found, one.shape).astype(one.dtype))
    return gradients


@kept_with_declaration
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
        return y, jax.jvp(
            scalars.of_moved(step, changed, given), scalars.chosen(given, changed), scalars.chosen(changes, changed)
        )[1]
    rest = iter(changed[len(moved) :])
    still_moved = tuple(is_moved and next(rest) for is_moved in moved)
    return y, _tangent_of(function, still_moved, kind, tensors, scalars.chosen(changes, changed))


def _mapped(given: Any, axes: Any, *, function: Callable[..., Any], moved: tuple[bool, ...], kind: Any) -> Any:
    """The same step of the mapped function: every tensor is given the axis, at the front."""
    given = scalars.with_axis(given, axes)
    size = given[0].shape[0]
    rank = given[0].ndim
    if scalars.is_of_numbers(function, given[: len(moved)]) and all(one.ndim <= rank for one in given):
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
