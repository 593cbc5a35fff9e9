"""torch on the CPU: the operations of a formula are recorded once and replayed with a few reused buffers.

Each eager operation costs a Python call and the allocation of its result, page by page by the operating system:
together more than the arithmetic on a chunk that fits the cache.
"""

import contextlib
import operator
from collections.abc import Callable
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
        self._into: dict[Any, Function] = {}
        for node in self._steps:
            into = None if owner[node] is not node else _into(node.target)
            if into is not None:
                kind = _kind(node)
                slots = free.setdefault(kind, [])
                if not slots:
                    slots.append(len(self.kinds))
                    self.kinds.append(kind)
                self._slots[node], self._into[node] = slots.pop(), into
            for one in {owner.get(one, one) for one in node.all_input_nodes}:
                if last.get(one) is node and one in self._slots:
                    free[_kind(one)].append(self._slots[one])

    @property
    def shapes(self) -> list[Any]:
        """The shapes of the results."""
        return [tuple(node.meta["val"].shape) for node in self._outputs]

    def buffers(self) -> list[Any]:
        """Buffers for the intermediate results."""
        return [torch.empty(shape, dtype=dtype, device="cpu") for shape, dtype in self.kinds]

    def run(self, tensors: Tensors, buffers: list[Any], results: Tensors) -> None:
        """Write the function's values for `tensors` into `results`."""
        values = dict(zip(self._inputs, tensors, strict=True))
        wanted = dict(zip(self._outputs, results, strict=True))

        def known(argument: Any) -> Any:
            return values[argument] if isinstance(argument, torch.fx.Node) else argument

        for node in self._steps:
            args = [
                known(one) if not isinstance(one, (list, tuple)) else [known(it) for it in one] for one in node.args
            ]
            into = self._into.get(node)
            if into is None:
                values[node] = node.target(*args, **node.kwargs)
            else:
                values[node] = into(args, node.kwargs, wanted.get(node, buffers[self._slots[node]]))
        for node, result in zip(self._outputs, results, strict=True):  # two may be the same
            if values[node] is not result:
                result.copy_(values[node])


def _kind(node: Any) -> Any:
    return tuple(node.meta["val"].shape), node.meta["val"].dtype


def _is_view(operation: Any) -> bool:
    return operation is operator.getitem or any(one.alias_info is not None for one in operation._schema.returns)


def _into(operation: Any) -> Function | None:
    """The overload of an operation that writes into an `out` tensor."""
    if operation is operator.getitem:
        return None
    packet = operation.overloadpacket
    given = [(one.name, str(one.type)) for one in operation._schema.arguments]
    for name in packet.overloads():
        other = getattr(packet, name)
        out = [one for one in other._schema.arguments if one.alias_info is not None and one.alias_info.is_write]
        rest = [(one.name, str(one.type)) for one in other._schema.arguments if one not in out]
        if len(out) == 1 and out[0].kwarg_only and rest == given:
            key = out[0].name
            return lambda args, kwargs, result, call=other, key=key: call(*args, **kwargs, **{key: result})
    return None
