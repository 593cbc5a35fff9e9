"""torch on a GPU: one recorded function of elements as a kernel, compiled at its first call by torch's own compiler."""

import hashlib
import re
import threading
import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from keras_actx.backend.torch.cuda_source import cuda_source


class Kernel:
    """A function of tensors, which are broadcast, and numbers; it returns a list of tensors.

    Args:
        name: a part of the name of the kernel, which profilers show.
        recorded: its graph, for `cuda_source`.
        numbers: how many of the last inputs are numbers.
    """

    def __init__(self, name: str, recorded: torch.fx.GraphModule, numbers: int) -> None:
        written = cuda_source("NAME", recorded)
        # Another name for another function or signature: torch keeps what it compiled by name.
        digest = hashlib.sha256(f"{numbers} {written}".encode()).hexdigest()[:12]
        self.name = f"{re.sub('[^a-z0-9]+', '_', name.lower())}_{digest}"
        self.source = written.replace("NAME", self.name, 1)
        self.has_failed = False
        output = next(iter(reversed(recorded.graph.nodes)))
        self.outputs = len(output.args[0]) if isinstance(output.args[0], (tuple, list)) else 1
        self.numbers = numbers
        self._ran: set[Any] = set()
        self._compiled: Callable[..., Any] | None = None

    def __call__(self, tensors: list[Tensor], numbers: dict[str, float]) -> list[Tensor] | None:
        """The results; None if it cannot be compiled, or not now, while a CUDA graph is captured."""
        # What the compiled code depends on.
        variant = (tensors[0].get_device(), *[(one.dtype, one.is_contiguous()) for one in tensors])
        if variant in self._ran and self._compiled is not None:
            return self._listed(self._compiled(*tensors, **numbers))
        if self.has_failed or is_capturing(tensors[0]):
            return None
        try:
            with _lock:
                if self._compiled is None:
                    self._compiled = compile_source(self.source, self.outputs, dict.fromkeys(numbers, 0.0))
            results = self._listed(self._compiled(*tensors, **numbers))
        except torch.cuda.OutOfMemoryError:
            raise
        except Exception as error:  # whatever the compiler lacks
            self.has_failed = True
            warn_once(error)
            return None
        self._ran.add(variant)
        return results

    def _listed(self, results: Any) -> list[Tensor]:
        return [results] if self.outputs == 1 else list(results)


def named_numbers(numbers: tuple[float, ...]) -> dict[str, float]:
    """Numbers by the names of their inputs, which need no meaning."""
    return {f"n{index}": value for index, value in enumerate(numbers)}


def compile_source(source: str, outputs: int, numbers: dict[str, float]) -> Callable[..., Any]:
    """A function of tensors and, by name, numbers."""
    jiterator = torch.cuda.jiterator
    if outputs == 1:
        return jiterator._create_jit_fn(source, **numbers)
    return jiterator._create_multi_output_jit_fn(source, outputs, **numbers)


def is_capturing(x: Tensor) -> bool:
    """Whether the kernels for x are recorded for a CUDA graph, in which nothing can be compiled."""
    return x.is_cuda and torch.cuda.is_current_stream_capturing()


_lock = threading.Lock()
_warned = False


def warn_once(error: Exception) -> None:
    """The first time, warn that a kernel is missing."""
    global _warned
    with _lock:
        first, _warned = not _warned, True
    if first:
        warnings.warn(
            "keras_actx: torch could not make a kernel for the GPU, so activations run operation by operation, "
            "which is slower; results are the same. keras_actx.config.set_cuda_kernels(False) turns kernels off. "
            f"torch's error: {type(error).__name__}: {str(error)[:500]}",
            RuntimeWarning,
            stacklevel=2,
        )
