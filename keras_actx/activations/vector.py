"""Activations that mix an axis and preserve its length.

They use `amax` and `amin`, since torch.compile cannot trace Keras's `max` and `min` (seen in Keras 3.15).
"""

import functools

import keras
from keras import ops

from keras_actx.activations.primitives import safe_where
from keras_actx.backend import where
from keras_actx.declaration.decorator import register_activation
from keras_actx.ranges import FixedPositive

register_activation = functools.partial(register_activation, package="keras_actx")


def _softmax(mp, x):
    powers = [mp.exp(one) for one in x]
    return [one / mp.fsum(powers) for one in powers]


def _sparsemax(mp, x):
    total, threshold = mp.mpf(0), None
    for count, one in enumerate(sorted(x, reverse=True), start=1):
        total += one
        if 1 + count * one > total:
            threshold = (total - 1) / count
    return [max(one - threshold, mp.mpf(0)) for one in x]


@register_activation(
    tex=r"\frac{e^{x_i}}{\sum_j e^{x_j}}",
    cites=("Bridle 1990, Probabilistic Interpretation of Feedforward Classification Network Outputs",),
    kind="vector",
    aliases=("softmax2d",),
    exact=lambda mp, x, axis: _softmax(mp, x),
)
def softmax(x, axis: int = -1):
    """Exponentials normalized to sum 1 along `axis`.

    `torch.nn.Softmax2d` is softmax along the channels of an image: here the last axis, unless the data format is
    channels first.
    """
    return keras.activations.softmax(x, axis=axis)


@register_activation(
    tex=r"\frac{e^{-x_i}}{\sum_j e^{-x_j}}",
    cites=("torch.nn.Softmin",),
    kind="vector",
    exact=lambda mp, x, axis: _softmax(mp, [-one for one in x]),
)
def softmin(x, axis: int = -1):
    """Softmax of the negated input along `axis`: the smallest entry has the largest probability."""
    return keras.activations.softmax(-x, axis=axis)


@register_activation(
    tex=r"x_i - \log \sum_j e^{x_j}",
    cites=("The logarithm of softmax",),
    kind="vector",
    exact=lambda mp, x, axis: [mp.log(one) for one in _softmax(mp, x)],
)
def log_softmax(x, axis: int = -1):
    """The logarithm of softmax along `axis`."""
    return keras.activations.log_softmax(x, axis=axis)


@register_activation(
    tex=r"\arg\min_{p \in \Delta} \|p - x\|^2",
    cites=("Martins & Astudillo 2016, From Softmax to Sparsemax, arXiv:1602.02068",),
    kind="vector",
    exact=lambda mp, x, axis: _sparsemax(mp, x),
)
def sparsemax(x, axis: int = -1):
    """The nearest point of the probability simplex, with exact zeros, along `axis`.

    `keras.activations.sparsemax`, which the plain name refers to, adds all partial sums instead of using the last (seen
    in Keras 3.15), and is correct only if a single entry or equal zeros are in the support; `sparsemax(axis=-1)` is
    this function.
    """
    x = _from_largest(x, axis)
    start = ops.stop_gradient(x)
    _, counts, sums, _ = _largest_first(start, axis)
    # The threshold of the paper: as a function of the size of the support, it is largest at the correct size. Then
    # Newton steps, which are exact for the correct support. The last one propagates the gradient.
    threshold = ops.amax((sums - 1) / counts, axis=axis, keepdims=True)
    for step in range(3):
        inside = ops.relu((x if step == 2 else start) - threshold)
        survivors = ops.sum(where(inside > 0, ops.ones_like(x), 0.0), axis=axis, keepdims=True)
        rest = ops.sum(inside, axis=axis, keepdims=True) - 1
        threshold = threshold + rest / where(survivors < 1, 1.0, survivors)
    return ops.relu(x - threshold)


def _from_largest(x, axis):
    """x - max(x), clipped at -1, below which both sparse functions are 0: this keeps sums small, and supports -inf."""
    x = x - ops.stop_gradient(ops.amax(x, axis=axis, keepdims=True))  # both are invariant to such a shift
    return where(x < -1, -1.0, x)


def _largest_first(x, axis):
    """For k = 1, 2, ...: the k-th largest entry, k, the sum of the k largest, and the sum of their squares.

    Keras sums a float64 tensor in float32 on torch (seen in 3.15), so this is only the initial value of Newton's
    method.
    """
    x = -ops.sort(-x, axis=axis)
    return x, *(ops.cast(ops.cumsum(one, axis=axis), x.dtype) for one in (ops.ones_like(x), x, ops.square(x)))


def _entmax15(mp, x):
    halves = [(one - max(x)) / 2 for one in x]

    def excess(threshold):
        return mp.fsum(max(one - threshold, mp.mpf(0)) ** 2 for one in halves) - 1

    low, high = mp.mpf(-1), mp.mpf(0)
    for _ in range(2 * mp.prec):
        middle = (low + high) / 2
        low, high = (middle, high) if excess(middle) > 0 else (low, middle)
    return [max(one - low, mp.mpf(0)) ** 2 for one in halves]


@register_activation(
    tex=r"\max(x_i / 2 - \tau, 0)^2, \quad \tau: \textstyle\sum_i \max(x_i / 2 - \tau, 0)^2 = 1",
    cites=("Peters, Niculae & Martins 2019, Sparse Sequence-to-Sequence Models, arXiv:1905.05702",),
    kind="vector",
    exact=lambda mp, x, axis: _entmax15(mp, x),
)
def entmax15(x, axis: int = -1):
    """Between softmax and sparsemax: probabilities along `axis` with exact zeros and a continuous derivative.

    The 1.5-entmax, by the exact algorithm: the threshold is computed from the sorted entries.
    """
    x = _from_largest(0.5 * x, axis)
    start = ops.stop_gradient(x)
    # The threshold of the paper: the solution for the k largest entries, at the largest k for which these entries are
    # above it. Up to this k, the solutions increase with k.
    decreasing, counts, sums, squares = _largest_first(start, axis)
    mean = sums / counts
    solutions = mean - ops.sqrt(ops.relu(1 - (squares - sums * mean)) / counts)
    threshold = ops.amax(where(solutions <= decreasing, solutions, -1.0), axis=axis, keepdims=True)
    # Newton steps correct the loss of digits in the difference of squares for long rows. The last two propagate the
    # gradient: if the threshold solves its equation, one step gives its first derivative, two also its second.
    for step in range(6):
        inside = ops.relu((x if step > 3 else start) - threshold)
        rest = ops.sum(ops.square(inside), axis=axis, keepdims=True) - 1
        threshold = threshold + rest / (2 * ops.sum(inside, axis=axis, keepdims=True))
    return ops.square(ops.relu(x - threshold))


def _gumbel_softmax_exact(mp, x, tau, hard, axis):
    if hard:
        return [mp.mpf(place == x.index(max(x))) for place in range(len(x))]
    return _softmax(mp, [one / mp.mpf(tau) for one in x])


@register_activation(
    tex=r"\mathrm{softmax}\left(\frac{x + g}{\tau}\right)_i, \quad g_i = -\log(-\log u_i), \quad u_i \sim U(0, 1)",
    cites=("Jang, Gu & Poole 2016, Categorical Reparameterization with Gumbel-Softmax, arXiv:1611.01144",),
    kind="vector",
    exact=_gumbel_softmax_exact,
)
def gumbel_softmax(x, tau: FixedPositive = 1.0, hard: bool = False, axis: int = -1, *, training=False, seed=None):
    """In training, a relaxed random sample of the categories along `axis` with the temperature `tau` $\\tau$.

    Otherwise, softmax of `x / tau` without noise. With `hard=True` the result is one-hot, in training the sampled
    category and otherwise the most likely one, with the gradient of the soft result. torch's `gumbel_softmax` has the
    same parameters, but always samples.
    """
    if training:
        # Never 0, whose logarithm is infinite; never 1, since `uniform` excludes it.
        uniform = keras.random.uniform(ops.shape(x), _SMALLEST_UNIFORM, 1.0, dtype=x.dtype, seed=seed)
        x = x - ops.log(-ops.log(uniform))
    # The shift first: a small temperature then results only in -inf, which softmax supports.
    shifted = x - ops.stop_gradient(ops.amax(x, axis=axis, keepdims=True))
    soft = keras.activations.softmax(shifted / tau, axis=axis)
    if not hard:
        return soft
    place = ops.cumsum(ops.ones_like(x, dtype="int32"), axis=axis) - 1
    drawn = ops.cast(ops.equal(place, ops.argmax(x, axis=axis, keepdims=True)), x.dtype)
    return drawn + (soft - ops.stop_gradient(soft))


_SMALLEST_UNIFORM = 2.0**-64


@register_activation(
    tex=r"x_i \, \frac{e^{x_i}}{\sum_j e^{x_j}}",
    cites=("Elhage et al. 2022, Softmax Linear Units, Transformer Circuits Thread",),
    kind="vector",
    exact=lambda mp, x, axis: [one * share for one, share in zip(x, _softmax(mp, x), strict=True)],
)
def solu(x, axis: int = -1):
    """The input times its softmax along `axis`.

    The paper adds a layer normalization after it, which is not included: `keras.layers.LayerNormalization()`.
    """
    share = keras.activations.softmax(x, axis=axis)
    return safe_where(share > 0, x) * share  # the share of -inf is 0, and their product NaN


def _squash(mp, x, offset):
    norm = mp.sqrt(mp.fsum(one**2 for one in x))
    return [one * norm / (mp.mpf(offset) + norm**2) for one in x]


@register_activation(
    tex=r"\frac{\|x\|^2}{c + \|x\|^2} \frac{x}{\|x\|}",
    cites=("Sabour, Frosst & Hinton 2017, Dynamic Routing Between Capsules, arXiv:1710.09829",),
    kind="vector",
    exact=lambda mp, x, offset, axis: _squash(mp, x, offset),
)
def squash(x, offset: FixedPositive = 1.0, axis: int = -1):
    """Rescales the vector along `axis` to a length below 1 in the same direction; `offset` $c$ is the paper's 1.

    keras-contrib uses 0.5: `squash(offset=0.5)`.
    """
    # A long vector is divided by a quarter of its largest entry, so that no square overflows; a quarter, since XLA
    # multiplies by the reciprocal, which must not be subnormal. The divisor cancels, so it needs no gradient.
    largest = ops.stop_gradient(ops.amax(ops.abs(x), axis=axis, keepdims=True))
    long = largest >= 1
    unit = where(long, 0.25 * largest, 1.0)
    x = x / unit
    squares = ops.sum(ops.square(x), axis=axis, keepdims=True)
    zero = squares == 0
    norm = where(zero, squares, ops.sqrt(safe_where(~zero, squares, 1.0)))
    inner, outer = safe_where(~long, norm), safe_where(long, norm, 1.0)
    return x * where(long, 1 / (outer + offset / unit / unit / outer), inner / (offset + ops.square(inner)))


def _kwta(mp, x, k):
    threshold = sorted(x, reverse=True)[min(k, len(x)) - 1]
    return [one if one >= threshold else mp.mpf(0) for one in x]


@register_activation(
    tex=r"\begin{cases} x_i & x_i \text{ is one of the } k \text{ largest} \\ 0 & \text{otherwise} \end{cases}",
    cites=("Xiao, Zhong & Zheng 2019, Enhancing Adversarial Defense by k-Winners-Take-All",),
    kind="vector",
    exact=lambda mp, x, k, axis: _kwta(mp, x, k),
)
def kwta(x, k: int = 1, axis: int = -1):
    """Keeps the `k` largest entries along `axis` and sets the others to zero: k winners take all.

    All entries equal to the k-th largest are kept. The paper counts the largest among all units of a layer and
    specifies a fraction of them instead of `k`.
    """
    if k < 1:
        raise ValueError(f"kwta: k={k} is not allowed; use a whole number from 1 on")
    decreasing = -ops.sort(-ops.stop_gradient(x), axis=axis)
    counts = ops.cumsum(ops.ones_like(x), axis=axis)
    top = where(counts <= k, decreasing, ops.amax(decreasing, axis=axis, keepdims=True))
    return where(x < ops.amin(top, axis=axis, keepdims=True), 0.0, x)
