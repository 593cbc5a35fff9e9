"""The layers of a model that have a kernel, with the activation that follows each and what is known of its input."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import keras

from keras_actx.layers._applied import as_named, subject_of_layer
from keras_actx.layers._base import DeclaredActivationLayer
from keras_actx.layers._place import (
    KERNELS,
    MOVING,
    NORMALIZATIONS,
    TRANSPARENT,
    Place,
    place_after,
    place_behind_unknown,
)
from keras_actx.layers.dense_block import DenseBlock
from keras_actx.layers.dense_stack import DenseStack
from keras_actx.layers.gated_linear_unit import GatedLinearUnit
from keras_actx.models.draw import kernel_of
from keras_actx.models.graph import Call, graph_of
from keras_actx.models.parts import Part, parts_of
from keras_actx.names.resolve import resolve

L = keras.layers
BLOCKS = (DenseBlock, DenseStack)
LINEAR = resolve(None).subject
#: Why a kernel without an activation of its own is kept in a subclassed model.
NO_GRAPH = "no graph shows what follows it"
#: Keras's layers that have kernels in them with rules of their own.
_ATTENTION = (L.MultiHeadAttention, L.GroupQueryAttention, L.Attention, L.AdditiveAttention)


@dataclass(frozen=True)
class Kernel:
    """A layer with a kernel: a dense or convolutional layer, or a block.

    Args:
        name: of the layer, as `ActivationMonitor` has it.
        layer: the layer.
        activation: the activation that its output is for; `linear` if there is none, None if it is not known.
        normalizations: the normalization layers between kernel and activation.
        adds: whether its output, or that of its activation, ends a residual branch: it is a term of a sum, and another
            term has fewer kernels before it.
        terms: of how many terms of a sum it is one, which have equally many kernels before them.
        is_output: whether nothing follows its activation.
        place: what is known of its input; None outside of a graph.
        before: the layer with a kernel whose units are its inputs, if it is known.
        why_kept: why it has no rule; None if it has one.
        applies: the layer or operation that applies the activation, if it is another one.
        caller: the `TimeDistributed` layer that calls it, if there is one.
    """

    name: str
    layer: Any
    activation: Any
    normalizations: tuple[Any, ...] = ()
    adds: bool = False
    terms: int = 1
    is_output: bool = False
    place: Place | None = None
    before: Any = None
    why_kept: str | None = None
    applies: Any = None
    caller: Any = None

    @property
    def is_normalized(self) -> bool:
        """Whether a normalization makes the scale of the kernel irrelevant."""
        return bool(self.normalizations)


@dataclass(frozen=True)
class Kernels:
    """All kernels of a model, in the order of execution.

    Args:
        found: the kernels.
        depth: the largest number of kernels on a path from input to output; 0 for a model without a graph.
        sums: the largest number of sums on a path, such as those of residual branches.
        normalized: whether a normalization follows a kernel anywhere.
    """

    found: tuple[Kernel, ...]
    depth: int
    sums: int
    normalized: bool


def kernels_of(model: Any) -> Kernels:
    """Find the kernels of a built model."""
    graph = graph_of(model)
    consumers = graph.consumers()
    start = Place("the network's input", first_layer=True, is_network_input=True)
    # Of each tensor: its place as an input, the kernel whose units it has, and the kernels and sums before it.
    known: dict[int, tuple[Place | None, Any, int, int]] = dict.fromkeys(graph.inputs, (start, None, 0, 0))
    in_graph: dict[int, tuple[Any, Call, Place | None, Any]] = {}  # layer, call, place and `before`
    depth = sums = 0
    normalized = False
    for call in graph.calls:
        layer = applied_layer(call.operation)
        places, befores, depths, added = zip(*(known[one] for one in call.inputs), strict=True)
        position, count = max(depths), max(added) + is_sum(call)
        place, before = (places[0], befores[0]) if len(call.inputs) == 1 else (None, None)
        if isinstance(layer, (*KERNELS, *BLOCKS)):
            if id(layer) not in in_graph:
                at = None if place is None else replace(place, position=position + 1)
                in_graph[id(layer)] = layer, call, at, before
            position += len(blocks_of(layer))
            before = layer
        elif isinstance(layer, NORMALIZATIONS):
            normalized = normalized or position > 0
            before = None
        elif not isinstance(layer, TRANSPARENT) and activation_of(layer) is None:
            before = None
        depth, sums = max(depth, position), max(sums, count)
        after = _after(layer, place, position)
        known.update(dict.fromkeys(call.outputs, (after, before, position, count)))
    parts = {id(part.layer): part for part in parts_of(model)}
    kernels_before = {tensor: count for tensor, (_, _, count, _) in known.items()}
    found = []
    for key, (layer, call, place, before) in in_graph.items():
        caller = None if call.operation is layer else call.operation
        kernel = replace(_followed(layer, call, consumers, kernels_before), place=place, before=before, caller=caller)
        found.append(_named(kernel, parts[key]))
    found += [kernel for kernel in _outside(parts.values()) if id(kernel.layer) not in in_graph]
    return Kernels(tuple(found), depth, sums, normalized)


def blocks_of(layer: Any) -> list[Any]:
    """The blocks of a stack; any other layer itself."""
    return layer.blocks if isinstance(layer, DenseStack) else [layer]


def applied_layer(operation: Any) -> Any:
    """The layer that a wrapper applies to every step; any other operation itself."""
    return operation.layer if isinstance(operation, L.TimeDistributed) else operation


def is_sum(call: Call) -> bool:
    """Whether the call adds different tensors."""
    return type(call.operation).__name__ == "Add" and len(set(call.inputs)) > 1


def activation_of(layer: Any) -> Any:
    """The activation that a layer or operation applies, and that is all it does; None for any other."""
    if isinstance(layer, GatedLinearUnit) and layer.interleaved:
        return layer  # which defines the order of the columns
    if isinstance(layer, DeclaredActivationLayer):
        return as_named(layer.declared)
    return subject_of_layer(layer)


def _after(layer: Any, place: Place | None, position: int) -> Place | None:
    if isinstance(layer, TRANSPARENT):
        return place
    if isinstance(layer, MOVING):
        return None if place is None else replace(place, looks_linear=False)
    is_normal = place is not None and place.is_normal
    if not isinstance(layer, (*KERNELS, *BLOCKS)) and activation_of(layer) is not None and not is_normal:
        return place_behind_unknown(layer, position)
    return place_after(layer, position)


def _followed(layer: Any, call: Call, consumers: dict[int, list[Call]], kernels_before: dict[int, int]) -> Kernel:
    """A layer with the activation that follows its call, and the sum that follows that."""
    if isinstance(layer, BLOCKS):
        return Kernel(layer.name, layer, _of_block(layer))
    activation = as_named(resolve(layer.activation).subject)
    normalizations: list[Any] = []
    applies = None
    settings: dict[str, Any] = {}
    while len(call.outputs) == 1:
        after = consumers.get(call.outputs[0], [])
        if len(after) != 1:
            settings = {"is_output": not after}
            break
        tensor, call = call.outputs[0], after[0]
        following = activation_of(applied_layer(call.operation))
        if is_sum(call):
            settings = _term(tensor, [kernels_before[one] for one in call.inputs], kernels_before)
            break
        if activation == LINEAR and isinstance(call.operation, NORMALIZATIONS):
            normalizations.append(call.operation)
        elif activation == LINEAR and following not in (None, LINEAR):
            activation, applies = following, applied_layer(call.operation)
        elif following != LINEAR and not isinstance(call.operation, (*TRANSPARENT, *MOVING)):
            break
    return Kernel(layer.name, layer, activation, tuple(normalizations), applies=applies, **settings)


def _term(tensor: int, counts: list[int], kernels_before: dict[int, int]) -> dict[str, Any]:
    """What a kernel is in a sum of terms that have these numbers of kernels before them."""
    fewest, own = min(counts), kernels_before[tensor]
    return {"adds": True} if own > fewest else {"terms": counts.count(fewest)}


def _of_block(block: Any) -> Any:
    return blocks_of(block)[0].paired_with


def _outside(parts: Any) -> Iterator[Kernel]:
    """The kernels that no graph shows: of a subclassed model or layer, or in a layer of Keras."""
    within: set[int] = set()  # the layers in a layer that is one kernel here
    for part in parts:
        layer = part.layer
        children = list(layer._flatten_layers(include_self=False))
        if isinstance(layer, (*_ATTENTION, *BLOCKS)):
            within |= set(map(id, children))
        if id(layer) in within:
            continue
        if isinstance(layer, BLOCKS):
            yield _named(Kernel(part.name, layer, _of_block(layer)), part)
        elif isinstance(layer, KERNELS):
            own = as_named(resolve(layer.activation).subject)
            kernel = Kernel(part.name, layer, None if own == LINEAR else own)
            why = NO_GRAPH if own == LINEAR else None
            yield _named(replace(kernel, why_kept=why), part)
        elif isinstance(layer, L.RNN):
            within |= set(map(id, children))
            yield Kernel(part.name, layer, None, why_kept="a recurrent layer, which starts as Keras has it")
        elif isinstance(layer, _ATTENTION):
            yield Kernel(part.name, layer, None, why_kept="attention, which starts as Keras has it")
        elif _has_kernel(layer):
            yield Kernel(part.name, layer, None, why_kept=f"no rule for a {type(layer).__name__}")


def _has_kernel(layer: Any) -> bool:
    return any(len(weight.shape) > 1 for weight in getattr(layer, "_trainable_variables", ()))


def _named(kernel: Kernel, part: Part) -> Kernel:
    """The kernel with the name of its layer, and why it is kept, if it is frozen or changed."""
    layer, why = kernel.layer, kernel.why_kept
    dense = layer.dense if isinstance(layer, DenseBlock) else layer
    if getattr(dense.dtype_policy, "quantization_mode", None) is not None:
        why = "it is quantized"
    elif getattr(dense, "lora_enabled", False):
        why = "LoRA is enabled"
    elif not layer.trainable:
        why = "it is frozen"
    elif not layer.built:
        why = "it is not built"
    elif isinstance(layer, KERNELS) and len(kernel_of(layer).shape) < 2:
        why = "its kernel has one axis"
    return replace(kernel, name=part.name, why_kept=why)
