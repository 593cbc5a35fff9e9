"""Properties that hold for every activation and any tensor: hypothesis chooses."""

import all_activations
import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from keras_actx.testing import structure
from keras_actx.testing.tensors import dtype_of, to_float64, to_tensor

ELEMENTWISE = [one for one in all_activations.defaults("elementwise") if not one.declaration.stochastic]
#: JAX compiles for every new shape.
EXAMPLES = 8 if keras.backend.backend() == "jax" else 60
settings.register_profile("ci", derandomize=True, deadline=None, max_examples=EXAMPLES)
settings.load_profile("ci")

shapes = hnp.array_shapes(min_dims=0, max_dims=5, min_side=0, max_side=3)
numbers = st.floats(-1e4, 1e4, width=16, allow_subnormal=False)


def arrays(shape):
    return hnp.arrays("float32", shape, elements=numbers)


@given(
    st.sampled_from(ELEMENTWISE), shapes.flatmap(arrays), st.sampled_from(["float16", "bfloat16", "float32", "float64"])
)
def test_shape_and_dtype_are_kept(activation, x, dtype):
    x = to_tensor(x, dtype)
    y = activation(x)
    assert tuple(y.shape) == tuple(x.shape)
    assert dtype_of(y) == dtype


@given(st.sampled_from(ELEMENTWISE), shapes.flatmap(arrays))
def test_every_element_is_alone(activation, x):
    """An element's result does not depend on where it lies or what lies beside it."""
    together = to_float64(activation(to_tensor(x, "float32"))).ravel()
    reversed_ = to_float64(activation(to_tensor(x.ravel()[::-1].copy(), "float32")))[::-1]
    np.testing.assert_allclose(together, reversed_, rtol=2e-6, atol=1e-30)


few = settings(max_examples=EXAMPLES // 2)  # each of them compiles
dtypes = st.sampled_from(["float16", "bfloat16", "float32"])


@few
@given(st.sampled_from(ELEMENTWISE), shapes.flatmap(arrays), dtypes)
def test_compiled_is_eager(activation, x, dtype):
    """By jax.jit, tf.function of unknown shape, XLA, torch.compile of the full graph; empty tensors and scalars too."""
    structure.assert_compiled_agrees_at(activation, to_tensor(x, dtype), str(activation))


@few
@given(st.sampled_from(ELEMENTWISE), hnp.array_shapes(min_dims=1, max_dims=5, max_side=3).flatmap(arrays))
def test_transformed_is_plain(activation, x):
    """Maps over rows, and forward mode."""
    structure.assert_transformations_agree_at(activation, activation, to_tensor(x, "float32"))


@few
@given(st.sampled_from(ELEMENTWISE), hnp.array_shapes(min_dims=2, max_dims=5, max_side=3).flatmap(arrays), dtypes)
def test_symbolic_is_eager(activation, x, dtype):
    structure.assert_symbolic_agrees(activation, activation, to_tensor(x, dtype))


@given(st.sampled_from(ELEMENTWISE), shapes.flatmap(arrays), st.permutations(range(5)), st.integers(1, 2))
def test_a_view_is_its_copy(activation, x, order, step):
    """Axes in any order, every first or second element along each."""
    view = keras.ops.transpose(to_tensor(x, "float32"), [axis for axis in order if axis < x.ndim])
    view = view[(slice(None, None, step),) * x.ndim] if x.ndim else view
    structure.assert_view_agrees(activation, view, str(activation))


@given(st.sampled_from(ELEMENTWISE), st.integers(-1000, 1000))
def test_whole_numbers_become_floats(activation, number):
    y = activation(keras.ops.convert_to_tensor(number))
    assert dtype_of(y) == "float32"
    # In float32 by name: JAX with 64 bits makes float64 of a Python float.
    expected = activation(keras.ops.convert_to_tensor(float(number), dtype="float32"))
    np.testing.assert_allclose(to_float64(y), to_float64(expected), rtol=2e-6, atol=1e-30)


@given(st.sampled_from(ELEMENTWISE), arrays((4, 3)))
def test_a_value_equals_its_string(activation, x):
    import keras_actx as actx

    again = actx.get(f"keras_actx>{activation.name}") if not activation.declaration.learnable else activation
    x = to_tensor(x, "float32")
    # TensorFlow's graph optimizer, from the sixteenth call on, may round otherwise: x / sqrt(y) becomes x rsqrt(y).
    bound = {"rtol": 2e-6, "atol": 1e-30} if keras.backend.backend() == "tensorflow" else {"rtol": 0.0}
    np.testing.assert_allclose(to_float64(again(x)), to_float64(activation(x)), **bound)


def test_these_properties_can_fail():
    def mixing(x):
        return x - keras.ops.mean(x)

    check = test_every_element_is_alone.hypothesis.inner_test
    with pytest.raises(AssertionError):
        check(lambda x: keras.ops.cumsum(keras.ops.reshape(x, (-1,))), np.array([1.0, 2.0], "float32"))
    check(mixing, np.zeros((2,), "float32"))
