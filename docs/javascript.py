"""A function of JAX as JavaScript: every operation of its trace is one expression of float64 numbers and truth values.

An operation that the tables below do not have raises `UnknownOperationError`.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import jax
import numpy as np
from jax.extend.core import Literal

_COMPARISONS = {"lt": "<", "gt": ">", "le": "<=", "ge": ">=", "eq": "===", "ne": "!=="}
_OPERATORS = {"add": "+", "add_any": "+", "sub": "-", "mul": "*", "div": "/", "and": "&&", "or": "||"}
_FUNCTIONS = "exp expm1 log log1p sin cos tan sinh cosh tanh asinh acosh atanh asin acos atan sqrt abs sign"
#: Operations as expressions of their operands. JavaScript has no erf and erfc: a script with them must define both.
_EXPRESSIONS = {
    **{name: f"({{0}} {sign} {{1}})" for name, sign in (_COMPARISONS | _OPERATORS).items()},
    **{name: f"Math.{name}({{0}})" for name in _FUNCTIONS.split()},
    **{name: f"Math.{name}({{0}}, {{1}})" for name in ("atan2", "max", "min", "pow")},
    **dict.fromkeys(("stop_gradient", "copy", "copy_p"), "{0}"),
    "erf": "erf({0})",
    "erfc": "erfc({0})",
    "logistic": "(1 / (1 + Math.exp(-{0})))",
    "neg": "(-{0})",
    "not": "(!{0})",
    "square": "({0} * {0})",
    "rsqrt": "(1 / Math.sqrt({0}))",
    "is_finite": "Number.isFinite({0})",
    "select_n": "({0} ? {2} : {1})",
}
#: Operations where the formula may change: the condition.
_SWITCHES = {
    **dict.fromkeys(("lt", "gt", "le", "ge", "max", "min"), "({0} < {1})"),
    **dict.fromkeys(("abs", "sign"), "({0} < 0.0)"),
}


class UnknownOperationError(NotImplementedError):
    """A trace has an operation or a value that has no JavaScript expression here."""


def program(function: Callable[..., Any], inputs: Sequence[str]) -> str:
    """`function`, of as many float64 numbers as there are `inputs`, as a body that returns its results in an array."""
    writer = _Writer()
    return writer.body(writer.results(function, inputs))


def sides(function: Callable[..., Any], inputs: Sequence[str], moving: Sequence[str]) -> str:
    """The body that returns the result of every comparison of `function` that depends on the inputs in `moving`.

    Where no result changes, the function is analytic: its kinks are where one does.
    """
    writer = _Writer(moving=set(moving))
    writer.results(function, inputs)
    return writer.body(list(dict.fromkeys(writer.switches)))


@dataclass
class _Writer:
    """The operations of a trace: one variable each, equal ones shared."""

    moving: set[str] = field(default_factory=set)
    switches: list[str] = field(default_factory=list)
    _variables: dict[str, str] = field(default_factory=dict)  # by expression, in order
    _operands: dict[str, list[str]] = field(default_factory=dict)  # by variable

    def results(self, function: Callable[..., Any], inputs: Sequence[str]) -> list[str]:
        number = jax.ShapeDtypeStruct((), "float64")
        return self._traced(jax.make_jaxpr(function)(*[number] * len(inputs)), list(inputs))

    def body(self, results: list[str]) -> str:
        """The lines that compute `results`, without those that these do not need."""
        needed, rest = set(), list(results)
        while rest:
            one = rest.pop()
            if one not in needed:
                needed.add(one)
                rest += self._operands.get(one, [])
        lines = [f"{name} = {expression}" for expression, name in self._variables.items() if name in needed]
        return (f"const {', '.join(lines)};\n" if lines else "") + f"return [{', '.join(results)}];"

    def _traced(self, traced: Any, arguments: list[str]) -> list[str]:
        steps = getattr(traced, "jaxpr", traced)
        known = dict(zip(steps.constvars, map(_number, getattr(traced, "consts", ())), strict=True))
        known |= dict(zip(steps.invars, arguments, strict=True))

        def operand(one: Any) -> str:
            return _number(one.val) if isinstance(one, Literal) else known[one]

        for step in steps.eqns:
            found = self._step(step, [operand(one) for one in step.invars])
            known |= dict(zip(step.outvars, found, strict=True))
        return [operand(one) for one in steps.outvars]

    def _step(self, step: Any, operands: list[str]) -> list[str]:
        name = step.primitive.name
        inner = step.params.get("jaxpr", step.params.get("call_jaxpr"))
        if inner is not None:
            return self._traced(inner, operands)
        for one in step.outvars:
            if one.aval.shape != () or one.aval.dtype not in ("float64", "bool"):
                raise UnknownOperationError(f"{name} with a result of type {one.aval}")
        if name in _SWITCHES and self.moving & set(operands):
            self.switches.append(self._variable(_SWITCHES[name].format(*operands), operands))
        return [self._variable(_expression(step, operands), operands)]

    def _variable(self, expression: str, operands: list[str]) -> str:
        if expression in (*operands, "0.0", "1.0"):
            return expression
        found = self._variables.setdefault(expression, f"v{len(self._variables)}")
        self._operands[found] = operands
        if self.moving & set(operands):
            self.moving.add(found)
        return found


def _expression(step: Any, operands: list[str]) -> str:
    name = step.primitive.name
    if name == "mul" and "1.0" in operands:
        return operands[1 - operands.index("1.0")]
    if name in ("add", "add_any") and "0.0" in operands:
        return operands[1 - operands.index("0.0")]
    if name == "select_n" and operands[1:] == operands[1:2] * 2:
        return operands[1]
    if name == "integer_pow":
        power = step.params["y"]
        return f"({operands[0]} * {operands[0]})" if power == 2 else f"Math.pow({operands[0]}, {power})"
    if name == "convert_element_type":
        from_, to = step.invars[0].aval.dtype, step.outvars[0].aval.dtype
        return operands[0] if from_ == to else f"(+{operands[0]})" if to == "float64" else f"({operands[0]} !== 0)"
    if name not in _EXPRESSIONS or (name == "select_n" and step.invars[0].aval.dtype != "bool"):
        raise UnknownOperationError(f"{name} has no expression in docs/javascript.py")
    return _EXPRESSIONS[name].format(*operands)


def _number(value: Any) -> str:
    if np.ndim(value) or np.result_type(value) not in ("float64", "bool"):
        raise UnknownOperationError(f"the constant {value!r} of type {np.result_type(value)}")
    if np.result_type(value) == "bool":
        return "true" if value else "false"
    value = float(value)
    if math.isinf(value) or math.isnan(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "(-Infinity)"
    return f"({value!r})" if value < 0 or repr(value) == "-0.0" else repr(value)
