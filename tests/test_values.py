"""Every activation, at its defaults and with other parameters, in every dtype, against the oracle."""

from dataclasses import dataclass

import keras
import numpy as np
import oracle
import pytest

from keras_actx.declaration import registry
from keras_actx.declaration.activation import Activation

EVERY = oracle.activations_with_sample_parameters()
every_activation = pytest.mark.parametrize("activation", EVERY, ids=str)
every_dtype = pytest.mark.parametrize("dtype", oracle.DTYPES)


@dataclass(frozen=True)
class Entry:
    """Where an activation is further from the truth than `oracle.BARS` allow, and how far."""

    name: str
    reason: str
    dtypes: str
    low: float = -np.inf
    high: float = np.inf
    absolute: float = 0.0
    relative: float = 0.0
    lost: bool = False  # NaN or infinite there
    backends: str = "jax torch tensorflow"

    def covers(self, x: np.ndarray, y: np.ndarray, true: np.ndarray) -> np.ndarray:
        """The points it answers for: inside, and no worse than it says."""
        with np.errstate(invalid="ignore"):
            close = np.abs(y - true) <= self.absolute + self.relative * np.abs(true)
        return (x >= self.low) & (x <= self.high) & (close | (self.lost & ~np.isfinite(y)))

    def __str__(self) -> str:
        return f"{self.name}-{self.dtypes.replace(' ', '-')}"


_ROUNDED = "(x - mu) / sigma is rounded before its square is an exponent; the bar knows x only, here smaller than mu"
_OVERFLOWS = "the product of parameter and x overflows, and sin(inf) is NaN"

#: What is known to be worse than the bars; an entry that is no longer needed fails a test.
LEDGER = (
    Entry("laplace", _ROUNDED, "float32", -0.5, 0.5, relative=3e-5),
    Entry("laplace", _ROUNDED, "float64", -0.5, 0.5, relative=6e-14),
    Entry("acon_c", "with p1 and p2 of opposite sign, two terms cancel", "float32", -1.0, 1.0, absolute=1e-8),
    *(
        Entry(name, _OVERFLOWS, dtypes, low, high, lost=True)
        for name in ("sine", "snake")
        for dtypes, edge in (("bfloat16 float32", 1e37), ("float64", 5e306))
        for low, high in ((-np.inf, -edge), (edge, np.inf))
    ),
)

_ZERO = "an infinite input times a gate of 0"
#: Activations that give NaN instead of their limit at +inf or -inf.
NO_LIMIT = {
    **dict.fromkeys("silu swish e_swish gelu gelu_tanh quick_gelu acon_c tanhexp logish mish serf".split(), _ZERO),
    **dict.fromkeys("swiglu geglu".split(), _ZERO),
    **dict.fromkeys("leaky_relu prelu star_relu".split(), "an infinite input times a parameter of 0"),
    "xielu": "the exponential and the linear part are infinite with opposite signs",
    "softsign": "infinity over infinity",
    "snake": "the sine of infinity",
}


def excuses(activation: Activation, dtype: str) -> list[Entry]:
    return [
        one
        for one in LEDGER
        if one.name == activation.name and dtype in one.dtypes.split() and oracle.BACKEND in one.backends.split()
    ]


@every_dtype
@every_activation
def test_values(activation, dtype):
    oracle.assert_accurate(activation, activation, dtype, excuses(activation, dtype))


@pytest.mark.parametrize("entry", LEDGER, ids=str)
def test_every_entry_is_needed(entry):
    if oracle.BACKEND not in entry.backends.split():
        pytest.skip("not of this backend")
    for dtype in entry.dtypes.split():
        rest = [one for one in LEDGER if one is not entry]
        mine = [one for one in EVERY if one.name == entry.name]
        assert any(_fails(one, dtype, [e for e in excuses(one, dtype) if e in rest]) for one in mine), (
            f"{entry} is no longer needed in {dtype}"
        )


def _fails(activation, dtype, excused) -> bool:
    try:
        oracle.assert_accurate(activation, activation, dtype, excused)
    except AssertionError:
        return True
    return False


@every_dtype
@every_activation
def test_nan_passes(activation, dtype):
    oracle.assert_nan_passes(activation, activation, dtype)


@every_dtype
@every_activation
def test_limits(activation, dtype):
    for sign in (1, -1):
        if np.isnan(oracle.exact_limit(activation, sign)):
            continue  # the sine has none
        allow_nan = activation.name in NO_LIMIT
        oracle.assert_limit(activation, activation, dtype, sign, allow_nan)


@pytest.mark.parametrize("name", NO_LIMIT)
def test_every_missing_limit_is_missing(name):
    mine = [one for one in EVERY if one.name == name]
    ends = [oracle.call(one, one, np.array([sign * np.inf, 0.5]), "float32")[0] for one in mine for sign in (1, -1)]
    assert np.isnan(ends).any(), f"{name} has its limits now: take it out of NO_LIMIT"


@pytest.mark.parametrize("shape", [(), (0,), (1,), (2, 0, 3), (3, 4), (2, 1, 3, 2)], ids=str)
@pytest.mark.parametrize("activation", oracle.activations_with_sample_parameters(("elementwise",))[::7], ids=str)
def test_shape_is_kept(activation, shape):
    assert tuple(activation(keras.ops.ones(shape)).shape) == shape


VECTORS = oracle.activations_with_sample_parameters(("vector",))


@pytest.mark.parametrize("dtype", oracle.DTYPES)
@pytest.mark.parametrize("activation", VECTORS, ids=str)
def test_vector_values(activation, dtype):
    """Rows with ties, large differences and large common offsets; within a few ulp of 1, or of the largest entry."""
    rows = np.array([[0, 0, 0, 0], [1, -2, 0.5, 3], [100, 99, -100, 0], [-50, -50.25, -51, -90], [0.25, 0.5, 0, 0.125]])
    exact = activation.declaration.exact
    true = [
        [float(one) for one in exact(oracle.mp, [oracle.mp.mpf(x) for x in row], **dict(activation.params))]
        for row in rows
    ]
    result = activation(oracle.as_input(activation, rows, dtype))
    assert keras.backend.standardize_dtype(result.dtype) == dtype
    scale = np.maximum(1.0, np.abs(true))
    error = np.abs(oracle.to_float64(result) - true)
    assert (error <= 4 * oracle.spacing(scale, dtype)).all(), error


def test_every_activation_has_an_oracle():
    own = [one for one in registry.every() if one.package == "keras_actx"]
    assert len(own) > 40
    assert [one.name for one in own if one.exact is None] == []
