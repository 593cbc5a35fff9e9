"""`audit`: what is wrong with the kernels and activations of a model."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from keras_actx._messages import quote
from keras_actx.initializers.paired import Paired
from keras_actx.initializers.pairing import Pairing, pairing
from keras_actx.layers._applied import written
from keras_actx.layers._arguments import is_whole, refuse_unless
from keras_actx.layers._place import KERNELS
from keras_actx.layers.dense_block import DenseBlock
from keras_actx.layers.dense_stack import DenseStack
from keras_actx.models.activity import MOST
from keras_actx.models.audit.expected import Expected, expected_of
from keras_actx.models.audit.findings import Row, findings_of
from keras_actx.models.audit.passes import AtActivation, AtKernel, Pass, Passes
from keras_actx.models.audit.report import Audit
from keras_actx.models.fans import fan_out_of, fans_of, squared_gain
from keras_actx.models.instances import check_model, explained
from keras_actx.models.kernels import Kernel, activation_of, blocks_of, kernels_of
from keras_actx.models.parts import Observed, observed, parts_of
from keras_actx.models.sample import arrays, row_count
from keras_actx.plain_numbers import plain


def audit(model: Any, x: Any = None, *, max_rows: int = 256) -> Audit:
    r"""Check the kernels and activations of a model: signal, gradient, dead and saturated units, and what to do.

    Without data, from the weights as they are now: the second moment $E[z^2]$ of the result z of each kernel, and the
    norm of the gradient with respect to z over that at the last kernel, as they are expected for an input of mean 0 and
    variance 1 (Schoenholz et al. 2017, arXiv:1611.01232). What has no rule, such as a product of two tensors, is
    unknown, and so is what depends on it. The theory is that of wide layers with independent weights: in a narrow or
    trained network, expect the order of magnitude. Max pooling counts as if it selected at random.

    With data, both are measured, by one pass forward and one backward from a random gradient at the outputs. So are the
    units of each activation that are dead (an output or a derivative of 0 for the whole sample) or saturated
    ($|f'(z)| < 0.005 \max |f'|$ and f(z) not 0, for at least 95 % of the sample). The passes are in inference mode,
    except that a `BatchNormalization` uses the statistics of the sample, as in training. The model is not changed.

    These are findings:

    - not finite: NaN or infinity in a kernel or in its results;
    - input scale: the nonzero elements of the input have a root mean square below 0.01 or above 10, and the first
      kernel is not followed by a normalization;
    - dead: all units of an activation, or at least 30 % of them and, by a sign test, significantly more than units that
      are never off;
    - exploding, vanishing: the gradient is more than 1e4, or at the first kernels less than 1e-4 times that at the last
      one (He et al. 2015, arXiv:1502.01852, train with a factor of 5e-4, and not with 3e-5); with a normalization
      behind a kernel, the gradient is that of z over its deviation;
    - collapsed: from a layer on, the results are equal for all inputs, but for 1e-4 of their second moment;
    - saturated: so is half of all values of an activation that is not the last one.

    Args:
        model: any built Keras model. Kernels in recurrent layers and in `TimeDistributed` are listed, but not measured;
            of a subclassed model, nothing is expected.
        x: None, or inputs, as in `fit`: an array, or a list or dict of arrays, at least two rows.
        max_rows: how many rows of x are used at most. For a model with many values, fewer are, for its memory.

    Returns:
        An `Audit`. `print` shows it as a table. `findings` has what is wrong, the worst first, with the remedy;
        `verdict` is one line; `rows` is a list of dicts, for `pandas.DataFrame`; `plot()` is a picture.

    Raises:
        TypeError: for a `model` that is no Keras model.
        ValueError: for a model that is not built, has no kernel or cannot be called on x; for x that is no array, has
            NaN or infinity, or fewer than two rows.

    Example:

    >>> import keras, numpy as np
    >>> import keras_actx as actx
    >>> hidden = keras.layers.Dense(8, "relu", bias_initializer=keras.initializers.Constant(-100.0), name="hidden")
    >>> model = keras.Sequential([keras.Input((4,)), hidden, keras.layers.Dense(1, name="out")])
    >>> found = actx.audit(model, np.random.default_rng(1).normal(size=(64, 4)))
    >>> found.verdict
    '1 finding in 2 layers: dead (hidden)'
    >>> found.rows[0]["dead"]
    (0, 1, 2, 3, 4, 5, 6, 7)
    """
    check_model(model, "audit")
    max_rows = plain(max_rows)
    refuse_unless(is_whole(max_rows, 2), "audit", "max_rows", max_rows, "a whole number from 2 on")
    sites = list(_sites(model))
    if not sites:
        raise ValueError(f"audit: {quote(model.name)} has no layer with a kernel, so there is nothing to check")
    activations = observed(parts_of(model))
    passed = None if x is None else _passed(model, sites, activations, x, max_rows)
    rows = _rows(model, sites, activations, passed)
    findings = findings_of(rows, None if passed is None else passed.input_scale)
    return Audit(model.name, tuple(rows), tuple(findings), None if passed is None else passed.rows)


@dataclass(frozen=True)
class _Site:
    """A kernel: its name, what is known of it, the layer that has it, and those that may apply its activation."""

    name: str
    kernel: Kernel
    layer: Any
    owners: tuple[Any, ...]
    pairing: Pairing | None = None


def _sites(model: Any) -> Iterator[_Site]:
    """The kernels, with those of a stack one by one."""
    kernels = kernels_of(model).found
    for kernel in kernels:
        layer = kernel.layer
        for one in blocks_of(layer):
            name = f"{kernel.name}/{one.name}" if isinstance(layer, DenseStack) else kernel.name
            if isinstance(one, DenseBlock):
                normalizations = () if one.normalization is None else (one.normalization,)
                known = replace(kernel, normalizations=normalizations)
                yield _Site(name, known, one.dense, (one.activation_layer,), one.pairing)
            else:
                yield _Site(name, kernel, one, (one, getattr(one, "activation", None), kernel.applies))


def _passed(model: Any, sites: list[_Site], activations: list[Observed], x: Any, max_rows: int) -> Pass:
    x = arrays(x, "x", "audit", max_rows)
    if row_count([x], "x", "audit") < 2:
        raise ValueError("audit: x has 1 row; a dead unit is one that is dead for several, so give more")
    passes = Passes(model, [site.layer for site in sites], activations)
    with explained(model, "audit"):
        return passes(x)


def _rows(model: Any, sites: list[_Site], activations: list[Observed], passed: Pass | None) -> list[Row]:
    """The rows in the order of execution, as far as it is known."""
    expected = expected_of(model)
    by_owner = {id(one.owner): one for one in activations}
    found: list[tuple[int, Row, AtKernel | None, Expected]] = []
    order = 0
    for site in sites:
        own = next((by_owner.pop(id(one)) for one in site.owners if id(one) in by_owner), None)
        at = None if passed is None else passed.kernels.get(id(site.layer))
        units = None if passed is None or own is None else passed.units.get(own.name)
        order = order if at is None else at.order
        found.append((order, _row(site, at, units), at, expected.get(id(site.layer), Expected())))
    none = Expected()
    for one in by_owner.values():
        if passed is not None and (at_units := passed.units.get(one.name)) is not None:
            row = Row(one.name, type(one.owner).__name__, _written(one.function, one.owner))
            found.append((at_units.order, _with_units(row, at_units), None, none))
    found.sort(key=lambda one: one[0])
    gradients = _relative([_of_pass(row, at) for _, row, at, _ in found])
    expectations = _relative([_of_expected(row, one) for _, row, _, one in found])
    rows = [
        replace(row, gradient=gradient, expected_gradient=expectation, expected=None if one.z is None else one.z.second)
        for (_, row, _, one), gradient, expectation in zip(found, gradients, expectations, strict=True)
    ]
    return [*rows[:-1], replace(rows[-1], is_output=True)]


def _row(site: _Site, at: AtKernel | None, units: AtActivation | None) -> Row:
    layer, kernel = site.layer, site.kernel
    gain = squared_gain(layer) if isinstance(layer, KERNELS) else None
    row = Row(
        site.name,
        type(kernel.layer).__name__,
        None if kernel.activation is None else written(kernel.activation),
        _initializer(layer),
        None if gain is None else math.sqrt(gain),
        None if gain is None or kernel.is_normalized else _rule_gain(site),
        normalization=type(kernel.normalizations[0]).__name__ if kernel.normalizations else None,
    )
    if at is not None:
        share = at.across / at.second_moment if at.second_moment > 0 else 0.0
        row = replace(row, measured=at.second_moment, across=share)
    return row if units is None else _with_units(row, units)


def _with_units(row: Row, at: AtActivation) -> Row:
    dead, stuck = at.units["dead"] == 1.0, at.units.get("stuck")
    if stuck is not None:
        stuck = np.where(dead, 0.0, stuck)
    return replace(
        row,
        units=len(dead),
        dead=tuple(map(int, np.flatnonzero(dead))),
        saturated=() if stuck is None else tuple(map(int, np.flatnonzero(stuck >= MOST))),
        saturation=None if stuck is None else float(stuck.mean()),
        on=int(np.sum(at.units.get("positive", 0.0) == 1.0)),
    )


def _written(function: Any, owner: Any) -> str:
    """The activation of a layer that no kernel has."""
    subject = activation_of(owner)
    return written(function if subject is None else subject)


def _initializer(layer: Any) -> str | None:
    names = ("kernel_initializer", "pointwise_initializer", "depthwise_initializer", "embeddings_initializer")
    one = next((one for name in names if (one := getattr(layer, name, None)) is not None), None)
    if isinstance(one, Paired):
        return f"Paired({one.pairing.scheme})"
    return None if one is None else type(one).__name__


def _rule_gain(site: _Site) -> float | None:
    """sqrt(fan_in E[w^2]) by the rule for the activation and the place of the layer."""
    kernel, layer = site.kernel, site.layer
    if kernel.activation is None:
        return None
    first = kernel.place is not None and kernel.place.is_network_input
    try:
        found = site.pairing or pairing(kernel.activation, first_layer=first)
    except (ValueError, TypeError):
        return None
    fan_in = math.prod(fans_of(layer))
    if found.mode == "fan_avg":
        return found.gain * math.sqrt(2.0 * fan_in / (fan_in + fan_out_of(layer)))
    return found.gain / math.sqrt(fan_in) if found.mode == "fan_in_squared" else found.gain


def _of_pass(row: Row, at: AtKernel | None) -> float | None:
    if at is None:
        return None
    return at.gradient * _scale(row, at.across, at.second_moment - at.mean**2)


def _of_expected(row: Row, one: Expected) -> float | None:
    if one.gradient is None or not row.is_normalized:
        return one.gradient
    return None if one.z is None else one.gradient * _scale(row, one.z.across, one.z.variance)


def _scale(row: Row, across: float, variance: float) -> float:
    """What a normalization behind the kernel divides by, squared: of each unit across the rows, or of a row."""
    if not row.is_normalized:
        return 1.0
    return across if row.normalization in ("BatchNormalization", "Normalization") else max(variance, 0.0)


def _relative(squares: list[float | None]) -> list[float | None]:
    """The norms from their squares, over the last that is not 0."""
    last = next((one for one in reversed(squares) if one), None)
    if last is None:
        return [None if one is None else 0.0 for one in squares]
    return [None if one is None else math.sqrt(one / last) for one in squares]
