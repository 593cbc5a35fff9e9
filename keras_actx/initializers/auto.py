"""The scheme "auto".

A layer with a known input uses the scheme chosen for a stack by the training study in docs/training.md;
tests/test_training_study.py checks the choice against the results. Any other layer uses the published initialization of
its activation.
"""

import math
from typing import Any

import numpy as np

from keras_actx.choices import Scheme
from keras_actx.declaration.activation import Activation
from keras_actx.expectation.functions import kind_of
from keras_actx.expectation.moments import moments
from keras_actx.initializers.critical import critical
from keras_actx.initializers.init_spec import LayerContext
from keras_actx.initializers.looks_linear import odd_slope
from keras_actx.initializers.published import is_sine, published
from keras_actx.names.resolve import resolve

#: For a stack whose activation does not support "looks_linear", by the depths of the study.
STACKED: dict[int, Scheme] = {3: "glorot", 10: "critical", 30: "critical", 50: "critical", 100: "critical"}
#: The number of layers that a block assumes for a network if it knows only the layers before it.
ASSUMED_DEPTH = 10


def scheme_alone(activation: Any, *, standardized: bool = False) -> Scheme:
    """The scheme for a layer with unknown surroundings: the published one of its activation.

    A callable without a forward gain, which mixes an axis or grows too fast, is initialized as Keras's `Dense`.
    """
    subject = resolve(activation).subject
    if standardized or kind_of(subject) != "elementwise":
        return "published"
    try:
        with np.errstate(all="ignore"):
            return "published" if published(subject, LayerContext()).is_finite else "glorot"
    except (ValueError, ArithmeticError):
        return "glorot"


def scheme_chained(activation: Any, context: LayerContext, *, units: int, pairs: bool) -> Scheme:
    """The scheme for a layer with a known input.

    Args:
        activation: the layer's activation.
        context: the layer's context.
        units: the number of units.
        pairs: whether the units can be in pairs of opposite sign: their number is even, and the input is the network's,
            normalized, or from such pairs.

    Returns:
        A scheme, or "auto" if the layer is best initialized without context.
    """
    subject = resolve(activation).subject
    if is_sine(subject) or _is_output(subject, context, units):
        return "auto"
    if pairs and _mirrors(subject):
        return "looks_linear"
    return "critical" if context.use_bias and _has_a_critical_point(subject, context) else "auto"


def scheme_stacked(activation: Any, depth: int, *, pairs: bool, bias: bool, standardize: bool) -> Scheme:
    """The scheme for a stack of equal layers without skips and normalization.

    Args:
        activation: of all its layers.
        depth: the number of layers.
        pairs: whether the units can be in pairs of opposite sign: their number is even, and the input is the network's.
        bias: whether the bias is initialized by the scheme.
        standardize: whether the outputs are standardized.

    Returns:
        A scheme, or "auto" if each layer is best initialized independently.
    """
    subject = resolve(activation).subject
    if is_sine(subject):  # SIREN's initialization at any depth, as for one layer
        return "auto"
    if pairs and not standardize and _mirrors(subject):
        return "looks_linear"
    nearest = min(STACKED, key=lambda trained: abs(math.log(trained / depth)))
    # Other schemes lose the signal within a few gated layers, and standardized layers require "critical".
    if STACKED[nearest] != "critical" and kind_of(subject) == "elementwise" and not standardize:
        return STACKED[nearest]
    return "critical" if bias and _has_a_critical_point(subject, LayerContext(depth=depth)) else "auto"


def _is_output(subject: Any, context: LayerContext, units: int) -> bool:
    """Whether a layer is assumed to be an output or a reduction layer, which is initialized by Glorot's rule.

    A critical initialization gives an output the variance and bias that are intended for the input of a further layer.
    """
    name = subject.name if isinstance(subject, Activation) else None
    if name != "sigmoid":
        return name == "linear"
    before = subject if context.input_activation is None else resolve(context.input_activation).subject
    return units == 1 or before != subject


def _mirrors(subject: Any) -> bool:
    try:
        odd_slope(subject)
    except (ValueError, ArithmeticError):
        return False
    return True


def _has_a_critical_point(subject: Any, context: LayerContext) -> bool:
    before = subject if context.input_activation is None else resolve(context.input_activation).subject
    try:
        if moments(subject).jumps or moments(before).jumps:
            return False
        with np.errstate(all="ignore"):
            critical(subject, context)
    except (ValueError, ArithmeticError):  # it mixes a whole axis, is flat, or overflows
        return False
    return True
