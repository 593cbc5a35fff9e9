"""`Paired` on kernels of three axes and more: what they are is said by the layer or the user, never guessed."""

import inspect

import keras
import numpy as np
import pytest
from deep import as_numpy

from keras_actx.initializers import Paired

#: Whether Keras tells an initializer the axes of EinsumDense's kernel.
TOLD = "input_axes" in inspect.signature(keras.initializers.VarianceScaling).parameters

#: equation, output shape, input shape, axes of the kernel: heads made, projected back, projected each by its own matrix
EINSUMS = [
    ("abc,cde->abde", (None, 4, 8), (5, 64), (0,), (1, 2)),
    ("abcd,cde->abe", (None, 32), (5, 8, 8), (0, 1), (2,)),
    ("abcd,cde->abce", (None, 8, 16), (5, 8, 8), (1,), (0, 2)),
    ("abc,dec->abde", (None, 4, 8), (5, 64), (2,), (0, 1)),
    ("abc,cd->abd", (None, 32), (5, 64), (0,), (1,)),
]


def einsum(case, start):
    equation, output, inputs, *_ = case
    layer = keras.layers.EinsumDense(equation, output, kernel_initializer=start)
    layer.build((None, *inputs))
    return layer


def spread(layer, case):
    x = np.random.default_rng(0).normal(size=(200, *case[2])).astype("float32")
    return as_numpy(layer(x)).astype("float64").std()


@pytest.mark.sweep(1)
@pytest.mark.parametrize("case", EINSUMS, ids=lambda case: case[0])
@pytest.mark.parametrize("scheme", ["critical", "looks_linear", "published"])
@pytest.mark.parametrize("said", ["by the layer", "by the user"])
def test_einsum_dense(case, scheme, said):
    axes = {"input_axes": case[3], "output_axes": case[4]} if said == "by the user" else {}
    start = Paired("relu", scheme, first_layer=True, seed=1, **axes)
    if not (axes or TOLD or case[0] == "abc,cd->abd"):
        if scheme != "published":
            with pytest.raises(ValueError, match="input_axes"):
                einsum(case, start)
        return
    layer = einsum(case, start)
    assert (as_numpy(layer.kernel) != 0).all()  # every input feature is used
    assert spread(layer, case) == pytest.approx(np.sqrt(2) if scheme == "published" else 1.0, rel=0.03)


@pytest.mark.skipif(not TOLD, reason="this Keras does not tell the axes")
def test_attention():
    start = Paired("linear", "critical", first_layer=True, seed=1)
    layer = keras.layers.MultiHeadAttention(4, 8, kernel_initializer=start)
    layer.build((None, 5, 64), (None, 5, 64))
    kernels = [one for one in layer.weights if one.path.endswith("kernel")]
    assert len(kernels) == 4
    for one in kernels:
        fan_in = 32 if "output" in one.path else 64
        kernel = as_numpy(one).astype("float64")
        assert (kernel != 0).all()
        assert kernel.std() == pytest.approx(fan_in**-0.5, rel=0.02)


def test_the_matrix_is_a_dense_layers():
    """Whatever the axes, the kernel is that of a Dense layer between the flattened inputs and units."""
    flat = as_numpy(Paired("gelu", "critical", first_layer=True, seed=1)((64, 32)))
    for case in EINSUMS[:2]:
        axes = {"input_axes": case[3], "output_axes": case[4]}
        layer = einsum(case, Paired("gelu", "critical", first_layer=True, seed=1, **axes))
        np.testing.assert_array_equal(as_numpy(layer.kernel).reshape(64, 32), flat)
    turned = Paired("gelu", "critical", first_layer=True, seed=1, input_axes=(-1,), output_axes=(-2,))((32, 64))
    np.testing.assert_array_equal(as_numpy(turned).T, flat)


def test_value_and_gate_are_halves_of_the_last_axis():
    start = Paired("swiglu", "critical", first_layer=True, seed=1, input_axes=(0,), output_axes=(1, 2))
    kernel = as_numpy(start((32, 4, 8))).astype("float64")
    for half in (kernel[..., :4], kernel[..., 4:]):
        lengths = np.linalg.svd(half.reshape(32, 16), compute_uv=False)
        np.testing.assert_allclose(lengths, lengths[0], rtol=1e-4)
    with pytest.raises(ValueError, match="even number of columns"):
        start((32, 4, 7))


def test_pairs_are_halves_of_the_last_axis():
    start = Paired("relu", "looks_linear", input_activation="relu", seed=1, input_axes=(0, 1), output_axes=(2, 3))
    kernel = as_numpy(start((2, 16, 4, 8)))
    np.testing.assert_array_equal(kernel[..., 4:], -kernel[..., :4])
    np.testing.assert_array_equal(kernel[:, 8:], -kernel[:, :8])
    for shape in ((2, 16, 4, 7), (2, 15, 4, 8)):
        with pytest.raises(ValueError, match="must be even"):
            start(shape)


@pytest.mark.parametrize("scheme", ["critical", "looks_linear"])
def test_layers_that_do_not_say_are_refused(scheme):
    class Experts(keras.layers.Layer):
        def build(self, shape):
            self.kernel = self.add_weight(shape=(4, shape[-1], 8), initializer=Paired("relu", scheme, first_layer=True))

    def start():
        return Paired("relu", scheme, first_layer=True)

    for layer in (
        Experts(),
        keras.layers.Conv1DTranspose(4, 3, kernel_initializer=start()),
        keras.layers.Conv2DTranspose(4, 3, kernel_initializer=start()),
        keras.layers.DepthwiseConv1D(3, depth_multiplier=2, depthwise_initializer=start()),
        keras.layers.SeparableConv1D(4, 3, depth_multiplier=2, depthwise_initializer=start()),
    ):
        with pytest.raises(ValueError, match=r"input_axes=.*depthwise=True"):
            layer.build((None, 8, 8, 16) if "2d" in layer.name else (None, 8, 16))


@pytest.mark.parametrize("scheme", ["critical", "looks_linear"])
def test_convolutions_need_not_say(scheme):
    """Nor where Keras makes the weights later, after a trace."""

    class Model(keras.Model):
        def __init__(self):
            super().__init__()
            self.convolution = keras.layers.Conv1D(
                8, 3, kernel_initializer=Paired("relu", scheme, first_layer=True), padding="same"
            )

        def call(self, x):
            return self.convolution(x)

    model = Model()
    model(np.ones((1, 4, 16), "float32"))
    assert (as_numpy(model.convolution.kernel)[1] != 0).all()
    layer = keras.layers.Conv2D(8, 3, kernel_initializer=Paired("relu", scheme, first_layer=True))
    layer.build((None, 4, 4, 16))
    assert (as_numpy(layer.kernel)[1, 1] != 0).all()


def test_an_answer_for_any_layer():
    """The axes of a transposed convolution; experts, each with its own matrix."""
    start = Paired("relu", "published", first_layer=True, seed=1, input_axes=(-1,), output_axes=(-2,))
    layer = keras.layers.Conv2DTranspose(4, 3, kernel_initializer=start)
    layer.build((None, 8, 8, 64))
    assert as_numpy(layer.kernel).std() == pytest.approx(np.sqrt(2 / (9 * 64)), rel=0.05)
    experts = Paired("relu", "critical", first_layer=True, seed=1, input_axes=(1,), output_axes=(0, 2))((4, 64, 8))
    x = np.random.default_rng(0).normal(size=(1000, 64))
    np.testing.assert_allclose((x @ as_numpy(experts).astype("float64")).std(axis=(1, 2)), 1.0, rtol=0.1)


def test_axes_are_saved_and_checked():
    start = Paired("relu", "critical", first_layer=True, seed=1, input_axes=(0,), output_axes=np.array([1, 2]))
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(start))
    assert (again.input_axes, again.output_axes) == ([0], [1, 2])
    np.testing.assert_array_equal(as_numpy(again((16, 4, 8))), as_numpy(start((16, 4, 8))))
    old = {key: value for key, value in start.get_config().items() if key not in ("input_axes", "output_axes")}
    assert Paired.from_config(old).input_axes is None
    for axes, says in (
        ({"input_axes": (0,)}, "given together"),
        ({"input_axes": "0", "output_axes": "1"}, "input_axes='0' is not allowed"),
        ({"input_axes": (0.5,), "output_axes": (1,)}, "input_axes"),
        ({"input_axes": 0, "output_axes": 1}, "input_axes=0"),
        ({"input_axes": (0,), "output_axes": (1,), "depthwise": True}, "depthwise=True"),
    ):
        with pytest.raises(ValueError, match=says):
            Paired("relu", **axes)
    for shape, says in (((16,), "received"), ((16, 4), "has no axis 2")):
        with pytest.raises(ValueError, match=says):
            start(shape)
    with pytest.raises(ValueError, match="named twice"):
        Paired("relu", input_axes=(0, -2), output_axes=(1,))((4, 8))
