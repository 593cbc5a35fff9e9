"""What the ledger excuses must still be so: an entry that is no longer needed fails."""

import dataclasses

import ledger
import numpy as np
import pytest

from keras_actx.names.identify import identify
from keras_actx.testing import backend, derivatives, values

_COPIES = 512  # vector instructions round differently from what is left over at an array's end


def is_needed(known):
    """Whether the bar is exceeded at one of the points where the entry was measured."""
    return any(_exceeds(known.entry, *witness) for witness in known.witnesses)


def _exceeds(entry, of, way, at):
    activation, x = identify(f"keras_actx>{of}").activation, np.full(_COPIES, at)
    ways = {"ours": activation, **(backend.compiled(activation, thorough=True) if way != "ours" else {})}
    if entry.quantity == "derivative":
        found = derivatives.measure_at(ways[way], activation, entry.dtypes, x)
        return (found.steep_ulps > derivatives.BAR).any()
    return (values.measure_at(ways[way], activation, entry.dtypes, x).ulps > values.BARS[entry.dtypes]).any()


@pytest.mark.parametrize("known", ledger.KNOWN, ids=str)
def test_every_entry_is_needed(known):
    assert is_needed(known), f"{known} is no longer needed: run benchmarks/numerics.py and benchmarks/make_ledger.py"


def test_an_entry_that_is_not_needed_is_noticed():
    known = ledger.KNOWN[0]
    harmless = dataclasses.replace(known.entry, name="relu", quantity="value", dtypes="float32")
    assert not is_needed(ledger.Known(harmless, (("relu", "ours", 1.5),)))


def test_every_entry_has_a_reason_and_every_reason_an_entry():
    every = [known.entry for name in ("tensorflow", "jax", "torch") for known in ledger.read(name)]
    assert {(one.name, one.quantity) for one in every} == set(ledger.reasons())


@pytest.mark.parametrize("one", ledger.cancelling(backend.BACKEND), ids=lambda one: f"{one.name}-{one.dtype}")
def test_every_derivative_listed_as_cancelling_does(one):
    activation = identify(f"keras_actx>{one.name}").activation
    found = derivatives.measure_at(activation, activation, one.dtype, np.full(_COPIES, one.at))
    assert (found.ulps > derivatives.BAR).any(), f"{one} does not cancel any longer"
    assert one.reason


def test_a_missing_reason_is_noticed(monkeypatch):
    monkeypatch.setattr(ledger, "reasons", dict)
    with pytest.raises(ValueError, match="does not say why"):
        ledger.read(backend.BACKEND)
