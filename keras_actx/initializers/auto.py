"""What "auto" means.

A layer that knows what feeds it starts as the study of training chose for a stack, docs/training.md;
tests/test_training_study.py holds the choice to the results. One that knows nothing starts as is published for its
activation.
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
from keras_actx.initializers.mirrored import odd_slope
from keras_actx.initializers.textbook import is_sine, textbook
from keras_actx.names.resolve import resolve

#: For a stack whose activation cannot be mirrored, by the depths that were trained.
STACKED: dict[int, Scheme] = {3: "glorot", 10: "critical", 30: "critical", 50: "critical", 100: "critical"}
#: How many layers a network is taken to have by a block that sees what is before it and not what will follow.
ASSUMED_DEPTH = 10


def scheme_alone(activation: Any, *, standardized: bool = False) -> Scheme:
    """The scheme for a layer that knows nothing of its surroundings: what was published for its activation.

    A callable without a forward gain, which mixes an axis or grows too fast, starts as Keras's `Dense` does.
    """
    subject = resolve(activation).subject
    if standardized or kind_of(subject) != "elementwise":
        return "textbook"
    try:
        with np.errstate(all="ignore"):
            return "textbook" if textbook(subject, LayerContext()).is_finite else "glorot"
    except (ValueError, ArithmeticError):
        return "glorot"


def scheme_chained(activation: Any, context: LayerContext, *, units: int, pairs: bool) -> Scheme:
    """The scheme for a layer that knows what feeds it.

    Args:
        activation: the layer's own.
        context: what it knows.
        units: how many it has.
        pairs: whether they can be mirrored: their number is even, and the input is the network's, normalized, or comes
            from mirrored units.

    Returns:
        A scheme, or "auto" where the layer does best as if alone.
    """
    subject = resolve(activation).subject
    if is_sine(subject) or _is_output(subject, context, units):
        return "auto"
    if pairs and _mirrors(subject):
        return "mirrored"
    return "critical" if context.use_bias and _has_a_critical_point(subject, context) else "auto"


def scheme_stacked(activation: Any, depth: int, *, pairs: bool, bias: bool, standardize: bool) -> Scheme:
    """The scheme for a stack of equal layers without skips and normalization.

    Args:
        activation: of all its layers.
        depth: how many.
        pairs: whether units can be mirrored: their number is even, and the input is the network's.
        bias: whether the layers start with the bias of the scheme.
        standardize: whether outputs are.

    Returns:
        A scheme, or "auto" where each layer does best alone.
    """
    subject = resolve(activation).subject
    if is_sine(subject):  # SIREN's start at any depth, as for one layer
        return "auto"
    if pairs and not standardize and _mirrors(subject):
        return "mirrored"
    nearest = min(STACKED, key=lambda trained: abs(math.log(trained / depth)))
    # Other starts lose the signal of gated layers within a few, and standardized layers are critical ones.
    if STACKED[nearest] != "critical" and kind_of(subject) == "elementwise" and not standardize:
        return STACKED[nearest]
    return "critical" if bias and _has_a_critical_point(subject, LayerContext(depth=depth)) else "auto"


def _is_output(subject: Any, context: LayerContext, units: int) -> bool:
    """Whether a layer is taken for a network's last, or one that only reduces: these start by Glorot's rule.

    A critical start would give an output a size and a bias that belong in front of a further layer.
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
    except (ValueError, ArithmeticError):  # it mixes a whole axis, or is flat, or too large
        return False
    return True
