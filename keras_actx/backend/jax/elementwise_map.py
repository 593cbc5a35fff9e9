"""JAX on the CPU: an elementwise function is lowered to an XLA map of a scalar function, which runs in a single pass.

XLA's CPU compiler splits a dozen operations on a tensor into several passes, with intermediate tensors of the same size
that are live at the same time. XLA does not split mapped computations, so it saves none of their intermediate results
for the backward pass.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend.core import Primitive
from jax.extend.mlir import ir
from jax.extend.mlir.dialects import stablehlo
from jax.interpreters import ad, batching, mlir

from keras_actx.backend.probe import checked_for_every_number

Function = Callable[..., Any]
_map_p = Primitive("keras_actx_map")


def select(every: Any, moved: tuple[bool, ...]) -> tuple[Any, ...]:
    """The entries marked in `moved`."""
    return tuple(one for one, is_moved in zip(every, moved, strict=True) if is_moved)


def of_moving(function: Function, moved: tuple[bool, ...], tensors: Any) -> Function:
    """The function of only the tensors marked in `moved`; the others are fixed."""

    def at_the_others(*moving: Any) -> Any:
        rest = iter(moving)
        return function(*(next(rest) if is_moved else one for one, is_moved in zip(tensors, moved, strict=True)))

    return at_the_others


def with_axis(given: Any, axes: Any) -> list[Any]:
    """Every tensor with the batch axis of a `vmap` in front."""
    size = next(one.shape[axis] for one, axis in zip(given, axes, strict=True) if axis is not None)
    return [
        jnp.broadcast_to(one, (size, *jnp.shape(one))) if axis is None else jnp.moveaxis(one, axis, 0)
        for one, axis in zip(given, axes, strict=True)
    ]


def applies(function: Function, tensors: tuple[Any, ...]) -> bool:
    """Whether the function is elementwise and the first tensor has the shape of the result."""
    x, *parameters = tensors
    if not isinstance(x, jax.core.Tracer) or not is_elementwise(function, tensors):
        return False
    if parameters and _is_sharded(x.aval):
        return False
    return all(len(one.shape) <= len(x.shape) and _repeats_to(one.shape, x.shape) for one in parameters)


def _repeats_to(shape: tuple[int, ...], whole: tuple[int, ...]) -> bool:
    return all(size in (1, to) for size, to in zip(reversed(shape), reversed(whole), strict=False))


def is_elementwise(function: Function, tensors: tuple[Any, ...]) -> bool:
    """Whether each element of its result depends only on the elements at the same position."""
    return not _needs_tensors(function, tuple(one.dtype for one in tensors))


def _is_sharded(kind: Any) -> bool:
    """Whether it is sharded over devices, by its type: the type of a parameter then needs more than its shape."""
    mesh = getattr(getattr(kind, "sharding", None), "mesh", None)
    return bool(getattr(kind, "vma", None)) or not (mesh is None or mesh.empty)


def mapped(function: Function, tensors: tuple[Any, ...], elsewhere: Function | None = None) -> Any:
    """`function(*tensors)`, of the first one's shape, in the widest of their dtypes.

    Args:
        function: of scalars, in the widest of the dtypes, on which it must not depend.
        tensors: of shapes that broadcast to the shape of the first.
        elsewhere: the same function of tensors, for devices other than a single CPU.
    """
    shape, dtype = tensors[0].shape, jnp.result_type(*tensors)
    tensors = tuple(jnp.broadcast_to(one.astype(dtype), shape) for one in tensors)
    return _map_p.bind(*tensors, function=function, elsewhere=elsewhere or function)


@checked_for_every_number
def _needs_tensors(function: Function, probe: list[Any]) -> bool:
    def steps(shape: tuple[int, ...]) -> Any:
        return jax.make_jaxpr(function)(*(jax.ShapeDtypeStruct(shape, dtype) for _, dtype in probe))

    numbers, tensors = steps(()), steps((3, 5))
    if numbers.out_avals[0].shape != () or not _all_elementwise(tensors.jaxpr):
        return True
    if getattr(function, "is_own", False):
        return False
    # Nor may a constant depend on the shape: on the number of elements, the size of an axis or the rank.
    return _constants(tensors) != _constants(steps((6, 2))) or {*_constants(tensors)} != {*_constants(numbers)}


def _constants(traced: Any) -> list[str]:
    """The constants of a traced function, in the order of its operations."""
    found = [str(one) for one in getattr(traced, "consts", ())]
    for step in getattr(traced, "jaxpr", traced).eqns:
        found += [str(one.val) for one in step.invars if hasattr(one, "val")]
        found += [str(one) for one in step.params.values() if isinstance(one, (int, float))]
        for part in _parts(step):
            found += _constants(part)
    return found


def _parts(step: Any) -> list[Any]:
    """The traced functions that an operation calls."""
    parts = [getattr(one, "jaxpr", one) for one in step.params.values()]
    return [one for one in parts if hasattr(one, "eqns")]


def _all_elementwise(steps: Any) -> bool:
    for step in steps.eqns:
        name = step.primitive.name
        if name in _CALLS:
            if not _parts(step) or not all(map(_all_elementwise, _parts(step))):
                return False
        elif name not in _ELEMENTWISE and not (name == "broadcast_in_dim" and step.invars[0].aval.shape == ()):
            return False
    return True


_CALLS = frozenset({"pjit", "jit", "closed_call", "custom_jvp_call"})
#: Elementwise primitives, whose result has the shape of their operands.
_ELEMENTWISE = frozenset(
    "abs acos acosh add and asin asinh atan atan2 atanh cbrt ceil clamp convert_element_type copy copy_p cos cosh div "
    "eq erf erf_inv erfc exp exp2 expm1 floor ge gt integer_pow is_finite le log log1p logistic lt max min mul ne neg "
    "nextafter not or pow reduce_precision rem round rsqrt select_n sign sin sinh sqrt square stop_gradient sub tan "
    "tanh xor".split()
)


def _whole(*tensors: Any, elsewhere: Function, **_: Any) -> Any:
    return elsewhere(*tensors).astype(tensors[0].dtype)


def _is_unsharded(devices: Any) -> bool:
    """Whether each device holds its own tensors; the partitioner gathers the operands of a `map` that are sharded."""
    if hasattr(devices, "manual_axes"):
        return devices.manual_axes == frozenset(devices.mesh.axis_names)
    return getattr(devices, "num_devices", 0) == 1


def _lowered(context: Any, *values: Any, function: Function, elsewhere: Function) -> Any:
    """One `stablehlo.map` of a scalar function."""
    if not _is_unsharded(context.module_context.axis_context):
        return mlir.lower_fun(_whole, multiple_results=False)(context, *values, elsewhere=elsewhere)
    kind = ir.RankedTensorType(values[0].type)
    step = stablehlo.MapOp(kind, list(values), mlir.dense_int_array(list(range(kind.rank))))
    number = ir.RankedTensorType.get((), kind.element_type)
    block = step.regions[0].blocks.append(*[number] * len(values))
    with ir.InsertionPoint(block):
        numbers = [jax.core.ShapedArray((), one.dtype) for one in context.avals_in]
        inside = context.replace(avals_in=numbers, avals_out=numbers[:1])
        found = mlir.lower_fun(_whole, multiple_results=False)(inside, *block.arguments, elsewhere=function)
        stablehlo.return_(jax.tree.leaves(found))
    return [step.result]


def _derivative(given: Any, changes: Any, *, function: Function, elsewhere: Function) -> Any:
    """The JVP rule, through primitives that JAX can differentiate."""
    moved = tuple(type(one) is not ad.Zero for one in changes)
    whole = of_moving(partial(_whole, elsewhere=elsewhere), moved, given)
    y = _map_p.bind(*given, function=function, elsewhere=elsewhere)
    return y, jax.jvp(whole, select(given, moved), select(changes, moved))[1]


def _batched(given: Any, axes: Any, **known: Any) -> Any:
    """The batching rule: an elementwise function is the same along any further axis."""
    return _map_p.bind(*with_axis(given, axes), **known), 0


def _transposed(cotangent: Any, *given: Any, **known: Any) -> list[Any]:
    """The transpose: an elementwise function linear in one tensor is a multiple of it, so its own transpose."""
    if type(cotangent) is ad.Zero:
        return [None] * len(given)
    place = next(place for place, one in enumerate(given) if ad.is_undefined_primal(one))
    tensors = [*given[:place], cotangent, *given[place + 1 :]]
    return [None] * place + [_map_p.bind(*tensors, **known)] + [None] * (len(given) - place - 1)


_map_p.def_impl(_whole)
_map_p.def_abstract_eval(lambda x, *_, **__: x.update(weak_type=False))
ad.primitive_jvps[_map_p] = _derivative
ad.primitive_transposes[_map_p] = _transposed
batching.primitive_batchers[_map_p] = _batched
mlir.register_lowering(_map_p, mlir.lower_fun(_whole, multiple_results=False))
mlir.register_lowering(_map_p, _lowered, platform="cpu")
