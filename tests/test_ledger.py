"""What the ledger excuses must still be so: an entry that is no longer needed fails."""

import ledger
import numpy as np
import pytest

from keras_actx.names.resolve import resolve_declared
from keras_actx.testing import Entry, backend, derivatives, grids, values

_MANY = 2**18
_AROUND = 512  # as many as one, since what is left over by vector instructions rounds differently


def is_needed(known):
    """Whether the bar is exceeded at one of the points where the entry was measured, or elsewhere in its interval.

    Another processor's exponential function is off at other points.
    """
    entry = known.entry
    return any(
        _exceeds(entry, of, way, around(at, entry.dtypes)) or _exceeds(entry, of, way, within(entry, at))
        for of, way, at in known.witnesses
    )


def within(entry, at):
    """Many points of the entry's interval, which ends a little beyond `at` where it does not end."""
    low, high = (
        end if np.isfinite(end) else at + 1e-2 * abs(at) * sign for end, sign in ((entry.low, -1), (entry.high, 1))
    )
    x = np.random.default_rng(0).uniform(low, high, _MANY)
    return x.astype(grids.numpy_type(entry.dtypes)).astype("float64")


def _exceeds(entry, of, way, x):
    activation = resolve_declared(f"keras_actx>{of}").activation
    ways = {"eager": activation, **(backend.compiled(activation, thorough=True) if way != "eager" else {})}
    if entry.quantity == "derivative":
        found = derivatives.measure_at(ways[way], activation, entry.dtypes, x)
        return (found.steep_ulps > derivatives.BAR).any()
    return (values.measure_at(ways[way], activation, entry.dtypes, x).ulps > values.BARS[entry.dtypes]).any()


def around(at, dtype):
    """The point, and as many of its neighbours on both sides as fit the finite numbers."""
    kind = grids.numpy_type(dtype)
    down = up = np.array(at).astype(kind)
    found = [down]
    with np.errstate(over="ignore"):
        for _ in range(_AROUND // 2):
            down, up = np.nextafter(down, kind.type(-np.inf)), np.nextafter(up, kind.type(np.inf))
            found += [down, up]
    x = np.array(found).astype("float64")
    return np.resize(x[np.isfinite(x)], _AROUND)


# What another processor's exponential function makes of them may stay within the bar.
@pytest.mark.sweep(0)
@pytest.mark.parametrize("known", ledger.KNOWN, ids=str)
def test_every_entry_is_needed(known):
    assert is_needed(known), f"{known} is no longer needed: run benchmarks/numerics.py and benchmarks/make_ledger.py"


def test_an_entry_that_is_not_needed_is_noticed():
    for quantity in ("value", "derivative"):
        harmless = Entry("relu", "none", 100.0, quantity, "float32")
        assert not is_needed(ledger.Known(harmless, (("relu", "eager", 1.5),)))


def test_every_entry_has_a_reason_and_every_reason_an_entry():
    every = [known.entry for name in ("tensorflow", "jax", "torch") for known in ledger.read(name)]
    assert {(one.name, one.quantity) for one in every} == set(ledger.reasons())


@pytest.mark.sweep(0)
@pytest.mark.parametrize("one", ledger.cancelling(backend.BACKEND), ids=lambda one: f"{one.name}-{one.dtype}")
def test_every_derivative_listed_as_cancelling_does(one):
    activation = resolve_declared(f"keras_actx>{one.name}").activation
    found = derivatives.measure_at(activation, activation, one.dtype, around(one.at, one.dtype))
    assert (found.ulps > derivatives.BAR).any(), f"{one} does not cancel any longer"
    assert one.reason


def test_a_missing_reason_is_noticed(monkeypatch):
    monkeypatch.setattr(ledger, "reasons", dict)
    with pytest.raises(ValueError, match="does not say why"):
        ledger.read(backend.BACKEND)
