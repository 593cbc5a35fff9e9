"""What the layers of context_layers.py have in common; each has a file of its own for the rest."""

import keras
import numpy as np
import pytest
from arrays import random, tensor
from context_layers import (
    CASES,
    CLOSE,
    PLACES,
    L,
    assert_formula,
    every_case,
    moved,
    numpy_of,
    shape_of,
    weights_of,
)

import keras_actx as actx
from keras_actx.testing.backend import gradient


@pytest.mark.sweep(4)
@pytest.mark.parametrize(("case", "rank", "data_format"), PLACES)
def test_formula(case, rank, data_format):
    assert_formula(case, rank, data_format)


@pytest.mark.sweep(4)
@pytest.mark.parametrize(
    ("case", "rank", "data_format"), [one for one in PLACES if one[0] in ("funnel_relu", "meta_acon", "dice")]
)
def test_formula_in_training(case, rank, data_format):
    """With the statistics of the batch, which the running ones then follow."""
    assert_formula(case, rank, data_format, training=True)


@pytest.mark.sweep(1)
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_running_statistics(data_format):
    x = random(3, 4, 5)
    for make in (L.FunnelReLU, L.MetaACON):
        layer = make(momentum=0.5, data_format=data_format, dtype="float64")
        layer.build(x.shape)
        before = moved(layer)
        layer(tensor(x), training=False)
        for name, value in weights_of(layer).items():
            np.testing.assert_array_equal(value, before[name])
        layer(tensor(x), training=True)
        after = weights_of(layer)
        changed = {name for name in after if not np.array_equal(before[name], after[name])}
        assert changed == {name for name in after if "moving" in name}
    layer = L.Dice(1 if data_format == "channels_first" else -1, momentum=0.5, dtype="float64")
    layer(tensor(x), training=True)
    axes = (0, 2) if data_format == "channels_first" else (0, 1)
    found = weights_of(layer)
    np.testing.assert_allclose(found["normalization/moving_mean"], 0.5 * x.mean(axis=axes), **CLOSE)
    np.testing.assert_allclose(found["normalization/moving_variance"], 0.5 + 0.5 * x.var(axis=axes), **CLOSE)


@pytest.mark.parametrize(("case", "changed"), [(case, one) for case in CASES for one in CASES[case][3]])
def test_another_formula_does_not_pass(case, changed):
    with pytest.raises(AssertionError, match="Not equal"):
        assert_formula(case, 4, **changed)


@pytest.mark.sweep(4)
@every_case
def test_gradient(case):
    """What each number adds to a weighted sum of the results when it moves a little."""
    make, formula, ranks, _ = CASES[case]
    x, share = random(*shape_of(ranks[0], batch=2)), random(*shape_of(ranks[0], batch=2), seed=1)
    layer = make(dtype="float64")
    layer.build(x.shape)
    weights = moved(layer)
    found = numpy_of(gradient(lambda one: tensor(share) * layer(one), tensor(x)))
    step = 1e-6
    for i in np.ndindex(*x.shape):
        above, below = x.copy(), x.copy()
        above[i] += step
        below[i] -= step
        slope = ((formula(above, weights, False) - formula(below, weights, False)) * share).sum() / (2 * step)
        assert found[i] == pytest.approx(slope, rel=1e-5, abs=1e-5)


# Numbers --------------------------------------------------------------------------------------------------------------


@pytest.mark.sweep(4)
@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
@every_case
def test_mixed_precision(case, policy):
    make, formula, ranks, _ = CASES[case]
    keras.config.set_dtype_policy(policy)
    shape = shape_of(ranks[-1])
    layer = make()
    layer.build(shape)
    weights = moved(layer)
    assert {one.dtype for one in layer.weights} == {"float32"}
    x = keras.ops.cast(tensor(random(*shape), "float32"), layer.compute_dtype)
    found = layer(x)
    assert keras.backend.standardize_dtype(found.dtype) == layer.compute_dtype
    assert layer(keras.Input(shape[1:], dtype=layer.compute_dtype)).dtype == layer.compute_dtype
    rounding = 2e-2 if "bfloat" in policy else 3e-3
    np.testing.assert_allclose(numpy_of(found), formula(numpy_of(x), weights, False), rtol=rounding, atol=8 * rounding)


@pytest.mark.parametrize("make", [L.DynamicReLU, L.MetaACON])
def test_a_mean_does_not_leave_float16(make):
    keras.config.set_dtype_policy("mixed_float16")
    layer = make()
    x = keras.ops.full((2, 64, 64, 4), 3000.0, dtype="float16")  # their sum is above 65504
    assert np.isfinite(numpy_of(layer(x))).all()


@pytest.mark.sweep(1)
@every_case
def test_whole_numbers(case):
    make, formula, ranks, _ = CASES[case]
    x = np.arange(np.prod(shape_of(ranks[-1]))).reshape(shape_of(ranks[-1])) % 7 - 3
    layer = make()
    layer.build(x.shape)
    weights = moved(layer)
    found = layer(keras.ops.convert_to_tensor(x, dtype="int32"))
    assert keras.backend.standardize_dtype(found.dtype) == "float32"
    np.testing.assert_allclose(numpy_of(found), formula(x.astype(float), weights, False), rtol=1e-4, atol=1e-5)


# Models ---------------------------------------------------------------------------------------------------------------


def model_of(case, data_format="channels_last", rank=None, size=None):
    """A model of unknown batch and space, two outputs, with the layer in the middle."""
    make, _, ranks, _ = CASES[case]
    rank = rank or ranks[-1]
    space = (size,) * (rank - 2)
    first = data_format == "channels_first"
    inputs = keras.Input((5, *space) if first else (*space, 5))
    hidden = make(data_format=data_format)(inputs)
    assert hidden.shape == inputs.shape
    if rank > 2:
        pooling = getattr(keras.layers, f"GlobalAveragePooling{rank - 2}D")
        hidden = pooling(data_format=data_format)(hidden)
    return keras.Model(inputs, keras.layers.Dense(2)(hidden))


def data_for(model, batch=6, size=4):
    shape = [size if one is None else one for one in model.input_shape[1:]]
    return random(batch, *shape).astype("float32"), random(batch, 2, seed=1).astype("float32")


@pytest.mark.sweep(4)
@pytest.mark.parametrize(("case", "rank", "data_format"), PLACES)
def test_unknown_sizes(case, rank, data_format):
    model = model_of(case, data_format, rank)
    for batch, size in ((1, 3), (4, 5)):
        x, _ = data_for(model, batch, size)
        assert model.predict(x, verbose=0).shape == (batch, 2)


@every_case
def test_training_moves_every_weight(case):
    model = model_of(case)
    model.compile(optimizer=keras.optimizers.SGD(0.1), loss=keras.losses.MeanSquaredError())
    before = model.get_weights()
    steps = 2 if "dynamic" in case else 1  # its second layer starts from zeros, and shields the first
    model.fit(*data_for(model), epochs=steps, batch_size=6, verbose=0)
    for weight, old, new in zip(model.weights, before, model.get_weights(), strict=True):
        assert np.isfinite(new).all()
        assert not np.array_equal(old, new), weight.path


@pytest.mark.sweep(4)
@every_case
def test_saved_and_loaded(case, tmp_path):
    model = model_of(case, size=4)
    moved(model.layers[1])
    x, y = data_for(model)
    model.compile(optimizer="sgd", loss=keras.losses.MeanSquaredError())
    model.fit(x, y, batch_size=4, verbose=0)
    expected = model.predict(x, verbose=0)
    assert np.ptp(expected) > 0
    for name in ("model.keras", "model.h5"):
        model.save(tmp_path / name)
        np.testing.assert_array_equal(keras.models.load_model(tmp_path / name).predict(x, verbose=0), expected)
    model.save_weights(tmp_path / "model.weights.h5")
    fresh = model_of(case, size=4)
    assert fresh.count_params() == model.count_params()
    fresh.load_weights(tmp_path / "model.weights.h5")
    clone, from_json = keras.models.clone_model(model), keras.models.model_from_json(model.to_json())
    for again in (clone, from_json):
        again.set_weights(model.get_weights())
    for again in (fresh, clone, from_json):
        np.testing.assert_array_equal(again.predict(x, verbose=0), expected)


@every_case
def test_config_round_trip(case):
    make = CASES[case][0]
    layer = make(data_format="channels_first") if case != "poly_norm" else make()
    config = layer.get_config()
    again = type(layer).from_config(config)
    assert again.get_config() == config
    saved = keras.saving.serialize_keras_object(layer)
    assert saved["registered_name"] == f"keras_actx>{type(layer).__name__}"
    assert keras.saving.deserialize_keras_object(saved).get_config() == config


@pytest.mark.parametrize("make", [L.FunnelReLU, L.DynamicReLU, L.MetaACON])
def test_kerass_data_format_is_the_default(make):
    usual = keras.config.image_data_format()
    try:
        keras.config.set_image_data_format("channels_first")
        layer = make()
    finally:
        keras.config.set_image_data_format(usual)
    assert layer.data_format == layer.get_config()["data_format"] == "channels_first"
    layer.build((None, 3, 8, 8))
    assert make().data_format == usual


# Masks ----------------------------------------------------------------------------------------------------------------

MASKED = ("funnel_relu", "dynamic_relu", "meta_acon", "dice", "poly_norm")
MASK = np.array([[True] * 4 + [False] * 2, [True] * 6])


@pytest.mark.sweep(1)
@pytest.mark.parametrize("case", MASKED)
def test_masked_steps_do_not_count(case):
    layer = CASES[case][0](dtype="float64")
    x = random(2, 6, 5)
    layer.build(x.shape)
    moved(layer)
    mask = {} if case == "poly_norm" else {"mask": keras.ops.convert_to_tensor(MASK)}
    found = numpy_of(layer(tensor(x), **mask))
    np.testing.assert_allclose(found[0, :4], numpy_of(layer(tensor(x[:1, :4])))[0], **CLOSE)
    np.testing.assert_allclose(found[1], numpy_of(layer(tensor(x[1:])))[0], **CLOSE)
    assert layer.compute_mask(x, MASK) is MASK


@pytest.mark.sweep(1)
@pytest.mark.parametrize("make", [L.DynamicReLU, L.MetaACON])
def test_masks_with_channels_first_and_images(make):
    x = random(2, 6, 4, 5)
    layer = make(dtype="float64")
    layer.build(x.shape)
    weights = moved(layer)
    mask = keras.ops.convert_to_tensor(MASK)
    found = numpy_of(layer(tensor(x), mask=mask))
    np.testing.assert_allclose(found[0, :4], numpy_of(layer(tensor(x[:1, :4])))[0], **CLOSE)
    first = make(data_format="channels_first", dtype="float64")
    first.build((2, 5, 6, 4))
    for weight, value in zip(first.weights, weights.values(), strict=True):
        weight.assign(value)
    swapped = numpy_of(first(tensor(np.moveaxis(x, -1, 1)), mask=mask))
    np.testing.assert_allclose(np.moveaxis(swapped, 1, -1), found, **CLOSE)


@pytest.mark.parametrize("make", [L.DynamicReLU, L.MetaACON])
def test_a_sequence_of_nothing(make):
    layer = make()
    x = keras.ops.ones((2, 6, 4))
    assert np.isfinite(numpy_of(layer(x, mask=keras.ops.zeros((2, 6), dtype="bool")))).all()


@pytest.mark.parametrize("case", ["funnel_relu", "dice"])
def test_masked_steps_do_not_count_in_the_statistics(case):
    layer = CASES[case][0](dtype="float64", momentum=0.0)
    x = random(2, 6, 5)
    layer.build(x.shape)
    weights = moved(layer)
    layer(tensor(x), training=True, mask=keras.ops.convert_to_tensor(MASK))
    if case == "funnel_relu":
        clean = np.where(MASK[..., None], x, 0.0)
        kernel = weights["depthwise/kernel"][..., 0]
        padded = np.pad(clean, [(0, 0), (1, 1), (0, 0)])
        x = sum(padded[:, i : i + 6] * kernel[i] for i in range(3))
    np.testing.assert_allclose(weights_of(layer)["normalization/moving_mean"], x[MASK].mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(weights_of(layer)["normalization/moving_variance"], x[MASK].var(axis=0), rtol=1e-6)


@pytest.mark.parametrize("case", MASKED)
def test_masks_of_embeddings_arrive_and_pass(case):
    tokens = np.array([[1, 2, 3, 0, 0, 0], [4, 5, 6, 7, 8, 0]])
    inputs = keras.Input((None,), dtype="int32")
    hidden = CASES[case][0]()(keras.layers.Embedding(9, 5, mask_zero=True)(inputs))
    model = keras.Model(inputs, keras.layers.GlobalAveragePooling1D()(hidden))
    longer = np.pad(tokens, [(0, 0), (0, 3)])
    np.testing.assert_allclose(model.predict(longer, verbose=0), model.predict(tokens, verbose=0), rtol=1e-5, atol=1e-6)


# Names ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("funnel_relu", "FunnelReLU()"),
        ("dynamic_relu", "DynamicReLU()"),
        ("dyrelu", "DynamicReLU()"),
        ("meta_acon", "MetaACON()"),
        ("dice", "Dice()"),
        ("poly_norm", "PolyNorm()"),
        ("adaptive", "AdaptiveActivation(activation)"),
    ],
)
def test_a_name_says_which_layer_to_write(name, written):
    for use in (actx.get, lambda one: keras.layers.Dense(4, activation=one)):
        with pytest.raises(ValueError, match="is a standalone layer") as caught:
            use(name)
        assert f"keras_actx.layers.{written}" in str(caught.value)
        assert ("activation=keras_actx.layers." in str(caught.value)) == (name in ("poly_norm", "adaptive"))
