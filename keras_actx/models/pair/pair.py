"""`pair`: the right initial weights for the kernels of any built Keras model."""

from dataclasses import dataclass
from typing import Any, Literal

import keras
from rich.text import Text

from keras_actx._messages import quote
from keras_actx.models.instances import check_model
from keras_actx.models.kernels import Kernels, kernels_of
from keras_actx.models.pair.rules import Rules
from keras_actx.models.pair.scaled import scaled_by_data
from keras_actx.models.sample import arrays, row_count
from keras_actx.models.table import new_table, plain_text
from keras_actx.plain_numbers import plain
from keras_actx.seeds import checked_seed_number

_COLUMNS = ("layer", "class", "activation", "input", "scheme", "why")
_WIDTH = 160


def pair(
    model: keras.Model,
    x: Any = None,
    *,
    depth: int | Literal["auto"] = "auto",
    seed: int | None = None,
    overwrite: bool = False,
) -> "PairReport":
    r"""Initialize the kernels of a built model for the activations that follow them, in place.

    The kernels are those of dense layers, `EinsumDense`, and convolutions (also depthwise, separable, transposed). The
    activation of a kernel is that of its layer, or else the next layer or operation that is one, behind normalizations,
    dropout and reshaping. The rules:

    - In a network of dense layers without normalizations and residual sums, where the signal of each layer depends on
      all layers before it, a kernel starts as in a `keras_actx.layers.DenseStack`: by the activation, its input, and
      the depth.
    - Any other kernel has the published initialization of its activation: He, LeCun, Glorot, SIREN, or the forward gain
      $1 / \sqrt{E[f(z)^2]}$; Glorot in front of no activation. The fan_in of a transposed convolution is the number of
      terms of an output, which strides make smaller.
    - The last kernel of a residual branch, without a normalization behind it, is divided by $\sqrt{n}$ in a model of
      $n$ sums one after another, so that branches of mean 0 let the sums grow no further than to twice their
      variance (Radford et al. 2019, Language Models are Unsupervised Multitask Learners; n counts their layers). Its
      activation may be in front of the sum. A projection in the shortcut, with fewer kernels before the sum than the
      branch, is not divided; of $k$ terms with equally many, each is by $\sqrt{k}$.
    - With `x`, a kernel whose input no rule knows (behind pooling, sums, two activations in a row, in a subclassed
      model) is scaled until its output has variance 1 on `x`, or $1 / n$ at the end of a branch, in the order of
      execution (LSUV: Mishkin & Matas 2015, arXiv:1511.06422). Kernels in front of a normalization, and outputs of a
      graph, are not. The report says where data cannot give a scale, as if all rows are equal.

    A `DenseBlock` or `DenseStack` is drawn again as its scheme says. Biases keep their values, unless the rule includes
    them. These keep their weights, and the report says so: recurrent layers and attention, whose initialization by
    Keras is the published one; layers that are frozen (`trainable=False`), quantized or have LoRA enabled; layers of a
    class that cannot be created from its config; and in a subclassed model or layer, whose graph is not known, kernels
    without an activation of their own.

    A model that was loaded with trained weights, without an optimizer, cannot be told from a new one.

    Args:
        model: a built model; a subclassed one is built by a call. Its kernels change.
        x: None, or inputs as in `fit`, of which the first 256 rows are used.
        depth: the number of layers that the rules assume; "auto" for the number of kernels on the longest path.
        seed: None, or a whole number from 0 to 2**31 - 1 for the same kernels after every restart.
        overwrite: whether a model that was trained, or has a trained one in it, by the iterations of its optimizer,
            starts again. Its normalizations then start again, too. Compile it again, for an optimizer without momentum
            from before.

    Returns:
        A `PairReport`, whose `str` is a table: what each kernel has, and why. `rows` has the same as dictionaries.

    Raises:
        TypeError: for a `model` that is no Keras model.
        ValueError: for a model that is not built, has no kernels or was trained, an argument out of range, data with
            NaN or infinity, and data that the model cannot be called on. The model is then unchanged.

    Example:

    >>> import keras, keras_actx as actx
    >>> layers = [keras.layers.Dense(64, "tanh") for _ in range(30)]
    >>> model = keras.Sequential([keras.Input((16,)), *layers, keras.layers.Dense(10, "softmax")])
    >>> report = actx.pair(model, seed=1)
    >>> [(row["activation"], row["scheme"]) for row in report.rows[-2:]]
    [('tanh', 'critical'), ('softmax', 'published')]
    """
    check_model(model, "pair")
    overwrite = plain(overwrite)
    if not isinstance(overwrite, bool):
        raise ValueError(f"pair: overwrite={quote(overwrite)} is not allowed; use True or False")
    for one in () if overwrite else model._flatten_layers():
        steps = trained_steps(one)
        if steps and one.trainable:
            raise ValueError(
                f"pair: {quote(one.name)} was trained for {steps} steps, whose result would be lost; use "
                "overwrite=True to start again, or freeze it"
            )
    kernels = kernels_of(model)
    if not kernels.found:
        raise ValueError(f"pair: {quote(model.name)} has no kernels; dense and convolutional layers have them")
    rules = Rules(kernels, _checked_depth(depth, kernels), checked_seed_number(seed, "pair"))
    starts = [rules.start_of(kernel) for kernel in kernels.found]
    changes = [change for start in starts for change in start.changes(overwrite)]
    if x is not None:
        data = arrays(x, "x", "pair", 256)
        row_count([data], "x", "pair")
        starts, changes = scaled_by_data(model, data, starts, changes)
    for weight, value in changes:
        weight.assign(value)
    for start in starts:
        start.finish()
    return PairReport(model.name, tuple(start.row() for start in starts))


def trained_steps(layer: Any) -> int:
    """The number of steps that the optimizer of a model has made; 0 for any other layer."""
    optimizer = getattr(layer, "optimizer", None)
    iterations = getattr(optimizer, "iterations", None)
    return 0 if iterations is None else int(keras.ops.convert_to_numpy(iterations))


def _checked_depth(depth: Any, kernels: Kernels) -> int:
    if isinstance(depth, str) and depth == "auto":
        return max(1, kernels.depth)
    depth = plain(depth)
    if isinstance(depth, bool) or not isinstance(depth, int) or not 1 <= depth <= 10**6:
        raise ValueError(f"pair: depth={quote(depth)} is not allowed; use 'auto' or a whole number from 1 to 1000000")
    return depth


@dataclass(frozen=True, repr=False)
class PairReport:
    """What `pair` did; its `str` is a table.

    Args:
        model: the name of the model.
        rows: a dictionary for each kernel, in the order of execution: its `layer` and `class`, the `activation` it is
            for, what is known of its `input`, the `scheme`, whether it was `drawn`, and `why`.

    Example:

    >>> import keras, keras_actx as actx
    >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(8, "selu"), keras.layers.Dense(1)])
    >>> report = actx.pair(model, depth=10)
    >>> report.rows[0]["activation"], report.rows[0]["scheme"]
    ('selu', 'critical')
    """

    model: str
    rows: tuple[dict[str, Any], ...]

    def __str__(self) -> str:
        return plain_text(self, _WIDTH)

    __repr__ = __str__

    def __rich_console__(self, console: Any, options: Any) -> Any:
        table = new_table()
        for name in _COLUMNS:
            table.add_column(name)
        for row in self.rows:
            table.add_row(*(Text("-" if row[name] is None else row[name]) for name in _COLUMNS))
        yield table
        yield Text(f"{self.model}: {sum(row['drawn'] for row in self.rows)} of {len(self.rows)} kernels drawn")
