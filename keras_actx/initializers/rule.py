"""`Rule`: what a scheme says about the start of one layer."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Rule:
    """A kernel of standard deviation gain / sqrt(fan), its distribution, and the reason; the bias starts at zero."""

    reason: str
    source: str
    gain: float
    mode: str  # "fan_in", "fan_avg", or "fan_in_squared" for a deviation of gain / fan_in
    distribution: str
