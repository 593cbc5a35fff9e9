"""The functions of a model's layers, by names that are unique in the config of the model."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import keras

from keras_actx.declaration.activation import Activation
from keras_actx.layers._applied import tried
from keras_actx.models.instances import replaced
from keras_actx.models.uses import is_activation_argument
from keras_actx.names.resolve import resolve


@contextmanager
def named_functions(layers: Iterable[Any]) -> Iterator[dict[str, Callable[..., Any]]]:
    """Within this context, Keras's layers return unique names of their functions from `get_config`.

    By its own name, Keras takes a user's function `relu` for its own one, and does not find again a lambda expression,
    a `functools.partial` or a function of the backend. Declared activations keep their names.

    Yields:
        The functions by these names, as custom objects for the config.
    """
    found: dict[str, Callable[..., Any]] = {}
    with ExitStack() as stack:
        for layer in layers:
            for attribute, function in _functions_of(layer):
                name = f"function_{len(found)}_of_the_model"
                found[name] = function
                stack.enter_context(replaced(layer, attribute, _stand_in(name)))
        yield found


def _functions_of(layer: Any) -> list[tuple[str, Callable[..., Any]]]:
    if not type(layer).__module__.startswith("keras."):  # its `get_config` may look for the function elsewhere
        return []
    is_lambda = isinstance(layer, keras.layers.Lambda)
    return [
        (name, value)
        for name, value in vars(layer).items()
        if callable(value) and not isinstance(value, (type, keras.layers.Layer)) and not hasattr(type(layer), name)
        if (is_lambda and name == "function") or is_activation_argument(name)
        if not isinstance(getattr(tried(resolve, value), "subject", None), Activation)
    ]


def _stand_in(name: str) -> Callable[..., Any]:
    def stand_in() -> None:
        """Only its name is used."""

    stand_in.__name__ = stand_in.__qualname__ = name
    return stand_in
