"""Every activation, at its defaults and with other parameters, in every dtype, against the oracle."""

import all_activations
import known
import numpy as np
import pytest

from keras_actx.testing import backend, oracle, values, vectors
from keras_actx.testing.grids import DTYPES
from keras_actx.testing.known_errors import known_errors_for
from keras_actx.testing.samples import is_default

DEFAULTS = all_activations.defaults("elementwise", "gated")
every_case = pytest.mark.parametrize(("activation", "dtype"), all_activations.cases(*DTYPES), ids=str)
every_default = pytest.mark.parametrize("activation", DEFAULTS, ids=str)


def count(activation, dtype):
    """All 65,536 numbers of 16 bits at the defaults; fewer at other parameters and in wider dtypes.

    benchmarks/numerics.py has them all, and 2^20 points in 32 and 64 bits (see the header of the run, in conftest.py).
    """
    return 2**16 if dtype.endswith("16") and is_default(activation) else 2**12


@pytest.mark.sweep(4)
@every_case
def test_values(activation, dtype):
    excused = known_errors_for(known.ERRORS, activation, "value", dtype)
    values.assert_values(activation, activation, dtype, count(activation, dtype), excused)


@pytest.mark.sweep(4)
@every_default
def test_compiled_values(activation):
    excused = known_errors_for(known.ERRORS, activation, "value", "float32")
    for compiled in backend.compiled(activation).values():
        values.assert_values(compiled, activation, "float32", count(activation, "float32"), excused)


@pytest.mark.sweep(1)
@every_default
def test_nan_passes(activation):
    for dtype in DTYPES:
        values.assert_nan_passes(activation, activation, dtype)


@pytest.mark.sweep(4)
@every_case
def test_limits(activation, dtype):
    for sign in (1, -1):
        values.assert_limit(activation, activation, dtype, sign)


@pytest.mark.sweep(4)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("activation", all_activations.with_samples("vector"), ids=str)
def test_vector_values(activation, dtype):
    vectors.assert_vector_values(activation, activation, dtype)


def test_every_activation_has_an_oracle():
    every = all_activations.defaults("elementwise", "gated", "vector")
    assert len(every) > 95
    assert [one.name for one in every if one.declaration.exact is None] == []


def test_sixteen_bits_are_all_there():
    relu = next(one for one in DEFAULTS if one.name == "relu")
    for dtype, infinite in (("float16", 2**11), ("bfloat16", 2**8)):
        x = values.measure(relu, relu, dtype, 2**16).x
        assert len(np.unique(x)) == 2**16 - infinite - 1  # of 0 and -0, unique keeps one
        assert oracle.values(relu, x)[0].shape == x.shape
