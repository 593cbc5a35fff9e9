"""Derivatives by each backend's autodiff against the oracle, and agreement with Keras's functions of the same name."""

import inspect

import all_activations
import keras
import known
import numpy as np
import pytest

from keras_actx._keras_functions import KERAS_NAMES, keras_function
from keras_actx.declaration.activation import Activation
from keras_actx.testing import backend, derivatives
from keras_actx.testing.known_errors import known_errors_for

every_case = pytest.mark.parametrize(("activation", "dtype"), all_activations.cases("float32", "float64"), ids=str)


@pytest.mark.sweep(4)
@every_case
def test_first_derivative(activation, dtype):
    excused = known_errors_for(known.ERRORS, activation, "derivative", dtype)
    derivatives.assert_derivative(activation, activation, dtype, 1024, excused)


@pytest.mark.sweep(4)
@pytest.mark.parametrize("activation", all_activations.defaults("elementwise"), ids=str)
def test_compiled_derivative(activation):
    excused = known_errors_for(known.ERRORS, activation, "derivative", "float32")
    for compiled in backend.compiled(activation).values():
        derivatives.assert_derivative(compiled, activation, "float32", 1024, excused)


@pytest.mark.sweep(4)
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("activation", all_activations.defaults("elementwise", "gated"), ids=str)
def test_derivative_is_finite_at_all_numbers(activation, dtype):
    derivatives.assert_finite(activation, activation, dtype)


@pytest.mark.sweep(4)
@every_case
def test_promised_derivative_at_kinks(activation, dtype):
    derivatives.assert_kink_slopes(activation, activation, dtype)


@pytest.mark.sweep(4)
@pytest.mark.parametrize(("activation", "dtype"), all_activations.cases("float16", "float32"), ids=str)
def test_derivative_at_infinity(activation, dtype):
    derivatives.assert_finite_ends(activation, activation, dtype)


@pytest.mark.sweep(4)
@pytest.mark.parametrize("activation", all_activations.defaults("elementwise", "gated"), ids=str)
def test_second_derivative(activation):
    derivatives.assert_second_derivative(activation, activation)


@pytest.mark.sweep(4)
@pytest.mark.parametrize(
    ("activation", "parameter"),
    [
        (one, parameter.name)
        for one in all_activations.defaults("elementwise")
        for parameter in one.declaration.parameters
        if parameter.learnable
    ],
    ids=str,
)
def test_parameter_derivative(activation, parameter):
    derivatives.assert_parameter_derivative(activation, activation, parameter)


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
#: paper's beta, and without it is Keras's alias of silu; the others have parameters that Keras's functions lack.
OTHER_SIGNATURE = {"threshold", "glu", "swish", "softplus", "hard_tanh", "hard_sigmoid"}


def assert_same_signature(ours, function):
    """Our parameters and their defaults are those of Keras's function, in its order."""
    theirs = {
        key: one.default for key, one in inspect.signature(function).parameters.items() if key not in ("x", "self")
    }
    assert dict(ours.params) == theirs, f"{ours.name}: {dict(ours.params)} here, {theirs} in Keras"


@pytest.mark.parametrize("name", sorted(KERAS_NAMES - OTHER_SIGNATURE))
def test_signature_is_that_of_keras(name):
    assert_same_signature(Activation(f"keras_actx>{name}", ()), keras_function(name))
