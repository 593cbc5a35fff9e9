"""Every layer kind x every form of activation x everything a user does with a model."""

import copy
import pickle

import keras
import numpy as np
import pytest
from models import (
    ACTIVATIONS,
    LAYERS,
    MORE_ACTIVATIONS,
    AttentionBlock,
    Subclassed,
    data,
    functional,
    moved,
    one_step,
    outputs,
    sequential,
)

ways = pytest.mark.parametrize("activation", ACTIVATIONS.values(), ids=ACTIVATIONS)
kinds = pytest.mark.parametrize("kind", LAYERS)


def assert_same(model, other, x):
    """Equal outputs, and none of them trivial."""
    expected = outputs(model, x)
    assert np.isfinite(expected).all()
    assert np.ptp(expected) > 0
    np.testing.assert_array_equal(outputs(other, x), expected)


@pytest.mark.sweep(6)
@kinds
@ways
def test_full_save(kind, activation, tmp_path):
    model = moved(functional(kind, activation))
    x, _ = data(model)
    for name in ("model.keras", "model.h5"):
        model.save(tmp_path / name)
        assert_same(model, keras.models.load_model(tmp_path / name), x)


@pytest.mark.sweep(6)
@kinds
@ways
def test_weights_into_a_fresh_model(kind, activation, tmp_path):
    model = moved(functional(kind, activation))
    x, _ = data(model)
    model.save_weights(tmp_path / "model.weights.h5")
    fresh = functional(kind, activation)
    assert fresh.count_params() == model.count_params()
    fresh.load_weights(tmp_path / "model.weights.h5")
    assert_same(model, fresh, x)


@pytest.mark.sweep(6)
@kinds
@ways
def test_copies(kind, activation):
    model = moved(sequential(kind, activation))
    x, _ = data(model)
    from_json = keras.models.model_from_json(model.to_json())
    from_json.set_weights(model.get_weights())
    clone = keras.models.clone_model(model)
    clone.set_weights(model.get_weights())
    for other in (from_json, clone, pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        assert_same(model, other, x)
        for own, theirs in zip(model.weights, other.weights, strict=True):
            assert own is not theirs


@pytest.mark.sweep(6)
@kinds
@ways
def test_fit_moves_every_weight(kind, activation):
    model = functional(kind, activation)
    learned = [one for one in model.trainable_weights if one.name.split("_")[0] in ("beta", "negative")]
    assert bool(learned) == ("learnable" in activation)
    before = [keras.ops.convert_to_numpy(one) for one in learned]
    one_step(model)
    for old, new in zip(before, learned, strict=True):
        assert not np.array_equal(old, keras.ops.convert_to_numpy(new))


@pytest.mark.sweep(9)
@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16", "float64"])
@kinds
@ways
def test_dtype_policies(kind, activation, policy):
    reference = functional(kind, activation)
    keras.config.set_dtype_policy(policy)
    model = functional(kind, activation)
    model.set_weights(reference.get_weights())
    variable_dtype = "float64" if policy == "float64" else "float32"
    assert {one.dtype for one in model.weights} <= {variable_dtype, "uint32", "int64"}
    x, _ = data(model)
    result = model(x)
    assert keras.backend.standardize_dtype(result.dtype) == keras.config.dtype_policy().compute_dtype
    np.testing.assert_allclose(outputs(model, x), outputs(reference, x), rtol=0.05, atol=0.05)
    if policy != "float64" and "learnable" in activation:
        before = model.get_weights()
        one_step(model)
        assert all(np.isfinite(one).all() for one in model.get_weights())
        assert any(not np.array_equal(old, new) for old, new in zip(before, model.get_weights(), strict=True))


@pytest.mark.sweep(4)
@pytest.mark.parametrize("activation", MORE_ACTIVATIONS.values(), ids=MORE_ACTIVATIONS)
@pytest.mark.parametrize("kind", ["dense", "conv2d"])
def test_more_ways_of_writing_one(kind, activation, tmp_path):
    model = one_step(functional(kind, activation))
    x, _ = data(model)
    for name in ("model.keras", "model.h5"):
        model.save(tmp_path / name)
        assert_same(model, keras.models.load_model(tmp_path / name), x)
    for other in (keras.models.clone_model(model), keras.models.model_from_json(model.to_json())):
        other.set_weights(model.get_weights())
        assert_same(model, other, x)


@ways
def test_attention_and_activation_layer(activation):
    inputs = keras.Input((4, 3))
    model = keras.Model(inputs, keras.layers.Dense(2)(keras.layers.Flatten()(AttentionBlock(activation)(inputs))))
    x, _ = data(model)
    one_step(model)
    copied = keras.models.clone_model(
        model, clone_function=lambda layer: AttentionBlock(activation) if isinstance(layer, AttentionBlock) else layer
    )
    copied.set_weights(model.get_weights())
    assert_same(model, copied, x)


@ways
def test_subclassed_model(activation, tmp_path):
    model = Subclassed(activation)
    x, y = data((6,))
    model.compile(optimizer="sgd", loss=keras.losses.MeanSquaredError())
    model.fit(x, y, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras", custom_objects={"Subclassed": Subclassed})
    assert_same(model, loaded, x)


@ways
def test_layers_never_share_parameters(activation):
    model = keras.Sequential(
        [keras.Input((6,)), *(keras.layers.Dense(6, activation=activation) for _ in range(3))],
    )
    assert len({id(one) for one in model.weights}) == len(model.weights)
    learned = [one for one in model.weights if one.name.split("_")[0] in ("beta", "negative")]
    assert len(learned) in (0, 3)
    assert len({one.path for one in model.weights}) == len(model.weights)


def test_both_directions_learn_their_own():
    layer = keras.layers.Bidirectional(keras.layers.LSTM(4, activation="prelu"))
    layer.build((None, 4, 3))
    slopes = [one for one in layer.weights if one.name.startswith("negative_slope")]
    assert len(slopes) == 2
    assert len({one.path for one in slopes}) == 2
