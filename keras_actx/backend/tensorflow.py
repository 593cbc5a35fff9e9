"""TensorFlow: `init_scope` leaves the graph of a `tf.function`."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any

import keras
import tensorflow as tf

from keras_actx.backend.exporters import called_by_exporter
from keras_actx.backend.sample import asked_once, kept_with_declaration

try:  # TensorFlow has no public name for it; without one, every layer traces the formula itself
    from tensorflow.python.eager.forwardprop_util import pack_tangents as _tangents
except ImportError:
    _tangents = None

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
    "keeping_inputs",
    "sin",
    "tanh",
    "there_and_back",
    "with_derivative",
]

KERNELS: dict[str, Any] = {}  # a compiler makes one of every formula

#: ONNX has none of the first two, LiteRT none of the last two.
PORTABLE = ("expm1", "log1p", "erf", "arctan")

tanh, sin, cos, erfc = keras.ops.tanh, keras.ops.sin, keras.ops.cos, tf.math.erfc


def clip(x: Any, low: float, high: float) -> Any:
    """See `keras_actx.backend.clip`."""
    return tf.clip_by_value(x, tf.constant(low, x.dtype), tf.constant(high, x.dtype))


def clip_min(x: Any, low: float) -> Any:
    """See `keras_actx.backend.clip_min`."""
    return tf.maximum(x, tf.constant(low, x.dtype))


def clip_max(x: Any, high: float) -> Any:
    """See `keras_actx.backend.clip_max`."""
    return tf.minimum(x, tf.constant(high, x.dtype))


def with_derivative(function: Callable[..., Any], derivative: Callable[..., Any]) -> Callable[..., Any]:
    """See `keras_actx.backend.with_derivative`."""

    @tf.custom_gradient
    def found(x: Any) -> tuple[Any, Callable[[Any], Any]]:
        return function(x), lambda cotangent: cotangent * derivative(x)

    return found


def arctan(x: Any) -> Any:
    """See `keras_actx.backend.arctan`. Looked up at each call: while a graph is exported, it is another."""
    return keras.ops.arctan(x)


def exporting(x: Any) -> bool:
    """See `keras_actx.backend.exporting`. TensorFlow does not say what a graph is traced for; the stack does."""
    return not tf.executing_eagerly() and called_by_exporter()


@contextmanager
def eager_float64() -> Iterator[None]:
    """See `keras_actx.backend.eager_float64`."""
    with tf.init_scope(), tf.device("CPU:0"):
        yield


def there_and_back(function: Callable[..., Any]) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """See `keras_actx.backend.there_and_back`."""

    def back(weights: Any, x: Any, cotangent: Any) -> Any:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(x)
            y = function(weights, x)
        return tape.gradient(y, x, output_gradients=cotangent, unconnected_gradients="zero")

    return tf.function(function, autograph=False), tf.function(back, autograph=False)


def keeping_inputs(function: Callable[..., Any], tensors: tuple[Any, ...]) -> Any:
    """See `keras_actx.backend.keeping_inputs`."""
    tensors = tuple(tf.convert_to_tensor(one) for one in tensors)  # Keras leaves its variables as they are
    if _is_frugal(function, tuple(one.dtype for one in tensors)):
        return function(*tensors)
    return _recomputed(function)(*tensors)


@kept_with_declaration
def _recomputed(function: Callable[..., Any]) -> Callable[..., Any]:
    @tf.custom_gradient
    def recomputed(*tensors: Any) -> Any:
        if tf.executing_eagerly():
            y = function(*map(tf.stop_gradient, tensors))  # no tape follows a step from here
        else:  # a graph needs no such care, and would lose its forward derivative
            y = _in_graph(function, "there", *tensors)
        return y, lambda cotangent: _back(function, tensors, cotangent)

    return recomputed


def _back(function: Callable[..., Any], tensors: tuple[Any, ...], cotangent: Any) -> list[Any]:
    """The function again, and the gradient through it."""
    if not tf.executing_eagerly():
        return _in_graph(function, "back", tf.convert_to_tensor(cotangent), *tensors)  # it may be of slices
    found = _gradients(function, tensors, cotangent)
    if all(one is None for one in found):
        # No tape works inside a `ForwardAccumulator`, which differentiates this function; a graph does.
        return _back_by_graph(function)(tensors, cotangent)
    return _without_none(found, tensors)


def _gradients(function: Callable[..., Any], tensors: Any, cotangent: Any) -> list[Any]:
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tensors = [tf.identity(one) for one in tensors]  # a name of its own for each
        tape.watch(tensors)
        y = function(*tensors)
    return tape.gradient(y, tensors, output_gradients=cotangent)


def _without_none(found: list[Any], tensors: Any) -> list[Any]:
    return [tf.zeros_like(x) if one is None else one for one, x in zip(found, tensors, strict=True)]


#: Larger graphs are called where a model uses them: TensorFlow optimizes the whole graph of a model before its first
#: step, each copy of what it has inlined by itself. A call costs some 50 microseconds a step without XLA.
_INLINED = 64


def _in_graph(function: Callable[..., Any], way: str, *given: Any) -> Any:
    """The function or its way back, traced once for all layers that have the same: their graphs call it.

    Of this package's formulas it is the same trace for all shapes of as many axes. A user's may look at the shape.
    """
    if _is_differentiated_forward(given):  # which does not follow a call
        if way == "there":
            return function(*given)
        cotangent, *tensors = given
        tensors = _not_before(cotangent, tensors)
        return _without_none(_gradients(function, tensors, cotangent), tensors)
    found = _traced(function, way, tuple(_loosely(function, one) for one in given))(*given)
    x = given[way == "back"]
    if way == "back":
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
        kept = shape[-1:] if shape.rank and not function.elementwise else []  # which is halved, if it can be
        shape = [*[None] * (shape.rank - len(kept)), *kept]
    return tf.TensorSpec(shape, tensor.dtype)


@kept_with_declaration
def _traced(function: Callable[..., Any], way: str, kinds: tuple[tf.TensorSpec, ...]) -> Callable[..., Any]:
    with tf.init_scope():  # away from the tapes and graphs of the first layer that needs it
        traced = tf.function(partial(_WAYS[way], function), input_signature=kinds, autograph=False)
        traced = traced.get_concrete_function()
        if len(traced.graph.get_operations()) <= _INLINED:
            return traced
        called = tf.function(
            traced,
            input_signature=kinds,
            autograph=False,
            experimental_attributes={"_noinline": True},
        )
        return called.get_concrete_function()


def _there(function: Callable[..., Any], *tensors: Any) -> Any:
    return function(*tensors)


def _and_back(function: Callable[..., Any], cotangent: Any, *tensors: Any) -> list[Any]:
    tensors = [tf.identity(one) for one in _not_before(cotangent, tensors)]
    # Not by a tape, which notes nothing where a trace is begun within another gradient.
    found = tf.gradients(function(*tensors), tensors, grad_ys=cotangent, unconnected_gradients="zero")
    return [tf.convert_to_tensor(one) for one in found]


_WAYS = {"there": _there, "back": _and_back}


def _is_differentiated_forward(tensors: tuple[Any, ...]) -> bool:
    """Whether a `ForwardAccumulator` is at work on them."""
    return _tangents is None or bool(_tangents(tensors).tangents)


def _not_before(first: Any, tensors: tuple[Any, ...]) -> list[Any]:
    """The tensors, but known only when `first` is; or what is made of them would be taken from the forward pass.

    Neither TensorFlow nor XLA sees that a whole number times the next is always even.
    """
    number = tf.reduce_sum(tf.cast(tf.reshape(first, [-1])[:1] > 0, tf.int32))
    known = tf.equal(tf.bitwise.bitwise_and(number * (number + 1), 1), 0)
    return [tf.where(known, one, tf.zeros_like(one)) for one in tensors]


@kept_with_declaration
def _back_by_graph(function: Callable[..., Any]) -> Callable[..., Any]:
    def back(tensors: list[Any], cotangent: Any) -> list[Any]:
        tensors = [tf.identity(one) for one in tensors]
        return tf.gradients(function(*tensors), tensors, grad_ys=cotangent, unconnected_gradients="zero")

    return tf.function(back, autograph=False, reduce_retracing=True)


@asked_once
def _is_frugal(function: Callable[..., Any], sample: list[Any]) -> bool:
    """Whether it keeps no more than its input by itself, or is a function of more than its arguments."""
    specs = [tf.TensorSpec(shape, dtype) for shape, dtype in sample]
    graph, there = _there_and_back(function, specs)
    return bool(graph.captures) or _bytes_taken(graph, there) <= sum(map(_bytes, specs))


def bytes_kept(function: Callable[..., Any], *tensors: Any) -> int:
    """See `keras_actx.backend.bytes_kept`."""
    return _bytes_taken(*_there_and_back(function, [tf.TensorSpec(one.shape, one.dtype) for one in tensors]))


def _there_and_back(function: Callable[..., Any], specs: list[Any]) -> tuple[Any, frozenset[str]]:
    """The graph of a function and of the gradient back through it, and the names of the steps of the way there."""
    there = []

    def both(*given: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(given)
            y = function(*given)
        there.extend(one.name for one in y.graph.get_operations())
        return tape.gradient(y, given, output_gradients=tf.ones_like(y), unconnected_gradients="zero")

    # Inside an `init_scope` or a paused tape, no tape notes anything; in another thread it does.
    with ThreadPoolExecutor(1) as thread:
        traced = thread.submit(tf.function(both, autograph=False).get_concrete_function, *specs).result()
    return traced.graph, frozenset(there)


def _bytes_taken(graph: Any, there: frozenset[str]) -> int:
    """The size of what the steps back take from the steps there, constants excepted."""
    taken = [one for step in graph.get_operations() if step.name not in there for one in step.inputs]
    kept = {one.ref(): one for one in map(_source, taken) if one.op.name in there and one.op.type != "Const"}
    return sum(map(_bytes, kept.values()))


def _source(tensor: Any) -> Any:
    """The tensor that this one is only another name of."""
    while tensor.op.type in ("Identity", "IdentityN", "StopGradient"):
        tensor = tensor.op.inputs[tensor.value_index]
    return tensor


def _bytes(tensor: Any) -> int:
    return tensor.shape.num_elements() * tensor.dtype.size
