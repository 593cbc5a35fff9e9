"""Layers that change the shape or move numbers about: Maxout, CReLU, GroupSort, gated units; and their names."""

import all_activations
import keras
import mpmath
import numpy as np
import pytest
from arrays import tensor

import keras_actx as actx
from keras_actx.names import layer_names
from keras_actx.names.layer_names import named_layer
from keras_actx.testing.backend import gradient
from keras_actx.testing.grids import DTYPES
from keras_actx.testing.tensors import to_float64 as numpy_of

L = actx.layers


def strided(x, units):
    return x.reshape(*x.shape[:-1], -1, units).max(axis=-2)


def contiguous(x, units):
    return x.reshape(*x.shape[:-1], units, -1).max(axis=-1)


def crelu(x):
    return np.concatenate([np.maximum(x, 0), np.maximum(-x, 0)], axis=-1)


def group_sort(x, size):
    return np.sort(x.reshape(*x.shape[:-1], -1, size or x.shape[-1]), axis=-1).reshape(x.shape)


#: name -> (the layer, given its axis; the same in numpy, along the last axis; the size of an axis of 6 afterwards)
CASES = {
    "maxout": (lambda axis=-1: L.Maxout(2, axis=axis), lambda x: strided(x, 2), 2),
    "maxout_contiguous": (lambda axis=-1: L.Maxout(3, axis, grouping="contiguous"), lambda x: contiguous(x, 3), 3),
    "maxout_of_one": (lambda axis=-1: L.Maxout(6, axis=axis), lambda x: x, 6),
    "maxout_of_all": (lambda axis=-1: L.Maxout(1, axis=axis), lambda x: x.max(axis=-1, keepdims=True), 1),
    "crelu": (lambda axis=-1: L.CReLU(axis), crelu, 12),
    "group_sort": (lambda axis=-1: L.GroupSort(axis=axis), lambda x: group_sort(x, 2), 6),
    "group_sort_3": (lambda axis=-1: L.GroupSort(3, axis=axis), lambda x: group_sort(x, 3), 6),
    "full_sort": (lambda axis=-1: L.GroupSort(None, axis=axis), lambda x: group_sort(x, None), 6),
}
every_case = pytest.mark.parametrize("case", CASES)


def random(*shape):
    return np.random.default_rng(len(shape)).normal(size=shape)


# What they compute ----------------------------------------------------------------------------------------------------


@pytest.mark.sweep(4)
@pytest.mark.parametrize("rank", [2, 3, 4, 5])
@every_case
def test_values_along_every_axis(case, rank):
    make, expected, size = CASES[case]
    for axis in (*range(1, rank), *range(1 - rank, 0)):
        shape = [3, 2, 4, 5, 2][:rank]
        shape[axis] = 6
        x = random(*shape)
        layer = make(axis)
        found = layer(tensor(x))
        np.testing.assert_array_equal(numpy_of(found), np.moveaxis(expected(np.moveaxis(x, axis, -1)), -1, axis))
        shape[axis] = size
        assert tuple(found.shape) == layer.compute_output_shape(x.shape) == tuple(shape)


@pytest.mark.sweep(1)
@every_case
def test_gradient(case):
    """Each number's share: what it adds to the weighted sum of the results when it moves a little."""
    make, expected, size = CASES[case]
    x, weights = random(2, 6), np.arange(1.0, size + 1)
    layer = make()
    found = numpy_of(gradient(lambda one: tensor(weights) * layer(one), tensor(x)))
    step = 1e-6
    for i in np.ndindex(*x.shape):
        moved = [x.copy(), x.copy()]
        moved[0][i] += step
        moved[1][i] -= step
        above, below = ((expected(one) * weights).sum() for one in moved)
        assert found[i] == pytest.approx((above - below) / (2 * step), abs=1e-7)


def test_gradient_at_ties():
    """Maxout shares it evenly; sorting leaves equal numbers in place; CReLU has 0 at 0."""

    def slopes(layer, x, weights):
        return numpy_of(gradient(lambda one: tensor(weights) * layer(one), tensor(x))).tolist()

    assert slopes(L.Maxout(2), [[1.0, 5, 1, 2, 0, 5]], [6.0, 8.0]) == [[3, 4, 3, 0, 0, 4]]
    assert slopes(L.Maxout(1), [[2.0, 2, 2, 1]], [6.0]) == [[2, 2, 2, 0]]
    assert slopes(L.GroupSort(2), [[1.0, 1, 3, 2]], [1.0, 2, 3, 4]) == [[1, 2, 4, 3]]
    assert slopes(L.GroupSort(None), [[2.0, 1, 1, 2, 1]], [1.0, 2, 3, 4, 5]) == [[4, 1, 2, 5, 3]]
    assert slopes(L.CReLU(), [[0.0, -0.0, 1, -1]], [1.0, 2, 3, 4, 5, 6, 7, 8]) == [[0, 0, 3, -8]]


@every_case
def test_special_numbers(case):
    make, expected, _ = CASES[case]
    x = np.array([[np.inf, 1, -np.inf, 0, -1, np.inf]])
    np.testing.assert_array_equal(numpy_of(make()(tensor(x))), expected(x))
    if "sort" not in case:  # backends put NaN where they like
        assert np.isnan(numpy_of(make()(tensor([[1.0, np.nan, 2, 3, 4, 5]])))).any()


@pytest.mark.sweep(1)
@pytest.mark.parametrize("dtype", DTYPES)
@every_case
def test_output_has_the_dtype_of_the_input(case, dtype):
    make, expected, _ = CASES[case]
    x = np.round(random(2, 6) * 8) / 8
    for policy in ("float32", "mixed_float16", "float64"):
        keras.config.set_dtype_policy(policy)
        layer = make()
        result = layer(keras.ops.cast(tensor(x, "float32"), dtype))
        assert keras.backend.standardize_dtype(result.dtype) == dtype
        assert layer(keras.Input((6,), dtype=dtype)).dtype == dtype
        np.testing.assert_array_equal(numpy_of(result), expected(x))


@every_case
def test_whole_numbers_become_floats(case):
    make, expected, _ = CASES[case]
    x = np.array([[3, -1, 2, 5, 2, 0]])
    result = make()(keras.ops.convert_to_tensor(x, dtype="int32"))
    assert keras.backend.standardize_dtype(result.dtype) == "float32"
    np.testing.assert_array_equal(numpy_of(result), expected(x))


# In models ------------------------------------------------------------------------------------------------------------


@pytest.mark.sweep(4)
@pytest.mark.parametrize("shape", [(6,), (None, 6), (None, None, 6), (None, 2, None, 6)], ids=str)
@every_case
def test_unknown_sizes(case, shape):
    make, expected, size = CASES[case]
    inputs = keras.Input(shape)
    model = keras.Model(inputs, make()(inputs))
    assert model.output_shape == (None, *shape[:-1], size)
    for batch, length in ((1, 3), (4, 5)):
        x = random(batch, *(length if one is None else one for one in shape)).astype("float32")
        np.testing.assert_array_equal(model.predict(x, verbose=0), expected(x))


@pytest.mark.parametrize("case", ["crelu", "full_sort"])
def test_an_unknown_axis(case):
    make, expected, _ = CASES[case]
    inputs = keras.Input((None, 3))
    model = keras.Model(inputs, make(1)(inputs))
    assert model.output_shape == (None, None, 3)
    x = random(2, 6, 3).astype("float32")
    along = np.moveaxis(expected(np.moveaxis(x, 1, -1)), -1, 1)
    np.testing.assert_array_equal(model.predict(x, verbose=0), along)


@every_case
def test_config_round_trip(case):
    make, _, _ = CASES[case]
    layer = make(1)
    config = layer.get_config()
    assert config["axis"] == 1
    again = type(layer).from_config(config)
    assert again.get_config() == config
    saved = keras.saving.serialize_keras_object(layer)
    assert saved["registered_name"] == f"keras_actx>{type(layer).__name__}"
    loaded = keras.saving.deserialize_keras_object(saved)
    x = random(2, 6, 3)
    np.testing.assert_array_equal(numpy_of(loaded(tensor(x))), numpy_of(layer(tensor(x))))


@pytest.mark.sweep(1)
@every_case
def test_trained_saved_and_loaded(case, tmp_path):
    make, _, size = CASES[case]
    inputs = keras.Input((5, 3))
    hidden = make(-1)(keras.layers.Dense(6)(inputs))
    assert hidden.shape == (None, 5, size)
    model = keras.Model(inputs, keras.layers.Dense(2)(keras.layers.Flatten()(hidden)))
    x, y = random(4, 5, 3).astype("float32"), random(4, 2).astype("float32")
    model.compile(optimizer="sgd", loss=keras.losses.MeanSquaredError())
    before = model.get_weights()[0]
    model.fit(x, y, batch_size=3, verbose=0)  # the last batch is smaller
    assert not np.array_equal(before, model.get_weights()[0])
    for name in ("model.keras", "model.h5"):
        model.save(tmp_path / name)
        again = keras.models.load_model(tmp_path / name)
        np.testing.assert_array_equal(model.predict(x, verbose=0), again.predict(x, verbose=0))
    np.testing.assert_array_equal(
        keras.models.clone_model(model).output_shape, keras.models.model_from_json(model.to_json()).output_shape
    )


class KeepsMask(keras.layers.Layer):
    """Passes its input, and says which mask came with it."""

    supports_masking = True

    def call(self, x, mask=None):
        self.seen = mask
        return x


@every_case
def test_masks(case):
    """The mask of time steps passes a layer along the channels, and ends at one along time."""
    make, _, _ = CASES[case]
    tokens = np.array([[1, 2, 3, 0, 0, 0], [4, 5, 6, 7, 8, 0]])
    embedded = keras.layers.Embedding(9, 6, mask_zero=True)
    for axis, passes in ((-1, True), (2, True), (1, False), (-2, False)):
        seen = KeepsMask()
        seen(make(axis)(embedded(keras.ops.convert_to_tensor(tokens))))
        assert (seen.seen is not None) == passes
        if passes:
            np.testing.assert_array_equal(keras.ops.convert_to_numpy(seen.seen), tokens != 0)


# Errors ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: L.Maxout(0), "num_units=0"),
        (lambda: L.Maxout(2.0), "a whole number of at least 1"),
        (lambda: L.Maxout(True), "num_units=True"),
        (lambda: L.Maxout(None), "num_units=None"),
        (lambda: L.Maxout(2, grouping="blocks"), "'strided' or 'contiguous'"),
        (lambda: L.Maxout(2, axis=0), "batch axis"),
        (lambda: L.CReLU(axis=0), "axis=0"),
        (lambda: L.CReLU(axis=1.0), "axis=1.0"),
        (lambda: L.CReLU(axis=None), "axis=None"),
        (lambda: L.GroupSort(1), "at least 2, or None to sort the whole axis"),
        (lambda: L.GroupSort("all"), "group_size='all'"),
        (lambda: L.GroupSort(axis=False), "axis=False"),
    ],
)
def test_bad_arguments(make, says):
    with pytest.raises(ValueError, match="is not allowed") as caught:
        make()
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("make", "shape", "says"),
    [
        (lambda: L.Maxout(4), (6,), "the size 6 of axis -1 is not a known multiple of num_units=4"),
        (lambda: L.Maxout(4), (2,), "the size 2"),
        (lambda: L.Maxout(2, axis=1), (None, 6), "the size None of axis 1"),
        (lambda: L.GroupSort(4), (6,), "the size 6 of axis -1 is not a known multiple of group_size=4"),
        (lambda: L.GroupSort(2, axis=1), (None, 6), "the size None"),
        (lambda: L.CReLU(axis=2), (6,), "axis=2 does not fit an input of shape (None, 6)"),
        (lambda: L.Maxout(2, axis=-2), (6,), "axis=-2"),
        (lambda: L.GatedLinearUnit("swiglu", interleaved=True), (7,), "even size"),
    ],
)
def test_shapes_that_do_not_fit_are_refused_when_built(make, shape, says):
    for build in (lambda layer: layer(keras.Input(shape)), lambda layer: layer.compute_output_shape((None, *shape))):
        with pytest.raises(ValueError) as caught:
            build(make())
        assert says in str(caught.value)
    if None not in shape:
        with pytest.raises(ValueError) as caught:
            make()(tensor(random(2, *shape)))
        assert says.replace("None, ", "2, ") in str(caught.value)


def test_another_shape_after_building():
    layer = L.Maxout(2)
    layer(tensor(random(2, 4)))
    assert tuple(layer(tensor(random(3, 5, 8))).shape) == (3, 5, 2)
    with pytest.raises(ValueError, match="multiple of num_units=2"):
        layer(tensor(random(3, 5)))


# Gated units ----------------------------------------------------------------------------------------------------------

#: gate, interleaved -> where value and gate are
ORDERS = {
    ("last", False): (slice(None, 3), slice(3, None)),
    ("first", False): (slice(3, None), slice(None, 3)),
    ("last", True): (slice(None, None, 2), slice(1, None, 2)),
    ("first", True): (slice(1, None, 2), slice(None, None, 2)),
}


@pytest.mark.parametrize(("gate", "interleaved"), ORDERS)
def test_where_value_and_gate_are(gate, interleaved):
    value_at, gate_at = ORDERS[gate, interleaved]
    x = random(2, 4, 6)
    layer = L.GatedLinearUnit("reglu", gate=gate, interleaved=interleaved)
    expected = x[..., value_at] * np.maximum(x[..., gate_at], 0)
    np.testing.assert_array_equal(numpy_of(layer(tensor(x))), expected)
    model_in = keras.Input((None, 6))
    model = keras.Model(model_in, layer(model_in))
    assert model.output_shape == (None, None, 3)
    found = model.predict(x.astype("float32"), verbose=0)
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert L.GatedLinearUnit.from_config(layer.get_config()).get_config() == layer.get_config()


def test_a_config_from_before_interleaving_loads():
    config = L.GatedLinearUnit("swiglu", gate="first").get_config()
    assert config.pop("interleaved") is False
    assert not L.GatedLinearUnit.from_config(config).interleaved
    with pytest.raises(ValueError, match="True or False"):
        L.GatedLinearUnit("swiglu", interleaved=1)


def test_gpt_oss():
    x = random(3, 4, 10) * 8
    gate, value = np.minimum(x[..., ::2], 7.0), np.clip(x[..., 1::2], -7.0, 7.0)
    assert (np.abs(x) > 7).any()
    expected = gate / (1 + np.exp(-1.702 * gate)) * (value + 1)
    for name in ("swiglu_clamped", "swiglu_oai", "swiglu_clamped(limit=7.0, alpha=1.702)"):
        layer = L.GatedLinearUnit(name, gate="first", interleaved=True)
        np.testing.assert_allclose(numpy_of(layer(tensor(x))), expected, rtol=1e-14)


@pytest.mark.parametrize("name", all_activations.names(kind="gated"))
def test_gradient_with_respect_to_the_value(name):
    activation = actx.describe(name)
    params = activation.defaults
    values, gates = np.array([-9.3, -2.1, -0.4, 0.3, 1.7, 8.2]), np.array([0.8, -1.2, 2.3, -0.7, 1.1, 0.2])

    def along(value):
        return actx.activations.__dict__[name](keras.ops.stack([value, tensor(gates)], axis=-1))[..., 0]

    found = numpy_of(gradient(along, tensor(values)))
    with mpmath.mp.workprec(300):
        h = mpmath.mp.ldexp(1, -100)
        for value, gate, slope in zip(values, gates, found, strict=True):
            above, below = (
                activation.exact(mpmath.mp, mpmath.mp.mpf(float(value)) + step, mpmath.mp.mpf(float(gate)), **params)
                for step in (h, -h)
            )
            assert slope == pytest.approx(float((above - below) / (2 * h)), rel=1e-13, abs=1e-15)


def test_a_clamped_value_has_no_slope_at_its_limits():
    x = tensor([[7.0, 1.0], [-7.0, 1.0], [6.5, 7.0], [6.5, 6.5]])
    slopes = numpy_of(gradient(actx.activations.swiglu_clamped, x))
    assert (slopes[:2, 0] == 0).all()
    assert slopes[2, 1] == 0
    assert slopes[3, 1] > 0


@pytest.mark.parametrize(
    "name", [one for one in all_activations.names(kind="gated") if one not in ("bilinear", "seglu")]
)
def test_a_gate_of_minus_infinity_is_shut(name):
    for dtype in ("float32", "float64"):
        x = tensor([[1.5, -np.inf]], dtype)
        layer = L.GatedLinearUnit(name)
        assert numpy_of(layer(x)).tolist() == [[0.0]]
        slopes = numpy_of(gradient(layer, x))
        assert np.isfinite(slopes).all()
        assert slopes[0, 1] == 0


def test_aliases_of_gated_names():
    for alias, name in (("siglu", "glu"), ("mish_glu", "miglu"), ("swiglu_oai", "swiglu_clamped")):
        assert L.GatedLinearUnit(alias).activation == getattr(actx.activations, name)


# Names that are layers ------------------------------------------------------------------------------------------------

NAMES = {
    "maxout": "Maxout(num_units)",
    "crelu": "CReLU()",
    "concatenated_relu": "CReLU()",
    "group_sort": "GroupSort()",
    "groupsort": "GroupSort()",
    "fullsort": "GroupSort()",
    "maxmin": "GroupSort()",
}


@pytest.mark.parametrize("name", NAMES)
def test_the_name_of_a_layer_says_what_to_write(name):
    for text in (name, f"keras_actx>{name}", f"{name}(num_units=2)"):
        for use in (
            *(actx.get, keras.activations.get, keras.layers.Activation),
            lambda one: keras.layers.Dense(4, activation=one),
            lambda one: L.DenseBlock(4, activation=one),
            L.LearnableActivation,
            actx.moments,
        ):
            with pytest.raises(ValueError, match="is a standalone layer") as caught:
                use(text)
            assert f"Use keras_actx.layers.{NAMES[name]}" in str(caught.value)
    with pytest.raises(ValueError, match=r"keras_actx\.layers"):
        actx.describe(name)


def test_every_name_of_a_layer():
    assert set(actx.names(kind="layer")) >= {"maxout", "crelu", "group_sort"}
    assert not set(actx.names(kind="layer")) & set(actx.names())
    for name in actx.names(kind="layer"):
        entry = layer_names.find(name)
        assert entry.name == name
        assert entry.why
        layer = getattr(actx.layers, entry.written.removeprefix("keras_actx.layers.").partition("(")[0])
        assert keras.saving.get_registered_name(layer) == f"keras_actx>{layer.__name__}"
        with pytest.raises(ValueError, match="Could not interpret") as caught:
            keras.layers.Dense(4, activation=name)
        assert entry.why in str(caught.value)
        assert len(str(caught.value)) < 700


@pytest.mark.parametrize(("wrong", "right"), [("maxot", "maxout"), ("creluu", "crelu"), ("group_srt", "group_sort")])
def test_near_misses(wrong, right):
    for use in (actx.get, keras.activations.get, actx.describe):
        with pytest.raises(ValueError, match=f"Did you mean '{right}'"):
            use(wrong)


def test_an_activation_comes_before_a_layer_of_its_name(monkeypatch):
    table = {**layer_names._table, "snake": layer_names.LayerName("snake", "keras_actx.layers.Snake()", "is long")}
    monkeypatch.setattr(layer_names, "_table", table)
    assert actx.get("snake") == actx.activations.snake


def test_entering_a_name(monkeypatch):
    monkeypatch.setattr(layer_names, "_table", {})

    @named_layer("for_this_test", aliases=("another",), why="is of a test")
    class First(keras.layers.Layer):
        def __init__(self, size, *, rate=0.5, **kwargs):
            super().__init__(**kwargs)

    assert layer_names.every() == ("for_this_test",)
    with pytest.raises(ValueError, match=r"'another' is of a test, .* Use keras_actx\.layers\.First\(size\) after"):
        layer_names.declared("another")
    named_layer("for_this_test", aliases=("another",), why="is reloaded")(First)
    assert layer_names.find("another").why == "is reloaded"
    with pytest.raises(ValueError, match=r"belongs to keras_actx\.layers\.First"):
        named_layer("another", why="is another")(keras.layers.Dense)
