"""torch on the CPU: the operations of a formula are recorded once, simplified, and replayed with a few reused buffers.

Each eager operation costs several Python calls, the conversion of its numbers to tensors, and the allocation of its
result, page by page by the operating system if it is large: together more than the arithmetic of a small tensor, or of
a chunk that fits the cache.
"""

import contextlib
import functools
import operator
import types
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch.fx.experimental.proxy_tensor import make_fx

from keras_actx.backend.probe import cached_with_declaration
from keras_actx.backend.torch.eager import in_new_thread

Function = Callable[..., Any]
Tensors = tuple[Any, ...]
Kinds = tuple[tuple[Any, Any], ...]  # shapes, or numbers of axes, and dtypes

#: Calls before a function is recorded, which takes as long as a few hundred operations: a number among its parameters
#: may change at every call.
OFTEN = 16


def program(
    name: str, function: Function, make: Callable[[], Function], tensors: Tensors, any_length: bool
) -> "Program | None":
    """The recorded program of the function that `make()` returns; None for a function that is called rarely.

    Also None for a user's function, which may read more than its arguments: their values would be recorded too.

    Args:
        name: of the derived function, as a part of the cache key.
        function: the formula that the program is cached for.
        make: returns a function of tensors, to a list of tensors.
        tensors: examples of its arguments.
        any_length: whether these have one axis or none, and the program is to be one for all lengths of the axis.
    """
    if not function.is_own:
        return None
    known = _known(function, name, tuple((one.dim() if any_length else one.shape, one.dtype) for one in tensors))
    if known["calls"] < OFTEN:
        known["calls"] += 1
        if known["calls"] == OFTEN:
            shapes = [(_LENGTH,) * one.dim() if any_length else one.shape for one in tensors]
            kinds = [(shape, one.dtype) for shape, one in zip(shapes, tensors, strict=True)]
            known["program"] = _recorded(make(), kinds, any_length)
    return known["program"]


def as_function(function: Function, dtypes: tuple[Any, ...]) -> Function | None:
    """An elementwise function of tensors of one shape as a function without any other operation than these of torch.

    None if it cannot be recorded.
    """
    program = _recorded(lambda *given: [function(*given)], [((_LENGTH,), dtype) for dtype in dtypes], True)
    return program and program.as_function()


def _recorded(function: Function, kinds: list[Any], any_length: bool) -> "Program | None":
    def record() -> Program:
        return Program(function, tuple(torch.ones(shape, dtype=dtype) for shape, dtype in kinds), any_length)

    with contextlib.suppress(_NotRecordedError):
        return in_new_thread(record)
    return None


#: Of the axis of examples for a program for all lengths: no argument of an operation but a length has this value.
_LENGTH = 1009


@cached_with_declaration
def _known(function: Function, name: str, kinds: Kinds) -> dict[str, Any]:
    return {"calls": 0, "program": None}


class _NotRecordedError(Exception):
    """A function has an operation that a program cannot represent."""


class Program:
    """A function of tensors of fixed shapes, or of any length, as a list of operations.

    Args:
        function: of tensors, to a list of tensors.
        examples: its arguments.
        any_length: whether an axis of `examples` stands for one of any length.
    """

    def __init__(self, function: Function, examples: Tensors, any_length: bool = False) -> None:
        self._any_length = any_length
        with torch.no_grad():
            recorder = _Recorder(function, examples, any_length)
            self.shapes = recorder.shapes
            self._inputs, self._steps, self._outputs = recorder.inputs, recorder.steps(), recorder.outputs
            self._plan(self._inputs, *_with_masks(self._steps, self._outputs))

    def _plan(self, inputs: list["_Value"], steps: list["_Value"], outputs: list["_Value"]) -> None:
        """Assigns a place to each value, and a buffer to each result, reused after the last operation that reads it."""
        written = [
            one
            for one, shape in zip(outputs, self.shapes, strict=True)
            if one.value.shape == shape and one.operation is not None and _into(one.operation) is not None
        ]
        base, last = {}, {}  # of a view; the last operation that reads a value
        for step in steps:
            viewed = [one for one in step.args if not one.is_constant] if _is_view(step.operation) else []
            base[step] = base.get(viewed[0], viewed[0]) if viewed else step
            last |= {base.get(one, one): step for one in (step, *step.args)}
        kept = {base.get(one, one) for one in outputs}
        slots: dict[_Value, int] = {}
        free: dict[Any, list[int]] = {}
        self._kinds: list[Any] = []

        def take_slot(step: _Value) -> None:
            if not free.setdefault(step.kind, []):
                free[step.kind].append(len(self._kinds))
                self._kinds.append(step.kind)
            slots[step] = free[step.kind].pop()

        for step in steps:
            needs_one = base[step] is step and step not in written and _into(step.operation) is not None
            if needs_one and not _is_pointwise(step.operation):  # the others may overwrite what they read
                take_slot(step)
            for one in {base.get(one, one) for one in step.args} - kept:
                if one in slots and last[one] is step:
                    free[one.kind].append(slots[one])
            if needs_one and step not in slots:
                take_slot(step)
        constants = list({one: None for step in [*steps, *outputs] for one in (step, *step.args) if one.is_constant})
        self._constants = [one.value for one in constants]
        places = {one: at for at, one in enumerate([*inputs, *constants])}
        first = len(places)
        places |= {one: first + outputs.index(one) for one in written}
        places |= {one: first + len(outputs) + slot for one, slot in slots.items()}
        others = [one for one in steps if one not in places]
        places |= {one: first + len(outputs) + len(self._kinds) + at for at, one in enumerate(others)}
        self._blank = [None] * len(others)
        self._calls = [(*_call(step, step in others), _getter(step, places), places[step]) for step in steps]
        self._copies = [(first + at, places[one]) for at, one in enumerate(outputs) if places[one] != first + at]

    def buffers(self, shape: Any) -> list[Any]:
        """Buffers for the intermediate results; if the program is for any length, `shape` is that of the tensors."""
        return [
            torch.empty(shape if its_shape and self._any_length else its_shape, dtype=dtype, device="cpu")
            for its_shape, dtype in self._kinds
        ]

    def as_function(self) -> Function:
        """The same without buffers, for small tensors, whose allocation is fast: of an elementwise function."""
        graph, nodes = torch.fx.Graph(), {}
        constants = [one for step in [*self._steps, *self._outputs] for one in (step, *step.args) if one.is_constant]
        tensors = list(dict.fromkeys(one for one in constants if isinstance(one.value, torch.Tensor)))
        for at, one in enumerate([*tensors, *self._inputs]):
            nodes[one] = graph.placeholder(f"a{at}")
        for step in self._steps:
            args = tuple(nodes.get(one, one.value) for one in step.args)
            nodes[step] = graph.call_function(_new(step), args, dict(step.kwargs))
        (output,) = self._outputs
        is_result = output in self._steps and output.value.shape == self.shapes[0]
        x = nodes[self._inputs[-1]]
        graph.output(nodes[output] if is_result else graph.call_function(_filled, (x, nodes[output])))
        made = torch.fx.GraphModule({}, graph).forward
        return functools.partial(made, *(one.value for one in tensors))

    def run(self, tensors: Tensors, buffers: list[Any], results: Any) -> None:
        """Write the function's values for `tensors` into `results`."""
        values = [*tensors, *self._constants, *results, *buffers, *self._blank]
        for call, out, given, place in self._calls:
            if out is None:
                values[place] = call(*given(values))
            else:
                call(*given(values), **{out: values[place]})
        for result, place in self._copies:
            values[result].copy_(values[place])


@dataclass(eq=False)
class _Value:
    """An input, a constant, or the result of an operation: `value` is that for the examples, or the constant."""

    value: Any
    operation: Any = None
    args: tuple["_Value", ...] = ()
    kwargs: tuple[tuple[str, Any], ...] = ()
    is_constant: bool = False

    @property
    def kind(self) -> Any:
        return tuple(self.value.shape), self.value.dtype

    @property
    def is_real(self) -> bool:
        """Whether it is a tensor of real numbers."""
        return isinstance(self.value, torch.Tensor) and self.value.is_floating_point()

    def is_number(self, number: float) -> bool:
        return isinstance(self.value, (int, float)) and self.value == number


def _with_masks(steps: list[_Value], outputs: list[_Value]) -> tuple[list[_Value], list[_Value]]:
    """The steps and outputs, with bits selected by masks in place of `where`, whose branches take longer."""
    made: dict[_Value, _Value] = {}
    masks: dict[_Value, _Value] = {}
    found: list[_Value] = []
    for step in steps:
        step_now = _Value(step.value, step.operation, tuple(made.get(one, one) for one in step.args), step.kwargs)
        if (
            step.operation is torch.ops.aten.where.self
            and step.args[0].value.shape == step.value.shape
            and step.is_real
        ):
            condition = step.args[0]
            if condition not in masks:
                is_compared = getattr(condition.operation, "overloadpacket", None) in _COMPARISONS
                kind = torch.int64 if step.value.dtype == torch.float64 else torch.int32
                masks[condition] = _Value(
                    condition.value.to(kind),
                    _Mask(condition.operation.overloadpacket.__name__) if is_compared else _Mask("positive"),
                    tuple(made.get(one, one) for one in condition.args)
                    if is_compared
                    else (made.get(condition, condition),),
                )
                found.append(masks[condition])
            step_now.operation, step_now.args = _selected, (masks[condition], *step_now.args[1:])
        made[step] = step_now
        found.append(step_now)
    outputs = [made.get(one, one) for one in outputs]
    return _needed(found, outputs), outputs


def _needed(steps: list[_Value], outputs: list[_Value]) -> list[_Value]:
    """The steps that the outputs depend on."""
    needed, found = set(outputs), []
    for one in reversed(steps):
        if one in needed:
            found.append(one)
            needed.update(one.args)
    return found[::-1]


class _Recorder:
    """The operations of a function, each different one once, none in place; constants have no axis."""

    def __init__(self, function: Function, examples: Tensors, any_length: bool) -> None:
        self.inputs = [_Value(one) for one in examples]
        self._known: dict[Any, _Value] = {}
        self._any_length = any_length
        module = make_fx(function)(*examples)
        made: dict[Any, _Value] = {}  # by node, what its tensor is now
        source: dict[Any, Any] = {}  # the node of the tensor that an operation in place returns
        inputs = iter(self.inputs)
        for node in module.graph.nodes:
            source[node] = node
            if node.op == "placeholder":
                made[node] = next(inputs)
            elif node.op == "get_attr":
                made[node] = self._constant(getattr(module, node.target))
            elif node.op == "output":
                self.outputs = [made[source[one]] for one in node.args[0]]
                self.shapes = [tuple(one.meta["val"].shape) for one in node.args[0]]
            else:
                operation = node.target
                if operation is not operator.getitem and operation._schema.is_mutable:
                    source[node], operation = source[node.args[0]], _not_in_place(operation)
                    if any(_is_view(one.operation) and made[source[node]] in one.args for one in made.values()):
                        raise _NotRecordedError(f"{node.target} of a tensor with views")
                args = [
                    made[source[one]] if isinstance(one, torch.fx.Node) else self._constant(one) for one in node.args
                ]
                made[source[node]] = self._result(operation, args, node)

    def steps(self) -> list[_Value]:
        """The operations that the outputs depend on, in order."""
        return _needed([one for one in self._known.values() if one.operation is not None], self.outputs)

    def _result(self, operation: Any, args: list[_Value], node: Any) -> _Value:
        kwargs, name = dict(node.kwargs), _name(operation)
        if name in _FILLED:
            number = _FILLED[name] if isinstance(_FILLED[name], float) else args[_FILLED[name]].value
            return self._constant(torch.full((), number, dtype=node.meta["val"].dtype))
        if not _is_pointwise(operation) and any(map(_has_lost_shape, node.args, args)):
            raise _NotRecordedError(f"{operation} of a constant")
        first = args[0]
        if name in _SAME or (name in ("mul", "div", "pow") and first.is_real and args[1].is_number(1.0)):
            return first
        if name == "square" or (name == "pow" and first.is_real and args[1].is_number(2.0)):
            name, operation, args = "mul", torch.ops.aten.mul.Tensor, [first, first]
        if name == "relu":
            name, operation, args = "clamp_min", torch.ops.aten.clamp_min.default, [first, self._constant(0)]
        if name == "rsub" and len(args) == 2 and not kwargs:
            name, operation, args = "sub", torch.ops.aten.sub.Tensor, args[::-1]
        tensor = next((one for one in args if one.is_real), None)
        if name in _BINARY and tensor is not None:  # numbers would be converted in every call
            numbers = [one for one in args if isinstance(one.value, (int, float))]
            as_tensor = {one: self._constant(torch.tensor(one.value, dtype=tensor.value.dtype)) for one in numbers}
            args = [as_tensor.get(one, one) for one in args]
            operation = getattr(operation.overloadpacket, "Tensor", operation)
        if any(isinstance(one.value, (list, tuple)) and self._is_special(one.value) for one in args):
            raise _NotRecordedError(f"{operation} with a list of tensors, or a length")
        key = operation, *args, *kwargs.items()
        if key not in self._known:
            value = operation(*(one.value for one in args), **kwargs)
            if all(one.is_constant for one in args) and isinstance(value, torch.Tensor):
                return self._constant(value)
            self._known[key] = _Value(value, operation, tuple(args), tuple(kwargs.items()))
        return self._known[key]

    def _is_special(self, items: Any) -> bool:
        return any(isinstance(one, torch.fx.Node) or (self._any_length and one == _LENGTH) for one in items)

    def _constant(self, value: Any) -> _Value:
        if isinstance(value, torch.Tensor):
            if value.numel() != 1:
                raise _NotRecordedError("a tensor that is not an argument")
            value = value.detach().reshape(())
            key = value.dtype, repr(value.item())
        else:
            key = type(value), repr(value)
        return self._known.setdefault(key, _Value(value, is_constant=True))


def _has_lost_shape(node: Any, value: _Value) -> bool:
    is_tensor = isinstance(node, torch.fx.Node) and isinstance(value.value, torch.Tensor)
    return is_tensor and value.value.shape != node.meta["val"].shape


#: Operations that return their first argument, since none is in place.
_SAME = ("alias", "clone", "detach", "lift_fresh", "lift_fresh_copy", "positive")

#: Operations of two tensors, one of which may be a number instead.
_BINARY = ("add", "sub", "mul", "div", "lt", "le", "gt", "ge", "eq", "ne")

#: Constants as tensors: their number, or which argument it is.
_FILLED: dict[str, Any] = {
    **{"ones_like": 1.0, "ones": 1.0, "zeros_like": 0.0, "zeros": 0.0, "new_zeros": 0.0, "new_ones": 1.0},
    **{"scalar_tensor": 0, "full_like": 1, "full": 1, "new_full": 2},
}


_COMPARISONS = tuple(getattr(torch.ops.aten, name) for name in ("lt", "le", "gt", "ge", "eq", "ne"))


class _Mask:
    """An operation: whole numbers whose bits are all 1 where a comparison holds, and 0 elsewhere."""

    def __init__(self, name: str) -> None:
        self._compare = getattr(torch, name) if name != "positive" else None

    def __call__(self, *args: Any, out: Any) -> None:
        if self._compare is None:
            out.copy_(args[0])
        else:
            self._compare(*args, out=out)
        out.neg_()


def _selected(mask: Any, x: Any, y: Any, *, out: Any) -> None:
    """An operation: `x` where the bits of the mask are 1, `y` where they are 0."""
    bits, x, y = (one.view(mask.dtype) for one in (out, x, y))
    if x.dim() or y.dim():
        torch.bitwise_xor(x, y, out=bits).bitwise_and_(mask)
    else:
        torch.bitwise_and(mask, x ^ y, out=bits)
    bits.bitwise_xor_(y)


def _call(step: _Value, is_new: bool) -> tuple[Function, str | None]:
    """The function for an operation, and the name of the argument that its result is written into."""
    call, out = (step.operation, None) if is_new else _into(step.operation)
    call = functools.partial(call, **dict(step.kwargs)) if step.kwargs else call
    if is_new or step.kwargs or not isinstance(step.operation, torch._ops.OpOverload):
        return call, out
    direct = _of_torch(step)
    if direct is not None:
        with contextlib.suppress(TypeError):
            direct(*(one.value for one in step.args), out=torch.empty_like(step.value))
            return direct, "out"
    return call, out


def _new(step: _Value) -> Function:
    """The function for an operation that returns a new tensor."""
    direct = _of_torch(step)
    if direct is not None:
        with contextlib.suppress(TypeError):
            direct(*(one.value for one in step.args), **dict(step.kwargs))
            return direct
    return step.operation


def _of_torch(step: _Value) -> Function | None:
    """torch's own function for an operation: a call takes half of the time of that of its operator."""
    name = _name(step.operation)
    found = getattr(torch, name, None) or getattr(torch._C._nn, name, None)
    return found if isinstance(found, types.BuiltinFunctionType) else None


def _name(operation: Any) -> str:
    return operation.__name__ if operation is operator.getitem else operation.overloadpacket.__name__


def _filled(x: Any, value: Any) -> Any:
    return torch.empty_like(x).copy_(value)


def _getter(step: _Value, places: dict[_Value, int]) -> Function:
    """Of the arguments of a step from all values."""
    own = [places[one] for one in step.args]
    if len(own) == 1:
        return operator.itemgetter(slice(own[0], own[0] + 1))
    return operator.itemgetter(*own) if own else lambda values: ()


def _is_view(operation: Any) -> bool:
    if isinstance(operation, _Mask) or operation is _selected:
        return False
    if operation is None or operation is operator.getitem:
        return operation is not None
    return any(one.alias_info is not None for one in operation._schema.returns)


def _is_pointwise(operation: Any) -> bool:
    return isinstance(operation, torch._ops.OpOverload) and torch.Tag.pointwise in operation.tags


def _not_in_place(operation: Any) -> Any:
    """The overload of an operation in place that returns a new tensor."""
    packet = getattr(torch.ops.aten, operation.overloadpacket.__name__.removesuffix("_"), None)
    other = getattr(packet, operation._overloadname, None)
    if other is None or other._schema.is_mutable:
        raise _NotRecordedError(f"{operation}, which changes its argument")
    return other


@functools.cache
def _into(operation: Any) -> tuple[Function, str] | None:
    """The overload of an operation that writes into a tensor, and the name of that argument."""
    if operation is operator.getitem:
        return None
    if not isinstance(operation, torch._ops.OpOverload):
        return operation, "out"
    packet = operation.overloadpacket
    given = [(one.name, str(one.type)) for one in operation._schema.arguments]
    for name in packet.overloads():
        other = getattr(packet, name)
        out = [one for one in other._schema.arguments if one.alias_info is not None and one.alias_info.is_write]
        rest = [(one.name, str(one.type)) for one in other._schema.arguments if one not in out]
        if len(out) == 1 and out[0].kwarg_only and rest == given:
            return other, out[0].name
    return None
