"""Built models, and their calls with attributes of layers replaced."""

import functools
import re
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import keras

from keras_actx._messages import quote


def check_model(model: Any, owner: str) -> None:
    """Raise `TypeError` for anything but a Keras model, and `ValueError` for one that is not built."""
    if not isinstance(model, keras.Model):
        hint = "; give an instance" if isinstance(model, type) else ""
        raise TypeError(f"{owner}: {quote(model)} is not a keras.Model{hint}")
    if not model.built:
        raise ValueError(
            f"{owner}: {quote(model.name)} is not built, so it has no weights; call it on data, or "
            "`model.build(input_shape)`, first"
        )


def called(model: Any, x: Any) -> Any:
    """The outputs of a model in inference mode."""
    return model(x, training=False) if "training" in model.call_signature_parameters else model(x)


@contextmanager
def replaced(owner: Any, attribute: str, value: Any) -> Iterator[None]:
    """The attribute of the instance, replaced without Keras's or torch's tracking of attributes."""
    own = vars(owner)
    before = own.get(attribute)
    own[attribute] = value
    try:
        yield
    finally:
        if before is None:
            del own[attribute]
        else:
            own[attribute] = before


@contextmanager
def explained(model: Any, owner: str) -> Iterator[None]:
    """Raise `ValueError` that names the model for whatever a layer of it raises when it is called on x."""
    try:
        yield
    except Exception as error:
        raise ValueError(
            f"{owner}: {quote(model.name)} cannot be called on x: {_reason(error)}; check that model(x) works, or "
            "leave out x"
        ) from error


def _reason(error: Exception) -> str:
    """The first line that is not Keras's, which says where an error was met, in bold."""
    lines = [line.strip() for line in re.sub(r"\x1b\[\d*m", "", str(error)).splitlines()]
    own = [line for line in lines if line and not line.startswith(("Exception encountered", "Could not automatically"))]
    return (own or [type(error).__name__])[0].rstrip(".")


@contextmanager
def measurable(layers: Iterable[Any]) -> Iterator[None]:
    """Within this context, these layers can be measured.

    A `BatchNormalization` uses the statistics of the batch, as in training, and no layer is rematerialized, for which
    backends trace the calls.
    """
    with ExitStack() as stack:
        for layer in layers:
            if isinstance(layer, keras.layers.BatchNormalization):
                stack.enter_context(replaced(layer, "call", _in_training(layer.call)))
            if getattr(layer, "_remat_mode", None) is not None:
                stack.enter_context(replaced(layer, "_remat_mode", None))
        yield


def _in_training(call: Any) -> Any:
    @functools.wraps(call)
    def in_training(*args: Any, **kwargs: Any) -> Any:
        return call(*args, **{**kwargs, "training": True})

    return in_training
