"""`check_activation`: all requirements of this package on its own activations, for any activation."""

from collections.abc import Iterable
from typing import Any

import keras

from keras_actx._messages import quote
from keras_actx.declaration.activation import Activation
from keras_actx.declaration.declaration import OWN_PACKAGE
from keras_actx.names.resolve import resolve_declared
from keras_actx.plain_numbers import plain
from keras_actx.testing import derivatives, saving, structure, values, vectors
from keras_actx.testing.grids import DTYPES
from keras_actx.testing.known_errors import KnownError, known_errors_for
from keras_actx.testing.samples import with_sample_parameters
from keras_actx.testing.tensors import dtype_of

_SIXTEEN_BITS = 2**16

_SATURATED = "backends differentiate sigmoid, tanh and expm1 as functions of their result, which saturates"


def check_activation(
    activation: Any, *, points: int = 4096, thorough: bool = False, known_errors: Iterable[KnownError] = ()
) -> None:
    r"""Check an activation as this package checks its own, on the active backend; raises at the first failure.

    $$|y - f(x)| \le 4 \epsilon \, (|f(x)| + |x f'(x)|), \quad
    |y' - f'(x)| \le 8 \epsilon \, (|f'(x)| + |x f''(x)|)$$

    With $\epsilon = 2^{-23}$ in float32 and $2^{-52}$ in float64; 16-bit values are within one unit in the last place,
    at all 65,536 numbers. For parameters other than the defaults, $|p \, \partial f / \partial p|$ is added. The error
    of a derivative may be $2 \epsilon \max|f'|$ where it vanishes, as for the backends' own functions.

    Values in four dtypes, with every parameter at its default, inside its range and at its closed bounds, against the
    declared reference formula (`exact`) in at least 100 bits; NaN and $\pm\infty$; first and second derivatives and
    those of the parameters, by the backend's autodiff; the declared derivative at kinks; shapes from rank 0 to 5, empty
    and strided ones, three of them in every dtype; symbolic, compiled and mapped calls; serialization; learning inside
    a layer.

    Args:
        activation: a name such as `"my_project>my_swish"`, or an `Activation` from `@keras_actx.register_activation`.
        points: the number of points of the grids of 32 and 64 bits, at least 64.
        thorough: also check with the backend's slow compilers (torch's inductor takes seconds).
        known_errors: (`keras_actx.testing.KnownError`) exceptions for limitations of the backend.

    Raises:
        AssertionError: for a failure, with its place and size.
        RuntimeError: under `python -O`, which removes assertions, and on JAX without `JAX_ENABLE_X64=1`.
        ValueError: for an unknown name, a declaration without `exact`, or `points` out of range.

    Example:

    >>> import keras, keras_actx as actx
    >>> from keras_actx.testing import check_activation
    >>> @actx.register_activation(package="docs_check", exact=lambda mp, x, beta: x / (1 + mp.exp(-beta * x)))
    ... def my_swish(x, beta=1.0):
    ...     return x * keras.ops.sigmoid(beta * x)
    >>> check_activation(my_swish, points=512)  # x * sigmoid(x) is inf * 0 at -inf
    Traceback (most recent call last):
    ...
    AssertionError: docs_check>my_swish(beta=1.0): nan at -1 * inf, not 0.0
    """
    if not __debug__:
        raise RuntimeError("check_activation uses assertions, which python -O removes: run without -O")
    if dtype_of(keras.ops.zeros((), "float64")) != "float64":
        raise RuntimeError("check_activation needs float64, which JAX has with JAX_ENABLE_X64=1 in the environment")
    chosen = resolve_declared(activation, "check_activation").activation
    points = plain(points)
    if not isinstance(points, int) or isinstance(points, bool) or points < 64:
        raise ValueError(f"points={quote(points)} is not allowed; use a whole number from 64")
    if chosen.declaration.exact is None:
        raise ValueError(
            f"{chosen} declares no reference formula, which the checks require; give the "
            "decorator one: @keras_actx.register_activation(exact=lambda mp, x, **params: ...)"
        )
    check_structure(chosen, thorough)
    for one in with_sample_parameters(chosen):
        if chosen.declaration.kind == "vector":
            for dtype in DTYPES:
                vectors.assert_vector_values(one, one, dtype)
        else:
            check_numbers(one, points, tuple(known_errors))
    if chosen.declaration.kind == "elementwise" and not chosen.declaration.stochastic:
        for parameter in chosen.declaration.parameters:
            if parameter.learnable:
                derivatives.assert_parameter_derivative(chosen, chosen, parameter.name)


def check_numbers(activation: Activation, points: int, known: tuple[KnownError, ...] = ()) -> None:
    """Check values and derivatives of one activation with its parameters."""
    for dtype in DTYPES:
        count = points if dtype in ("float32", "float64") else _SIXTEEN_BITS
        of_value = known_errors_for(known, activation, "value", dtype)
        values.assert_values(activation, activation, dtype, count, of_value)
        values.assert_nan_passes(activation, activation, dtype)
        for sign in (1, -1):
            values.assert_limit(activation, activation, dtype, sign)
        if dtype.endswith("16"):
            derivatives.assert_finite(activation, activation, dtype)
    for dtype in ("float32", "float64"):
        of_slope = known_errors_for(known, activation, "derivative", dtype)
        if activation.declaration.package != OWN_PACKAGE:
            of_slope.append(KnownError(activation.name, _SATURATED, quantity="derivative", tail=True))
        derivatives.assert_derivative(activation, activation, dtype, min(points, 512), of_slope)
        derivatives.assert_kink_slopes(activation, activation, dtype)
        derivatives.assert_finite_ends(activation, activation, dtype)
    derivatives.assert_second_derivative(activation, activation)


def check_structure(activation: Activation, thorough: bool = False) -> None:
    """Check shapes, dtypes, kinds of calls, saving and learning."""
    structure.assert_shape_and_dtype(activation, activation)
    structure.assert_symbolic_agrees(activation, activation)
    structure.assert_views_agree(activation, activation)
    for one in (activation, with_sample_parameters(activation)[-1]):
        structure.assert_compiled_agrees(one, one, thorough)
    structure.assert_transformations_agree(activation, activation)
    saving.assert_written_down(activation)
    saving.assert_learns(activation)
