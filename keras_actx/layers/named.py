"""`@named_layer`: the name of an activation that can only be a layer, so that the name in a string says so."""

import inspect
from collections.abc import Callable
from typing import TypeVar

from keras_actx.names import layer_names

Class = TypeVar("Class", bound=type)


def named_layer(
    name: str, *, aliases: tuple[str, ...] = (), why: str, fits_inside: bool = False
) -> Callable[[Class], Class]:
    """Enter a layer class under the name of its activation; `activation="name"` then names the layer to write.

    Args:
        name: the activation's name, as it would be written in a string.
        aliases: other names of it.
        why: what keeps its name from being the `activation=` of a layer, to be read after the name: "changes the size
            of an axis", "has weights whose shape depends on its input".
        fits_inside: whether an instance of it may be the `activation=` of a layer.

    Raises:
        ValueError: if another layer has one of the names.

    Example:

    >>> import keras_actx as actx
    >>> "maxout" in actx.names(kind="layer")
    True
    """

    def enter(layer: Class) -> Class:
        parameters = list(inspect.signature(layer.__init__).parameters.values())[1:]
        needed = [one.name for one in parameters if one.default is one.empty and one.kind is not one.VAR_KEYWORD]
        written = f"keras_actx.layers.{layer.__name__}({', '.join(needed)})"
        layer_names.add(layer_names.LayerName(name, written, why, fits_inside, layer), aliases)
        return layer

    return enter
