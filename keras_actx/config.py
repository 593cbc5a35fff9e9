"""Global settings of the package."""

from keras_actx._messages import quote as _quote

#: The default, until `set_memory_efficient` is called.
MEMORY_EFFICIENT_BY_DEFAULT = True

_memory_efficient = MEMORY_EFFICIENT_BY_DEFAULT

#: The default, until `set_fused` is called.
FUSED_BY_DEFAULT = False

_fused = FUSED_BY_DEFAULT

#: The default, until `set_cuda_kernels` is called.
CUDA_KERNELS_BY_DEFAULT = True

_cuda_kernels = CUDA_KERNELS_BY_DEFAULT

#: The default, until `set_portable` is called.
PORTABLE_BY_DEFAULT = False

_portable = PORTABLE_BY_DEFAULT


def memory_efficient() -> bool:
    """Whether activations save only their input for the backward pass and recompute the rest there.

    Example:

    >>> import keras_actx as actx
    >>> actx.config.memory_efficient()
    True
    """
    return _memory_efficient


def set_memory_efficient(value: bool) -> None:
    """Choose what activations save for the backward pass: only their input, or all intermediate results.

    This affects elementwise and gated activations; values and derivatives do not change. An activation that saves no
    more than its input without recomputation, such as `relu`, is never recomputed. Disable it for eager training that
    is not limited by memory, where the recomputation increases the time of a step, and where you recompute explicitly
    (`jax.checkpoint`, `torch.utils.checkpoint`, `keras.remat`). The setting is read when an activation is called; in a
    compiled function, when it is traced.

    Args:
        value: True to save only the input, False to save all that the operations of the formula need.

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
    """Whether torch compiles activations that are called in eager mode.

    Example:

    >>> import keras_actx as actx
    >>> actx.config.fused()
    False
    """
    return _fused


def set_fused(value: bool) -> None:
    """Choose whether torch compiles each activation at its first call in eager mode.

    In eager mode, each operation of a formula is a pass over memory; compiled by `torch.compile`, a formula is one pass
    in the forward and one in the backward pass. Elementwise and gated activations of six operations or more in the two
    passes are compiled; shapes may vary from call to call. The first call of each takes seconds, and a C++ compiler
    must be installed (on a GPU, Triton). Results may differ in the last digits: `docs/numerics.md` lists the errors
    with torch's compiler too. Within `torch.compile`, and on JAX and TensorFlow, which have `jit`, this setting has no
    effect.

    Args:
        value: True to compile, False to run the operations one by one.

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


def cuda_kernels() -> bool:
    """Whether activations on a GPU use generated kernels on torch in eager mode.

    Example:

    >>> import keras_actx as actx
    >>> actx.config.cuda_kernels()
    True
    """
    return _cuda_kernels


def set_cuda_kernels(value: bool) -> None:
    """Choose whether torch computes each activation on a GPU in eager mode by one generated kernel.

    Without it, each operation of a formula is a pass over memory; with it, a formula is one pass in the forward and one
    in the backward pass, and saves only its input. Kernels are generated for elementwise and gated activations, also
    custom ones whose operations are known, and take precedence over `set_fused`. The first call of each takes a
    fraction of a second, in which CUDA's runtime compiler (NVRTC, a part of torch; HIPRTC with ROCm) compiles it; no
    other compiler is needed. If it is missing, a warning says so and the operations run one by one. Within
    `torch.compile`, `torch.func` and exporters, for second derivatives, on the CPU, and on JAX and TensorFlow, this
    setting has no effect.

    Args:
        value: True to use kernels, False to run the operations one by one.

    Raises:
        TypeError: if `value` is not True or False.

    Example:

    >>> import keras_actx as actx
    >>> actx.config.set_cuda_kernels(False)
    >>> actx.config.cuda_kernels()
    False
    >>> actx.config.set_cuda_kernels(True)
    """
    global _cuda_kernels
    _require_bool("set_cuda_kernels", value)
    _cuda_kernels = value


def portable() -> bool:
    """Whether activations always use operations that every runtime supports, not only while a model is exported.

    Example:

    >>> import keras_actx as actx
    >>> actx.config.portable()
    False
    """
    return _portable


def set_portable(value: bool) -> None:
    """Choose whether activations always use operations that ONNX, LiteRT and OpenVINO support.

    `model.export(...)` does not need this setting: activations use such operations while an exporter traces a model.
    Enable it before you trace a function that is passed to a converter later, as in
    `tf.lite.TFLiteConverter.from_concrete_functions`, and disable it afterwards. The setting is read when an activation
    is called; in a compiled function, when it is traced. Results may differ in the last digits, and the
    memory-efficient backward pass and `set_fused` have no effect.

    Args:
        value: True to use such operations in every call, False to use them only while a model is exported.

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
        raise TypeError(f"{owner} accepts True or False, not {_quote(value)}")
