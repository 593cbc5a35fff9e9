"""`Activation`: a fixed activation as a value, with all its parameters."""

import copyreg
import inspect
import numbers
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np

from keras_actx import backend
from keras_actx._messages import quote
from keras_actx.declaration.declaration import OWN_PACKAGE, Declaration, Kind
from keras_actx.declaration.documentation import docstring, written
from keras_actx.declaration.evaluation import Formula, as_function, evaluate, evaluate_ordinary, output_dtype
from keras_actx.declaration.registry import find_declaration
from keras_actx.plain_numbers import plain


@keras.saving.register_keras_serializable(OWN_PACKAGE)
@dataclass(frozen=True, repr=False, eq=False)
class Activation:
    """A fixed activation: a frozen, hashable, picklable, callable value.

    Equal declarations and parameters give equal values. Get one from `keras_actx.activations`, `keras_actx.get` or
    `bind`. A value holds the declaration that its name referred to when it was created; a saved or pickled value is
    looked up by its name when it is loaded.

    Args:
        name: the activation's identifier, `"snake"` or `"package>name"`.
        params: all its parameters as `(name, value)` pairs in declared order.

    Raises:
        ValueError: for an unknown name, or parameters that its declaration does not allow.
        TypeError: for `params` that are not pairs.

    Example:

    >>> import keras_actx as actx
    >>> actx.activations.snake.bind(alpha=2.0) == actx.get("snake(alpha=2.0)")
    True
    """

    name: str
    params: tuple[tuple[str, Any], ...]

    declaration: Declaration = field(init=False)  # formula and metadata of this activation
    _settings: dict[str, Any] = field(init=False)  # the params; never modified
    _formulas: dict[Any, Formula] = field(init=False)  # by dtype, for calls without other arguments

    def __post_init__(self) -> None:
        self._hold(find_declaration(self.name), _pairs(self.params))

    def _hold(self, declaration: Declaration, given: Mapping[str, Any]) -> None:
        params = declaration.complete(given)
        facts = {"name": declaration.identifier, "params": params, "declaration": declaration}
        for key, value in {**facts, "_settings": dict(params), "_formulas": {}, "__name__": declaration.name}.items():
            object.__setattr__(self, key, value)

    @classmethod
    def of(cls, declaration: Declaration, given: Mapping[str, Any]) -> "Activation":
        """The value of this declaration, also if its name has been redeclared. Raises `ValueError` as the class."""
        value = object.__new__(cls)
        value._hold(declaration, given)
        return value

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Activation):
            return NotImplemented
        return self.declaration is other.declaration and self.params == other.params

    def __hash__(self) -> int:
        return hash(
            tuple(vars(self).get(field) for field in ("declaration", "params"))
        )  # unset: see `Formula.__hash__`

    def __call__(self, /, x: Any, *values: Any, **params: Any) -> Any:
        """Apply the activation; `params` replace the value's own for this call (numbers or tensors).

        Args:
            x: a tensor of any shape, an array or a number; a symbolic Keras tensor gives one graph node.
            *values: the parameter, if there is only one: `leaky_relu(x, 0.1)`.
            **params: parameters by name.

        Returns:
            A tensor of the shape and dtype of `x`; gated ones halve the last axis.

        Raises:
            ValueError: for an unknown parameter, or a number out of its range.
        """
        if not values and not params:
            if backend.is_ordinary(x):
                formula = self._formulas.get(x.dtype)
                if formula is None:
                    formula = as_function(self.declaration, x, self._settings)[0]
                    if formula.dtype != keras.backend.standardize_dtype(x.dtype):  # x is to be converted
                        return evaluate(self.declaration, x, self._settings)
                    self._formulas[x.dtype] = formula
                return evaluate_ordinary(formula, x)
            if isinstance(x, keras.KerasTensor):
                return _one_node(self, x)
            return evaluate(self.declaration, x, self._settings)
        params = self.declaration.by_name(values, params)
        tensors = {key: value for key, value in params.items() if _is_tensor(value)}
        chosen = self.bind(**{key: value for key, value in params.items() if key not in tensors})
        self._check_tensors(tensors)
        if isinstance(x, keras.KerasTensor) and not tensors:
            return _one_node(chosen, x)
        return evaluate(self.declaration, x, {**chosen._settings, **tensors})

    def bind(self, /, *values: Any, **params: Any) -> "Activation":
        """The same activation with other parameters, by name; by position if there is only one.

        Raises:
            ValueError: for an unknown parameter or a value out of range.
        """
        return Activation.of(self.declaration, {**self._settings, **self.declaration.by_name(values, params)})

    def _check_tensors(self, tensors: Mapping[str, Any]) -> None:
        kinds = {one.name: one.kind for one in self.declaration.parameters}
        for key, value in tensors.items():
            if kinds.get(key) is not float:
                self.declaration.complete({key: value})  # raises an error that lists what is allowed

    def get_config(self) -> dict[str, Any]:
        """The name and all parameters, defaults included, so that a changed default does not change a saved model."""
        return {"name": self.name, "params": dict(self.params)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Activation":
        """Rebuild the value, by table look-ups and range checks only.

        Raises:
            ValueError: if the config has another form, an unknown name or parameters that are not allowed.
        """
        if not isinstance(config, dict) or set(config) != {"name", "params"} or not isinstance(config["params"], dict):
            raise ValueError(f"not the config of an activation: {quote(config)}; expected keys 'name' and 'params'")
        return cls(config["name"], tuple(config["params"].items()))

    def __str__(self) -> str:
        """The string that `keras_actx.get` parses to an equal value; for a gated activation, `GatedLinearUnit` does.

        It includes what a plain name leaves ambiguous: `learnable=False` if the name is learnable by default,
        `training=False` if it is random in training, and the package if Keras has a function of that name.
        """
        return written(self.declaration, self._settings)

    __repr__ = __str__

    def __reduce__(self):
        if self.declaration.package == OWN_PACKAGE:
            return Activation, (self.name, self.params)
        return _unpickled_value, (self.name, self.params, self.declaration.formula.__module__)

    def __copy__(self) -> "Activation":
        return self

    def __deepcopy__(self, memo: dict) -> "Activation":
        return self


class _WhenAsked:
    """A lazily computed attribute of a value; on the class, another object."""

    def __init__(self, make: Callable[[Activation], Any], of_class: Any = None) -> None:
        self.make, self.of_class = make, of_class

    def __get__(self, value: Activation | None, owner: type | None = None) -> Any:
        if value is not None:
            return self.make(value)
        if self.of_class is None:
            raise AttributeError("available on values only")
        return self.of_class


# So that help(), inspect.signature() and Keras's plotting show those of the formula.
Activation.__doc__ = _WhenAsked(lambda value: docstring(value.declaration), Activation.__doc__)  # pyright: ignore[reportAttributeAccessIssue]  (a descriptor)
Activation.__signature__ = _WhenAsked(lambda value: _call_signature(value.declaration, dict(value.params)))  # pyright: ignore[reportAttributeAccessIssue]  (a descriptor)


def _unpickled_value(name: str, params: tuple[tuple[str, Any], ...], module: str) -> Activation:
    return Activation.of(find_declaration(name, module), dict(params))


def _reduced_declaration(declaration: Declaration) -> tuple[Any, ...]:
    # By the full name: a plain name could later refer to another package's. Older pickles refer to this module's
    # function.
    return find_declaration, (declaration.qualified_name, declaration.formula.__module__)


copyreg.pickle(Declaration, _reduced_declaration)


def _pairs(params: Any) -> dict[str, Any]:
    """The parameters by name, from pairs or a mapping."""
    try:
        pairs = list(params.items() if isinstance(params, Mapping) else params)
        named = dict(pairs)
    except (TypeError, ValueError):
        raise TypeError(
            f"params={quote(params)} is not allowed; give pairs of a name and a value, (('alpha', 2.0),)"
        ) from None
    if len(named) < len(pairs):
        raise ValueError(f"params={quote(params)} name a parameter twice")
    return named


def _is_tensor(value: Any) -> bool:
    """Whether it is an array or a tensor, which is not checked; numbers, also NumPy scalars, are checked and stored."""
    value = plain(value)
    if value is None or isinstance(value, (str, bytes, numbers.Number, np.generic)):
        return False
    return hasattr(value, "shape") or isinstance(value, (list, tuple))


def _call_signature(declaration: Declaration, params: dict[str, Any]) -> inspect.Signature:
    # With the value's parameters as defaults: `tf.function` reads the signature and passes them.
    x = inspect.Parameter("x", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD if len(params) == 1 else inspect.Parameter.KEYWORD_ONLY
    named = (inspect.Parameter(one.name, kind, default=params[one.name]) for one in declaration.parameters)
    return inspect.Signature([x, *named])


def _one_node(activation: Activation, x: keras.KerasTensor) -> keras.KerasTensor:
    """One layer in the graph, so that a saved model contains the name, not the expanded formula."""
    make = _graph_layers.get(activation.declaration.kind, keras.layers.Activation)
    return make(activation, dtype=output_dtype(x.dtype))(x)


#: The layers for kinds that change the shape, which `keras.layers.Activation` would not report.
_graph_layers: dict[str, Callable[..., keras.layers.Layer]] = {}


def use_in_graphs(kind: Kind, layer: Callable[..., keras.layers.Layer]) -> None:
    """Represent activations of a kind by this layer when called on a symbolic tensor; called by the layer's module."""
    _graph_layers[kind] = layer
