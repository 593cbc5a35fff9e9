"""The calls of layers and operations in a model, in the order of execution, with those of nested models in place."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import count
from typing import Any

import keras

from keras_actx.models.uses import is_graph


@dataclass(frozen=True)
class Call:
    """One call in a graph. Its tensors are numbers, which are equal where a tensor enters or leaves a nested model.

    Args:
        operation: the layer or operation.
        inputs, outputs: the tensors.
        shapes: of the inputs, with None for sizes that are not known.
    """

    operation: Any
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    shapes: tuple[tuple[int | None, ...], ...]


@dataclass(frozen=True)
class Graph:
    """The calls of a model, and the tensors that are its inputs and outputs. All are empty for a subclassed model."""

    calls: tuple[Call, ...] = ()
    inputs: tuple[int, ...] = ()
    outputs: tuple[int, ...] = ()

    def consumers(self) -> dict[int, list[Call]]:
        """The calls that have a tensor as an input, by its number."""
        found: dict[int, list[Call]] = {}
        for call in self.calls:
            for tensor in dict.fromkeys(call.inputs):
                found.setdefault(tensor, []).append(call)
        return found


def graph_of(model: Any) -> Graph:
    """The graph of a built `Sequential` or functional model; of any other, an empty one."""
    function = _function_of(model)
    if function is None:
        return Graph()
    numbers = count()
    inputs = tuple(next(numbers) for _ in function.inputs)
    calls: list[Call] = []
    outputs = _expand(function, inputs, numbers, calls)
    return Graph(tuple(calls), inputs, tuple(outputs))


def _function_of(model: Any) -> Any:
    """The functional model that a model is or has; Keras has no public name for that of a `Sequential`."""
    if not is_graph(model):
        return None
    function = getattr(model, "_functional", None) if isinstance(model, keras.Sequential) else model
    return function if hasattr(function, "_nodes_by_depth") else None


def _expand(function: Any, inputs: Iterable[int], numbers: Any, calls: list[Call]) -> list[int]:
    """Append the calls of a functional model with these inputs, and return its outputs."""
    known = dict(zip(map(id, function.inputs), inputs, strict=True))
    by_depth = function._nodes_by_depth
    for node in (node for depth in sorted(by_depth, reverse=True) for node in by_depth[depth]):
        if node.is_input:
            continue
        given = tuple(known[id(tensor)] for tensor in node.input_tensors)
        inner = _function_of(node.operation)
        if inner is not None and len(inner.inputs) == len(given):
            results = _expand(inner, given, numbers, calls)
        else:
            results = [next(numbers) for _ in node.output_tensors]
            shapes = tuple(tuple(tensor.shape) for tensor in node.input_tensors)
            calls.append(Call(node.operation, given, tuple(results), shapes))
        known.update(zip(map(id, node.output_tensors), results, strict=True))
    return [known[id(tensor)] for tensor in function.outputs]
