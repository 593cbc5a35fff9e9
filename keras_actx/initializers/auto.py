"""What "auto" means: chosen by training networks, docs/training.md.

tests/test_training_study.py holds the choice to the results. The study trained plain networks of elementwise
activations; what it did not train starts as is published for it.
"""

import math
from typing import Any

import numpy as np

from keras_actx.expectation.functions import kind_of, subject_of
from keras_actx.expectation.moments import moments
from keras_actx.initializers.critical import critical
from keras_actx.initializers.mirrored import odd_slope
from keras_actx.initializers.rule import Situation
from keras_actx.initializers.textbook import is_sine

#: For a layer that knows nothing of its surroundings: the start that was published for its activation.
ALONE = "textbook"
#: For a stack whose activation cannot be mirrored, by the depths that were trained.
STACKED = {3: "glorot", 10: "critical", 30: "critical", 50: "critical", 100: "critical"}
#: How many layers a network is taken to have by a block that sees what is before it and not what will follow.
ASSUMED_DEPTH = 10


def scheme_chained(activation: Any, situation: Situation, *, pairs: bool) -> str:
    """The scheme for a layer that knows what feeds it.

    Args:
        activation: the layer's own.
        situation: what it knows.
        pairs: whether its units can be mirrored: their number is even, and the input is the network's, normalized, or
            comes from mirrored units.

    Returns:
        A scheme, or "auto" where the layer does best as if alone.
    """
    subject = subject_of(activation)
    if is_sine(subject) or not (situation.first_layer or situation.input_activation is not None):
        return "auto"
    if pairs and _mirrors(subject):
        return "mirrored"
    return "critical" if situation.use_bias and _has_a_critical_point(subject, situation) else "auto"


def scheme_stacked(activation: Any, depth: int, *, pairs: bool, bias: bool, standardize: bool) -> str:
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
    subject = subject_of(activation)
    if is_sine(subject):  # SIREN's start at any depth, as for one layer
        return "auto"
    if pairs and not standardize and _mirrors(subject):
        return "mirrored"
    nearest = min(STACKED, key=lambda trained: abs(math.log(trained / depth)))
    # Alone, gated layers lose the signal within a few, and standardized ones are critical ones.
    alone = STACKED[nearest] == ALONE and kind_of(subject) == "elementwise" and not standardize
    found = not alone and bias and _has_a_critical_point(subject, Situation(depth=depth))
    return "critical" if found else "auto"


def _mirrors(subject: Any) -> bool:
    try:
        odd_slope(subject)
    except (ValueError, ArithmeticError):
        return False
    return True


def _has_a_critical_point(subject: Any, situation: Situation) -> bool:
    before = subject if situation.input_activation is None else subject_of(situation.input_activation)
    try:
        if moments(subject).jumps or moments(before).jumps:
            return False
        with np.errstate(all="ignore"):
            critical(subject, situation)
    except (ValueError, ArithmeticError):  # it mixes a whole axis, or is flat, or too large
        return False
    return True
