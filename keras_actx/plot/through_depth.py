"""`propagation`: a plot of signal and gradient propagation over the depth of a network, by scheme."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_actx.choices import Scheme
from keras_actx.initializers.pairing import check_scheme, pairing
from keras_actx.layers._arguments import is_whole, refuse_unless
from keras_actx.layers.dense_stack import DenseStack
from keras_actx.plain_numbers import plain
from keras_actx.plot.figure import empty_figure
from keras_actx.propagation import Propagation, PropagationProbe
from keras_actx.seeds import checked_seed_number

_PANELS = {
    "signal": "signal: E[z²]",
    "across_inputs": "its variance across inputs",
    "gradient": "gradient: E[(∂/∂z)²]",
}


def propagation(
    activation: Any,
    schemes: Scheme | Sequence[Scheme] = ("published", "critical", "looks_linear"),
    *,
    depth: int = 100,
    width: int = 256,
    batch: int = 64,
    seed: Any = 0,
) -> Any:
    """Plot the propagation of signal and gradient through `depth` layers of this activation, one line per scheme.

    For each scheme a `DenseStack(width, activation, depth=depth, scheme=scheme)` is built and measured on normal inputs
    and a random gradient of size 1 at the last layer: the second moment of the pre-activations z, its variance across
    inputs, and the second moment of the gradient with respect to z, as powers of ten. A constant line indicates a
    trainable network; where the second line falls, the outputs for all inputs become equal.

    Args:
        activation: as for `keras_actx.layers.DenseStack`: a name, for example.
        schemes: names of schemes; see `keras_actx.initializers.Paired`. A scheme without a rule for the activation is
            listed in the legend without a line.
        depth: the number of layers, at least 2.
        width: units of each.
        batch: the number of inputs, at least 2.
        seed: of weights, inputs and gradient, as in `keras_actx.layers.DenseStack`.

    Returns:
        A `matplotlib.figure.Figure`.

    Raises:
        ImportError: without matplotlib.
        ValueError: for an unknown scheme, an argument out of range, or an activation that no scheme has a rule for.

    Example:

    >>> import keras_actx as actx
    >>> figure = actx.plot.propagation("gelu", schemes=("published", "critical"), depth=10, width=32)
    >>> len(figure.axes)
    3
    """
    depth, width, batch = map(plain, (depth, width, batch))
    for name, value, least in (("depth", depth, 2), ("width", width, 1), ("batch", batch, 2)):
        refuse_unless(is_whole(value, least), "propagation", name, value, f"a whole number from {least} on")
    seed = checked_seed_number(seed, "propagation")
    names = (schemes,) if isinstance(schemes, str) else tuple(schemes)
    refuse_unless(len(names) > 0, "propagation", "schemes", schemes, "names of schemes, at least one")
    for scheme in names:
        check_scheme(scheme)
    figure = empty_figure()
    x = np.random.default_rng(seed).normal(size=(batch, width)).astype("float32")
    measured: dict[str, Propagation] = {}
    without: list[tuple[str, ValueError]] = []
    for scheme in names:
        try:
            pairing(activation, scheme, depth=depth)
        except ValueError as error:
            without.append((scheme, error))
        else:
            stack = DenseStack(width, activation, depth=depth, scheme=scheme, seed=seed)
            stack.build(x.shape)
            measured[scheme] = PropagationProbe(stack)(stack, x, seed=seed)
    if not measured:
        raise without[0][1]
    for axes, (what, title) in zip(figure.subplots(1, 3), _PANELS.items(), strict=True):
        for scheme, found in measured.items():
            decades = getattr(found, what)
            # Infinite values exceed the range of the dtype and leave a gap.
            axes.plot(range(1, depth + 1), np.where(np.isfinite(decades), decades, np.nan), label=scheme)
        for scheme, _ in without:
            axes.plot([], [], color="none", label=f"{scheme}: no rule")
        axes.set(title=title, xlabel="layer")
        axes.grid(alpha=0.3)
    figure.axes[0].set_ylabel("factors of ten")
    figure.axes[0].legend()
    figure.suptitle(f"{activation if isinstance(activation, str) else pairing(activation).activation}, width {width}")
    return figure
