"""Which start weights go with which activation: the schemes by name, and the choice as a value."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from keras_actx.declaration.activation import Activation
from keras_actx.initializers.rule import Rule
from keras_actx.initializers.textbook import textbook
from keras_actx.names.suggest import did_you_mean, quote

#: What `"auto"` stands for today.
_AUTO = "textbook"
SCHEMES: dict[str, Callable[..., Rule]] = {"textbook": textbook}
SCHEME_NAMES = ("auto", *SCHEMES)

DISTRIBUTIONS = ("truncated_normal", "untruncated_normal", "uniform")


_FANS = {"fan_in": "sqrt(fan_in)", "fan_avg": "sqrt((fan_in + fan_out) / 2)", "fan_in_squared": "fan_in"}


@dataclass(frozen=True)
class Pairing:
    """What was chosen for an activation, and why.

    Example:

    >>> import keras_actx as actx
    >>> actx.initializers.Paired("selu").pairing.source
    'LeCun et al. 1998, Efficient BackProp; Klambauer et al. 2017, arXiv:1706.02515'
    """

    activation: str
    scheme: str
    gain: float
    mode: str
    distribution: str
    reason: str
    source: str

    def __str__(self) -> str:
        return (
            f"{self.activation}: {self.reason}; kernel {self.distribution} with standard deviation "
            f"{self.gain:.6g} / {_FANS[self.mode]}, bias 0 (scheme {self.scheme!r}; {self.source})"
        )


def pair(
    activation: Any, scheme: str = "auto", distribution: str | None = None, *, first_layer: bool = False
) -> Pairing:
    """Choose the start weights for an activation.

    Raises:
        ValueError: for an unknown scheme or distribution, or an activation that the scheme has no rule for.
    """
    check_scheme(scheme)
    check_distribution(distribution)
    chosen = _AUTO if scheme == "auto" else scheme
    rule = SCHEMES[chosen](activation, first_layer=first_layer)
    declared = isinstance(activation, (str, Activation))
    name = activation if declared else getattr(activation, "__name__", None) or type(activation).__name__
    return Pairing(
        activation=str(name),
        scheme=chosen,
        gain=rule.gain,
        mode=rule.mode,
        distribution=distribution or rule.distribution,
        reason=rule.reason,
        source=rule.source,
    )


def check_scheme(scheme: Any) -> None:
    """Raise `ValueError` for a scheme that does not exist."""
    if scheme not in SCHEME_NAMES:
        hint = did_you_mean(scheme, SCHEME_NAMES) if isinstance(scheme, str) else ""
        raise ValueError(f"scheme={quote(scheme)} is not known; use one of {', '.join(map(repr, SCHEME_NAMES))}.{hint}")


def check_distribution(distribution: Any) -> None:
    """Raise `ValueError` for a distribution that does not exist."""
    if distribution is not None and distribution not in DISTRIBUTIONS:
        hint = did_you_mean(distribution, DISTRIBUTIONS) if isinstance(distribution, str) else ""
        allowed = ", ".join(map(repr, DISTRIBUTIONS))
        raise ValueError(f"distribution={quote(distribution)} is not known; use None or one of {allowed}.{hint}")
