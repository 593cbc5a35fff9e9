"""`LearnableActivation`, `StochasticActivation` and `GatedLinearUnit` as layers of their own."""

import all_activations
import keras
import numpy as np
import pytest

import keras_actx as actx
from keras_actx.layers import GatedLinearUnit, LearnableActivation, StochasticActivation


def as_numpy(x):
    return keras.ops.convert_to_numpy(x)


def test_scalar_by_default_and_built_at_once():
    layer = LearnableActivation("swish(beta=2.0)")
    assert [(one.name, tuple(one.shape)) for one in layer.weights] == [("beta", ())]
    assert layer.built
    x = np.linspace(-3, 3, 12, dtype="float32").reshape(3, 4)
    np.testing.assert_allclose(as_numpy(layer(x)), x / (1 + np.exp(-2 * x)), rtol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "shape", "weight_shape"),
    [
        ({"axis": -1}, (2, 5, 3), (3,)),
        ({"num_parameters": 3}, (2, 5, 3), (3,)),
        ({"num_parameters": 5, "axis": 1}, (2, 5, 3), (5,)),
        ({"axis": (1, 2)}, (2, 5, 3), (5, 3)),
        ({"axis": (-1, 1)}, (2, 5, 3), (5, 3)),
        ({"axis": (1, 2, 3)}, (2, 4, 4, 3), (4, 4, 3)),
        ({"axis": 1}, (2, 3, 4, 5, 6), (3,)),
        ({"axis": -1}, (7, 3), (3,)),
    ],
)
def test_parameters_along_axes(arguments, shape, weight_shape):
    layer = LearnableActivation("prelu", **arguments)
    x = np.random.default_rng(0).normal(size=shape).astype("float32")
    layer(x)
    (slope,) = layer.weights
    assert tuple(slope.shape) == weight_shape
    values = np.random.default_rng(1).uniform(0.1, 0.9, weight_shape).astype("float32")
    slope.assign(values)
    axes = sorted(axis % len(shape) for axis in np.atleast_1d(layer.axis or -1))
    aligned = values.reshape([shape[axis] if axis in axes else 1 for axis in range(len(shape))])
    np.testing.assert_allclose(as_numpy(layer(x)), np.where(x >= 0, x, aligned * x), rtol=1e-6)
    again = LearnableActivation.from_config(layer.get_config())
    again.build(shape)
    assert tuple(again.weights[0].shape) == weight_shape


def test_variable_image_sizes():
    inputs = keras.Input((None, None, 3))
    model = keras.Model(inputs, LearnableActivation("prelu", axis=-1)(inputs))
    assert model.output.shape == (None, None, None, 3)
    for size in (4, 7):
        assert model(np.ones((1, size, size, 3), "float32")).shape == (1, size, size, 3)
    with pytest.raises(ValueError, match="no fixed size"):
        LearnableActivation("prelu", axis=(1, 2, 3))(inputs)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision_keeps_float32_parameters(policy):
    layer = LearnableActivation("snake", num_parameters=4, dtype=policy)
    assert layer.weights[0].dtype == "float32"
    x = keras.ops.ones((2, 4), dtype=layer.compute_dtype)
    assert keras.backend.standardize_dtype(layer(x).dtype) == layer.compute_dtype
    assert layer.compute_output_spec(keras.KerasTensor((2, 4), dtype="float16")).dtype == "float16"


def test_every_parametric_activation_learns_and_round_trips():
    x = np.random.default_rng(0).normal(size=(8, 3)).astype("float32")
    for name in all_activations.names(kind="parametric"):
        if ">" in name or actx.describe(name).stochastic:
            continue  # the former is what other tests declare
        layer = LearnableActivation(name, num_parameters=3)
        assert (
            tuple(one.name for one in layer.weights) == layer.learned_names == actx.describe(name).learnable_parameters
        )
        np.testing.assert_allclose(as_numpy(layer(x)), as_numpy(layer.activation(x)), rtol=1e-5, atol=1e-6)
        again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
        assert again.get_config() == layer.get_config()
        assert isinstance(actx.get(f"{name}(learnable=True)"), LearnableActivation)


def test_ranges_are_kept_while_learning():
    layer = LearnableActivation("snake(alpha=0.5)")
    model = keras.Sequential([keras.Input((1,)), layer])
    model.compile(
        optimizer=keras.optimizers.SGD(100.0), loss=lambda y, p: keras.ops.mean(layer.weights[0] * 5.0 + 0 * p)
    )
    model.fit(np.ones((4, 1)), np.ones((4, 1)), epochs=3, verbose=0)
    assert 0 < float(as_numpy(layer.weights[0])) <= 1e-5  # pushed down hard, and stopped inside (0, inf)


def test_initializer_regularizer_and_constraint():
    layer = LearnableActivation(
        "acon_c",
        num_parameters=4,
        initializer={"p1": keras.initializers.RandomNormal(stddev=1.0, seed=3)},
        regularizer=keras.regularizers.L2(0.5),
        constraint={"beta": keras.constraints.NonNeg()},
    )
    p1, p2, beta = layer.weights
    assert np.ptp(as_numpy(p1)) > 0
    np.testing.assert_array_equal(as_numpy(p2), 0)
    assert isinstance(beta.constraint, keras.constraints.NonNeg)
    expected = 0.5 * sum(float(np.sum(as_numpy(one) ** 2)) for one in layer.weights)
    assert float(as_numpy(sum(layer.losses))) == pytest.approx(expected, rel=1e-5)
    again = LearnableActivation.from_config(layer.get_config())
    assert again.get_config() == layer.get_config()


def test_chosen_parameters():
    layer = LearnableActivation("xielu", parameters=("beta",))
    assert [one.name for one in layer.weights] == ["beta"]  # fixed in the paper, learnable if you say so
    assert [one.name for one in LearnableActivation("xielu").weights] == ["alpha_p", "alpha_n"]


@pytest.mark.parametrize(
    ("activation", "arguments", "says"),
    [
        ("mish", {}, "no learnable parameter"),
        ("swiglu", {}, "no learnable parameter"),
        ("rrelu", {}, "no learnable parameter"),
        ("relux", {}, "relu"),
        (None, {}, "give a name"),
        (lambda x: x, {}, "keras_actx.register_activation"),
        ("prelu", {"num_parameters": 0}, "num_parameters"),
        ("prelu", {"num_parameters": True}, "num_parameters"),
        ("prelu", {"num_parameters": 2**40}, "num_parameters"),
        ("prelu", {"axis": 0}, "batch axis"),
        ("prelu", {"axis": "last"}, "batch axis"),
        ("prelu", {"axis": (1, 2), "num_parameters": 3}, "one axis"),
        ("prelu", {"parameters": ("slope",)}, "negative_slope"),
        ("prelu", {"parameters": "negative_slope"}, "list of names"),
        ("prelu", {"parameters": 3}, "list of names"),
        ("prelu", {"parameters": []}, "list of names"),
        ("prelu", {"initializer": {"slope": "ones"}}, "negative_slope"),
    ],
)
def test_bad_arguments(activation, arguments, says):
    with pytest.raises(ValueError, match=says):
        LearnableActivation(activation, **arguments)


def test_axes_that_do_not_fit():
    for axis in ((1, -1), 4, -3):
        with pytest.raises(ValueError, match="does not fit"):
            LearnableActivation("prelu", axis=axis)(np.ones((2, 3), "float32"))
    with pytest.raises(ValueError, match="fit"):
        LearnableActivation("prelu", axis=-2)(np.ones((2, 3), "float32"))  # the batch axis


def test_masks_pass_through():
    inputs = keras.Input((4,), dtype="int32")
    embedded = keras.layers.Embedding(5, 3, mask_zero=True)(inputs)
    for layer in (LearnableActivation("prelu"), StochasticActivation("rrelu")):
        assert layer.compute_mask(embedded, "mask") == "mask"


def test_stochastic_respects_training_and_seed(tmp_path):
    x = -np.ones((64, 4), "float32")
    one, other = StochasticActivation("rrelu", seed=5), StochasticActivation("rrelu", seed=5)
    drawn = as_numpy(one(x, training=True))
    np.testing.assert_array_equal(drawn, as_numpy(other(x, training=True)))
    assert not np.array_equal(drawn, as_numpy(one(x, training=True)))  # the next draw is another
    assert (drawn >= -1 / 3 - 1e-6).all()
    assert (drawn <= -1 / 8 + 1e-6).all()
    assert np.ptp(drawn) > 0.15
    np.testing.assert_allclose(as_numpy(one(x, training=False)), -11 / 48, rtol=1e-6)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(4, activation="rrelu"), one])
    model.compile("sgd", keras.losses.MeanSquaredError())
    model.fit(x, x, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(as_numpy(model(x)), as_numpy(loaded(x)))
    for seed in (-1, 1.5, True, 2**40):
        with pytest.raises(ValueError, match="seed"):
            StochasticActivation("rrelu", seed=seed)
    with pytest.raises(ValueError, match="not stochastic"):
        StochasticActivation("relu")


def test_gated_linear_unit():
    x = np.random.default_rng(0).normal(size=(3, 8)).astype("float32")
    value, gate = x[:, :4], x[:, 4:]
    expected = value * gate / (1 + np.exp(-gate))
    np.testing.assert_allclose(as_numpy(GatedLinearUnit("swiglu")(x)), expected, rtol=1e-5, atol=1e-6)
    swapped = np.concatenate([gate, value], axis=1)
    np.testing.assert_allclose(
        as_numpy(GatedLinearUnit("swiglu", gate="first")(swapped)), expected, rtol=1e-5, atol=1e-6
    )
    inputs = keras.Input((5, 8))
    model = keras.Model(inputs, keras.layers.Dense(2)(GatedLinearUnit("glu")(inputs)))
    assert model.layers[1].output.shape == (None, 5, 4)
    assert model(np.ones((1, 5, 8))).shape == (1, 5, 2)
    layer = GatedLinearUnit("geglu", gate="first")
    assert GatedLinearUnit.from_config(layer.get_config()).get_config() == layer.get_config()
    with pytest.raises(ValueError, match="even size"):
        GatedLinearUnit("glu")(keras.Input((5,)))
    with pytest.raises(ValueError, match="not gated"):
        GatedLinearUnit("relu")
    with pytest.raises(ValueError, match="'first' or 'last'"):
        GatedLinearUnit("glu", gate="left")
