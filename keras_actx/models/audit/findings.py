"""What is wrong with the layers of a model, from what is expected and measured at them, and the remedy."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from keras_actx._messages import quote

#: The ratio of the gradient's norm at the first kernels to that at the last below which it vanishes, and above whose
#: inverse it explodes. Of the networks of He et al. 2015, arXiv:1502.01852, section 2.2, which lose a factor of
#: sqrt(2) per layer, the one of 22 layers (2^-11 = 5e-4) trains, and the one of 30 layers (2^-15 = 3e-5) does not.
VANISHED = 1e-4
#: The part of E[z^2] below which the variance across the rows leaves the outputs equal. A signal passes about six depth
#: scales (Schoenholz et al. 2017, arXiv:1611.01232), after which this part is e^-6 = 2.5e-3; these are nine.
COLLAPSED = 1e-4
#: The part of the units of a layer that may be dead. In benchmarks/dead_units.py, it is up to 27 % with the learning
#: rates of the best accuracy, and 31 % or more in a layer with those that are too high.
_DEAD = 0.3
#: The probability of finding dead units anywhere in a network that has just been initialized. A deep one has units that
#: are dead and units that are never off: z of a unit and -z are equally probable, and similar for all inputs. So the
#: numbers of both are compared by a sign test (Dixon and Mood 1946), at this level over the number of activations with
#: such units (Bonferroni).
_LEVEL = 0.05
#: The part of the values of an activation that may be saturated.
_SATURATED = 0.5
#: The root mean square of the nonzero elements of the input, which LeCun et al. 1998, Efficient BackProp, scale to 1.
_INPUT = (0.01, 10.0)

_START_AGAIN = "initialize it again with actx.pair(model), or add normalization or residual connections"


@dataclass(frozen=True)
class Row:
    """One layer with a kernel, or one activation layer that follows no kernel; unknown numbers are None.

    Args:
        layer: its name.
        kind: its class.
        activation: the activation, as a user writes it.
        initializer: the class of the initializer of the kernel.
        gain: sqrt(fan_in E[w^2]) of the kernel.
        rule_gain: that of the rule for the activation; None if a normalization follows, which makes it irrelevant.
        expected: the second moment of z that the weights let expect, for an input of mean 0 and variance 1.
        measured: that of the sample.
        across: the part of it that is variance across the rows.
        expected_gradient: the norm of the gradient with respect to z, over that at the last kernel; with a
            normalization behind the kernel, with respect to z over its deviation.
        gradient: that of the sample.
        units: the number of units of the activation.
        dead: the units with an output or a derivative of 0 for the whole sample.
        saturated: the units with a small derivative and an output other than 0 for nearly all of the sample.
        saturation: the part of all values of which that holds.
        on: the number of units with z > 0 for the whole sample.
        normalization: the class of the normalization that follows, if there is one.
        is_output: whether it is the last one.
    """

    layer: str
    kind: str
    activation: str | None = None
    initializer: str | None = None
    gain: float | None = None
    rule_gain: float | None = None
    expected: float | None = None
    measured: float | None = None
    across: float | None = None
    expected_gradient: float | None = None
    gradient: float | None = None
    units: int | None = None
    dead: tuple[int, ...] = ()
    saturated: tuple[int, ...] = ()
    saturation: float | None = None
    on: int = 0
    normalization: str | None = None
    is_output: bool = False

    @property
    def is_finite(self) -> bool:
        """Whether the kernel and what is measured are finite."""
        return all(one is None or math.isfinite(one) for one in (self.gain, self.measured))

    @property
    def is_normalized(self) -> bool:
        """Whether a normalization follows, which makes the scale of the kernel irrelevant."""
        return self.normalization is not None

    @property
    def is_dead(self) -> bool:
        """Whether all units are."""
        return len(self.dead) == self.units

    @property
    def size(self) -> float | None:
        """The gradient that is measured, or else expected."""
        return self.expected_gradient if self.gradient is None else self.gradient


@dataclass(frozen=True)
class Finding:
    """Something that is wrong.

    Args:
        layer: the name of the layer, the first of several.
        verdict: one or two words.
        problem: a sentence.
        remedy: a sentence.
        layers: the names of all layers that it is about.
    """

    layer: str
    verdict: str
    problem: str
    remedy: str
    layers: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.layer}: {self.verdict}: {self.problem}. Remedy: {self.remedy}."


def findings_of(rows: Sequence[Row], input_scale: float | None) -> list[Finding]:
    """What is wrong, the worst first.

    Args:
        rows: the layers, in the order of execution.
        input_scale: the root mean square of the nonzero elements of the input of the first kernel, if it is measured.
    """
    bad = [row for row in rows if not row.is_finite]
    if bad:  # nothing else can be measured
        return [_not_finite(bad)]
    found = [*_input(rows, input_scale), *_dead(rows), *_exploding(rows)]
    return [*found, *_vanishing(rows), *_collapsed(rows), *_saturated(rows)]


def _not_finite(bad: list[Row]) -> Finding:
    of_weights = bad[0].gain is not None and not math.isfinite(bad[0].gain)
    return Finding(
        bad[0].layer,
        "not finite",
        "its kernel has NaN or infinity" if of_weights else "its results are not finite, from this layer on",
        "load the weights of an earlier epoch, and lower the learning rate or set clipnorm=1.0 in the optimizer"
        if of_weights
        else _START_AGAIN,
        tuple(row.layer for row in bad),
    )


def _dead(rows: Sequence[Row]) -> Iterator[Finding]:
    level = _LEVEL / max(1, sum(1 for row in rows if row.dead or row.on))
    for row in rows:
        if not _has_died(row, level):
            continue
        whole = ", so that no gradient reaches the layers before it" if row.is_dead and not row.is_output else ""
        other = f'replace_activations(model, {{{quote(row.activation)}: "leaky_relu"}})'.replace("'", '"')
        yield Finding(
            row.layer,
            "dead",
            f"{len(row.dead)} of {row.units} units are 0 or flat for the whole sample{whole} "
            f"(units {_listed(row.dead)})",
            f"actx.pair(model) and a lower learning rate, or an activation with a slope everywhere: actx.{other}",
            (row.layer,),
        )


def _has_died(row: Row, level: float) -> bool:
    dead = len(row.dead)
    if row.is_dead or dead < _DEAD * (row.units or 0):
        return row.is_dead
    count = dead + row.on
    as_many = sum(math.comb(count, one) for one in range(dead, count + 1))
    return as_many / 2**count < level


def _exploding(rows: Sequence[Row]) -> Iterator[Finding]:
    large = [row for row in rows if row.size is not None and not row.size <= 1.0 / VANISHED]
    if large:
        most = max(large, key=lambda row: np.nan_to_num(row.size or 0.0, nan=math.inf))
        yield Finding(
            most.layer,
            "exploding",
            f"the gradient is {_factor(most.size)} times that at the last kernel{_in_all(large)}",
            f"{_START_AGAIN}; clipnorm=1.0 in the optimizer limits a step",
            tuple(row.layer for row in large),
        )


def _vanishing(rows: Sequence[Row]) -> Iterator[Finding]:
    """The first kernels whose gradient is small. A small one behind others is no fault: a branch that adds little."""
    small: list[Row] = []
    for row in rows:
        if row.size is None:
            continue
        if row.size >= VANISHED:
            break
        small.append(row)
    if small and not any(row.is_dead for row in rows):  # which is found as such
        at_all = "no gradient arrives, from the outputs on" if small[-1] is rows[-1] else ""
        yield Finding(
            small[0].layer,
            "vanishing",
            f"{at_all or f'the gradient is {_factor(small[0].size)} times that at the last kernel'}{_in_all(small)}",
            _START_AGAIN,
            tuple(row.layer for row in small),
        )


def _collapsed(rows: Sequence[Row]) -> Iterator[Finding]:
    """The last kernels, at least two of them: a single one may add a large bias to what it distinguishes."""
    same: list[Row] = []
    for row in reversed([row for row in rows if row.across is not None]):
        if row.across is None or row.across >= COLLAPSED:
            break
        same.append(row)
    if len(same) > 1 and not any(row.is_dead for row in rows):
        first = same[-1]
        yield Finding(
            first.layer,
            "collapsed",
            f"its results are equal for all inputs, but for {first.across:.1e} of their second moment, "
            "and so are those after it",
            _START_AGAIN,
            tuple(row.layer for row in reversed(same)),
        )


def _saturated(rows: Sequence[Row]) -> Iterator[Finding]:
    for row in rows:
        if row.saturation is not None and row.saturation >= _SATURATED and not row.is_output:
            units = f" (units {_listed(row.saturated)})" if row.saturated else ""
            yield Finding(
                row.layer,
                "saturated",
                f"the slope of {row.activation} is nearly 0 for {100 * row.saturation:.0f} % of its inputs, and for "
                f"nearly all inputs of {len(row.saturated)} of {row.units} units{units}",
                "normalize its input, or initialize it again with actx.pair(model)",
                (row.layer,),
            )


def _input(rows: Sequence[Row], scale: float | None) -> Iterator[Finding]:
    first = rows[0]
    if scale is None or not math.isfinite(scale) or scale == 0.0 or first.is_normalized:
        return
    if _INPUT[0] <= scale <= _INPUT[1]:
        return
    yield Finding(
        first.layer,
        "input scale",
        f"the root mean square of the model's input is {scale:.3g}; initializations assume 1",
        "put a keras.layers.Normalization, adapted to the training data, in front",
        (first.layer,),
    )


def _in_all(rows: list[Row]) -> str:
    return f", in {len(rows)} layers from {rows[0].layer} to {rows[-1].layer}" if len(rows) > 1 else ""


def _factor(size: float | None) -> str:
    return "0" if not size else f"{size:.1e}"


def _listed(units: Sequence[int]) -> str:
    shown = ", ".join(map(str, units[:8]))
    return shown if len(units) <= 8 else f"{shown}, ..."
