"""Identifies the layer that looks up an activation: the one whose `__init__`, `build` or `call` is on the stack.

Keras passes a name to its table without the layer. An activation with weights needs the layer, which builds it
(`keras_actx/layers/_held.py`); one created in a `call` would be new, and untrained, at every call.
"""

import weakref
from collections import Counter
from types import FrameType
from typing import Any

import keras

#: The number of activations of one name in each layer: a recurrent cell has two.
_labels: weakref.WeakKeyDictionary[Any, Counter[str]] = weakref.WeakKeyDictionary()


def holder_at(frame: FrameType | None) -> keras.layers.Layer | None:
    """The layer whose `__init__` or `build` is the code of `frame`; None for any other code."""
    layer = _layer_of(frame) if frame is not None and frame.f_code.co_name in ("__init__", "build") else None
    # Before `super().__init__()` it cannot track sublayers.
    return layer if layer is not None and hasattr(layer, "name") else None


def is_asked_in_a_call(frame: FrameType | None) -> bool:
    """Whether the innermost layer method on the stack of `frame` is a `call`, not an `__init__` or `build`."""
    while frame is not None:
        name = frame.f_code.co_name
        if name in ("__init__", "build", "call") and _layer_of(frame) is not None:
            return name == "call"
        frame = frame.f_back
    return False


def is_keras_code(frame: FrameType | None) -> bool:
    """Whether the code of `frame` is Keras's own."""
    return frame is not None and str(frame.f_globals.get("__name__", "")).startswith("keras.")


def label_inside(holder: keras.layers.Layer, name: str) -> str:
    """The name for an activation created from a string in `holder`: the activation's, numbered from the second one."""
    counts = _labels.setdefault(holder, Counter())
    counts[name] += 1
    return name if counts[name] == 1 else f"{name}_{counts[name] - 1}"


def _layer_of(frame: FrameType) -> keras.layers.Layer | None:
    code = frame.f_code
    first = frame.f_locals.get(code.co_varnames[0]) if code.co_argcount else None
    return first if isinstance(first, keras.layers.Layer) else None
