"""Activations that mix an axis and keep its length. Most are Keras's own functions, with their axis as a parameter."""

import functools

import keras
from keras import ops

from keras_actx.declaration.decorator import activation

activation = functools.partial(activation, package="keras_actx")


def _softmax(mp, x):
    powers = [mp.exp(one) for one in x]
    return [one / mp.fsum(powers) for one in powers]


def _sparsemax(mp, x):
    total, threshold = mp.mpf(0), None
    for count, one in enumerate(sorted(x, reverse=True), start=1):
        total += one
        if 1 + count * one > total:
            threshold = (total - 1) / count
    return [max(one - threshold, mp.mpf(0)) for one in x]


@activation(
    tex=r"\frac{e^{x_i}}{\sum_j e^{x_j}}",
    cites=("Bridle 1990, Probabilistic Interpretation of Feedforward Classification Network Outputs",),
    kind="vector",
    exact=lambda mp, x, axis: _softmax(mp, x),
)
def softmax(x, axis: int = -1):
    """Exponentials normalized to sum 1 along `axis`."""
    return keras.activations.softmax(x, axis=axis)


@activation(
    tex=r"x_i - \log \sum_j e^{x_j}",
    cites=("The logarithm of softmax",),
    kind="vector",
    exact=lambda mp, x, axis: [mp.log(one) for one in _softmax(mp, x)],
)
def log_softmax(x, axis: int = -1):
    """The logarithm of softmax along `axis`."""
    return keras.activations.log_softmax(x, axis=axis)


@activation(
    tex=r"\arg\min_{p \in \Delta} \|p - x\|^2",
    cites=("Martins & Astudillo 2016, From Softmax to Sparsemax, arXiv:1602.02068",),
    kind="vector",
    exact=lambda mp, x, axis: _sparsemax(mp, x),
)
def sparsemax(x, axis: int = -1):
    """The nearest point of the probability simplex, with exact zeros, along `axis`.

    `keras.activations.sparsemax`, which is what the plain name means, adds up all partial sums instead of taking the
    last (seen in Keras 3.15), and is right only where a single entry or equal zeros survive;
    `sparsemax(axis=-1)` is this one.
    """
    x = x - ops.stop_gradient(ops.max(x, axis=axis, keepdims=True))  # changes nothing, but keeps the sums small
    sums = ops.cumsum(-ops.sort(-x, axis=axis), axis=axis)
    counts = ops.cumsum(ops.ones_like(x), axis=axis)
    # The threshold of the paper: as a function of how many entries survive, it is largest at the right number.
    threshold = ops.max((sums - 1) / counts, axis=axis, keepdims=True)
    return ops.relu(x - threshold)
