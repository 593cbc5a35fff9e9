"""tensorflow-addons' and timm's activations, written anew from the papers they cite, with `keras.ops`.

Where they compute the formula as one writes it, the one in composites.py stands for them. No code of theirs is here.
"""

from collections.abc import Callable
from typing import Any

from composites import COMPOSITES
from keras import ops

Function = Callable[[Any], Any]


def _snake(x: Any) -> Any:
    """The paper's other form: sin(x)^2 is (1 - cos(2x)) / 2."""
    return x + (1.0 - ops.cos(2.0 * x)) / 2.0


def _soft_shrink(x: Any) -> Any:
    """Case by case, since its two bounds may lie unevenly."""
    return ops.where(x < -0.5, x + 0.5, ops.where(x > 0.5, x - 0.5, 0.0))


def _hard_shrink(x: Any) -> Any:
    return ops.where((x < -0.5) | (x > 0.5), x, 0.0)


def _as_one_writes_it(names: str) -> dict[str, Function]:
    return {name: COMPOSITES[name] for name in names.split()}


#: By the names here; its gelu is gelu_tanh.
ADDONS: dict[str, Function] = {
    **_as_one_writes_it("gelu_tanh lisht mish rrelu sparsemax tanh_shrink"),
    "hard_shrink": _hard_shrink,
    "snake": _snake,
    "soft_shrink": _soft_shrink,
}


def _keeping_the_input(function: Function, derivative: Function) -> Function:
    @ops.custom_gradient
    def both(x: Any) -> tuple[Any, Function]:
        def grad(*arguments: Any, upstream: Any = None) -> Any:
            return (arguments[0] if upstream is None else upstream) * derivative(x)

        return function(x), grad

    return both


def _silu_derivative(x: Any) -> Any:
    gate = ops.sigmoid(x)
    return gate * (1.0 + x * (1.0 - gate))


def _mish_derivative(x: Any) -> Any:
    bent = ops.tanh(ops.softplus(x))
    return bent + x * ops.sigmoid(x) * (1.0 - bent * bent)


def _hard_sigmoid_derivative(x: Any) -> Any:
    return ops.where((x > -3.0) & (x < 3.0), 1.0 / 6.0, 0.0)


def _hard_silu_derivative(x: Any) -> Any:
    return ops.where(x >= 3.0, 1.0, ops.where(x <= -3.0, 0.0, x / 3.0 + 0.5))


def _hard_mish_derivative(x: Any) -> Any:
    return ops.where(x >= 0.0, 1.0, ops.where(x <= -2.0, 0.0, x + 1.0))


#: timm's "memory-efficient" ones keep their input alone, with a derivative worked out by hand.
TIMM: dict[str, Function] = {
    **_as_one_writes_it("celu elu gelu gelu_tanh leaky_relu prelu quick_gelu relu selu sigmoid tanh"),
    "hard_mish": _keeping_the_input(COMPOSITES["hard_mish"], _hard_mish_derivative),
    "hard_sigmoid": _keeping_the_input(COMPOSITES["hard_sigmoid"], _hard_sigmoid_derivative),
    "hard_silu": _keeping_the_input(COMPOSITES["hard_silu"], _hard_silu_derivative),
    "mish": _keeping_the_input(COMPOSITES["mish"], _mish_derivative),
    "silu": _keeping_the_input(COMPOSITES["silu"], _silu_derivative),
    "swish": _keeping_the_input(COMPOSITES["swish"], _silu_derivative),
}


def otherwise(library: dict[str, Function]) -> dict[str, Function]:
    """The functions of a library that are computed in another way than one writes them."""
    return {name: function for name, function in library.items() if function is not COMPOSITES[name]}
