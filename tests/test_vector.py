"""Activations along an axis: against their exact forms, their gradients, and what random ones do in training."""

import all_activations
import keras
import mpmath
import numpy as np
import pytest
from arrays import tensor

import keras_actx as actx
from keras_actx.declaration.activation import Activation
from keras_actx.testing.backend import gradient
from keras_actx.testing.errors import spacing
from keras_actx.testing.grids import DTYPES
from keras_actx.testing.tensors import to_float64

mp = mpmath.mp
VECTORS = all_activations.with_samples("vector")
every_vector = pytest.mark.parametrize("activation", VECTORS, ids=str)

#: No ties, and none at the edge of a support, where the sparse ones have a kink.
ROWS = np.array(
    [
        [0.3, -0.2, 0.05, 0.9, -1.4],
        [2.03, 2.25, 1.5, -3.0, 2.75],
        [100.0, 99.5, -100.0, 98.75, 99.3125],
        [-40.25, -41.5, -40.5, -90.0, -39.0],
        [0.004, 0.002, -0.003, 0.001, 0.0],
    ]
)


def exact_rows(activation, rows):
    """The declaration's reference formula on every row, as floats."""
    with mp.workprec(200):
        results = [
            activation.declaration.exact(mp, [mp.mpf(float(x)) for x in row], **dict(activation.params)) for row in rows
        ]
        return np.array([[float(one) for one in row] for row in results])


def exact_gradient(activation, row, weights):
    """The derivatives of the weighted sum of the results, by difference quotients in many digits."""
    params = dict(activation.params)
    with mp.workprec(400):
        h = mp.ldexp(1, -120)
        row = [mp.mpf(float(x)) for x in row]

        def total(place, step):
            moved = [x + step * (i == place) for i, x in enumerate(row)]
            return mp.fsum(
                w * y for w, y in zip(weights, activation.declaration.exact(mp, moved, **params), strict=True)
            )

        return [float((total(i, h) - total(i, -h)) / (2 * h)) for i in range(len(row))]


@pytest.mark.sweep(1)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@every_vector
def test_values(activation, dtype):
    true = exact_rows(activation, ROWS.astype(dtype))
    found = to_float64(activation(tensor(ROWS, dtype)))
    assert (np.abs(found - true) <= 4 * spacing(np.maximum(1.0, np.abs(true)), dtype)).all()


@pytest.mark.sweep(1)
@every_vector
def test_axis(activation):
    x = np.random.default_rng(0).normal(size=(3, 4, 5, 2))
    last = to_float64(activation(tensor(np.moveaxis(x, 1, -1))))
    for axis in (1, -3):
        along = to_float64(activation.bind(axis=axis)(tensor(x)))
        np.testing.assert_allclose(np.moveaxis(along, 1, -1), last, rtol=1e-14, atol=1e-15)


@pytest.mark.sweep(1)
@every_vector
def test_gradient(activation):
    weights = np.array([0.7, -1.3, 0.4, 2.1, -0.6])
    if dict(activation.params).get("hard"):
        return  # the gradient is that of another value: its own test below
    for row in ROWS:
        found = to_float64(gradient(lambda x: tensor(weights) * activation(x), tensor(row)))
        true = exact_gradient(activation, row, weights)
        np.testing.assert_allclose(found, true, rtol=1e-12, atol=1e-13 * max(1.0, np.abs(true).max()))


@every_vector
def test_nan_passes(activation):
    found = to_float64(activation(tensor([[1.0, np.nan, 2.0], [1.0, 0.0, 2.0]])))
    hard = dict(activation.params).get("hard")
    assert hard or np.isnan(found[0]).any()
    assert np.isfinite(found[1]).all()


@pytest.mark.sweep(1)
@pytest.mark.parametrize("name", ["softmax", "sparsemax", "entmax15", "gumbel_softmax", "solu", "kwta(k=2)"])
def test_minus_infinity_masks_an_entry(name):
    activation = actx.get(f"keras_actx>{name}")
    row = np.array([0.5, -np.inf, 1.25, -0.25])
    kept = [0, 2, 3]
    for dtype in ("float32", "float64"):
        found = to_float64(activation(tensor(row, dtype)))
        alone = to_float64(activation(tensor(row[kept], dtype)))
        np.testing.assert_allclose(found[kept], alone, rtol=1e-6)
        assert found[1] == 0
        slopes = to_float64(gradient(lambda x: x[0] * 0 + activation(x)[2], tensor(row, dtype)))
        assert np.isfinite(slopes).all()
        assert slopes[1] == 0


def test_softmin_and_softmax2d():
    x = tensor(ROWS)
    np.testing.assert_array_equal(to_float64(actx.activations.softmin(x)), to_float64(actx.activations.softmax(-x)))
    assert actx.get("softmax2d") == actx.activations.softmax
    assert keras.layers.Activation("softmin").activation == actx.activations.softmin


# Entmax ---------------------------------------------------------------------------------------------------------------


def entmax15_by_bisection(x):
    z = (x.astype(np.longdouble) - x.max()) / 2
    low, high = np.longdouble(-1), np.longdouble(0)
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if (np.maximum(z - middle, 0) ** 2).sum() > 1 else (low, middle)
    return np.maximum(z - low, 0) ** 2


def long_rows(size):
    """Rows that are hard for the algorithm: many entries near the threshold, equal ones, large offsets."""
    rng = np.random.default_rng(1)
    nothing = -np.ones(size - 1)
    return {
        "normal": rng.normal(size=size),
        "wide": 100 * rng.normal(size=size),
        "close together": 1e-3 * rng.normal(size=size),
        "equal": np.full(size, 3.0),
        "far from zero": 1e4 + rng.normal(size=size),
        "all but one at the threshold": np.append(2 * nothing, 0.0),
        "all but one just above it": np.append(nothing * 2 * (1 - size**-1.5), 0.0),
        "all but one around it": np.append(-2 + 2 * rng.uniform(size=size - 1) / size, 0.0),
    }


@pytest.mark.sweep(1)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", [2, 7, 100, 1000])
def test_entmax15_on_long_rows(size, dtype):
    for name, wide in long_rows(size).items():
        row = wide.astype(dtype)
        found = to_float64(actx.activations.entmax15(tensor(row, dtype)))
        error = np.abs(found - entmax15_by_bisection(row)).max() / np.finfo(dtype).eps
        assert error <= 16, (name, float(error))
        assert abs(found.sum() - 1) <= 16 * np.finfo(dtype).eps, name


def test_entmax15_by_hand():
    """Two entries a and b with |a - b| < 2: p = (1/2 +- d sqrt(8 - d^2) / 8 ...), from the quadratic equation."""
    difference = 1.0
    half = difference / 2
    root = (-half + np.sqrt(2 - half**2)) / 2  # the smaller square root: s^2 + (s + half)^2 = 1
    found = to_float64(actx.activations.entmax15(tensor([0.0, difference])))
    np.testing.assert_allclose(found, [root**2, (root + half) ** 2], rtol=1e-14)
    np.testing.assert_array_equal(to_float64(actx.activations.entmax15(tensor([0.0, 2.5]))), [0.0, 1.0])


def test_entmax15_gradient_has_a_closed_form():
    """diag(s) - s s^T / sum(s) with s = sqrt(p): continuous, so it holds at ties and at the edge of the support too."""
    for row in (*ROWS, np.zeros(4), np.array([1.0, 1.0, -3.0]), np.array([0.0, -2.0, -2.0])):
        weights = np.arange(1.0, len(row) + 1)
        root = np.sqrt(entmax15_by_bisection(row).astype("float64"))
        root[root < 1e-9] = 0.0
        expected = (np.diag(root) - np.outer(root, root) / root.sum()) @ weights
        found = to_float64(gradient(lambda x, w=weights: tensor(w) * actx.activations.entmax15(x), tensor(row)))
        np.testing.assert_allclose(found, expected, rtol=1e-7, atol=1e-8)


def test_entmax15_second_derivative():
    weights, row = np.array([0.7, -1.3, 0.4, 2.1]), np.array([0.3, -0.2, 0.1, 0.9])

    def first(x):
        return gradient(lambda one: tensor(weights) * actx.activations.entmax15(one), x)

    h, along = 1e-5, np.array([0.5, -1.0, 2.0, 0.25])
    found = to_float64(gradient(lambda x: tensor(along) * first(x), tensor(row)))
    # The Hessian is symmetric, so its product with a direction is the difference of gradients along it.
    above, below = (to_float64(first(tensor(row + sign * h * along))) for sign in (1, -1))
    np.testing.assert_allclose(found, (above - below) / (2 * h), rtol=1e-7, atol=1e-8)


# Squash, SoLU, kWTA ---------------------------------------------------------------------------------------------------


@pytest.mark.sweep(1)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_squash_at_its_ends(dtype):
    squash = actx.activations.squash
    limits = np.finfo(dtype)
    rows = np.array([[0.0, 0.0], [float(limits.max) / 2, 0.0], [float(limits.max), float(limits.max)], [1e-25, 0.0]])
    found = to_float64(squash(tensor(rows, dtype)))
    np.testing.assert_allclose(found[:3], [[0, 0], [1, 0], [0.5**0.5, 0.5**0.5]], rtol=1e-6)
    assert found[3, 0] == pytest.approx(1e-50 if dtype == "float64" else 0.0, rel=1e-12)
    slopes = to_float64(gradient(squash, tensor(rows, dtype)))
    assert np.isfinite(slopes).all()
    np.testing.assert_array_equal(slopes[0], [0.0, 0.0])


def test_squash_keeps_the_direction():
    x = np.array([[3.0, 4.0]])
    for offset in (1.0, 0.5):
        found = to_float64(actx.activations.squash(tensor(x), offset=offset))
        np.testing.assert_allclose(found, x / 5 * 25 / (offset + 25), rtol=1e-15)


def test_kwta():
    x = tensor([[3.0, -1.0, 2.0, 5.0, 2.0]])
    for k, expected in ((1, [0, 0, 0, 5, 0]), (2, [3, 0, 0, 5, 0]), (3, [3, 0, 2, 5, 2]), (9, [3, -1, 2, 5, 2])):
        kwta = actx.get(f"kwta(k={k})")
        np.testing.assert_array_equal(to_float64(kwta(x)), [expected])
        # 1 for whoever stays, ties included, and 0 for the others
        np.testing.assert_array_equal(to_float64(gradient(kwta, x)), [[float(one != 0) for one in expected]])
    with pytest.raises(ValueError, match="whole number from 1"):
        actx.get("kwta(k=0)")(x)


def test_solu_needs_no_finite_product():
    found = to_float64(actx.activations.solu(tensor([3e38, -3e38, 0.0], "float32")))
    np.testing.assert_allclose(found, [3e38, 0.0, 0.0], rtol=1e-6)


# Gumbel-softmax -------------------------------------------------------------------------------------------------------


def test_gumbel_softmax_without_training_has_no_noise():
    layer = actx.get("gumbel_softmax(tau=0.5)")
    assert isinstance(layer, actx.layers.StochasticActivation)
    x = tensor(ROWS, "float32")
    for found in (layer(x), layer(x, training=False), actx.activations.gumbel_softmax(x, tau=0.5)):
        np.testing.assert_allclose(to_float64(found), to_float64(keras.ops.softmax(2 * x, axis=-1)), atol=1e-6)


def test_gumbel_softmax_repeats_with_a_seed():
    x = tensor(ROWS, "float32")

    def draws(seed):
        layer = actx.layers.StochasticActivation("gumbel_softmax", seed=seed)
        return np.stack([to_float64(layer(x, training=True)) for _ in range(3)])

    one = draws(5)
    np.testing.assert_array_equal(one, draws(5))
    assert not np.array_equal(one, draws(6))
    assert not np.array_equal(one[0], one[1])
    np.testing.assert_allclose(one.sum(axis=-1), 1.0, rtol=1e-6)


@pytest.mark.parametrize("hard", [False, True])
def test_gumbel_softmax_draws_the_categories(hard):
    probabilities = np.array([0.5, 0.3, 0.15, 0.05])
    x = np.tile(np.log(probabilities) + 1000.0, (40_000, 1))
    layer = actx.layers.StochasticActivation(f"gumbel_softmax(tau=0.5, hard={hard})", seed=3)
    found = to_float64(layer(tensor(x), training=True))
    if hard:
        assert set(np.unique(found)) == {0.0, 1.0}
        assert (found.sum(axis=-1) == 1).all()
    counts = np.bincount(found.argmax(axis=-1), minlength=4) / len(x)
    np.testing.assert_allclose(counts, probabilities, atol=5 * np.sqrt(0.25 / len(x)))


def test_hard_gumbel_softmax_is_straight_through():
    weights = tensor([0.7, -1.3, 0.4, 2.1, -0.6])
    soft, hard = actx.get("keras_actx>gumbel_softmax(tau=0.5)"), actx.get("gumbel_softmax(tau=0.5, hard=True)")
    for training in (False, True):
        slopes = []
        for name in ("gumbel_softmax(tau=0.5)", "gumbel_softmax(tau=0.5, hard=True)"):
            layer = actx.layers.StochasticActivation(name, seed=11)
            slopes.append(to_float64(gradient(lambda x, f=layer, t=training: weights * f(x, training=t), tensor(ROWS))))
        np.testing.assert_array_equal(*slopes)
        assert np.abs(slopes[0]).max() > 0.1
    np.testing.assert_array_equal(
        to_float64(hard(tensor(ROWS))).argmax(axis=-1), to_float64(soft(tensor(ROWS))).argmax(axis=-1)
    )


@pytest.mark.parametrize("tau", [1e-30, 1e-3, 1e30])
def test_any_temperature(tau):
    found = to_float64(actx.activations.gumbel_softmax(tensor([1.0, 3.0, 2.0], "float32"), tau=tau))
    np.testing.assert_allclose(found, [1 / 3] * 3 if tau > 1 else [0, 1, 0], atol=1e-6)


@pytest.mark.parametrize("dtype", DTYPES)
def test_gumbel_softmax_in_every_dtype(dtype):
    layer = actx.layers.StochasticActivation("gumbel_softmax(hard=True)", seed=1)
    found = layer(tensor(ROWS, "float32" if dtype == "bfloat16" else dtype), training=True)
    assert np.isfinite(to_float64(found)).all()
    found = layer(keras.ops.cast(tensor(ROWS, "float32"), dtype), training=True)
    assert keras.backend.standardize_dtype(found.dtype) == dtype


# In models ------------------------------------------------------------------------------------------------------------


@pytest.mark.sweep(1)
@pytest.mark.parametrize("activation", dict.fromkeys(Activation(one.name, ()) for one in VECTORS), ids=str)
def test_in_a_model(activation, tmp_path):
    """By string, with an unknown batch and length, trained a step, saved and loaded."""
    text = f"keras_actx>{activation}"
    inputs = keras.Input((None, 6))
    outputs = keras.layers.Dense(2)(keras.layers.Dense(5, activation=text)(inputs))
    model = keras.Model(inputs, outputs)
    assert model.output_shape == (None, None, 2)
    rng = np.random.default_rng(0)
    model.compile(optimizer="sgd", loss="mse")
    for length in (3, 4):
        model.fit(rng.normal(size=(4, length, 6)), rng.normal(size=(4, length, 2)), verbose=0)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    x = rng.normal(size=(2, 3, 6)).astype("float32")
    np.testing.assert_array_equal(model.predict(x, verbose=0), again.predict(x, verbose=0))


def test_kinds():
    assert set(actx.names(kind="vector")) >= {
        *("softmax", "softmin", "log_softmax", "sparsemax", "entmax15", "gumbel_softmax", "solu", "squash", "kwta")
    }
    assert {"rrelu", "gumbel_softmax"} <= set(actx.names(kind="stochastic"))
    assert not set(actx.names(kind="vector")) & {*actx.names(kind="parametric"), *actx.names(kind="layer")}
    assert Activation("gumbel_softmax", ()).declaration.kind == "vector"
