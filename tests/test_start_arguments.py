"""What start weights and moments are asked with: it works, or `ValueError` or `TypeError` say what is allowed."""

import math
import warnings

import keras
import numpy as np
import pytest
from deep import as_numpy

import keras_actx as actx
from keras_actx.constraints import InRange
from keras_actx.initializers import Paired, rational_fit
from keras_actx.initializers.gated_bias import GatedBias
from keras_actx.layers import DenseBlock

JUNK = [
    None,
    True,
    -1,
    0,
    3,
    10**400,
    2.5,
    1e308,
    -1e-320,
    math.nan,
    math.inf,
    np.float32(0.5),
    np.int64(7),
    np.bool_(True),
    1j,
    "",
    "abc",
    "x" * 5000,
    b"abc",
    (),
    (1, 2),
    [1.0],
    {},
    {"name": "relu"},
    np.zeros(3),
    object(),
    len,
    int,
    print,
    lambda x: x.nosuch,
    lambda: 1,
    lambda x: None,
    keras.layers.Dense,
]

CALLS = {
    "moments": (lambda *a, **k: actx.moments(*a, **k), ("activation", "mean", "variance"), {"activation": "tanh"}),
    "gain": (lambda *a, **k: actx.gain(*a, **k), ("activation",), {}),
    "rational_fit": (rational_fit, ("activation", "version"), {"activation": "tanh"}),
    "pairing": (
        lambda *a, **k: str(actx.pairing(*a, **k)),
        (
            "activation",
            "scheme",
            "distribution",
            "first_layer",
            "input_activation",
            "depth",
            "use_bias",
            "normalized",
            "standardize",
            "input_standardized",
        ),
        {"activation": "tanh", "scheme": "critical"},
    ),
    "Paired": (
        lambda *a, **k: Paired(*a, **k)((4, 4)),
        ("activation", "distribution", "depth", "depthwise", "input_axes", "output_axes", "input_activation"),
        {"activation": "tanh", "scheme": "critical", "first_layer": True},
    ),
    "Paired.__call__": (lambda shape: Paired("tanh")(shape), ("shape",), {}),
    "InRange": (InRange, ("low", "high"), {}),
    "bias_initializer": (
        lambda **k: actx.pairing("swiglu", "critical").bias_initializer(**k)((4,)),
        ("gate", "interleaved"),
        {},
    ),
    "GatedBias": (
        GatedBias,
        ("value_mean", "gate_mean", "stddev", "gate", "interleaved"),
        {"value_mean": 0.0, "gate_mean": 1.0},
    ),
}


@pytest.mark.parametrize(("call", "name"), [(call, name) for call, (_, names, _) in CALLS.items() for name in names])
def test_any_argument(call, name):
    function, _, usual = CALLS[call]
    for junk in JUNK:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of ours; numpy's are RuntimeWarnings
            try:
                function(**{**usual, name: junk})
            except (ValueError, TypeError) as error:
                assert str(error), junk
                assert len(str(error)) < 700, error
            except Exception as error:
                raise AssertionError(f"{call}({name}={str(junk)[:50]!r})") from error


EXTREME = [
    "hard_shrink(threshold=1000.0)",
    "elu(alpha=1e308)",
    "isru(alpha=1e308)",
    "leaky_relu(negative_slope=1e200)",
    "leaky_relu(negative_slope=-1e308)",
    "swish(beta=1e308)",
    "swish(beta=-1e308)",
    "snake(alpha=1e-300)",
    "snake(alpha=1e300)",
    "sine(w0=1e300)",
    "sine(w0=1e-300)",
    "scaled_by_nothing",
    "threshold(threshold=1e308, value=-1e308)",
    "softplus(beta=1e-300)",
    "relu(max_value=0.0)",
    "celu(alpha=1e-308)",
]


@actx.register_activation(package="start_arguments")
def scaled_by_nothing(x, factor: float = 0.0):
    """Zero."""
    return factor * x


@pytest.mark.sweep(1)
@pytest.mark.parametrize("activation", EXTREME)
def test_extreme_parameters(activation):
    situations = [{"first_layer": True}, {"input_activation": activation}, {"input_activation": activation, "depth": 9}]
    calls = [lambda: actx.moments(activation), lambda: actx.gain(activation), lambda: rational_fit(activation)]
    for scheme in ("published", "critical", "looks_linear", "auto"):
        for situation in situations:
            for standardize in (False, True):
                calls.append(
                    lambda scheme=scheme, situation=situation, standardize=standardize: Paired(
                        activation, scheme, seed=1, standardize=standardize, **situation
                    )((4, 4))
                )
    calls.append(lambda: DenseBlock(4, "relu", scheme="published", input_activation=activation, standardize=True))
    calls.append(lambda: DenseBlock(4, activation, scheme="published", standardize=True))
    for call in calls:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            try:
                found = call()
            except ValueError as error:
                assert str(error)
                continue
        if keras.ops.is_tensor(found):
            assert np.isfinite(as_numpy(found)).all()


def test_the_activation_is_named():
    with pytest.raises(ValueError, match=r"hard_shrink\(threshold=1000.0\).*nearly flat"):
        DenseBlock(4, "hard_shrink(threshold=1000.0)", scheme="published", standardize=True)
    with pytest.raises(ValueError, match=r"'isru\(alpha=1e308\)'.*not finite in float32"):
        actx.pairing("isru(alpha=1e308)", "published")


@pytest.mark.parametrize("scheme", ["glorot", "published", "critical", "looks_linear"])
@pytest.mark.parametrize("shape", [(0, 4), (4, 0), (3, 0, 4), [np.int64(6), np.int32(4)]], ids=str)
def test_sizes(scheme, shape):
    start = Paired("relu", scheme, first_layer=True)
    if scheme == "looks_linear" and 0 in shape:
        with pytest.raises(ValueError, match="even"):
            start(shape)
        return
    assert tuple(start(shape).shape) == tuple(shape)


def test_numbers_of_numpy():
    one = np.float32(1.0)
    assert actx.moments("tanh", mean=np.float64(0.5), variance=one) == actx.moments("tanh", mean=0.5)
    assert actx.moments("swiglu", mean=(one, np.int32(0))) == actx.moments("swiglu", mean=(1, 0))
    assert actx.pairing("tanh", "critical", depth=np.int64(9)) == actx.pairing("tanh", "critical", depth=9)
    start = Paired("tanh", "critical", first_layer=True, depth=np.int64(9))
    assert type(start.get_config()["depth"]) is int
    assert InRange(np.float32(0.5), np.int64(2)).get_config() == {"low": 0.5, "high": 2.0}
    assert [type(one) for one in InRange(np.float32(0.5), np.int64(2)).get_config().values()] == [float, float]


@pytest.mark.parametrize(
    ("activation", "name"),
    [
        (keras.layers.Softmax(name="softmax"), "softmax"),
        (keras.layers.Softmax(name="router"), "router"),
        (lambda x: keras.ops.softmax(x), "<lambda>"),
        (keras.layers.LayerNormalization(name="norm"), "norm"),
    ],
    ids=["softmax", "router", "lambda", "norm"],
)
def test_messages_name_what_the_user_gave(activation, name):
    for call in (
        lambda: actx.moments(activation),
        lambda: rational_fit(activation),
        lambda: DenseBlock(4, activation, scheme="published"),
        lambda: actx.pairing(activation, "critical"),
    ):
        with pytest.raises(ValueError, match=f"'{name}' is not elementwise"):
            call()


def test_an_activation_layer_is_its_function():
    assert actx.moments(keras.layers.Activation("relu")) == actx.moments("relu")
    with pytest.raises(ValueError, match="softmax"):
        actx.moments(keras.layers.Activation("softmax"))
