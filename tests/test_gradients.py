"""Derivatives by each backend's autodiff against the oracle, and agreement with Keras's functions of the same name."""

import keras
import numpy as np
import oracle
import pytest
from test_values import Entry

from keras_actx.declaration.activation import Activation
from keras_actx.names.keras_table import KERAS_NAMES, keras_function

EVERY = oracle.activations_with_sample_parameters()
every_activation = pytest.mark.parametrize("activation", EVERY, ids=str)
every_dtype = pytest.mark.parametrize("dtype", ["float32", "float64"])

#: Derivatives that are worse than `oracle.DERIVATIVE_BAR`; an entry that is no longer needed fails a test.
LEDGER: tuple[Entry, ...] = ()


def excuses(activation: Activation, dtype: str) -> list[Entry]:
    return [
        one
        for one in LEDGER
        if one.name == activation.name and dtype in one.dtypes.split() and oracle.BACKEND in one.backends.split()
    ]


@every_dtype
@every_activation
def test_first_derivative(activation, dtype):
    oracle.assert_derivative(activation, activation, dtype, excuses(activation, dtype))


@pytest.mark.parametrize("entry", LEDGER, ids=str)
def test_every_entry_is_needed(entry):
    if oracle.BACKEND not in entry.backends.split():
        pytest.skip("not of this backend")
    for dtype in entry.dtypes.split():
        assert any(_fails(one, dtype) for one in EVERY if one.name == entry.name), f"{entry} is no longer needed"


def _fails(activation, dtype) -> bool:
    try:
        oracle.assert_derivative(activation, activation, dtype)
    except AssertionError:
        return True
    return False


@every_dtype
@every_activation
def test_promised_derivative_at_kinks(activation, dtype):
    oracle.assert_kink_slopes(activation, activation, dtype)


@every_activation
def test_second_derivative(activation):
    oracle.assert_second_derivative(activation, activation)


@pytest.mark.parametrize(
    ("activation", "parameter"),
    [
        (one, parameter.name)
        for one in oracle.activations_with_sample_parameters(("elementwise",))
        if one == Activation(one.name, ())
        for parameter in one.declaration.parameters
        if parameter.learnable
    ],
    ids=str,
)
def test_parameter_derivative(activation, parameter):
    oracle.assert_parameter_derivative(activation, activation, parameter)


SHARED = sorted(KERAS_NAMES)
#: keras.activations.sparsemax adds up all partial sums instead of taking the last: it is not sparsemax (Keras 3.15).
KERAS_IS_WRONG = {"sparsemax"}


def _ours(name):
    value = Activation(f"keras_actx>{name}", ())
    # Keras's own has no defaults; any numbers will do to compare.
    return value.bind(threshold=0.5, default_value=-1.0) if name == "threshold" else value


def _theirs(name):
    function = keras_function(name)
    return (lambda x: function(x, 0.5, -1.0)) if name == "threshold" else function


@pytest.mark.parametrize("name", SHARED)
def test_agrees_with_keras(name):
    x = np.linspace(-10, 10, 2002, dtype="float32").reshape(-1, 2)
    found, expected = (
        keras.ops.convert_to_numpy(f(keras.ops.convert_to_tensor(x))) for f in (_ours(name), _theirs(name))
    )
    close = np.isclose(found, expected, rtol=1e-5, atol=1e-5)
    assert close.all() != (name in KERAS_IS_WRONG), f"{name} differs at {np.argwhere(~close)[:3]}"


#: Keras gives `threshold` no defaults; `glu` halves the last axis only, as everything gated here; `swish` has the
#: paper's beta, and without it is Keras's alias of silu.
OTHER_SIGNATURE = {"threshold", "glu", "swish"}


@pytest.mark.parametrize("name", sorted(KERAS_NAMES - OTHER_SIGNATURE))
def test_signature_is_that_of_keras(name):
    oracle.assert_same_signature(Activation(f"keras_actx>{name}", ()), keras_function(name))
