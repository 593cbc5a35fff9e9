"""What is excused must still be so: an entry that is no longer needed on any backend fails."""

import all_activations
import known
import numpy as np
import pytest

from keras_actx.testing import KnownError, backend, derivatives, grids, values
from keras_actx.testing.samples import is_default

_MANY = 2**14


def exceeds(entry, activation, dtype):
    """Whether the bar is exceeded somewhere in the entry's region."""
    limits = np.finfo("float32" if dtype == "bfloat16" else dtype)
    near = np.linspace(max(entry.low, -30.0), min(entry.high, 30.0), _MANY) if entry.low < 30 > -entry.high else []
    far = np.geomspace(1.0, float(limits.max) / 4, _MANY)
    x = grids.rounded(np.concatenate([near, far, -far]), dtype)
    x = grids.in_blocks(np.unique(x[entry.contains(x) & np.isfinite(x)]))
    if entry.quantity == "derivative":
        return (derivatives.measure_at(activation, activation, dtype, x).errors > derivatives.BAR).any()
    return (values.measure_at(activation, activation, dtype, x).errors > values.BARS[dtype]).any()


def is_needed(entry):
    every = [one for one in all_activations.with_samples("elementwise", "gated") if one.name == entry.name]
    every = [one for one in every if entry.defaults == is_default(one)]
    return any(exceeds(entry, one, dtype) for one in every for dtype in entry.dtypes.split())


@pytest.mark.sweep(1)
@pytest.mark.parametrize("entry", [one for one in known.ERRORS if backend.BACKEND in one.backends.split()], ids=str)
def test_every_entry_is_needed(entry):
    assert entry.reason
    assert is_needed(entry), f"{entry} is no longer needed: remove it from tests/known_errors.toml"


def test_an_entry_that_is_not_needed_is_noticed():
    for quantity in ("value", "derivative"):
        assert not is_needed(KnownError("relu", "none", error=100.0, quantity=quantity, dtypes="float32"))


def test_there_are_few():
    assert len(known.ERRORS) < 40
