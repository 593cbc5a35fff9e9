"""The initialization for an activation: the schemes by name, and the choice as a value."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, get_args

import keras
import numpy as np

from keras_actx._messages import did_you_mean, quote
from keras_actx.choices import Distribution, Gate, Scheme
from keras_actx.expectation.functions import name_of
from keras_actx.initializers.auto import scheme_alone
from keras_actx.initializers.critical import critical
from keras_actx.initializers.gated_bias import GatedBias
from keras_actx.initializers.init_spec import LARGEST, InitSpec, LayerContext
from keras_actx.initializers.looks_linear import looks_linear
from keras_actx.initializers.published import glorot, published
from keras_actx.initializers.standardization import output_moments_under
from keras_actx.seeds import checked_seed

SCHEMES: dict[Scheme, Callable[[Any, LayerContext], InitSpec]] = {
    "glorot": glorot,
    "published": published,
    "critical": critical,
    "looks_linear": looks_linear,
}
SCHEME_NAMES = get_args(Scheme)  # the table's, and "auto"
#: The schemes that scale a kernel for the activation before the layer, not for the layer's own.
_ASK_FOR_INPUT = ("critical", "looks_linear")

DISTRIBUTIONS = get_args(Distribution)

_FANS = {"fan_in": "sqrt(fan_in)", "fan_avg": "sqrt((fan_in + fan_out) / 2)", "fan_in_squared": "fan_in"}
_FORMS = {"free": "", "centred": ", columns of mean 0", "looks_linear": ", looks-linear"}


@dataclass(frozen=True, kw_only=True)
class Pairing(InitSpec):
    """The initialization chosen for an activation, and the reason; see `keras_actx.pairing`.

    The entries of the kernel have the standard deviation `gain / sqrt(fan_in)` (or as given by `mode`), the bias has
    mean `bias_mean` and standard deviation `bias_std`; for a gated activation, the gate has `bias_mean_gate`, and with
    `halves` its kernel is drawn separately. In a convolution, all `taps` are drawn (fan_in counts them), or only the
    "centre". The input of the activation is then z ~ N(`beta`, `q`), and N(`beta_gate`, `q`) for a gate. Per layer, the
    second moment of the gradient grows by the factor `chi_1` and a deviation of the variance from `q` by `chi_q`;
    `nonlinearity` is 0 for a linear function. A standardized output is (f(z) - `output_mean`) / `output_std`. Unknown
    fields are None.

    Example:

    >>> import keras_actx as actx
    >>> actx.pairing("selu", "published").source
    'LeCun et al. 1998, Efficient BackProp; Klambauer et al. 2017, arXiv:1706.02515'
    """

    activation: str
    scheme: Scheme
    seen: str = ""
    output_mean: float | None = None
    output_std: float | None = None

    def __str__(self) -> str:
        scale = f"{self.gain:.6g} / {_FANS[self.mode]}"
        lines = [
            ("scheme", repr(self.scheme) + (f", {self.seen}" if self.seen else "")),
            ("kernel", f"{self.distribution}, standard deviation {scale}{_FORMS[self.form]}"),
            *self._bias(),
            *self._propagation(),
            ("source", self.source),
        ]
        return "\n".join([f"{self.activation}: {self.reason}", *(f"  {title}: {text}" for title, text in lines)])

    def _bias(self) -> list[tuple[str, str]]:
        means = {"bias": self.bias_mean}
        if self.bias_mean_gate is not None:
            means = {"bias of the value": self.bias_mean, "bias of the gate": self.bias_mean_gate}
        if self.bias_std:
            return [
                (of, f"normal, mean {one:.4g}, standard deviation {self.bias_std:.6g}") for of, one in means.items()
            ]
        return [(of, f"{one:.4g}") for of, one in means.items()]

    def _propagation(self) -> list[tuple[str, str]]:
        """What is known about signal and gradient: each number with its meaning and its field."""
        lines = []
        if self.q is not None:
            gate = "" if self.beta_gate is None else f"mean of the gate {self.beta_gate:.4g} (beta_gate), "
            lines.append(("input of the activation", f"mean {self.beta:.4g} (beta), {gate}variance {self.q:.4g} (q)"))
        if self.chi_1 is not None:
            lines.append(("gradient", f"its mean square is multiplied by {self.chi_1:.4g} in each layer (chi_1)"))
        if self.chi_q is not None:
            kept = "decays" if self.chi_q < 1 else "grows" if self.chi_q > 1 else "stays"
            said = f"multiplied by {self.chi_q:.4g} in each layer (chi_q), so it {kept}"
            lines.append(("error of the variance", said))
        if self.nonlinearity is not None:
            lines.append(("nonlinearity", f"{self.nonlinearity:.4g}, where a linear function has 0"))
        if self.output_std is not None:
            said = f"output_mean = {self.output_mean:.4g} and output_std = {self.output_std:.4g}"
            lines.append(("output", f"(f(z) - output_mean) / output_std, {said}"))
        return lines

    def bias_initializer(
        self, seed: Any = None, *, gate: Gate = "last", interleaved: bool = False
    ) -> keras.initializers.Initializer:
        """The Keras initializer of the bias for this kernel.

        Args:
            seed: None, a whole number from 0 to 2**31 - 1 for the same draw after every restart, or a
                `keras.random.SeedGenerator`; the seed of the kernel is allowed, the numbers are independent.
            gate, interleaved: for a gated activation, the arguments of its `layers.GatedLinearUnit`.
        """
        # Different from the seeds of the kernel and of other layers: equal seeds draw equal numbers.
        seed = checked_seed(seed, "bias_initializer")
        seed = (seed * 2654435761 + 1013904223) % 2**31 if isinstance(seed, int) else seed
        if self.bias_mean_gate not in (None, self.bias_mean):
            return GatedBias(
                self.bias_mean,
                self.bias_mean_gate,
                stddev=self.bias_std,
                seed=seed,
                gate=gate,
                interleaved=interleaved,
            )
        if not self.bias_std:
            return keras.initializers.Constant(self.bias_mean) if self.bias_mean else keras.initializers.Zeros()
        return keras.initializers.RandomNormal(self.bias_mean, self.bias_std, seed=seed)


def pairing(
    activation: Any,
    scheme: Scheme = "auto",
    *,
    distribution: Distribution | None = None,
    first_layer: bool = False,
    input_activation: Any = None,
    depth: int | None = None,
    use_bias: bool = True,
    normalized: bool = False,
    standardize: bool = False,
    input_standardized: bool = False,
) -> Pairing:
    """Choose the initialization for an activation.

    Args:
        activation: the layer's activation: a name, an `Activation`, or any elementwise callable.
        scheme: "glorot", "published", "critical" or "looks_linear", described in `keras_actx.initializers.Paired`; or
            "auto", the published scheme of the activation, or "glorot" for a callable without a forward gain (for
            blocks in a model and a `keras_actx.layers.DenseStack`, "auto" also depends on the context).
        distribution: None for the scheme's default, or "truncated_normal", "untruncated_normal", "uniform",
            "orthogonal".
        first_layer: whether the layer's input is the network's.
        input_activation: the activation before the layer; None for the layer's own, as in a stack of equal layers.
        depth: the number of such layers in the network, at least 1; "critical" chooses a point where the activation is
            sufficiently linear for them.
        use_bias: whether the bias is initialized by the scheme.
        normalized: whether there is a normalization between kernel and activation.
        standardize: whether the layer's output is standardized, by `output_mean` and `output_std`.
        input_standardized: whether the layer's input was standardized, after `input_activation`.

    Returns:
        A `Pairing`, with a readable `str`.

    Raises:
        ValueError: for an unknown scheme or distribution, or an activation that the scheme has no rule for.

    Example:

    >>> import keras_actx as actx
    >>> found = actx.pairing("relu", scheme="critical")
    >>> round(found.gain**2, 6), round(found.bias_std**2, 6), round(found.chi_q, 6)
    (2.0, 0.31831, 0.68169)
    """
    context = LayerContext(
        first_layer=first_layer,
        input_activation=input_activation,
        depth=depth,
        use_bias=use_bias,
        normalized=normalized,
        standardize=standardize,
        input_standardized=input_standardized,
    )
    return choose(activation, scheme, distribution, context)


def choose(activation: Any, scheme: Scheme, distribution: Distribution | None, context: LayerContext) -> Pairing:
    """`pairing`, for a layer with this context."""
    check_scheme(scheme)
    check_distribution(distribution)
    standardized = context.standardize or context.input_standardized
    chosen = scheme_alone(activation, standardized=standardized) if scheme == "auto" else scheme
    output: tuple[float | None, float | None] = (None, None)
    try:
        with np.errstate(all="ignore"):  # non-finite values are checked below
            spec = SCHEMES[chosen](activation, context)
            if context.standardize:
                output = output_moments_under(activation, spec, context.normalized)
    except ArithmeticError as error:  # for parameters near the limits of float64
        raise _beyond(activation, context.input_activation, chosen) from error
    if not spec.is_finite or any(abs(one) >= LARGEST for one in output if one is not None):
        raise _beyond(activation, context.input_activation, chosen)
    settings = {**vars(spec), "distribution": distribution or spec.distribution}
    settings |= dict(zip(("output_mean", "output_std"), output, strict=True))
    return Pairing(activation=name_of(activation), scheme=chosen, **settings)


def _beyond(activation: Any, input_activation: Any, scheme: str) -> ValueError:
    behind = "" if input_activation is None else f" behind {quote(name_of(input_activation))}"
    return ValueError(
        f"{quote(name_of(activation))}{behind} is nearly flat, or so steep that the numbers of scheme={scheme!r} are "
        "not finite in float32; change its parameters, or use scheme='glorot'"
    )


def check_input_is_known(scheme: str, owner: str, activation: Any, first_layer: bool, input_activation: Any) -> None:
    """Raise `ValueError` if the scheme scales the kernel for the layer's input and the input is unknown."""
    if isinstance(scheme, str) and scheme in _ASK_FOR_INPUT and not first_layer and input_activation is None:
        name = activation if isinstance(activation, str) else "relu"
        raise ValueError(
            f"{owner}: scheme={scheme!r} scales the kernel for the input of the layer: write "
            f"input_activation={name!r} (the activation of the layer before), or first_layer=True for an input of mean "
            "0 and variance 1"
        )


def check_scheme(scheme: Any) -> None:
    """Raise `ValueError` for a scheme that does not exist."""
    if not isinstance(scheme, str) or scheme not in SCHEME_NAMES:
        hint = did_you_mean(scheme, SCHEME_NAMES) if isinstance(scheme, str) else ""
        raise ValueError(f"scheme={quote(scheme)} is not known; use one of {', '.join(map(repr, SCHEME_NAMES))}.{hint}")


def check_distribution(distribution: Any) -> None:
    """Raise `ValueError` for a distribution that does not exist."""
    if distribution is not None and (not isinstance(distribution, str) or distribution not in DISTRIBUTIONS):
        hint = did_you_mean(distribution, DISTRIBUTIONS) if isinstance(distribution, str) else ""
        allowed = ", ".join(map(repr, DISTRIBUTIONS))
        raise ValueError(f"distribution={quote(distribution)} is not known; use None or one of {allowed}.{hint}")
