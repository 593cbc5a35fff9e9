"""Rational activations: their own fits, the digits they keep, what no power may overflow, and how they learn."""

import keras
import ml_dtypes
import mpmath
import numpy as np
import pytest

import keras_actx as actx
from keras_actx.declaration.activation import Activation
from keras_actx.initializers import rational_fit
from keras_actx.names.resolve import resolve
from keras_actx.testing import derivatives, errors, grids, oracle
from keras_actx.testing import values as checks
from keras_actx.testing.tensors import to_float64

VERSIONS = {"A": "rational", "B": "pade"}
every_version = pytest.mark.parametrize("version", VERSIONS)
COEFFICIENTS = ("p0", "p1", "p2", "p3", "p4", "p5", "q1", "q2", "q3", "q4")
LEAKY_RELU = "leaky_relu(negative_slope=0.01)"

#: The largest error of each fit in [-3, 3], by version.
ERRORS = {
    LEAKY_RELU: (0.0330, 0.0367),
    "relu": (0.0330, 0.0370),
    "tanh": (4e-6, 3e-6),
    "sigmoid": (4e-6, 1e-6),
    "gelu": (0.0017, 0.0016),
    "silu": (2e-6, 5e-6),
    "linear": (1e-15, 1e-15),
    "elu": (5e-4, 6e-3),
    "softplus": (5e-6, 4e-6),
    "mish": (2e-4, 2e-4),
}


def values(function, x: np.ndarray, dtype: str = "float64") -> np.ndarray:
    return to_float64(function(keras.ops.convert_to_tensor(x.astype(dtype), dtype=dtype)))


def largest_error(fit, activation) -> float:
    with actx.backend.eager_float64():
        x = np.linspace(-3.0, 3.0, 4001)
        return float(np.abs(values(fit, x) - values(actx.get(activation), x)).max())


def assert_fits(fit, activation, error: float) -> None:
    found = largest_error(fit, activation)
    assert found <= error, f"{fit} is {found:.3g} from {activation}"


# The fit --------------------------------------------------------------------------------------------------------------


@pytest.mark.sweep(4)
@every_version
@pytest.mark.parametrize("activation", ERRORS)
def test_fit(activation, version):
    fit = rational_fit(activation, version=version)
    assert fit.name == VERSIONS[version]
    assert_fits(fit, activation, ERRORS[activation][version == "B"])
    assert resolve(actx.get(str(fit))).subject == fit  # short enough for a string, which learns


def test_bad_fit_is_seen():
    fit = rational_fit("gelu")
    with pytest.raises(AssertionError, match="from silu"):
        assert_fits(fit, "silu", ERRORS["gelu"][0])
    for name in COEFFICIENTS[:6]:
        with pytest.raises(AssertionError):
            assert_fits(fit.bind(**{name: dict(fit.params)[name] + 0.01}), "gelu", ERRORS["gelu"][0])


@every_version
def test_defaults_are_our_fit(version):
    """The last of the six digits is left to the machine's arithmetic."""
    default, fit = dict(Activation(VERSIONS[version], ()).params), dict(rational_fit(LEAKY_RELU, version).params)
    assert tuple(default) == tuple(fit) == COEFFICIENTS
    np.testing.assert_allclose(list(default.values()), list(fit.values()), rtol=2e-5, atol=1e-9)


@pytest.mark.parametrize("activation", ["elu", "selu", "mish", "softplus", "swish(beta=3.0)", "snake"])
def test_fit_of_version_b_has_no_kinks(activation):
    params = dict(rational_fit(activation, version="B").params)
    x = np.linspace(-100, 100, 20001)
    assert (np.polynomial.polynomial.polyval(x, [0.0, *(params[f"q{i}"] for i in range(1, 5))]) >= -1e-5).all()


def test_fit_is_of_any_elementwise_callable():

    def bump(x):
        return 1.0 / (1.0 + keras.ops.square(x))

    assert_fits(rational_fit(bump), bump, 1e-5)
    np.testing.assert_allclose(dict(rational_fit(lambda x: 0.0 * x).params)["p1"], 0.0, atol=1e-12)
    learnable = actx.get("prelu(negative_slope=0.01)")
    assert dict(rational_fit(learnable).params) == dict(rational_fit(LEAKY_RELU).params)
    np.testing.assert_allclose(
        list(dict(rational_fit(keras.layers.ELU()).params).values()),
        list(dict(rational_fit("elu").params).values()),
        rtol=1e-3,
        atol=1e-3,
    )


def test_fit_is_kept():
    assert rational_fit("mish") is rational_fit(actx.get("mish"))


@pytest.mark.parametrize(
    ("activation", "message"),
    [
        ("step", "has an error of"),
        ("sine", "has an error of"),
        ("softmax", "not elementwise"),
        ("swiglu", "not elementwise"),
        (lambda x: x - keras.ops.max(x), "not elementwise"),
        (lambda x: 1.0 / x, "not finite"),
        (keras.ops.log, "not finite"),
        ("geluu", "gelu"),
    ],
)
def test_what_cannot_be_fitted_is_refused(activation, message):
    with pytest.raises(ValueError, match=message):
        rational_fit(activation)


@pytest.mark.parametrize("version", ["C", None, "rational", 1, []])
def test_unknown_version_is_refused(version):
    with pytest.raises(ValueError, match="'A'"):
        rational_fit("gelu", version=version)


# Values ---------------------------------------------------------------------------------------------------------------


def condition(activation: Activation, x: float) -> float:
    """What rounding the coefficients costs: sum |p_i x^i| / Q(x)."""
    params, mp = dict(activation.params), mpmath.mp
    with mp.workprec(320):
        terms = [abs(params[name] * mp.mpf(x) ** i) for i, name in enumerate(COEFFICIENTS[:6])]
        only = {**dict.fromkeys(COEFFICIENTS[:6], 0.0), "p0": 1.0, **{q: params[q] for q in COEFFICIENTS[6:]}}
        return float(min(sum(terms) * activation.declaration.exact(mp, mp.mpf(x), **only), mp.mpf(10) ** 308))


def assert_well_evaluated(function, activation: Activation, dtype: str) -> None:
    x = grids.points(activation, dtype, 512)
    y = checks.call(function, activation, x, dtype)
    high, low = oracle.values(activation, x)
    limits = ml_dtypes.finfo(dtype)
    worst = np.array([condition(activation, float(one)) for one in x])
    with np.errstate(invalid="ignore", over="ignore"):
        bound = 4 * float(limits.eps) * worst + errors.underflow(x, dtype)
        good = (np.abs((y - high) - low) <= bound) | ((np.abs(high) > float(limits.max) * 0.999) & np.isinf(y))
    assert good.all(), f"{activation} at {x[~good][:5]}: {y[~good][:5]}, not {high[~good][:5]}"


STARTS = [rational_fit(name, version) for version in VERSIONS for name in (LEAKY_RELU, "tanh", "gelu", "linear")]
#: Numerators and denominators of every degree, in both signs.
SHORTENED = [
    Activation(name, ()).bind(**dict.fromkeys([*COEFFICIENTS[top + 1 : 6], *COEFFICIENTS[6 + bottom :]], 0.0), p0=-2.0)
    for name in VERSIONS.values()
    for top in range(6)
    for bottom in range(5)
]


@pytest.mark.sweep(4)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("activation", [*STARTS, *SHORTENED[::3]], ids=str)
def test_values(activation, dtype):
    assert_well_evaluated(activation, activation, dtype)


def test_wrong_value_is_seen():
    activation = Activation("rational", ())
    off = activation.bind(p2=dict(activation.params)["p2"] * (1 + 1e-5))
    with pytest.raises(AssertionError):
        assert_well_evaluated(off, activation, "float32")


@pytest.mark.parametrize("activation", [*STARTS, *SHORTENED], ids=str)
def test_limits(activation):
    for sign in (1, -1):
        checks.assert_limit(activation, activation, "float32", sign)


@pytest.mark.parametrize("activation", STARTS, ids=str)
def test_learned_coefficients_give_the_same(activation):
    """Zeros and signs are looked at in tensors as they are in numbers; numbers are rounded once on either way."""
    x = np.array([0.0, 1e-20, 0.7, -0.7, 2.5, -7.9, 8.0, 8.1, -9.0, 300.0, -1e9, 1e19, -1e19, 3e38, np.inf, -np.inf])
    tensors = {name: keras.ops.convert_to_tensor(value, dtype="float32") for name, value in activation.params}
    fixed, learned = values(activation, x, "float32"), values(lambda t: activation(t, **tensors), x, "float32")
    np.testing.assert_allclose(learned, fixed, rtol=2e-5, atol=1e-7)


@pytest.mark.sweep(1)
@pytest.mark.parametrize("activation", STARTS, ids=str)
def test_gradients_are_finite(activation):
    x = np.array([0.0, 0.7, -0.7, 7.9, 8.1, -1e9, 1e18, -1e18, 3e38, np.inf, -np.inf])
    if abs(oracle.derivatives(activation, np.array([1e100]))[0]) > 1e50:
        x = x[np.isfinite(x)]  # it grows faster than x
    slope = derivatives.derivative(activation, activation, x, "float32")
    assert np.isfinite(slope).all(), dict(zip(x, slope, strict=True))


# Learning -------------------------------------------------------------------------------------------------------------


@pytest.mark.sweep(1)
@pytest.mark.parametrize("name", ["rational", "pade", "pau"])
def test_learns_in_dense_and_saves(name, tmp_path):
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(16, activation=name), keras.layers.Dense(1)])
    learned = model.layers[0].activation
    assert isinstance(learned, actx.layers.LearnableActivation)
    assert [one.name[:2] for one in learned.weights] == list(COEFFICIENTS)
    assert len(learned.trainable_weights) == len(COEFFICIENTS)
    x = np.random.default_rng(0).normal(size=(256, 4)).astype("float32")
    y = np.sin(2 * x[:, :1]) * x[:, 1:2]
    model.compile(optimizer=keras.optimizers.Adam(0.02), loss="mse")
    before = [np.array(keras.ops.convert_to_numpy(one)) for one in learned.weights]
    first, last = (model.fit(x, y, epochs=15, verbose=0).history["loss"][i] for i in (0, -1))
    assert last < first
    after = [keras.ops.convert_to_numpy(one) for one in learned.weights]
    assert all((old != new).all() for old, new in zip(before, after, strict=True))  # those that start at 0 too
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(model.predict(x, verbose=0), again.predict(x, verbose=0))


@every_version
def test_start_is_saved_with_its_coefficients(version, tmp_path):
    fit = rational_fit("gelu", version=version)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, activation=fit)])
    model.save(tmp_path / "model.keras")
    assert keras.models.load_model(tmp_path / "model.keras").layers[0].activation == fit


def test_zero_coefficients_of_the_denominator_can_learn():
    layer = actx.layers.LearnableActivation(rational_fit("linear"))
    x = keras.ops.convert_to_tensor(np.array([[1.0, 2.0]], "float32"))
    start = values(layer, np.array([[1.0, 2.0]]), "float32")
    np.testing.assert_array_equal(start, [[1.0, 2.0]])
    target = 0.5 * x
    model = keras.Sequential([keras.Input((2,)), layer])
    model.compile(optimizer=keras.optimizers.SGD(0.01), loss="mse")
    model.fit(x, target, epochs=1, verbose=0)
    moved = {one.name: float(keras.ops.convert_to_numpy(one)) for one in layer.weights}
    assert all(moved[name] > 0 for name in COEFFICIENTS[6:])
