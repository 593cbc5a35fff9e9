"""The glorot scheme: Keras's own default, whatever the activation."""

from typing import Any

from keras_actx.initializers.rule import Rule, Situation

SOURCE = "Glorot & Bengio 2010, PMLR 9:249-256"


def glorot(activation: Any, situation: Situation) -> Rule:
    """U(-a, a) with a = sqrt(6 / (fan_in + fan_out)), and no bias."""
    return Rule("Glorot", SOURCE, 1.0, "fan_avg", "uniform")
