"""torch on the CPU: the operations of a formula are recorded once and replayed with a few reused buffers.

Each eager operation costs a Python call and the allocation of its result, page by page by the operating system:
together more than the arithmetic on a chunk that fits the cache.
"""

import contextlib
import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch.fx.experimental.proxy_tensor import make_fx

from keras_actx.backend.probe import cached_with_declaration

Function = Callable[..., Any]
Tensors = tuple[Any, ...]
Kinds = tuple[tuple[Any, Any], ...]  # shapes and dtypes

#: Calls before a function is recorded, which takes as long as a few hundred operations: a number among its parameters
#: may change at every call.
_OFTEN = 16


def program(name: str, function: Function, make: Callable[[], Function], tensors: Tensors) -> "Program | None":
    """The recorded program of the function that `make()` returns; None for a function that is called rarely.

    Also None for a user's function, which may read more than its arguments: their values would be recorded too.

    Args:
        name: of the derived function, as a part of the cache key.
        function: the formula that the program is cached for.
        make: returns a function of tensors, to a list of tensors.
        tensors: examples of its arguments.
    """
    if not function.is_own:
        return None
    known = _known(function, name, tuple((one.shape, one.dtype) for one in tensors))
    known["calls"] += 1
    if known["calls"] == _OFTEN:
        with contextlib.suppress(_NotRecordedError):
            known["program"] = Program(make(), tuple(torch.ones_like(one) for one in tensors))
    return known["program"]


@cached_with_declaration
def _known(function: Function, name: str, kinds: Kinds) -> dict[str, Any]:
    return {"calls": 0, "program": None}


class _NotRecordedError(Exception):
    """A function has an operation that a program cannot represent."""


class Program:
    """A function of tensors of fixed shapes, as a list of operations."""

    def __init__(self, function: Function, examples: Tensors) -> None:
        graph = make_fx(function)(*examples).graph
        graph.eliminate_dead_code()
        self._inputs = [node for node in graph.nodes if node.op == "placeholder"]
        self._steps = [node for node in graph.nodes if node.op == "call_function"]
        (self._outputs,) = next(node for node in graph.nodes if node.op == "output").args
        if any(node.op == "get_attr" for node in graph.nodes):
            raise _NotRecordedError("a tensor that is not an argument")
        self._places = {node: place for place, node in enumerate([*self._inputs, *self._steps])}
        self._plan()

    def _plan(self) -> None:
        """Assigns a buffer to each result, which is reused after the last operation that reads it."""
        last = {}
        owner = {}  # the base of a view
        for node in self._steps:
            views = [one for one in node.all_input_nodes if _is_view(node.target)]
            owner[node] = owner.get(views[0], views[0]) if views else node
            for one in node.all_input_nodes:
                last[owner.get(one, one)] = node
        for one in self._outputs:
            last.pop(owner.get(one, one), None)
        free: dict[Any, list[int]] = {}
        self.kinds: list[Any] = []
        self._slots: dict[Any, int] = {}
        self._calls: list[Any] = []
        for node in self._steps:
            into = None if owner[node] is not node else _into(node.target)
            out = None
            if into is not None:
                kind = _kind(node)
                slots = free.setdefault(kind, [])
                if not slots:
                    slots.append(len(self.kinds))
                    self.kinds.append(kind)
                self._slots[node], out = slots.pop(), into[1]
            self._calls.append(
                (into[0] if into else node.target, self._given(node), node.kwargs, out, self._slots.get(node))
            )
            for one in {owner.get(one, one) for one in node.all_input_nodes}:
                if last.get(one) is node and one in self._slots:
                    free[_kind(one)].append(self._slots[one])

    def _given(self, node: Any) -> list[Any]:
        if any(isinstance(one, (list, tuple)) and any(map(_is_node, one)) for one in node.args):
            raise _NotRecordedError("a list of tensors as an argument")
        return [_Value(self._places[one]) if _is_node(one) else one for one in node.args]

    @property
    def shapes(self) -> list[Any]:
        """The shapes of the results."""
        return [tuple(node.meta["val"].shape) for node in self._outputs]

    def buffers(self) -> list[Any]:
        """Buffers for the intermediate results."""
        return [torch.empty(shape, dtype=dtype, device="cpu") for shape, dtype in self.kinds]

    def run(self, tensors: Tensors, buffers: list[Any], results: Tensors) -> None:
        """Write the function's values for `tensors` into `results`."""
        values = [*tensors, *[None] * len(self._steps)]
        wanted = {self._places[node]: result for node, result in zip(self._outputs, results, strict=True)}
        for place, (call, given, kwargs, out, slot) in enumerate(self._calls, start=len(tensors)):
            args = [values[one.place] if one.__class__ is _Value else one for one in given]
            if out is None:
                values[place] = call(*args, **kwargs)
            else:
                result = wanted[place] if place in wanted else buffers[slot]
                values[place] = call(*args, **kwargs, **{out: result})
        for node, result in zip(self._outputs, results, strict=True):  # two may be the same
            if values[self._places[node]] is not result:
                result.copy_(values[self._places[node]])


@dataclass(frozen=True)
class _Value:
    """A former result, or an input, as an argument of an operation."""

    place: int


def _is_node(argument: Any) -> bool:
    return isinstance(argument, torch.fx.Node)


def _kind(node: Any) -> Any:
    return tuple(node.meta["val"].shape), node.meta["val"].dtype


def _is_view(operation: Any) -> bool:
    return operation is operator.getitem or any(one.alias_info is not None for one in operation._schema.returns)


def _into(operation: Any) -> tuple[Function, str] | None:
    """The overload of an operation that writes into a tensor, and the name of that argument."""
    if operation is operator.getitem:
        return None
    packet = operation.overloadpacket
    given = [(one.name, str(one.type)) for one in operation._schema.arguments]
    for name in packet.overloads():
        other = getattr(packet, name)
        out = [one for one in other._schema.arguments if one.alias_info is not None and one.alias_info.is_write]
        rest = [(one.name, str(one.type)) for one in other._schema.arguments if one not in out]
        if len(out) == 1 and out[0].kwarg_only and rest == given:
            return other, out[0].name
    return None
