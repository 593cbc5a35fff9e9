"""`InitSpec`: the initialization of a layer by a scheme; `LayerContext`: the properties that determine it."""

from dataclasses import KW_ONLY, dataclass, fields
from typing import Any

from keras_actx._messages import quote
from keras_actx.choices import Distribution, Form, Mode, Taps
from keras_actx.plain_numbers import whole
from keras_actx.saved_configs import in_todays_form


@dataclass(frozen=True)
class LayerContext:
    """The context of a layer.

    Raises:
        ValueError: for an invalid depth, or a switch that is not True or False.
    """

    first_layer: bool = False  # its input is the network's, of mean 0 and variance 1
    input_activation: Any = None  # the activation before it; None for its own, as in a stack of equal layers
    depth: int | None = None  # the number of layers of the network
    use_bias: bool = True  # whether the bias is initialized by the scheme
    normalized: bool = False  # whether a normalization precedes the activation
    standardize: bool = False  # whether the layer's output is shifted and scaled to mean 0 and variance 1
    input_standardized: bool = False  # whether the output of the layer before was standardized

    def __post_init__(self) -> None:
        depth = whole(self.depth)
        if self.depth is not None and not 1 <= (depth or 0) <= 10**6:
            raise ValueError(f"depth={quote(self.depth)} is not allowed; use None or a whole number from 1 to 1000000")
        object.__setattr__(self, "depth", depth)
        for one in fields(self):
            if isinstance(one.default, bool) and not isinstance(getattr(self, one.name), bool):
                raise ValueError(f"{one.name}={quote(getattr(self, one.name))} is not allowed; use True or False")


@dataclass(frozen=True)
class InitSpec:
    """A kernel of standard deviation gain / sqrt(fan), its distribution, the bias, and the reason."""

    reason: str
    source: str
    _: KW_ONLY
    gain: float
    mode: Mode
    distribution: Distribution
    halves: bool = False  # whether value and gate are drawn separately
    form: Form = "free"
    taps: Taps = "all"
    small_gain: float | None = None  # replaces `gain` if fan_in is too small for centring
    bias_mean: float = 0.0
    bias_std: float = 0.0
    bias_mean_gate: float | None = None  # of a gated activation, whose value has `bias_mean`
    beta: float | None = None
    beta_gate: float | None = None
    q: float | None = None
    chi_1: float | None = None
    chi_q: float | None = None
    nonlinearity: float | None = None

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(in_todays_form(state))

    @property
    def is_finite(self) -> bool:
        """Whether the numbers are finite in float32, for any layer that fits into memory."""
        sizes = [one for one in (self.gain, self.small_gain) if one is not None]
        numbers = [value for value in vars(self).values() if isinstance(value, float)]
        return all(1 / LARGEST < one < LARGEST for one in sizes) and all(abs(one) < LARGEST for one in numbers)


#: The largest number that is finite in float32 when multiplied by a fan.
LARGEST = 1e30
