"""The ways in which a backend runs a function: compiled or eagerly, forward alone or with the gradient.

A way that is a setting of this package, such as "fused", is a name more in `WAYS` and an entry in `SETTINGS`: ours run
with it, the others eagerly.
"""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

import keras_actx as actx

WAYS = {"jax": ("jit",), "tensorflow": ("xla", "eager"), "torch": ("eager", "fused")}[keras.backend.backend()]

#: By way, what switches the setting on and off.
SETTINGS: dict[str, tuple[Callable[[], None], Callable[[], None]]] = {
    "fused": (lambda: actx.config.set_fused(True), lambda: actx.config.set_fused(False))
}

Function = Callable[[Any], Any]


def call(way: str, function: Function, x: np.ndarray, what: str, ours: bool = False) -> Callable[[], None]:
    """A call without arguments that is over when the result is there.

    Args:
        way: one of `WAYS`.
        function: of one tensor.
        x: the numbers.
        what: "forward", or "both" for the result and the gradient of its sum.
        ours: whether it is of this package, and runs with the way's setting.
    """
    makers = {"jax": _jax, "tensorflow": _tensorflow, "torch": _torch}
    run = makers[keras.backend.backend()](way, function, x, what == "both")
    return _set(*SETTINGS[way], run) if ours and way in SETTINGS else run


def _set(on: Callable[[], None], off: Callable[[], None], run: Callable[[], None]) -> Callable[[], None]:
    def run_with_it() -> None:
        on()
        try:
            run()
        finally:
            off()

    return run_with_it


def _jax(way: str, function: Function, x: np.ndarray, both: bool) -> Callable[[], None]:
    import jax

    def with_gradient(x: Any, cotangent: Any) -> Any:
        y, back = jax.vjp(function, x)
        return y, back(cotangent)

    x = jax.numpy.asarray(x)
    run = jax.jit(with_gradient if both else function)
    arguments = (x, jax.numpy.ones_like(x)) if both else (x,)
    return lambda: jax.block_until_ready(run(*arguments))


def _tensorflow(way: str, function: Function, x: np.ndarray, both: bool) -> Callable[[], None]:
    import tensorflow as tf

    def with_gradient(x: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = function(x)
        return y, tape.gradient(y, x)

    x = tf.constant(x)
    run = with_gradient if both else function
    if way == "xla":
        run = tf.function(run, jit_compile=True, autograph=False)

    def wait() -> None:
        result = run(x)
        (result[-1] if both else result)[:1].numpy()

    return wait


def _torch(way: str, function: Function, x: np.ndarray, both: bool) -> Callable[[], None]:
    import torch

    torch.set_num_threads(1)
    x = torch.from_numpy(x)
    if not both:
        return lambda: function(x)
    x.requires_grad_()
    cotangent = torch.ones_like(x)

    def with_gradient() -> None:
        y = function(x)
        torch.autograd.grad(y, x, cotangent)

    return with_gradient
