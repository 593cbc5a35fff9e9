"""`Activation`: a fixed activation as a value, with all its parameters."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras

from keras_actx.declaration import registry
from keras_actx.declaration.declaration import OWN_PACKAGE, Declaration
from keras_actx.declaration.documentation import docstring
from keras_actx.declaration.evaluation import evaluate, output_dtype
from keras_actx.names.suggest import did_you_mean, quote


@keras.saving.register_keras_serializable(OWN_PACKAGE)
@dataclass(frozen=True, repr=False)
class Activation:
    """A fixed activation: a frozen, hashable, picklable, callable value.

    Equal names and parameters give equal values. Get one from `keras_actx.activations`, `keras_actx.get` or `bind`.

    Args:
        name: the activation's identifier, `"snake"` or `"package>name"`.
        params: all its parameters as `(name, value)` pairs in declared order.

    Raises:
        ValueError: for an unknown name, or parameters that its declaration does not allow.

    Example:

    >>> import keras_actx as actx
    >>> actx.activations.snake.bind(alpha=2.0) == actx.get("snake(alpha=2.0)")
    True
    """

    name: str
    params: tuple[tuple[str, Any], ...]

    def __post_init__(self) -> None:
        declaration = find_declaration(self.name)
        object.__setattr__(self, "name", declaration.identifier)
        object.__setattr__(self, "params", declaration.complete(dict(self.params)))
        object.__setattr__(self, "__name__", declaration.name)

    def __hash__(self) -> int:
        return hash(tuple(vars(self).get(field) for field in ("name", "params")))  # unset ones: see `Formula.__hash__`

    @property
    def declaration(self) -> Declaration:
        """What is known about this activation."""
        return find_declaration(self.name)

    def __call__(self, x: Any, **params: Any) -> Any:
        """Apply the activation; `params` replace the value's own for this call (numbers or tensors).

        Args:
            x: a tensor of any shape, an array or a number; a symbolic Keras tensor gives one graph node.

        Returns:
            A tensor of the shape and dtype of `x`; gated ones halve the last axis.

        Raises:
            ValueError: for an unknown parameter, or a number out of its range.
        """
        if params:
            numbers = {key: value for key, value in params.items() if _is_plain(value)}
            chosen = self.bind(**numbers)
            tensors = {key: value for key, value in params.items() if key not in numbers}
            declaration, settings = chosen.declaration, {**dict(chosen.params), **tensors}
            unknown = [key for key in tensors if key not in dict(self.params)]
            if unknown:
                declaration.complete({unknown[0]: None})  # raises, naming what there is
        else:
            chosen, tensors = self, {}
            declaration, settings = self.declaration, dict(self.params)
        if isinstance(x, keras.KerasTensor) and not tensors:
            return _one_node(chosen, x)
        return evaluate(declaration, x, settings)

    def bind(self, **params: Any) -> "Activation":
        """The same activation with other parameters.

        Raises:
            ValueError: for an unknown parameter or a value out of range.
        """
        return Activation(self.name, tuple({**dict(self.params), **_checked_names(self, params)}.items()))

    def get_config(self) -> dict[str, Any]:
        """Name and every parameter, defaults included, so that a changed default never changes a saved model."""
        return {"name": self.name, "params": dict(self.params)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Activation":
        """Rebuild the value; only table look-ups and range checks happen here.

        Raises:
            ValueError: if the config has another form, an unknown name or parameters that are not allowed.
        """
        if not isinstance(config, dict) or set(config) != {"name", "params"} or not isinstance(config["params"], dict):
            raise ValueError(f"not the config of an activation: {quote(config)}; expected keys 'name' and 'params'")
        return cls(config["name"], tuple(config["params"].items()))

    def __str__(self) -> str:
        """The string that `keras_actx.get` reads back to an equal value."""
        settings = ", ".join(f"{key}={value!r}" for key, value in self.params)
        return f"{self.name}({settings})" if settings else self.name

    __repr__ = __str__

    def __reduce__(self):
        return Activation, (self.name, self.params)

    def __copy__(self) -> "Activation":
        return self

    def __deepcopy__(self, memo: dict) -> "Activation":
        return self


class _WhenAsked:
    """An attribute of a value, made when somebody asks; of the class, another."""

    def __init__(self, make: Callable[[Activation], Any], of_class: Any = None) -> None:
        self.make, self.of_class = make, of_class

    def __get__(self, value: Activation | None, owner: type | None = None) -> Any:
        if value is not None:
            return self.make(value)
        if self.of_class is None:
            raise AttributeError("of values alone")
        return self.of_class


# So that help(), inspect.signature() and Keras's plotting show the formula's own.
Activation.__doc__ = _WhenAsked(lambda value: docstring(value.declaration), Activation.__doc__)
Activation.__signature__ = _WhenAsked(lambda value: _call_signature(value.declaration, dict(value.params)))


def find_declaration(name: Any) -> Declaration:
    """The declaration behind a name that must exist.

    Raises:
        ValueError: naming the nearest name, and the remedy if a third package should have declared it.
    """
    declaration = registry.find(name) if isinstance(name, str) and len(name) <= 200 else None
    if declaration is not None:
        return declaration
    remedy = " Import the module that declares it (with @keras_actx.activation) first."
    hint = did_you_mean(name, registry.known_names()) if isinstance(name, str) else ""
    raise ValueError(f"unknown activation {quote(name)}.{hint or remedy}")


def _checked_names(activation: Activation, params: dict[str, Any]) -> dict[str, Any]:
    for key in params:
        if key not in dict(activation.params):
            activation.declaration.complete({key: None})  # raises, naming what there is
    return params


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, (bool, int, float, str))


def _call_signature(declaration: Declaration, params: dict[str, Any]) -> inspect.Signature:
    # With the value's own parameters as defaults: `tf.function` reads them here and passes them.
    x = inspect.Parameter("x", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    named = (
        inspect.Parameter(one.name, inspect.Parameter.KEYWORD_ONLY, default=params[one.name])
        for one in declaration.parameters
    )
    return inspect.Signature([x, *named])


def _one_node(activation: Activation, x: keras.KerasTensor) -> keras.KerasTensor:
    """One layer in the graph: a saved model then holds the name, not the expanded formula."""
    if activation.declaration.kind == "gated":
        from keras_actx.layers.gated_linear_unit import GatedLinearUnit

        return GatedLinearUnit(activation, dtype=output_dtype(x.dtype))(x)
    return keras.layers.Activation(activation, dtype=output_dtype(x.dtype))(x)
