"""torch on a GPU: a recorded function of elements as the source of one C++ function.

The result is plain C++: a GPU's runtime compiler makes a kernel of it, and the tests compile it for the processor.
"""

import math
from typing import Any

import torch

#: The C++ types of values, and the suffixes of their functions and numbers. 16-bit tensors are computed in float32.
_TYPES = {
    torch.float32: ("float", "f"),
    torch.float64: ("double", ""),
    torch.int64: ("long long", ""),
    torch.bool: ("bool", ""),
}


_COMPARISONS = {"gt": ">", "lt": "<", "ge": ">=", "le": "<=", "eq": "==", "ne": "!="}
_LOGIC = {"logical_and": "&&", "logical_or": "||", "bitwise_and": "&&", "bitwise_or": "||"}
#: Functions of the same name in C++ and on a GPU, apart from the suffix.
_FUNCTIONS = {
    **{name: name for name in ("exp", "expm1", "log", "log1p", "log2", "log10", "exp2", "sqrt", "ceil", "floor")},
    **{name: name for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh")},
    **{name: name for name in ("asin", "acos", "atan", "erf", "erfc", "trunc", "atan2", "hypot")},
    **{"abs": "fabs", "round": "rint"},
}

#: New tensors without values.
_EMPTY = ("empty", "empty_like", "empty_permuted", "empty_strided", "new_empty", "new_empty_strided")

#: The other operators: an expression of the arguments of the operator's schema, its defaults included. `{f}` is the
#: suffix of functions, `{zero}` and `{one}` are numbers. A comparison with NaN is false, so that NaN is not replaced.
_EXPRESSIONS = {
    **dict.fromkeys(("alias", "clone", "detach", "lift_fresh", "lift_fresh_copy", "positive"), "{0}"),
    **{name: f"({{0}} {sign} {{1}})" for name, sign in (_COMPARISONS | _LOGIC).items()},
    **dict.fromkeys(("logical_not", "bitwise_not"), "(!{0})"),
    "neg": "(-{0})",
    "reciprocal": "({one} / {0})",
    "rsqrt": "({one} / sqrt{f}({0}))",
    "square": "({0} * {0})",
    "sigmoid": "({one} / ({one} + exp{f}(-{0})))",
    "silu": "({0} / ({one} + exp{f}(-{0})))",
    "relu": "({0} < {zero} ? {zero} : {0})",
    "sign": "(({zero} < {0}) - ({0} < {zero}))",
    "sgn": "(({zero} < {0}) - ({0} < {zero}))",
    "isnan": "({0} != {0})",
    "isinf": "(fabs{f}({0}) == {infinity})",
    "isfinite": "(fabs{f}({0}) < {infinity})",
    "where": "({0} ? {1} : {2})",
    "maximum": "({0} != {0} || {0} > {1} ? {0} : {1})",
    "minimum": "({0} != {0} || {0} < {1} ? {0} : {1})",
    "clamp_min": "({0} < {1} ? {1} : {0})",
    "clamp_max": "({0} > {1} ? {1} : {0})",
    "hardtanh": "({0} < {1} ? {1} : {0} > {2} ? {2} : {0})",
    "hardtanh_backward": "({1} <= {2} || {1} >= {3} ? {zero} : {0})",
    "threshold": "({0} <= {1} ? {2} : {0})",
    "threshold_backward": "({1} <= {2} ? {zero} : {0})",
    "leaky_relu": "({0} > {zero} ? {0} : {0} * {1})",
    "leaky_relu_backward": "({1} > {zero} ? {0} : {0} * {2})",
    "elu": "({0} > {zero} ? {0} * {2} : expm1{f}({0} * {3}) * {1} * {2})",
    "sigmoid_backward": "({0} * ({one} - {1}) * {1})",
    "hardshrink_backward": "({1} >= -{2} && {1} <= {2} ? {zero} : {0})",
    "softshrink_backward": "({1} >= -{2} && {1} <= {2} ? {zero} : {0})",
    "tanh_backward": "({0} * ({one} - {1} * {1}))",
    "addcmul": "({0} + {3} * {1} * {2})",
    **dict.fromkeys(_EMPTY, "{zero}"),
    "copy": "{1}",
    "fill": "{1}",
    "zeros_like": "{zero}",
    "ones_like": "{one}",
    "scalar_tensor": "{0}",
    "full_like": "{1}",
    "full": "{1}",
    "pow": "pow{f}({0}, {1})",
}

#: Powers by which numbers are raised exactly, as torch does; `pow` of a GPU is less accurate.
_POWERS = {
    0.5: "sqrt{f}({0})",
    -0.5: "({one} / sqrt{f}({0}))",
    1.0: "{0}",
    2.0: "({0} * {0})",
    3.0: "({0} * {0} * {0})",
    -1.0: "({one} / {0})",
    -2.0: "({one} / ({0} * {0}))",
}


class UnknownOperatorError(NotImplementedError):
    """A recorded function has an operator or a value that has no C++ expression here."""


def cuda_source(name: str, recorded: torch.fx.GraphModule) -> str:
    """The source of a C++ function template of one type T, that of the tensors as they are computed.

    Each input of the graph is an argument. The function returns a single result, and writes several to references.

    Raises:
        UnknownOperatorError: for an operator without an expression, or a value that is no number, truth value or
            element of a tensor.
    """
    writer = _Writer(recorded)
    lines, outputs = writer.lines, writer.outputs
    arguments = [f"T a{index}" for index in range(writer.count)]
    if len(outputs) == 1:
        returned = "T"
        lines.append(f"return static_cast<T>({outputs[0]});")
    else:
        returned = "void"
        arguments += [f"T& out{index}" for index in range(len(outputs))]
        lines += [f"out{index} = static_cast<T>({one});" for index, one in enumerate(outputs)]
    body = "\n".join(f"  {line}" for line in lines)
    return f"template <typename T> {returned} {name}({', '.join(arguments)}) {{\n{body}\n}}"


class _Writer:
    """The lines of the function: one for each operation, equal ones shared."""

    def __init__(self, recorded: torch.fx.GraphModule) -> None:
        self.lines: list[str] = []
        self.outputs: list[str] = []
        self.count = 0
        self._recorded = recorded
        self._variables: dict[Any, str] = {}
        self._shared: dict[tuple[str, str], str] = {}
        self._new: set[torch.fx.Node] = set()
        recorded.graph.eliminate_dead_code()
        for node in recorded.graph.nodes:
            getattr(self, f"_{node.op}", self._unknown)(node)

    def _unknown(self, node: torch.fx.Node) -> None:
        raise UnknownOperatorError(f"{node.op} {node.target}")

    def _placeholder(self, node: torch.fx.Node) -> None:
        kind, _ = _kind(node)
        if node.users:
            self._define(node, f"static_cast<{kind}>(a{self.count})")
        self.count += 1

    def _get_attr(self, node: torch.fx.Node) -> None:
        value = getattr(self._recorded, node.target)
        if not isinstance(value, torch.Tensor) or value.numel() != 1:
            raise UnknownOperatorError(f"the constant {node.target}, which is not one number")
        self._variables[node] = _number(value.item(), value.dtype)

    def _output(self, node: torch.fx.Node) -> None:
        results = node.args[0] if isinstance(node.args[0], (tuple, list)) else node.args[:1]
        self.outputs = [self._variables[one] for one in results]

    def _call_function(self, node: torch.fx.Node) -> None:
        expression, arguments = _expression(node, _with_defaults(node)), _with_defaults(node)
        dtype = _dtype(node)
        operands = [one for one in arguments if isinstance(one, torch.fx.Node)]
        among = dtype
        for one in operands if dtype == torch.bool else ():  # a comparison takes place in the dtype of its operands
            among = torch.promote_types(among, _dtype(one))
        real = among if among.is_floating_point else torch.float32
        kind, suffix = _TYPES[real]
        written = [self._operand(one, among) if one in operands else _number(one, among) for one in arguments]
        constants = {"zero": f"0.0{suffix}", "one": f"1.0{suffix}", "infinity": _number(math.inf, real)}
        self._define(node, expression.format(*written, type=kind, f=suffix, **constants))
        if node.target._schema.is_mutable:
            self._change(node, operands[0])
        elif _name(node.target) in _EMPTY:
            self._new.add(node)

    def _change(self, node: torch.fx.Node, changed: torch.fx.Node) -> None:
        """An operation in place, of a new tensor only: of others there may be views."""
        if changed not in self._new:
            raise UnknownOperatorError(f"the operator {node.target} changes a tensor that is not new")
        self._new.add(node)
        self._variables[changed] = self._variables[node]

    def _operand(self, node: torch.fx.Node, among: torch.dtype) -> str:
        variable = self._variables[node]
        is_other = _dtype(node) not in (among, torch.bool) and among != torch.bool
        return f"static_cast<{_TYPES[among][0]}>({variable})" if is_other else variable

    def _define(self, node: torch.fx.Node, expression: str) -> None:
        kind, _ = _kind(node)
        known = self._shared.get((kind, expression))
        if known is None:
            known = self._shared[kind, expression] = f"v{len(self._shared)}"
            self.lines.append(f"const {kind} {known} = {expression};")
        self._variables[node] = known


def _expression(node: torch.fx.Node, arguments: list[Any]) -> str:
    """The expression of the operator, as a format string."""
    name = _name(node.target)
    found = _EXPRESSIONS.get(name)
    if name == "_to_copy":
        found = "({0} != 0)" if _dtype(node) == torch.bool else "static_cast<{type}>({0})"
    elif name in ("add", "sub", "rsub"):
        first, second = ("{1}", "{0}") if name == "rsub" else ("{0}", "{1}")
        sign = "+" if name == "add" else "-"
        found = f"({first} {sign} {second})" if arguments[2] == 1 else f"({first} {sign} {{2}} * {second})"
    elif name in ("mul", "div") and len(arguments) == 2:  # a third one rounds the quotient
        found = f"({{0}} {'*' if name == 'mul' else '/'} {{1}})"
    elif name == "clamp":
        low = "{0} < {1} ? {1} : " if arguments[1] is not None else ""
        found = f"({low}{'{0} > {2} ? {2} : ' if arguments[2] is not None else ''}{{0}})"
    elif name == "pow" and isinstance(arguments[1], (int, float)):
        found = _POWERS.get(float(arguments[1]), found)
    elif name in _FUNCTIONS:
        count = sum(isinstance(one, torch.fx.Node) for one in arguments)
        found = f"{_FUNCTIONS[name]}{{f}}({', '.join(f'{{{index}}}' for index in range(count))})"
    if found is None:
        raise UnknownOperatorError(f"the operator {node.target} has no expression in {__name__}")
    return found


def _name(operator: Any) -> str:
    """The name of an operator of aten, without the underscore of one that changes its argument."""
    if not isinstance(operator, torch._ops.OpOverload):
        raise UnknownOperatorError(f"the operator {operator} is none of aten")
    name = operator.overloadpacket.__name__
    return name.removesuffix("_") if operator._schema.is_mutable else name


def is_known(operator: Any) -> bool:
    """Whether an operator of aten has an expression."""
    return _name(operator) in (*_EXPRESSIONS, *_FUNCTIONS, "add", "sub", "rsub", "mul", "div", "clamp", "_to_copy")


def _with_defaults(node: torch.fx.Node) -> list[Any]:
    """The arguments of an operation in the order of its schema, without those that only describe a new tensor."""
    schema = node.target._schema
    given = dict(zip([one.name for one in schema.arguments], node.args, strict=False)) | dict(node.kwargs)
    return [given.get(one.name, one.default_value) for one in schema.arguments if one.name not in _DESCRIBES]


_DESCRIBES = ("dtype", "layout", "device", "pin_memory", "memory_format", "non_blocking")


def _dtype(node: torch.fx.Node) -> torch.dtype:
    value = node.meta.get("val")
    if not isinstance(value, torch.Tensor) or value.dtype not in _TYPES:
        raise UnknownOperatorError(f"{node.target} with the result {getattr(value, 'dtype', type(value))}")
    return value.dtype


def _kind(node: torch.fx.Node) -> tuple[str, str]:
    return _TYPES[_dtype(node)]


def _number(value: Any, dtype: torch.dtype) -> str:
    """A constant, rounded to the dtype in which it is computed with."""
    if isinstance(value, bool) or (dtype == torch.bool and isinstance(value, (int, float))):
        return "true" if value else "false"
    if not isinstance(value, (int, float)):
        return ""  # a shape, or nothing: no expression contains it
    suffix = _TYPES[dtype][1]
    rounded = torch.tensor(value, dtype=dtype).item()
    if isinstance(rounded, int):
        return str(rounded)
    if math.isnan(rounded) or math.isinf(rounded):
        numerator = "0.0" if math.isnan(rounded) else "1.0" if rounded > 0 else "-1.0"
        return f"({numerator}{suffix} / 0.0{suffix})"
    written = repr(rounded)  # 17 digits: the compiler's rounding to float is exact
    return f"({written}{suffix})" if rounded < 0 else f"{written}{suffix}"
