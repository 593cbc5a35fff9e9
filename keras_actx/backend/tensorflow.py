"""TensorFlow: `init_scope` leaves the graph of a `tf.function`."""

import itertools
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any

import keras
import tensorflow as tf

from keras_actx.backend.exporters import called_by_exporter, is_portable
from keras_actx.backend.probe import cached_with_declaration, checked_once

# Not public in TensorFlow. Without the first, every layer traces the formula itself; without the second, formulas are
# computed operation by operation in eager mode.
try:
    from tensorflow.python.eager.forwardprop_util import pack_tangents as _tangents
except ImportError:
    _tangents = None
try:
    from tensorflow.python.eager.record import should_record_backprop as _records
except ImportError:
    _records = None

__all__ = [
    "KERNELS",
    "PORTABLE",
    "arctan",
    "bytes_kept",
    "clip",
    "clip_max",
    "clip_min",
    "cos",
    "eager_float64",
    "erfc",
    "exporting",
    "forward_and_vjp",
    "is_concrete",
    "rematerialize",
    "rematerializes",
    "sin",
    "tanh",
    "where",
    "with_derivative",
]

KERNELS: dict[str, Any] = {}  # XLA compiles a kernel for every formula

#: ONNX lacks the first two, LiteRT the last two.
PORTABLE = ("expm1", "log1p", "erf", "arctan")

tanh, sin, cos, erfc = keras.ops.tanh, keras.ops.sin, keras.ops.cos, tf.math.erfc


def where(condition: Any, x: Any, y: Any) -> Any:
    """See `keras_actx.backend.where`."""
    x, y = (tf.constant(one, of.dtype) if isinstance(one, (int, float)) else one for one, of in ((x, y), (y, x)))
    return tf.where(condition, x, y)


def clip(x: Any, low: float, high: float) -> Any:
    """See `keras_actx.backend.clip`."""
    return _clipped(lambda x: tf.clip_by_value(x, low, high), x)


def clip_min(x: Any, low: float) -> Any:
    """See `keras_actx.backend.clip_min`."""
    return _clipped(lambda x: tf.maximum(x, low), x)


def clip_max(x: Any, high: float) -> Any:
    """See `keras_actx.backend.clip_max`."""
    return _clipped(lambda x: tf.minimum(x, high), x)


def _clipped(function: Callable[[Any], Any], x: Any) -> Any:
    """With the derivative 1 where x is unchanged, in two operations. TensorFlow also differentiates by the bounds."""

    @tf.custom_gradient
    def clipped(x: Any) -> tuple[Any, Callable[[Any], Any]]:
        # The function again, not its result, which would be saved.
        return function(x), lambda cotangent: tf.where(tf.equal(x, function(x)), cotangent, tf.constant(0, x.dtype))

    return function(x) if is_portable() else clipped(x)  # a custom gradient cannot be written to a file


def with_derivative(function: Callable[..., Any], derivative: Callable[..., Any]) -> Callable[..., Any]:
    """See `keras_actx.backend.with_derivative`."""

    @tf.custom_gradient
    def found(x: Any) -> tuple[Any, Callable[[Any], Any]]:
        return function(x), lambda cotangent: cotangent * derivative(x)

    return found


def arctan(x: Any) -> Any:
    """See `keras_actx.backend.arctan`. Looked up at each call, since it is replaced while a graph is exported."""
    return keras.ops.arctan(x)


def exporting(x: Any) -> bool:
    """See `keras_actx.backend.exporting`. The purpose of a trace is read from the call stack."""
    return not tf.executing_eagerly() and called_by_exporter()


@contextmanager
def eager_float64() -> Iterator[None]:
    """See `keras_actx.backend.eager_float64`."""
    with tf.init_scope(), tf.device("CPU:0"):
        yield


def forward_and_vjp(function: Callable[..., Any]) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """See `keras_actx.backend.forward_and_vjp`."""

    def vjp(weights: Any, x: Any, cotangent: Any) -> Any:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(x)
            y = function(weights, x)
        return tape.gradient(y, x, output_gradients=cotangent, unconnected_gradients="zero")

    # TensorFlow warns of functions with the same code that are traced often; a partial has no code.
    return tf.function(partial(function), autograph=False), tf.function(partial(vjp), autograph=False)


def is_concrete(x: Any) -> bool:
    """See `keras_actx.backend.is_concrete`."""
    return tf.executing_eagerly()


def rematerialize(function: Callable[..., Any], tensors: tuple[Any, ...]) -> Any:
    """See `keras_actx.backend.rematerialize`."""
    tensors = tuple(tf.convert_to_tensor(one) for one in tensors)  # Keras does not convert its variables
    if saves_only_inputs(function, tuple(one.dtype for one in tensors)):
        by_graph = tf.executing_eagerly() and _graph_if_often(function, "forward", tensors)
        if not by_graph:
            return function(*tensors)
    return _rematerialized(function)(*tensors)


def rematerializes(x: Any) -> bool:
    """See `keras_actx.backend.rematerializes`."""
    return not exporting(x)


@cached_with_declaration
def _rematerialized(function: Callable[..., Any]) -> Callable[..., Any]:
    @tf.custom_gradient
    def rematerialized(*tensors: Any) -> Any:
        if tf.executing_eagerly():
            y = _eagerly(function, "forward", *map(tf.stop_gradient, tensors))  # no tape records an operation
        else:  # unnecessary in a graph, which would lose its forward-mode derivative
            y = _in_graph(function, "forward", *tensors)
        return y, lambda cotangent: _recomputed_vjp(function, tensors, cotangent)

    return rematerialized


def _recomputed_vjp(function: Callable[..., Any], tensors: tuple[Any, ...], cotangent: Any) -> list[Any]:
    """Recomputes the function and returns its vector-Jacobian product."""
    compute = _eagerly if tf.executing_eagerly() else _in_graph
    return compute(function, "vjp", tf.convert_to_tensor(cotangent), *tensors)  # it may be an IndexedSlices


def _eagerly(function: Callable[..., Any], which: str, *given: Any) -> Any:
    """The function or its vector-Jacobian product, by one call of a graph if it is called often.

    In a graph, an operation writes its result into the memory of an input that is not needed any more, and no Python
    runs between two operations.
    """
    if not (_is_recorded(given) or _is_differentiated_forward(given)):
        graph = _graph_if_often(function, which, given)
        if graph:
            return graph(*given)
    if which == "forward":
        return function(*given)
    cotangent, *tensors = given
    found = _gradients(function, tensors, cotangent)
    if found[0] is None:
        # A tape records nothing inside a `ForwardAccumulator` that differentiates this function; a graph does.
        return _vjp_by_graph(function)(tensors, cotangent)
    return _without_none(found, tensors)


#: Calls before a function is traced for eager mode, which takes as long as about ten calls: a number among its
#: parameters may change at every call.
_OFTEN = 16

#: A graph of so few nodes, with its inputs and result, takes longer to call than the operations in it.
_FEW = 4


def _graph_if_often(function: Callable[..., Any], which: str, given: tuple[Any, ...]) -> Any:
    """The traced function, or None: for a user's function, which may read more than its arguments, for a short one, and
    for one that is called rarely."""
    if not function.is_own:
        return None
    kinds = tuple(_loosely(function, one) for one in given)
    often = next(_calls(function, kinds[which == "vjp" :])) >= _OFTEN
    return _graph_unless_short(function, which, kinds) if often else None


@cached_with_declaration
def _calls(function: Callable[..., Any], kinds: tuple[tf.TensorSpec, ...]) -> Iterator[int]:
    return itertools.count(1)


@cached_with_declaration
def _graph_unless_short(function: Callable[..., Any], which: str, kinds: tuple[tf.TensorSpec, ...]) -> Any:
    traced = _trace(_vjp if which == "vjp" else _forward, function, kinds)
    return traced if len(traced.graph.get_operations()) > _FEW else None


def _gradients(function: Callable[..., Any], tensors: Any, cotangent: Any) -> list[Any]:
    projects = hasattr(function, "inner")
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tensors = [tf.identity(one) for one in tensors]  # a distinct tensor for each
        kernel = tensors.pop(1) if projects else None
        tape.watch(tensors)
        y = function.multiplied(*tensors) if projects else function(*tensors)
    if not projects:
        return tape.gradient(y, tensors, output_gradients=cotangent)
    # Not by the tape, which would need the product.
    found = tape.gradient(y, tensors, output_gradients=tf.matmul(cotangent, kernel, transpose_b=True))
    rows, changes = (tf.reshape(one, [-1, one.shape[-1]]) for one in (y, cotangent))
    return [found[0], tf.matmul(rows, changes, transpose_a=True), *found[1:]]


def _without_none(found: list[Any], tensors: Any) -> list[Any]:
    return [tf.zeros_like(x) if one is None else one for one, x in zip(found, tensors, strict=True)]


#: Larger graphs are called, not inlined: TensorFlow optimizes the whole graph of a model before its first step, each
#: inlined copy separately. A call costs about 50 microseconds per step without XLA.
_INLINED = 64


def _in_graph(function: Callable[..., Any], which: str, *given: Any) -> Any:
    """The function or its vector-Jacobian product, traced once and called by the graphs of all layers that use it.

    Formulas of this package share one trace for all shapes of equal rank. A user's formula may depend on the shape.
    """
    if _is_differentiated_forward(given):  # forward mode does not trace into a call
        if which == "forward":
            return function(*given)
        cotangent, *tensors = given
        tensors = _with_dependency(cotangent, tensors)
        return _without_none(_gradients(function, tensors, cotangent), tensors)
    found = _traced(function, which, tuple(_loosely(function, one) for one in given))(*given)
    x = given[which == "vjp"]
    if which == "vjp":
        for one, of in zip(found, given[1:], strict=True):
            one.set_shape(of.shape)
    elif function.elementwise:
        shape = x.shape
        for one in given[1:]:
            shape = tf.broadcast_static_shape(shape, one.shape)
        found.set_shape(shape)
    return found


def _loosely(function: Callable[..., Any], tensor: Any) -> tf.TensorSpec:
    shape = tensor.shape
    if function.is_own and shape.rank is not None:
        kept = shape[-1:] if shape.rank and not function.elementwise else []  # halved if even
        shape = [*[None] * (shape.rank - len(kept)), *kept]
    return tf.TensorSpec(shape, tensor.dtype)


@cached_with_declaration
def _traced(function: Callable[..., Any], which: str, kinds: tuple[tf.TensorSpec, ...]) -> Callable[..., Any]:
    traced = _trace(_dependent_vjp if which == "vjp" else _forward, function, kinds)
    if len(traced.graph.get_operations()) <= _INLINED:
        return traced
    with tf.init_scope():
        called = tf.function(
            traced,
            input_signature=kinds,
            autograph=False,
            experimental_attributes={"_noinline": True},
        )
        return called.get_concrete_function()


def _trace(compute: Callable[..., Any], function: Callable[..., Any], kinds: tuple[tf.TensorSpec, ...]) -> Any:
    with tf.init_scope():  # outside of the tapes and graphs of the first layer that uses it
        return tf.function(partial(compute, function), input_signature=kinds, autograph=False).get_concrete_function()


def _forward(function: Callable[..., Any], *tensors: Any) -> Any:
    return function(*tensors)


def _vjp(function: Callable[..., Any], cotangent: Any, *tensors: Any) -> list[Any]:
    tensors = [tf.identity(one) for one in tensors]
    # Not with a tape, which records nothing where a trace begins within another gradient.
    found = tf.gradients(function(*tensors), tensors, grad_ys=cotangent, unconnected_gradients="zero")
    return [tf.convert_to_tensor(one) for one in found]


def _dependent_vjp(function: Callable[..., Any], cotangent: Any, *tensors: Any) -> list[Any]:
    return _vjp(function, cotangent, *_with_dependency(cotangent, tensors))


def _is_differentiated_forward(tensors: tuple[Any, ...]) -> bool:
    """Whether a `ForwardAccumulator` watches them."""
    return _tangents is None or bool(_tangents(tensors).tangents)


def _is_recorded(tensors: tuple[Any, ...]) -> bool:
    """Whether a tape watches them: TensorFlow cannot differentiate a called graph with custom gradients twice."""
    return _records is None or _records(tensors)


def _with_dependency(first: Any, tensors: tuple[Any, ...]) -> list[Any]:
    """The tensors, x with a data dependency on `first`; otherwise the compiler would reuse the forward pass's results.

    Neither TensorFlow nor XLA infers that the product of two consecutive integers is even.
    """
    number = tf.reduce_sum(tf.cast(tf.reshape(first, [-1])[:1] > 0, tf.int32))
    known = tf.equal(tf.bitwise.bitwise_and(number * (number + 1), 1), 0)
    x, *others = tensors
    return [tf.where(known, x, tf.zeros_like(x)), *others]


@cached_with_declaration
def _vjp_by_graph(function: Callable[..., Any]) -> Callable[..., Any]:
    def vjp(tensors: list[Any], cotangent: Any) -> list[Any]:
        tensors = [tf.identity(one) for one in tensors]
        return tf.gradients(function(*tensors), tensors, grad_ys=cotangent, unconnected_gradients="zero")

    return tf.function(vjp, autograph=False, reduce_retracing=True)


@checked_once
def saves_only_inputs(function: Callable[..., Any], probe: list[Any]) -> bool:
    """Whether it saves only its inputs without recomputation, or captures tensors beside its arguments."""
    specs = [tf.TensorSpec(shape, dtype) for shape, dtype in probe]
    graph, forward = _forward_and_vjp_graph(function, specs)
    return bool(graph.captures) or _bytes_read(graph, forward) <= sum(map(_bytes, specs))


def bytes_kept(function: Callable[..., Any], *tensors: Any) -> int:
    """See `keras_actx.backend.bytes_kept`."""
    return _bytes_read(*_forward_and_vjp_graph(function, [tf.TensorSpec(one.shape, one.dtype) for one in tensors]))


def _forward_and_vjp_graph(function: Callable[..., Any], specs: list[Any]) -> tuple[Any, frozenset[str]]:
    """The graph of a function and its vector-Jacobian product, and the names of the operations of the forward pass."""
    forward = []

    def both(*given: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(given)
            y = function(*given)
        forward.extend(one.name for one in y.graph.get_operations())
        return tape.gradient(y, given, output_gradients=tf.ones_like(y), unconnected_gradients="zero")

    # Inside an `init_scope` or a paused tape, no tape records anything; in another thread it does.
    with ThreadPoolExecutor(1) as thread:
        traced = thread.submit(tf.function(both, autograph=False).get_concrete_function, *specs).result()
    return traced.graph, frozenset(forward)


def _bytes_read(graph: Any, forward: frozenset[str]) -> int:
    """The size of the tensors that the backward pass reads from the forward pass, except constants."""
    taken = [one for step in graph.get_operations() if step.name not in forward for one in step.inputs]
    kept = {one.ref(): one for one in map(_source, taken) if one.op.name in forward and one.op.type != "Const"}
    return sum(map(_bytes, kept.values()))


def _source(tensor: Any) -> Any:
    """The tensor that this one is an alias of."""
    while tensor.op.type in ("Identity", "IdentityN", "StopGradient"):
        tensor = tensor.op.inputs[tensor.value_index]
    return tensor


def _bytes(tensor: Any) -> int:
    return tensor.shape.num_elements() * tensor.dtype.size
