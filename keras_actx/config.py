"""Settings of the package, for the whole process."""

from keras_actx.names.suggest import quote as _quote

#: What holds until `set_memory_efficient` is called.
MEMORY_EFFICIENT_BY_DEFAULT = True

_memory_efficient = MEMORY_EFFICIENT_BY_DEFAULT


def memory_efficient() -> bool:
    """Whether activations keep only their input for the backward pass, and compute the rest again there.

    Example:

    >>> import keras_actx as actx
    >>> actx.config.memory_efficient()
    True
    """
    return _memory_efficient


def set_memory_efficient(value: bool) -> None:
    """Choose between memory and arithmetic: keep an activation's input alone for the backward pass, or all it needs.

    Elementwise and gated activations are affected; values and derivatives are the same either way. One that keeps no
    more than its input by itself, such as `relu`, is never computed twice. Switch it off when training is not short of
    memory and runs eagerly, where computing the activation twice is seen in the time of a step; and to leave the
    recomputing to something of your own (`jax.checkpoint`, `torch.utils.checkpoint`, `keras.remat`). It counts when an
    activation is called, in a compiled function when that is traced.

    Args:
        value: True to keep only the input, False to keep whatever the formula's steps need.

    Raises:
        TypeError: if `value` is not True or False.

    Example:

    >>> import keras_actx as actx
    >>> actx.config.set_memory_efficient(False)
    >>> actx.config.memory_efficient()
    False
    >>> actx.config.set_memory_efficient(True)
    """
    global _memory_efficient
    if not isinstance(value, bool):
        raise TypeError(f"set_memory_efficient takes True or False, not {_quote(value)}")
    _memory_efficient = value
