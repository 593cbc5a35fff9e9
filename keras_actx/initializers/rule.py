"""`Rule`: what a scheme says about the start of one layer; `Situation`: what it needs to know about the layer."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Situation:
    """Where a layer stands."""

    first_layer: bool = False  # it sees the network's input, of mean 0 and variance 1
    input_activation: Any = None  # the activation that made its input; None for its own, as in a stack of equal layers
    depth: int | None = None  # how many layers the network has
    use_bias: bool = True  # whether the layer starts with the bias of the scheme
    normalized: bool = False  # whether a normalization follows before the activation


@dataclass(frozen=True)
class Rule:
    """A kernel of standard deviation gain / sqrt(fan), its distribution, the bias, and the reason."""

    reason: str
    source: str
    gain: float
    mode: str  # "fan_in", "fan_avg", or "fan_in_squared" for a deviation of gain / fan_in
    distribution: str
    form: str = "free"  # "centred" for columns of mean 0, "mirrored" for [[A, -A], [-A, A]]
    small_gain: float | None = None  # in place of `gain` where fan_in is too small to centre
    bias_mean: float = 0.0
    bias_std: float = 0.0
    beta: float | None = None
    q: float | None = None
    chi_1: float | None = None
    chi_q: float | None = None
    nonlinearity: float | None = None
