"""Activations of a whole image, sequence or feature vector, against the formulas of their papers in numpy."""

import itertools

import keras
import numpy as np
import pytest
from arrays import random, tensor

import keras_actx as actx
from keras_actx.testing.backend import BACKEND, compiled, gradient
from keras_actx.testing.tensors import to_float64 as numpy_of

L = actx.layers
#: Keras's Dense, convolutions and normalization round float64 to float32 on torch and JAX.
CLOSE = {"rtol": 1e-9, "atol": 1e-9} if BACKEND == "tensorflow" else {"rtol": 5e-6, "atol": 5e-6}


# The papers' formulas, channels last; `w` holds a layer's weights by their names --------------------------------------


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def normalized(x, w, name, epsilon, training):
    mean, variance = w[f"{name}/moving_mean"], w[f"{name}/moving_variance"]
    if training:
        mean, variance = (statistic(x, axis=tuple(range(x.ndim - 1))) for statistic in (np.mean, np.var))
    result = (x - mean) / np.sqrt(variance + epsilon)
    return result * w.get(f"{name}/gamma", 1.0) + w.get(f"{name}/beta", 0.0)


def summary(x):
    return x.mean(axis=tuple(range(1, x.ndim - 1)), keepdims=True)


def funnel_relu(x, w, training, *, epsilon=0.01, least=np.maximum):
    kernel = w["depthwise/kernel"][..., 0]
    space = kernel.ndim - 1
    padded = np.pad(x, [(0, 0), *((size // 2, size // 2) for size in kernel.shape[:-1]), (0, 0)])
    condition = np.zeros_like(x)
    for place in itertools.product(*(range(size) for size in kernel.shape[:-1])):
        moved = (slice(at, at + size) for at, size in zip(place, x.shape[1 : 1 + space], strict=True))
        condition += padded[(slice(None), *moved)] * kernel[place]
    return least(x, normalized(condition, w, "normalization", epsilon, training))


def dynamic_relu(x, w, training, *, shared=False, initial_a=(1.0, 0.3, -0.2), lambda_b=0.25):
    hidden = np.maximum(summary(x) @ w["reduce/kernel"] + w["reduce/bias"], 0)
    theta = 2 * sigmoid(hidden @ w["expand/kernel"] + w["expand/bias"]) - 1
    width = 1 if shared else x.shape[-1]
    lines = []
    for i in range(3):
        slope = initial_a[i] + 0.5 * theta[..., i * width : (i + 1) * width]
        lines.append(slope * x + lambda_b * theta[..., (3 + i) * width : (4 + i) * width] + (0.0, 0.1, -0.1)[i])
    return np.max(lines, axis=0)


def meta_acon(x, w, training, *, normalize=True, outer=sigmoid):
    logits = summary(x)
    for i in (1, 2):
        logits = logits @ w[f"fc{i}/kernel"] + w.get(f"fc{i}/bias", 0.0)
        logits = normalized(logits, w, f"bn{i}", 0.02, training) if normalize else logits
    beta, difference = outer(logits), (w["p1"] - w["p2"]) * x
    return difference * sigmoid(beta * difference) + w["p2"] * x


def dice(x, w, training, *, epsilon=1e-8):
    p = sigmoid(normalized(x, w, "normalization", epsilon, training))
    return p * x + (1 - p) * w["alpha"] * x


def poly_norm(x, w, training, *, order=(2, 1, 0), epsilon=0.1):
    def norm(u):
        return u / np.sqrt((u**2).mean(axis=-1, keepdims=True) + epsilon)

    return sum(w["weight"][place] * norm(x**power) for power, place in enumerate(order, start=1)) + w["bias"]


LINES = {"initial_a": [1.0, 0.3, -0.2], "initial_b": [0.0, 0.1, -0.1], "lambda_a": 0.5, "lambda_b": 0.25}

#: name -> (the layer, given its data format; its formula; the ranks it takes; formulas that must not pass for it)
CASES = {
    "funnel_relu": (
        lambda **at: L.FunnelReLU(epsilon=0.01, **at),
        funnel_relu,
        (3, 4),
        ({"epsilon": 0.011}, {"least": np.minimum}),
    ),
    "funnel_relu_5": (lambda **at: L.FunnelReLU((5, 1), epsilon=0.01, **at), funnel_relu, (4,), ({"epsilon": 0.011},)),
    "dynamic_relu": (
        lambda **at: L.DynamicReLU(3, 2, **LINES, **at),
        dynamic_relu,
        (2, 3, 4, 5),
        ({"lambda_b": 0.26}, {"initial_a": (1.0, -0.2, 0.3)}),
    ),
    "dynamic_relu_shared": (
        lambda **at: L.DynamicReLU(3, 2, shared=True, **LINES, **at),
        lambda x, w, training, **changed: dynamic_relu(x, w, training, **{"shared": True, **changed}),
        (2, 3, 4, 5),
        ({"lambda_b": 0.26},),
    ),
    "meta_acon": (
        lambda **at: L.MetaACON(2, epsilon=0.02, **at),
        meta_acon,
        (2, 3, 4, 5),
        ({"normalize": False}, {"outer": lambda x: x}),
    ),
    "meta_acon_plain": (
        lambda **at: L.MetaACON(2, normalize=False, **at),
        lambda x, w, training, **changed: meta_acon(x, w, training, **{"normalize": False, **changed}),
        (2, 3, 4, 5),
        ({"outer": lambda x: x},),
    ),
    "dice": (
        lambda data_format="channels_last", **at: L.Dice(1 if data_format == "channels_first" else -1, **at),
        dice,
        (2, 3, 4, 5),
        ({"epsilon": 1e-3},),
    ),
    "poly_norm": (
        lambda data_format=None, **at: L.PolyNorm(0.1, **at),
        poly_norm,
        (2, 3, 4, 5),
        ({"order": (0, 1, 2)}, {"epsilon": 0.11}),
    ),
}
every_case = pytest.mark.parametrize("case", CASES)
#: On torch, Keras's own calling of a layer is not for the compiler.
COMPILERS = {"torch": lambda layer: {}}.get(BACKEND, compiled)
#: The same, with each rank and data format that it takes.
PLACES = [
    (case, rank, data_format)
    for case, (_, _, ranks, _) in CASES.items()
    for rank in ranks
    for data_format in ("channels_last", "channels_first")
    if data_format == "channels_last" or (case != "poly_norm" and rank > 2)
]


def shape_of(rank, batch=3, channels=5):
    return (*(batch, 6, 4, 2)[: rank - 1], channels)


def moved(layer):
    """Every weight away from its start; variances stay positive. Returns them by name."""
    for i, weight in enumerate(layer.weights):
        value = random(*weight.shape, seed=i + 10)
        weight.assign(np.abs(value) + 0.5 if "variance" in weight.name else value)
    return weights_of(layer)


def weights_of(layer):
    # Keras writes the layer's name before the names of weights made on build.
    return {one.path.removeprefix(f"{layer.name}/"): numpy_of(one.value) for one in layer.weights}


def assert_formula(case, rank, data_format="channels_last", training=False, **changed):
    make, formula, _, _ = CASES[case]
    x = random(*shape_of(rank)) + 0.3
    given = x if data_format == "channels_last" else np.moveaxis(x, -1, 1)
    layer = make(data_format=data_format, dtype="float64")
    layer.build(given.shape)
    weights = moved(layer)
    found = numpy_of(layer(tensor(given), training=training) if training else layer(tensor(given)))
    found = found if data_format == "channels_last" else np.moveaxis(found, 1, -1)
    np.testing.assert_allclose(found, formula(x, weights, training, **changed), **CLOSE)


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


# Starts ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("k", [2, 3])
@pytest.mark.parametrize("shared", [False, True])
def test_dynamic_relu_starts_as_relu(k, shared):
    x = np.concatenate([random(2, 3, 6), [[[0.0, -0.0, 1e-30, -1e-30, 1e30, -1e30]] * 3]])
    layer = L.DynamicReLU(k, shared=shared, dtype="float64")
    np.testing.assert_array_equal(numpy_of(layer(tensor(x))), np.maximum(x, 0))
    np.testing.assert_array_equal(numpy_of(gradient(layer, tensor(x))), x > 0)
    assert numpy_of(L.DynamicReLU(1, dtype="float64")(tensor(x))).tolist() == x.tolist()


def test_starts():
    x = random(4, 6)
    acon = L.MetaACON(epsilon=0.02, dtype="float64")
    found = numpy_of(acon(tensor(x)))
    weights = weights_of(acon)
    np.testing.assert_allclose(found, meta_acon(x, {**weights, "p1": 1.0, "p2": 0.0}, False), **CLOSE)
    assert weights["p1"].tolist() == [1.0] * 6
    assert weights["p2"].tolist() == [0.0] * 6
    fresh = L.Dice(dtype="float64")
    np.testing.assert_allclose(numpy_of(fresh(tensor(x))), x * sigmoid(x), rtol=1e-6)
    assert weights_of(fresh)["alpha"].tolist() == [0.0] * 6
    poly = weights_of(L.PolyNorm(dtype="float64"))
    np.testing.assert_allclose(next(value for name, value in poly.items() if "weight" in name), [1 / 3] * 3)
    assert next(value for name, value in poly.items() if "bias" in name) == 0


def test_windows_start_at_the_size_of_the_input():
    layer = L.FunnelReLU(5)
    layer.build((None, 8, 8, 256))
    assert numpy_of(layer.depthwise.kernel.value).std() == pytest.approx(0.2, rel=0.05)
    layer = L.FunnelReLU(depthwise_initializer="zeros")
    x = random(2, 8, 8, 3).astype("float32")
    np.testing.assert_array_equal(numpy_of(layer(x)), np.maximum(x, 0))


def test_sizes():
    for channels, reduction, hidden in ((8, 4, 2), (3, 4, 1), (64, 4, 16)):
        layer = L.DynamicReLU(reduction=reduction)
        layer.build((None, channels))
        assert (layer.reduce.units, layer.expand.units) == (hidden, 4 * channels)
    for channels, reduction, hidden in ((64, 16, 16), (64, 4, 16), (512, 16, 32)):
        layer = L.MetaACON(reduction)
        layer.build((None, channels))
        assert (layer.fc1.units, layer.fc2.units) == (hidden, channels)
    shared = L.DynamicReLU(3, shared=True)
    shared.build((None, 64))
    assert shared.expand.units == 6


# Numbers --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_poly_norm_of_large_and_small_numbers(dtype):
    """x^6 is far outside of every dtype's range."""
    largest = {"float16": 60000.0, "bfloat16": 3e38, "float32": 3e38, "float64": 1e308}[dtype]
    bits = {"float16": 11, "bfloat16": 8, "float32": 24, "float64": 20}[dtype]  # weights are float32
    layer = L.PolyNorm()
    for size in (largest, 1e-3 * largest, 1.0, 1e-4, 0.0):
        x = keras.ops.cast(tensor([[1.0, -0.5, 0.25, 0.0]]), dtype) * size
        y = layer(x)
        assert keras.backend.standardize_dtype(y.dtype) == dtype
        for function in COMPILERS(layer).values():
            np.testing.assert_allclose(numpy_of(function(x)), numpy_of(y), rtol=2.0 ** (3 - bits), atol=1e-6)
        exact = numpy_of(x).astype("longdouble")
        if size in (1.0, 1e-4):
            powers = [exact**i / np.sqrt((exact ** (2 * i)).mean() + 1e-6) for i in (1, 2, 3)]
        else:
            shrunk = exact / size if size else exact
            powers = [shrunk**i / np.sqrt((shrunk ** (2 * i)).mean() or 1.0) for i in (1, 2, 3)]
        np.testing.assert_allclose(numpy_of(y), sum(powers).astype(float) / 3, rtol=0, atol=4 * 2.0**-bits)
        assert np.isfinite(numpy_of(gradient(layer, x))).all()


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


def test_initializers_regularizers_and_constraints():
    normal = keras.initializers.RandomNormal(stddev=1.0, seed=1)
    acon = L.MetaACON(p1_initializer=normal, p2_initializer="zeros")
    acon.build((None, 400))
    assert numpy_of(acon.p1.value).std() == pytest.approx(1.0, rel=0.2)
    prelu = L.Dice(alpha_initializer="ones", alpha_regularizer=keras.regularizers.L2(0.5), alpha_constraint="non_neg")
    prelu.build((None, 4))
    assert float(keras.ops.convert_to_numpy(sum(prelu.losses))) == pytest.approx(2.0)
    assert isinstance(prelu.alpha.constraint, keras.constraints.NonNeg)
    poly = L.PolyNorm(weight_initializer=normal, bias_initializer="ones")
    for layer in (acon, prelu, poly):
        assert type(layer).from_config(layer.get_config()).get_config() == layer.get_config()


@pytest.mark.parametrize("kind", ["dense", "conv2d", "lstm", "bidirectional", "time_distributed", "activation"])
def test_poly_norm_inside_other_layers(kind, tmp_path):
    from models import data, functional
    from models import moved as all_moved

    model = all_moved(functional(kind, L.PolyNorm(0.01)))
    x, _ = data(model)
    for name in ("model.keras", "model.h5"):
        model.save(tmp_path / name)
        np.testing.assert_array_equal(
            keras.models.load_model(tmp_path / name).predict(x, verbose=0), model.predict(x, verbose=0)
        )


# Masks ----------------------------------------------------------------------------------------------------------------

MASKED = ("funnel_relu", "dynamic_relu", "meta_acon", "dice", "poly_norm")
MASK = np.array([[True] * 4 + [False] * 2, [True] * 6])


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


# Errors ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "says"),
    [
        *(
            (lambda one=one: L.FunnelReLU(one), "odd whole number")
            for one in (0, 2, 3.0, True, None, (3, 2), (3, 3, 3))
        ),
        (lambda: L.FunnelReLU(momentum=1.0), "momentum=1.0"),
        (lambda: L.FunnelReLU(epsilon=0.0), "epsilon=0.0"),
        (lambda: L.FunnelReLU(data_format="channels"), "None, 'channels_last' or 'channels_first'"),
        (lambda: L.FunnelReLU(data_format=["channels_last"]), "data_format"),
        (lambda: L.DynamicReLU(0), "k=0"),
        (lambda: L.DynamicReLU(10**9), "from 1 to 1024"),
        (lambda: L.DynamicReLU(reduction=0), "reduction=0"),
        (lambda: L.DynamicReLU(reduction=2.0), "reduction=2.0"),
        (lambda: L.DynamicReLU(shared=1), "True or False"),
        (lambda: L.DynamicReLU(lambda_a=-1.0), "lambda_a=-1.0"),
        (lambda: L.DynamicReLU(lambda_b=float("nan")), "lambda_b=nan"),
        (lambda: L.DynamicReLU(lambda_b=10**400), "lambda_b"),
        (lambda: L.DynamicReLU(initial_a=[1.0]), "a list of k=2 numbers"),
        (lambda: L.DynamicReLU(initial_b=[0.0, "0"]), "initial_b"),
        (lambda: L.MetaACON(-1), "reduction=-1"),
        (lambda: L.MetaACON(normalize=None), "True or False"),
        (lambda: L.MetaACON(momentum="0.9"), "momentum='0.9'"),
        (lambda: L.Dice(0), "batch axis"),
        (lambda: L.Dice(True), "axis=True"),
        (lambda: L.Dice(epsilon=-1e-8), "epsilon=-1e-08"),
        (lambda: L.PolyNorm(0), "epsilon=0"),
        (lambda: L.PolyNorm(epsilon=float("inf")), "epsilon=inf"),
    ],
)
def test_bad_arguments(make, says):
    with pytest.raises(ValueError, match="is not allowed") as caught:
        make()
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("make", "shape", "says"),
    [
        (L.FunnelReLU, (8,), "3 or 4 dimensions are, batch and channels included. Features have no neighbours"),
        (L.FunnelReLU, (4, 4, 4, 2), "an input of 5 dimensions"),
        (L.FunnelReLU, (8, 8, None), "no fixed number of channels on axis 3"),
        (lambda: L.FunnelReLU((3, 3)), (8, 4), "has 2 numbers"),
        (lambda: L.FunnelReLU(data_format="channels_first"), (None, 8, 3), "axis 1 (data_format='channels_first')"),
        (L.DynamicReLU, (), "an input of 1 dimensions"),
        (L.DynamicReLU, (2, 2, 2, 2, 2), "2 or 3 or 4 or 5 dimensions"),
        (L.DynamicReLU, (None,), "no fixed number of channels"),
        (L.MetaACON, (4, None), "no fixed number of channels"),
        (L.Dice, (None,), "axis=-1"),
        (lambda: L.Dice(3), (4, 4), "axis=3"),
        (lambda: L.Dice(-3), (4, 4), "axis=-3"),
    ],
)
def test_shapes_that_do_not_fit(make, shape, says):
    with pytest.raises(ValueError) as caught:
        make()(keras.Input(shape))
    assert says in str(caught.value)
    if "kernel_size" not in str(caught.value):
        with pytest.raises(ValueError):
            make().compute_output_shape((None, *shape))


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
