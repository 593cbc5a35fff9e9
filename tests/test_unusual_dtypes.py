"""What is no real number is refused, not cast; whole numbers, booleans and 8-bit floats are computed with."""

import keras
import numpy as np
import pytest

import keras_actx as actx
from keras_actx.testing.tensors import to_float64

COMPLEX = np.array([[1 + 2j, 3 - 1j]], "complex64")

GIVEN = {
    "array": lambda: COMPLEX,
    "double": lambda: COMPLEX.astype("complex128"),
    "tensor": lambda: keras.ops.convert_to_tensor(COMPLEX),
    "number": lambda: 1 + 2j,
}


@pytest.mark.parametrize("given", GIVEN)
@pytest.mark.parametrize("name", ["swish", "snake", "softmax", "swiglu"])
def test_a_value_refuses_complex_input(name, given):
    with pytest.raises(TypeError, match="accepts real numbers, not complex"):
        actx.Activation(f"keras_actx>{name}", ())(GIVEN[given]())


@pytest.mark.parametrize("beta", [1j, np.array([1j, 2.0], "complex64")])
def test_a_value_refuses_complex_parameters(beta):
    with pytest.raises(
        (TypeError, ValueError), match=r"swish: beta(=1j is not allowed| accepts real numbers, not complex)"
    ):
        actx.activations.swish(np.ones(2, "float32"), beta=beta)


@pytest.mark.parametrize("given", ["array", "tensor"])
@pytest.mark.parametrize(
    "make",
    [
        lambda: actx.layers.LearnableActivation("swish"),
        lambda: actx.layers.AdaptiveActivation("tanh"),
        lambda: actx.layers.GatedLinearUnit("swiglu"),
        lambda: actx.layers.Maxout(2),
        lambda: actx.layers.CReLU(),
        lambda: actx.layers.PolyNorm(),
        lambda: keras.layers.Activation("swish(beta=1.5)"),
    ],
    ids=["learnable", "adaptive", "gated", "maxout", "crelu", "poly_norm", "keras"],
)
def test_a_layer_refuses_complex_input(make, given):
    with pytest.raises(TypeError, match="accepts real numbers, not complex"):
        make()(GIVEN[given]())


def test_a_symbolic_complex_tensor_is_refused():
    with pytest.raises(TypeError, match="accepts real numbers, not complex"):
        actx.activations.swish(keras.Input((2,), dtype="complex64"))


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int32", "int64"])
def test_whole_numbers_become_floatx(dtype):
    found = actx.activations.swish(keras.ops.convert_to_tensor(np.array([1, 0], dtype)))
    assert keras.backend.standardize_dtype(found.dtype) == "float32"
    np.testing.assert_allclose(to_float64(found), [0.731058597, 0.0], rtol=1e-6)


@pytest.mark.parametrize("dtype", ["float8_e4m3fn", "float8_e5m2"])
@pytest.mark.parametrize("name", ["swish", "mish"])
def test_eight_bits_are_rounded_once(name, dtype):
    """To no other than the numbers that the result in float32 becomes."""
    x = keras.ops.cast(keras.ops.convert_to_tensor(np.linspace(-3, 3, 7, dtype="float32")), dtype)
    activation = actx.Activation(f"keras_actx>{name}", ())
    found = activation(x)
    assert keras.backend.standardize_dtype(found.dtype) == dtype
    expected = keras.ops.cast(activation(keras.ops.cast(x, "float32")), dtype)
    np.testing.assert_array_equal(*(to_float64(keras.ops.cast(one, "float32")) for one in (found, expected)))


def test_strings_are_refused():
    with pytest.raises((TypeError, ValueError)):
        actx.activations.swish(np.array(["a", "b"]))


@pytest.mark.parametrize("alpha", ["1e39", "1e-39"])
def test_a_parameter_outside_of_the_range_of_the_dtype_is_refused(alpha):
    """On torch it was an error of a kernel, or, as on the others, NaN."""
    activation = actx.get(f"snake(alpha={alpha})")
    for dtype in ("float32", "float16"):
        with pytest.raises(ValueError, match=r"snake: alpha=1e.?39 is outside of the range of float32"):
            activation(keras.ops.ones((3,), dtype))
    with pytest.raises(ValueError, match="outside of the range of float32"):
        keras.layers.Dense(2, activation=f"snake(alpha={alpha}, learnable=True)").build((None, 3))
    assert np.isfinite(keras.ops.convert_to_numpy(activation(keras.ops.zeros((3,), "float64")))).all()
