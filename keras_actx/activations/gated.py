"""Gated linear units: the last axis is split into a value (first half) and a gate (last half)."""

import functools

import keras
from keras import ops

from keras_actx.activations.stable import normal_cdf, normal_cdf_exact
from keras_actx.declaration.decorator import activation

activation = functools.partial(activation, package="keras_actx", kind="gated")

_SHAZEER = ("Shazeer 2020, GLU Variants Improve Transformer, arXiv:2002.05202",)


def _sigmoid(mp, x):
    return 1 / (1 + mp.exp(-x))


@activation(
    tex=r"v \, \sigma(g)",
    cites=("Dauphin et al. 2016, Language Modeling with Gated Convolutional Networks, arXiv:1612.08083",),
    exact=lambda mp, value, gate: value * _sigmoid(mp, gate),
)
def glu(value, gate):
    """The value times the sigmoid of the gate."""
    return value * ops.sigmoid(gate)


@activation(tex=r"v \, g \, \sigma(g)", cites=_SHAZEER, exact=lambda mp, value, gate: value * gate * _sigmoid(mp, gate))
def swiglu(value, gate):
    """The value times SiLU of the gate.

    Libraries disagree about the half that is the gate: diffusers and x-transformers have the last (as here), timm's
    packed SwiGLU the first; `GatedLinearUnit("swiglu", gate="first")` loads their weights.
    """
    return value * keras.activations.silu(gate)


@activation(
    tex=r"v \, g \, \Phi(g)", cites=_SHAZEER, exact=lambda mp, value, gate: value * gate * normal_cdf_exact(mp, gate)
)
def geglu(value, gate):
    """The value times GELU (exact) of the gate."""
    return value * (gate * normal_cdf(gate))


@activation(
    tex=r"v \max(g, 0)",
    cites=_SHAZEER,
    kinks={0.0: 0.0},
    exact=lambda mp, value, gate: value * max(gate, mp.mpf(0)),
)
def reglu(value, gate):
    """The value times ReLU of the gate."""
    return value * ops.relu(gate)


@activation(tex=r"v \, g", cites=_SHAZEER, exact=lambda mp, value, gate: value * gate)
def bilinear(value, gate):
    """The value times the gate."""
    return value * gate
