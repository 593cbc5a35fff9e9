"""Settings of the package, for the whole process."""

from keras_actx._messages import quote as _quote

#: What holds until `set_memory_efficient` is called.
MEMORY_EFFICIENT_BY_DEFAULT = True

_memory_efficient = MEMORY_EFFICIENT_BY_DEFAULT

#: What holds until `set_fused` is called.
FUSED_BY_DEFAULT = False

_fused = FUSED_BY_DEFAULT

#: What holds until `set_portable` is called.
PORTABLE_BY_DEFAULT = False

_portable = PORTABLE_BY_DEFAULT


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
    _require_bool("set_memory_efficient", value)
    _memory_efficient = value


def fused() -> bool:
    """Whether torch compiles the activations that it runs eagerly.

    Example:

    >>> import keras_actx as actx
    >>> actx.config.fused()
    False
    """
    return _fused


def set_fused(value: bool) -> None:
    """Choose whether torch compiles each activation on its first call, when it runs eagerly otherwise.

    Run eagerly, a formula of many steps is as many passes over memory; compiled by `torch.compile`, it is one there and
    one back. Elementwise and gated activations of four steps or more are compiled; shapes may vary from call to call.
    The first call of each takes seconds, and a C++ compiler must be installed (on a GPU, Triton). Results may differ in
    the last digits: `docs/numerics.md` has those of torch's compiler too. Within `torch.compile`, and on JAX and
    TensorFlow, which have `jit` for it, this changes nothing.

    Args:
        value: True to compile, False to run step by step.

    Raises:
        TypeError: if `value` is not True or False.

    Example:

    >>> import keras_actx as actx
    >>> actx.config.set_fused(True)
    >>> actx.config.fused()
    True
    >>> actx.config.set_fused(False)
    """
    global _fused
    _require_bool("set_fused", value)
    _fused = value


def portable() -> bool:
    """Whether activations are made of operations that every runtime knows, not only while a model is exported.

    Example:

    >>> import keras_actx as actx
    >>> actx.config.portable()
    False
    """
    return _portable


def set_portable(value: bool) -> None:
    """Choose whether activations are always made of operations that ONNX, LiteRT and OpenVINO know.

    `model.export(...)` needs nothing of this: while an exporter traces a model, they are. Switch it on before tracing
    a function that is handed to a converter later, as in `tf.lite.TFLiteConverter.from_concrete_functions`, and off
    after. It counts when an activation is called, in a compiled function when that is traced; results may differ in the
    last digits, and the memory-efficient backward pass and `set_fused` are left out.

    Args:
        value: True to use such operations in every call, False while a model is exported only.

    Raises:
        TypeError: if `value` is not True or False.

    Example:

    >>> import keras_actx as actx
    >>> actx.config.set_portable(True)
    >>> actx.config.portable()
    True
    >>> actx.config.set_portable(False)
    """
    global _portable
    _require_bool("set_portable", value)
    _portable = value


def _require_bool(owner: str, value: object) -> None:
    if not isinstance(value, bool):
        raise TypeError(f"{owner} takes True or False, not {_quote(value)}")
