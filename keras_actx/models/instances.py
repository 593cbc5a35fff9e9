"""Calls of a model with attributes of its layers replaced."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


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
