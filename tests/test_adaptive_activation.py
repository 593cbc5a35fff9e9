"""`AdaptiveActivation`: any activation between a learned slope, shift and scale."""

import copy
import pickle

import keras
import numpy as np
import pytest
from arrays import random, tensor
from models import data, functional, moved, one_step, outputs

import keras_actx as actx
from keras_actx.layers import AdaptiveActivation, DenseBlock
from keras_actx.testing.backend import gradient
from keras_actx.testing.grids import DTYPES
from keras_actx.testing.tensors import to_float64 as numpy_of

KINDS = ("dense", "einsum_dense", "conv2d", "lstm", "bidirectional", "bidirectional_gru", "time_distributed")


def weights_of(layer):
    return {one.name.partition("_")[0]: numpy_of(one.value) for one in layer.weights}


@keras.saving.register_keras_serializable("test_adaptive")
def cubed(x):
    return x * x * x


def relu(x):
    return np.maximum(x, 0)


#: what is wrapped -> the same in numpy
WRAPPED = {
    "tanh": ("tanh", np.tanh),
    "keras_function": (keras.activations.relu, relu),
    "parameterised": ("snake(alpha=2.0)", lambda x: x + np.sin(2 * x) ** 2 / 2),
    "value": (actx.activations.leaky_relu.bind(negative_slope=0.5), lambda x: np.where(x > 0, x, 0.5 * x)),
    "learnable": ("prelu", lambda x: np.where(x > 0, x, 0.25 * x)),
    "layer": (keras.layers.ReLU(max_value=1.0), lambda x: np.clip(x, 0, 1)),
    "registered": (cubed, lambda x: x**3),
    "none": (None, lambda x: x),
}
every_wrapped = pytest.mark.parametrize("wrapped", WRAPPED)


def assert_formula(wrapped, n, changed=lambda x: x):
    activation, function = WRAPPED[wrapped]
    layer = AdaptiveActivation(activation, scale=1.7, slope=0.6, shift=-0.2, n=n)
    x = random(4, 3)
    expected = 1.7 * changed(function(n * 0.6 * x - 0.2))
    np.testing.assert_allclose(numpy_of(layer(tensor(x, "float32"))), expected, rtol=1e-5, atol=1e-5)
    fixed = AdaptiveActivation(activation, scale=1.7, slope=0.6, shift=-0.2, n=n, parameters=["slope"])
    np.testing.assert_allclose(numpy_of(fixed(tensor(x, "float32"))), expected, rtol=1e-5, atol=1e-5)
    assert list(weights_of(fixed))[:1] == ["slope"]


@pytest.mark.parametrize("n", [1.0, 5.0])
@every_wrapped
def test_formula(wrapped, n):
    assert_formula(wrapped, n)


@every_wrapped
def test_another_formula_does_not_pass(wrapped):
    with pytest.raises(AssertionError, match="Not equal"):
        assert_formula(wrapped, 2.0, changed=lambda x: x + 1e-3)


@pytest.mark.parametrize("n", [1.0, 10.0])
@every_wrapped
def test_starts_as_what_it_wraps(wrapped, n):
    activation, function = WRAPPED[wrapped]
    layer = AdaptiveActivation(activation, n=n)
    x = random(4, 3)
    np.testing.assert_allclose(numpy_of(layer(tensor(x, "float32"))), function(x), rtol=1e-5, atol=1e-6)
    start = {name: float(value) for name, value in weights_of(layer).items() if name in ("scale", "slope", "shift")}
    assert start == pytest.approx({"scale": 1.0, "slope": 1 / n, "shift": 0.0})


def test_gradients():
    """With respect to the input and to each weight, which a fixed `n` makes larger for the slope alone."""
    x = random(5)
    for n in (1.0, 7.0):
        layer = AdaptiveActivation("tanh", scale=1.5, slope=0.4, shift=0.3, n=n, dtype="float64")
        z = n * 0.4 * x + 0.3
        inner = 1.5 * (1 - np.tanh(z) ** 2)
        np.testing.assert_allclose(numpy_of(gradient(layer, tensor(x))), inner * n * 0.4, rtol=1e-5)
        expected = {"scale": np.tanh(z).sum(), "slope": (inner * n * x).sum(), "shift": inner.sum()}
        model = keras.Sequential([keras.Input((5,)), layer])
        model.compile(keras.optimizers.SGD(1.0), loss=lambda y, p: keras.ops.sum(p))
        before = weights_of(layer)
        model.fit(x[None], np.zeros((1, 5)), verbose=0)
        after = weights_of(layer)
        for name, value in expected.items():
            assert before[name] - after[name] == pytest.approx(value, rel=1e-5)


@pytest.mark.parametrize(
    ("arguments", "shape", "weight_shape"),
    [
        ({}, (2, 5, 3), ()),
        ({"axis": -1}, (2, 5, 3), (3,)),
        ({"num_parameters": 3}, (2, 5, 3), (3,)),
        ({"num_parameters": 5, "axis": 1}, (2, 5, 3), (5,)),
        ({"axis": (-1, 1)}, (2, 5, 3), (5, 3)),
        ({"axis": (1, 2, 3)}, (2, 4, 4, 3), (4, 4, 3)),
    ],
)
def test_parameters_along_axes(arguments, shape, weight_shape):
    layer = AdaptiveActivation("tanh", **arguments)
    assert bool(layer.weights) == ("num_parameters" in arguments or not arguments)
    x = random(*shape)
    layer(tensor(x, "float32"))
    assert {tuple(one.shape) for one in layer.weights} == {weight_shape}
    aligned = []
    axes = layer.axis or ([-1] if layer.num_parameters else [])
    axes = sorted(axis % len(shape) for axis in axes)
    for i, weight in enumerate(layer.weights):
        values = np.random.default_rng(i).uniform(0.5, 1.5, weight_shape)
        weight.assign(values)
        aligned.append(values.reshape([shape[axis] if axis in axes else 1 for axis in range(len(shape))]))
    scale, slope, shift = aligned
    expected = scale * np.tanh(slope * x + shift)
    np.testing.assert_allclose(numpy_of(layer(tensor(x, "float32"))), expected, rtol=1e-5, atol=1e-6)
    again = AdaptiveActivation.from_config(layer.get_config())
    again.build(shape)
    assert {tuple(one.shape) for one in again.weights} == {weight_shape}


def test_unknown_sizes():
    inputs = keras.Input((None, None, 3))
    model = keras.Model(inputs, AdaptiveActivation("swish", axis=-1)(inputs))
    assert model.output.shape == (None, None, None, 3)
    for size in (4, 7):
        assert model(np.ones((1, size, size, 3), "float32")).shape == (1, size, size, 3)
    with pytest.raises(ValueError, match="no fixed size"):
        AdaptiveActivation("swish", axis=(1, 2, 3))(inputs)


@pytest.mark.sweep(4)
@pytest.mark.parametrize("wrapped", ["tanh", "prelu", "snake(alpha=2.0)"])
@pytest.mark.parametrize("kind", KINDS)
def test_inside_other_layers(kind, wrapped, tmp_path):
    def make():
        return functional(kind, AdaptiveActivation(wrapped, n=2.0))

    model = moved(make())
    x, _ = data(model)
    expected = outputs(model, x)
    assert np.ptp(expected) > 0
    for name in ("model.keras", "model.h5"):
        model.save(tmp_path / name)
        np.testing.assert_array_equal(outputs(keras.models.load_model(tmp_path / name), x), expected)
    model.save_weights(tmp_path / "model.weights.h5")
    fresh = make()
    assert fresh.count_params() == model.count_params()
    fresh.load_weights(tmp_path / "model.weights.h5")
    clone, from_json = keras.models.clone_model(model), keras.models.model_from_json(model.to_json())
    for again in (clone, from_json):
        again.set_weights(model.get_weights())
    for again in (fresh, clone, from_json, pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        np.testing.assert_array_equal(outputs(again, x), expected)
        assert not {id(one) for one in model.weights} & {id(one) for one in again.weights}


@pytest.mark.sweep(1)
@pytest.mark.parametrize("kind", KINDS)
def test_training_moves_every_weight(kind):
    model = functional(kind, AdaptiveActivation("snake(alpha=2.0)"))
    learned = [one for one in model.trainable_weights if one.name.partition("_")[0] in ("scale", "slope", "shift")]
    assert len(learned) == (6 if "bidirectional" in kind else 3)
    before = [numpy_of(one.value) for one in learned]
    one_step(model)
    for weight, old in zip(learned, before, strict=True):
        assert np.isfinite(numpy_of(weight.value))
        assert numpy_of(weight.value) != old, weight.path


@pytest.mark.sweep(4)
@pytest.mark.parametrize("axis", [None, -1])
@pytest.mark.parametrize("wrapped", [*WRAPPED, "built_late"])
def test_as_a_layer_of_its_own(wrapped, axis, tmp_path):
    """Also around a layer that makes its weights on build."""
    activation = keras.layers.PReLU(shared_axes=[1]) if wrapped == "built_late" else WRAPPED[wrapped][0]
    if isinstance(activation, keras.Layer):
        activation = type(activation).from_config(activation.get_config())
    inputs = keras.Input((4, 3))
    hidden = AdaptiveActivation(activation, axis=axis)(inputs)
    model = keras.Model(inputs, keras.layers.Dense(2)(keras.layers.Flatten()(hidden)))
    moved(model)
    x = random(5, 4, 3).astype("float32")
    for name in ("model.keras", "model.h5"):
        model.save(tmp_path / name)
        np.testing.assert_array_equal(outputs(keras.models.load_model(tmp_path / name), x), outputs(model, x))
    clone = keras.models.clone_model(model)
    clone.set_weights(model.get_weights())
    np.testing.assert_array_equal(outputs(clone, x), outputs(model, x))


def test_a_stochastic_activation_stays_one():
    layer = AdaptiveActivation("rrelu", scale=2.0)
    x = -np.ones((64, 4), "float32")
    np.testing.assert_allclose(numpy_of(layer(x, training=False)), -2 * 11 / 48, rtol=1e-5)
    assert np.ptp(numpy_of(layer(x, training=True))) > 0.1


@pytest.mark.sweep(1)
@pytest.mark.parametrize("each", [{}, {"axis": -1}, {"num_parameters": 8}], ids=str)
def test_in_a_dense_block(each):
    block = DenseBlock(8, activation=AdaptiveActivation("tanh", **each, n=2.0), scheme="published")
    assert block.pairing.gain == pytest.approx(actx.gain("tanh"), rel=1e-6)
    block.build((None, 6))
    assert tuple(block.activation_layer.weights[0].shape) == ((8,) if each else ())
    x = random(3, 6).astype("float32")
    again = DenseBlock.from_config(block.get_config())
    again.build((None, 6))
    for weight, other in zip(again.weights, block.weights, strict=True):
        weight.assign(other)
    np.testing.assert_array_equal(numpy_of(again(x)), numpy_of(block(x)))


@pytest.mark.parametrize("dtype", DTYPES)
def test_dtypes(dtype):
    """The dtype of the input, rounded once."""
    x = np.round(random(4, 3) * 8) / 8
    for policy in ("float32", "mixed_float16"):
        keras.config.set_dtype_policy(policy)
        layer = AdaptiveActivation("tanh", scale=1.3, slope=0.7, shift=0.1)
        assert {one.dtype for one in layer.weights} == {"float32"}
        result = layer(keras.ops.cast(tensor(x), dtype))
        assert keras.backend.standardize_dtype(result.dtype) == dtype
        assert layer(keras.Input((3,), dtype=dtype)).dtype == dtype
        bits = {"float16": 11, "bfloat16": 8}.get(dtype, 21)
        np.testing.assert_allclose(numpy_of(result), 1.3 * np.tanh(0.7 * x + 0.1), rtol=2.0**-bits, atol=1e-6)
    whole = AdaptiveActivation("tanh")(keras.ops.convert_to_tensor([[1, -2]], dtype="int32"))
    np.testing.assert_allclose(numpy_of(whole), np.tanh([[1, -2]]), rtol=1e-5)


def test_masks_pass():
    tokens = np.array([[1, 2, 0], [3, 4, 5]])
    layer = AdaptiveActivation("tanh")
    inputs = keras.Input((3,), dtype="int32")
    hidden = layer(keras.layers.Embedding(6, 4, mask_zero=True)(inputs))
    model = keras.Model(inputs, keras.layers.GlobalAveragePooling1D()(hidden))
    inner = keras.Model(inputs, hidden)
    expected = numpy_of(inner(tokens))
    np.testing.assert_allclose(numpy_of(model(tokens))[0], expected[0, :2].mean(axis=0), rtol=1e-5)
    assert layer.compute_mask(tokens, "mask") == "mask"


def test_initializer_regularizer_and_constraint():
    layer = AdaptiveActivation(
        "tanh",
        num_parameters=4,
        initializer={"slope": keras.initializers.RandomNormal(stddev=1.0, seed=3)},
        regularizer={"scale": keras.regularizers.L2(0.5)},
        constraint=keras.constraints.NonNeg(),
        parameters=("slope", "scale"),
    )
    assert list(weights_of(layer)) == ["scale", "slope"]
    assert np.ptp(weights_of(layer)["slope"]) > 0
    assert weights_of(layer)["scale"].tolist() == [1.0] * 4
    assert float(keras.ops.convert_to_numpy(sum(layer.losses))) == pytest.approx(2.0)
    assert all(isinstance(one.constraint, keras.constraints.NonNeg) for one in layer.weights)
    again = AdaptiveActivation.from_config(layer.get_config())
    assert again.get_config() == layer.get_config()


@every_wrapped
def test_config_round_trip(wrapped):
    activation, _ = WRAPPED[wrapped]
    layer = AdaptiveActivation(activation, scale=2.0, n=3.0, parameters=("shift",), axis=(1, -1), trainable=False)
    config = layer.get_config()
    assert (config["scale"], config["slope"], config["n"], config["parameters"]) == (2.0, None, 3.0, ["shift"])
    assert AdaptiveActivation.from_config(config).get_config() == config
    saved = keras.saving.serialize_keras_object(layer)
    assert saved["registered_name"] == "keras_actx>AdaptiveActivation"
    assert keras.saving.deserialize_keras_object(saved).get_config() == config


@pytest.mark.parametrize(
    ("activation", "arguments", "says"),
    [
        ("tahn", {}, "tanh"),
        (3, {}, "Could not interpret"),
        ("swiglu", {}, "GatedLinearUnit"),
        (actx.describe("swiglu").formula, {"n": 0.0}, "n=0.0"),
        (actx.Activation("swiglu", ()), {}, "GatedLinearUnit"),
        ("maxout", {}, "Maxout"),
        ("tanh", {"n": -1.0}, "n=-1.0"),
        ("tanh", {"n": float("inf")}, "n=inf"),
        ("tanh", {"scale": "1"}, "scale='1'"),
        ("tanh", {"scale": True}, "scale=True"),
        ("tanh", {"slope": float("nan")}, "None for 1 / n"),
        ("tanh", {"shift": None}, "shift=None"),
        ("tanh", {"parameters": ()}, "one or more of 'scale', 'slope' and 'shift'"),
        ("tanh", {"parameters": "slope"}, "parameters='slope'"),
        ("tanh", {"parameters": ("alpha",)}, "parameters"),
        ("tanh", {"parameters": ("slope", "slope")}, "parameters"),
        ("tanh", {"num_parameters": 0}, "num_parameters"),
        ("tanh", {"num_parameters": 2**40}, "num_parameters"),
        ("tanh", {"axis": 0}, "batch axis"),
        ("tanh", {"axis": (1, 2), "num_parameters": 3}, "one axis"),
        ("tanh", {"initializer": {"slop": "ones"}}, "slope"),
    ],
)
def test_bad_arguments(activation, arguments, says):
    with pytest.raises(ValueError) as caught:
        AdaptiveActivation(activation, **arguments)
    assert says in str(caught.value)


def test_what_changes_the_shape_is_refused():
    for activation in (actx.layers.CReLU(), actx.layers.GatedLinearUnit("swiglu"), actx.activations.swiglu):
        with pytest.raises(ValueError, match=r"keras_actx\.layers\."):
            AdaptiveActivation(activation)
    for use in (AdaptiveActivation(keras.layers.Flatten()), AdaptiveActivation(keras.layers.Flatten(), axis=-1)):
        with pytest.raises(ValueError, match="keeps the shape"):
            use(keras.Input((4, 4)))
        with pytest.raises(ValueError, match="keeps the shape"):
            use(np.ones((2, 4, 4), "float32"))
    with pytest.raises(ValueError, match="keeps the shape"):
        AdaptiveActivation(lambda x: x[:, :1])(np.ones((2, 3), "float32"))


class WithoutShape(keras.layers.Layer):
    """A user's layer that does not say its output shape."""

    def call(self, x):
        return 2.0 * x


def test_a_layer_that_does_not_say_its_shape():
    inputs = keras.Input((4,))
    model = keras.Model(inputs, AdaptiveActivation(WithoutShape())(inputs))
    x = random(3, 4).astype("float32")
    np.testing.assert_allclose(outputs(model, x), 2 * x, rtol=1e-6)


def test_axes_that_do_not_fit():
    for axis in ((1, -1), 4, -3, -2):
        with pytest.raises(ValueError, match="fit"):
            AdaptiveActivation("tanh", axis=axis)(np.ones((2, 3), "float32"))
