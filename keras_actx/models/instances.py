"""Built models, and their calls with attributes of layers replaced."""

import functools
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
def batch_statistics(layers: Iterable[Any]) -> Iterator[None]:
    """Within this context, each `BatchNormalization` of these layers uses those of the batch, as in training."""
    with ExitStack() as stack:
        for layer in layers:
            if isinstance(layer, keras.layers.BatchNormalization):
                stack.enter_context(replaced(layer, "call", _in_training(layer.call)))
        yield


def _in_training(call: Any) -> Any:
    @functools.wraps(call)
    def in_training(*args: Any, **kwargs: Any) -> Any:
        return call(*args, **{**kwargs, "training": True})

    return in_training
