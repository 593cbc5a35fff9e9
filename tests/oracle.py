"""The independent oracle: what an activation is worth, to more digits than any dtype holds, and the checks against it.

The checks assert; none returns a boolean that a caller could drop. `test_harness.py` proves that they can fail.
"""

import functools
import inspect
import math
from dataclasses import dataclass

import keras
import ml_dtypes
import mpmath
import numpy as np
from autodiff import gradient

from keras_actx.declaration import registry
from keras_actx.declaration.activation import Activation

mp = mpmath.mp
BACKEND = keras.backend.backend()
DTYPES = ("float16", "bfloat16", "float32", "float64")
#: What may be lost to underflow, in units of the smallest normal number times max(1, |x|). XLA's and TensorFlow's CPU
#: kernels flush subnormals to 0, also those of intermediate results, which may be up to 32 times smaller than the
#: result. torch keeps them, but its sigmoid, 1 / (1 + e^-x), is 0 where it would be subnormal.
UNDERFLOW = {"jax": 32.0, "tensorflow": 32.0, "torch": 1.0}[BACKEND]
#: A gated activation is tested as a function of its gate, at this value.
GATED_VALUE = 1.5


# What is tested -------------------------------------------------------------------------------------------------------


def activations_with_sample_parameters(kinds=("elementwise", "gated")) -> list[Activation]:
    """Every declared activation: at its defaults, then with each parameter in turn at its sample values."""
    samples = []
    for declaration in registry.every():
        if declaration.package == "keras_actx" and declaration.kind in kinds:
            default = Activation(declaration.identifier, ())
            changed = (default.bind(**{one.name: value}) for one in declaration.parameters for value in _samples(one))
            samples += dict.fromkeys([default, *changed])
    return samples


def _samples(parameter) -> list:
    """Values inside the range and at its closed ends; few bits each, so that no dtype rounds them."""
    if parameter.kind is bool:
        return [False, True]
    if parameter.kind is int:
        return [parameter.default]
    candidates = [-0.75, 0.0, 0.125, 3.0, parameter.range.low, parameter.range.high]
    return sorted({one for one in candidates if one in parameter.range and np.isfinite(one)})


def kinks(activation: Activation) -> dict[float, float]:
    """Points where a derivative jumps, with the promised first derivative (for a gated one, at `GATED_VALUE`)."""
    promised = activation.declaration.kinks_at(dict(activation.params))
    factor = GATED_VALUE if activation.declaration.kind == "gated" else 1.0
    return {point: factor * slope for point, slope in promised.items()}


@functools.cache
def probe_points(activation: Activation, dtype: str) -> np.ndarray:
    """Inputs in float64, each of them a number of `dtype`, in a multiple of 512 (JAX compiles for every size).

    16-bit: every 16th of all finite bit patterns. 32 and 64 bits: logarithmic from tiny to max, dense in -12..12,
    looser in -800..800 where exponentials die, and every kink with its neighbours.
    """
    numpy_dtype = np.dtype(ml_dtypes.bfloat16 if dtype == "bfloat16" else dtype)
    at_kinks = np.array(list(kinks(activation)), dtype="float64").astype(numpy_dtype)
    up = np.array(np.inf, numpy_dtype)
    around = np.concatenate([at_kinks, np.nextafter(at_kinks, up), np.nextafter(at_kinks, -up)])
    if numpy_dtype.itemsize == 2:
        # At other than the default parameters every 256th: float32 tests what they change.
        step = 16 if activation == Activation(activation.name, ()) else 256
        with np.errstate(invalid="ignore"):  # some patterns are signalling NaNs
            patterns = np.arange(0, 2**16, step, dtype="uint16").view(numpy_dtype).astype("float64")
        points = np.concatenate([patterns[np.isfinite(patterns)], around.astype("float64")])
    else:
        limits = np.finfo(numpy_dtype)
        logarithmic = np.exp(np.linspace(np.log(limits.tiny), np.log(limits.max), 150)[:-1], dtype="float64")
        linear = np.concatenate([np.linspace(-12, 12, 499), np.linspace(-120, 120, 121), np.linspace(-800, 800, 41)])
        points = np.concatenate([logarithmic, -logarithmic, linear, [0.0, limits.max, -limits.max]])
        points = np.concatenate([points.astype(numpy_dtype), around]).astype("float64")
    return np.resize(points, -(-len(points) // 512) * 512)


# The oracle -----------------------------------------------------------------------------------------------------------


def exact_function(activation: Activation):
    """The declaration's reference formula as a function of one `mpf` (for a gated one: of the gate)."""
    declaration, params = activation.declaration, dict(activation.params)
    if declaration.kind == "gated":
        return lambda gate: declaration.exact(mp, mp.mpf(GATED_VALUE), gate, **params)
    return lambda x: declaration.exact(mp, x, **params)


def converged(compute, bits: int = 80):
    """`compute()` at a precision that is high enough: doubled until `bits` bits no longer change."""
    return _converged([compute], bits)[0]


def _converged(tasks: list, bits: int) -> list:
    """The same for many at once: entering a precision costs mpmath as much as a formula does."""
    with mp.workprec(160):
        results = [task() for task in tasks]
    # A zero may be the ghost of a cancellation: it counts only where enough bits for terms below double's maximum and a
    # result above its minimum see it too.
    enough = 2_500
    zeros = [i for i, value in enumerate(results) if not value]
    waiting = [i for i, value in enumerate(results) if value]
    with mp.workprec(enough):
        for i in zeros:
            results[i] = tasks[i]()
    waiting += [i for i in zeros if results[i]]
    precision = 320
    while waiting and precision < 20_000:
        unsettled = []
        with mp.workprec(precision):
            for i in waiting:
                value = tasks[i]()
                # 0 or inf in every dtype
                far_out = all(abs(mp.mag(one)) > 3_000 if one else precision > enough for one in (value, results[i]))
                close = abs(value - results[i]) <= mp.ldexp(abs(value), -bits) if value else precision > enough
                if not (far_out or close):
                    unsettled.append(i)
                results[i] = value
        waiting, precision = unsettled, 2 * precision
    assert not waiting, f"no convergence: {results[waiting[0]]}"
    return results


def exact_values(activation: Activation, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The true values, each as an unevaluated sum of two doubles; +-inf beyond double's range."""
    points, back = np.unique(x, return_inverse=True)
    high, low = _exact_values(activation, points.tobytes())
    return high[back], low[back]


@functools.cache
def _exact_values(activation: Activation, points: bytes) -> tuple[np.ndarray, np.ndarray]:
    function = exact_function(activation)
    tasks = [functools.partial(function, mp.mpf(x)) for x in np.frombuffer(points).tolist()]
    values = _converged(tasks, bits=80)
    high = np.array([_to_double(value) for value in values])
    with mp.workprec(320):
        rest = [
            _to_double(value - one) if np.isfinite(one) else 0.0
            for value, one in zip(values, high.tolist(), strict=True)
        ]
    return high, np.array(rest)


@functools.cache
def exact_derivative(activation: Activation, x: float, order: int = 1) -> float:
    """The true derivative, by a central difference of relative step 2^-100 (so it never steps across a neighbour)."""
    function = exact_function(activation)
    return _to_double(converged(lambda: _difference(function, mp.mpf(x), order), bits=50))


@functools.cache
def exact_parameter_derivative(activation: Activation, parameter: str, x: float) -> float:
    """The true derivative with respect to a parameter."""
    declaration, params = activation.declaration, dict(activation.params)
    point = mp.mpf(params.pop(parameter))

    def along(value):
        return declaration.exact(mp, mp.mpf(x), **params, **{parameter: value})

    return _to_double(converged(lambda: _difference(along, point, 1), bits=50))


def _difference(function, x, order):
    h = mp.ldexp(abs(x), -100) if x else mp.ldexp(1, -400)
    if order == 1:
        return (function(x + h) - function(x - h)) / (2 * h)
    return (function(x + h) - 2 * function(x) + function(x - h)) / h**2


@functools.cache
def exact_limit(activation: Activation, sign: int) -> float:
    """The limit at +-infinity; NaN where there is none."""
    function = exact_function(activation)
    near, far = (converged(lambda x=x: function(sign * mp.mpf(2) ** x)) for x in (1500, 3000))
    if abs(far) > mp.mpf(2) ** 1400:
        return float(np.inf if far > 0 else -np.inf)
    return _to_double(far) if abs(near - far) < mp.mpf(2) ** -1000 else float("nan")


def _to_double(value) -> float:
    exponent = mp.mag(value)
    if mp.isfinite(value) and exponent > 1100:
        return math.copysign(math.inf, value)
    return float(value) if exponent > -1100 else 0.0


# Errors ---------------------------------------------------------------------------------------------------------------


def spacing(values: np.ndarray, dtype: str) -> np.ndarray:
    """The gap between neighbouring numbers of `dtype` at |values|; never below the smallest subnormal's."""
    limits = ml_dtypes.finfo(dtype)
    exponent = np.where(values == 0, limits.minexp, np.frexp(np.abs(values))[1] - 1)
    return np.ldexp(1.0, np.maximum(exponent, limits.minexp) - limits.nmant)


@dataclass(frozen=True)
class Tolerance:
    """How far a result may be from the truth."""

    ulps: float
    conditioned: bool = False  # ulps of max(|f|, |x f'(x)|): what rounding the input once costs anybody


#: Tightened by a later issue to 4 ulp and all 65,536 patterns of the 16-bit dtypes.
BARS = {
    "float16": Tolerance(1.0),
    "bfloat16": Tolerance(1.0),
    "float32": Tolerance(8.0, conditioned=True),
    "float64": Tolerance(8.0, conditioned=True),
}


def excess(activation: Activation, x: np.ndarray, y: np.ndarray, dtype: str) -> np.ndarray:
    """The error of `y` as a multiple of what `BARS` allows; inf where it is NaN or infinite for no reason."""
    bar, limits = BARS[dtype], ml_dtypes.finfo(dtype)
    high, low = exact_values(activation, x)
    largest, tiny = float(limits.max), float(limits.tiny)
    with np.errstate(invalid="ignore", over="ignore"):
        error = np.abs((y - high) - low)
        allowed = bar.ulps * spacing(high, dtype)
        if dtype != "float16":  # which is computed in float32
            allowed = allowed + UNDERFLOW * tiny * np.maximum(1.0, np.abs(x))
            if BACKEND != "torch":  # a subnormal input counts as 0
                at_zero = exact_values(activation, np.zeros_like(x))[0]
                error = np.where(np.abs(x) < tiny, np.minimum(error, np.abs(y - at_zero)), error)
        result = error / allowed
        if bar.conditioned:
            for i in np.flatnonzero(result > 1):  # derivatives of the oracle are dear: only where they matter
                slope = exact_derivative(activation, float(x[i])) if np.isfinite(high[i]) else 0.0
                result[i] = error[i] / max(allowed[i], bar.ulps * float(limits.eps) * abs(x[i] * slope))
    overflows = np.abs(high) > largest * (1 - bar.ulps * float(limits.eps))
    result[overflows & (y == np.copysign(np.inf, high))] = 0.0
    result[np.isnan(y) | np.isnan(result)] = np.inf
    return result


# The checks -----------------------------------------------------------------------------------------------------------


def as_input(activation: Activation, x: np.ndarray, dtype: str):
    """The tensor to call the activation on."""
    if activation.declaration.kind == "gated":
        x = np.stack([np.full_like(x, GATED_VALUE), x], axis=-1)
    return keras.ops.convert_to_tensor(_to_numpy_dtype(x, dtype), dtype=dtype)


def _to_numpy_dtype(x: np.ndarray, dtype: str) -> np.ndarray:
    # bfloat16 goes in as float32 (exact): not every backend takes ml_dtypes' arrays.
    return x.astype("float32" if dtype == "bfloat16" else dtype)


def to_float64(tensor) -> np.ndarray:
    """The numbers of a tensor of any dtype."""
    if keras.backend.standardize_dtype(tensor.dtype) == "bfloat16":
        tensor = keras.ops.cast(tensor, "float32")
    return np.asarray(keras.ops.convert_to_numpy(tensor)).astype("float64")


def call(function, activation: Activation, x: np.ndarray, dtype: str) -> np.ndarray:
    """`function` on the points, in one call, with the dtype and shape of its result checked."""
    result = function(as_input(activation, x, dtype))
    found = keras.backend.standardize_dtype(result.dtype)
    assert found == dtype, f"{activation} turned {dtype} into {found}"
    y = to_float64(result)
    assert y.size == x.size, f"{activation} turned shape {x.shape} into {y.shape}"
    return y.reshape(x.shape)


def assert_accurate(function, activation: Activation, dtype: str, excused=()) -> None:
    """`function` is within `BARS` of the activation's exact values, but for `excused` regions.

    Args:
        function: what to test; the activation itself, or a mutant of it.
        activation: whose exact values count.
        dtype: of the input.
        excused: ledger entries; `entry.covers(x, y, true)` says for which points it answers.
    """
    x = probe_points(activation, dtype)
    y = call(function, activation, x, dtype)
    over = excess(activation, x, y, dtype)
    for entry in excused:
        over[entry.covers(x, y, exact_values(activation, x)[0])] = 0.0
    worst = int(np.argmax(over))
    true = float(exact_values(activation, x)[0][worst])
    assert over[worst] <= 1.0, (
        f"{activation} in {dtype}: {np.count_nonzero(over > 1)} of {len(x)} points are off; worst at "
        f"x = {float(x[worst])!r}: got {float(y[worst])!r}, true {true!r}, {over[worst]:.3g} times what is allowed; "
        f"they lie in {float(x[over > 1].min())!r} .. {float(x[over > 1].max())!r}"
    )


def assert_nan_passes(function, activation: Activation, dtype: str) -> None:
    """NaN in, NaN out."""
    y = call(function, activation, np.array([np.nan, 0.5]), dtype)
    assert np.isnan(y[0]), f"{activation} hides NaN: {y[0]}"
    assert not np.isnan(y[1])


def assert_limit(function, activation: Activation, dtype: str, sign: int, allow_nan: bool = False) -> None:
    """+-inf gives the limit, or NaN where that is allowed, but no other number."""
    y = call(function, activation, np.array([sign * np.inf, 0.5]), dtype)[0]
    limit = exact_limit(activation, sign)
    if allow_nan and np.isnan(y):
        return
    right = y == limit if np.isinf(limit) else abs(y - limit) <= 2 * spacing(np.array(limit), dtype)
    assert right, f"{activation}: {y} at {sign} * inf, not {limit}"


def assert_same_signature(ours: Activation, keras_function) -> None:
    """Our parameters and their defaults are those of Keras's function, in its order."""
    theirs = {
        key: one.default
        for key, one in inspect.signature(keras_function).parameters.items()
        if key not in ("x", "self")
    }
    assert dict(ours.params) == theirs, f"{ours.name}: {dict(ours.params)} here, {theirs} in Keras"


# Derivatives ----------------------------------------------------------------------------------------------------------

#: Multiples of eps times the largest of |f'|, |f / x| (a term of the product rule), |x f''| (what rounding x costs) and
#: 1/8 (backends have 1 - tanh^2 for the derivative of tanh, which cancels in the tails).
DERIVATIVE_BAR = 64.0


def derivative_points(activation: Activation) -> np.ndarray:
    """Fewer points than for values, float32 numbers away from kinks; the oracle's difference quotients are dear."""
    linear = np.linspace(-9.73, 9.89, 41)
    logarithmic = np.geomspace(1e-20, 1e30, 21)
    far = np.array([15.5, 30.25, 90.5, 110.5])
    points = np.concatenate([linear, logarithmic, -logarithmic, far, -far]).astype("float32").astype("float64")
    at_kinks = np.array([*kinks(activation), np.nan])
    return np.where((np.abs(points[:, None] - at_kinks) < 1e-5).any(axis=1) & (points != 0), 0.3125, points)


def derivative(function, activation: Activation, x: np.ndarray, dtype: str, order: int = 1) -> np.ndarray:
    """The backend's own derivative at the points; a gated activation's with respect to its gate."""

    def along(gate):
        if activation.declaration.kind == "gated":
            value = GATED_VALUE * keras.ops.ones_like(gate)
            return function(keras.ops.stack([value, gate], axis=-1))
        return function(gate)

    differentiated = along
    for _ in range(order - 1):
        differentiated = functools.partial(gradient, differentiated)
    result = gradient(differentiated, keras.ops.convert_to_tensor(_to_numpy_dtype(x, dtype), dtype=dtype))
    found = keras.backend.standardize_dtype(result.dtype)
    assert found == dtype, f"the derivative of {activation} in {dtype} is {found}"
    return to_float64(result)


def assert_derivative(function, activation: Activation, dtype: str, excused=()) -> None:
    """The first derivative of `function` by autodiff is the activation's own, away from kinks."""
    x = derivative_points(activation)
    x = x[np.abs(x) <= 1e30 if dtype == "float32" else np.full(x.shape, True)]
    y = derivative(function, activation, x, dtype)
    eps, tiny = float(ml_dtypes.finfo(dtype).eps), float(ml_dtypes.finfo(dtype).tiny)
    true = np.array([exact_derivative(activation, float(one)) for one in x])
    values = exact_values(activation, x)[0]
    for i, one in enumerate(x):
        if not np.isfinite(true[i]) or abs(true[i]) > ml_dtypes.finfo(dtype).max:
            continue
        assert np.isfinite(y[i]) or any(entry.covers(x[i], y[i], true[i]) for entry in excused), (
            f"the derivative of {activation} in {dtype} at {float(one)!r} is {y[i]}, not {true[i]}"
        )
        error = abs(y[i] - true[i])
        with np.errstate(over="ignore"):
            allowed = DERIVATIVE_BAR * eps * max(abs(true[i]), abs(values[i] / one), 0.125)
        allowed += 32 * tiny * max(1.0, abs(one))
        if error > allowed:
            allowed = max(allowed, DERIVATIVE_BAR * eps * abs(one * exact_derivative(activation, float(one), 2)))
        assert error <= allowed or any(entry.covers(x[i], y[i], true[i]) for entry in excused), (
            f"the derivative of {activation} in {dtype} at {float(one)!r} is {y[i]!r}, not {true[i]!r}: "
            f"{error / allowed:.3g} times what is allowed"
        )


def assert_kink_slopes(function, activation: Activation, dtype: str) -> None:
    """At kinks the derivative is exactly what the declaration promises."""
    promised = kinks(activation)
    if promised:
        points, slopes = np.array(list(promised)), np.array(list(promised.values()))
        found = derivative(function, activation, points, dtype)
        error = np.abs(found - slopes)
        assert (error <= spacing(slopes, dtype)).all(), (
            f"{activation} in {dtype}: {dict(zip(points, found, strict=True))}, promised {promised}"
        )


def assert_second_derivative(function, activation: Activation) -> None:
    """In float64, at moderate points away from kinks."""
    x = np.array([one for one in derivative_points(activation) if 1e-3 < abs(one) < 12])
    y = derivative(function, activation, x, "float64", order=2)
    true = np.array([exact_derivative(activation, float(one), 2) for one in x])
    first = np.array([exact_derivative(activation, float(one)) for one in x])
    error = np.abs(y - true)
    worst = int(np.argmax(error - 1e-11 * np.maximum(1.0, np.abs(true) + np.abs(first))))
    assert error[worst] <= 1e-11 * max(1.0, abs(true[worst]) + abs(first[worst])), (
        f"second derivative of {activation} at {x[worst]!r}: {y[worst]!r}, not {true[worst]!r}"
    )


def assert_parameter_derivative(function, activation: Activation, parameter: str) -> None:
    """The derivative with respect to a parameter, in float64; `function(x, **{parameter: tensor})`."""
    x = np.array([-7.3, -2.6, -1.1, -0.4, -0.07, 0.06, 0.45, 1.2, 2.7, 7.9])
    tensor = keras.ops.convert_to_tensor(x, dtype="float64")
    values = keras.ops.full(x.shape, dict(activation.params)[parameter], dtype="float64")
    found = to_float64(gradient(lambda one: function(tensor, **{parameter: one}), values))
    true = np.array([exact_parameter_derivative(activation, parameter, float(one)) for one in x])
    np.testing.assert_allclose(found, true, rtol=1e-11, atol=1e-12, err_msg=f"d {activation} / d {parameter}")
