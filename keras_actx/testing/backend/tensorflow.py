"""TensorFlow: tapes, graphs of unknown shape, and XLA."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf


def gradient(scalar: Callable[[Any], Any], x: Any) -> Any:
    """See `keras_actx.testing.backend.gradient`."""
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = scalar(x)
    return tape.gradient(y, x, unconnected_gradients="zero")


def compiled(function: Callable[[Any], Any], thorough: bool) -> dict[str, Callable[[Any], Any]]:
    """See `keras_actx.testing.backend.compiled`."""

    graphs = {}

    def unknown_shape(x: Any) -> Any:
        kind = (len(x.shape), x.dtype)
        if kind not in graphs:
            graphs[kind] = tf.function(function, input_signature=[tf.TensorSpec([None] * kind[0], x.dtype)])
        return graphs[kind](x)

    return {"tf.function of unknown shape": unknown_shape, "XLA": tf.function(function, jit_compile=True)}


def transformed(function: Callable[[Any], Any]) -> dict[str, Callable[[Any], Any]]:
    """See `keras_actx.testing.backend.transformed`."""
    return {"tf.vectorized_map": lambda x: tf.vectorized_map(function, x, fallback_to_while_loop=False)}


def forward_derivative(function: Callable[[Any], Any], x: Any) -> Any:
    """See `keras_actx.testing.backend.forward_derivative`."""
    with tf.autodiff.ForwardAccumulator(x, tf.ones_like(x)) as accumulator:
        y = function(x)
    return accumulator.jvp(y, unconnected_gradients=tf.UnconnectedGradients.ZERO)
