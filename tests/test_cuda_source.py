"""The generated source of every elementwise and gated activation, compiled for the processor, against the oracle.

A GPU has other functions of the same names: within 2 units in the last place (erfc: 4), where the processor's are
within 1. `benchmarks/gpu` measures there.
"""

import functools
import zlib

import all_activations
import keras
import known
import numpy as np
import pytest
from sweeps import WHOLE

import keras_actx as actx

if keras.backend.backend() != "torch":
    pytest.skip("of torch alone", allow_module_level=True)

import host_kernels
import torch
from torch.fx.experimental.proxy_tensor import make_fx

from keras_actx import config
from keras_actx.backend.torch import cuda_kernel, cuda_kernels, cuda_source, eager
from keras_actx.backend.torch.cuda_source import UnknownOperatorError
from keras_actx.declaration.evaluation import Formula
from keras_actx.testing import derivatives, values
from keras_actx.testing.known_errors import KnownError, known_errors_for
from keras_actx.testing.samples import is_default

if host_kernels.COMPILER is None:
    pytest.skip("NOT TESTED: no C++ compiler here, in place of a GPU's", allow_module_level=True)

DEFAULTS = all_activations.defaults("elementwise", "gated")
SIXTEEN = ("float16", "bfloat16")


def _is_run(activation):
    """All with their defaults; one in eight with other parameters."""
    return WHOLE or is_default(activation) or zlib.crc32(str(activation).encode()) % 8 == 0


WITH_SAMPLES = [one for one in all_activations.with_samples("elementwise", "gated") if _is_run(one)]
IN_FLOAT64 = DEFAULTS if WHOLE else DEFAULTS[::8]


def numbers_of(activation):
    return tuple(name for name, value in activation.params if type(value) is float)


LEARNABLE = [one for one in DEFAULTS if numbers_of(one)]


def kernels_with_numbers(activation, dtype):
    """Forward and backward."""
    recorded = kernels_of(activation, dtype).recorded
    return [recorded.forward, recorded.vjp((True,))]


def kernels_of(activation, dtype):
    formula = Formula(activation.declaration, tuple(activation.params), (), dtype)
    return cuda_kernels._kernels_of(formula, dtype)


def kernels_with_tensors(activation):
    """The same with all numbers as tensors, with gradients."""
    names = numbers_of(activation)
    rest = tuple(one for one in activation.params if one[0] not in names)
    recorded = cuda_kernels._kernels_of(Formula(activation.declaration, rest, names, "float32"), "float32").recorded
    return [recorded.forward, recorded.vjp((True,) * (1 + len(names)))]


@functools.cache
def compiled():
    """One library of them all."""
    found = [kernel for one in WITH_SAMPLES for kernel in kernels_with_numbers(one, "float32")]
    found += [kernel for one in IN_FLOAT64 for kernel in kernels_with_numbers(one, "float64")]
    found += [kernel for one in LEARNABLE for kernel in kernels_with_tensors(one)]
    host_kernels.compile_all(found)
    return found


@pytest.fixture(autouse=True)
def calls(monkeypatch):
    """The names of the kernels that run, on the CPU; at least one has to."""
    compiled()
    for dtype in ("float32", "float64"):  # in place of torch's own
        monkeypatch.setattr(kernels_of(actx.Activation("relu", ()), dtype), "is_native", False)
    monkeypatch.setattr(eager, "is_on_gpu", lambda x: True)
    monkeypatch.setattr(cuda_kernel, "compile_source", host_kernels.Standin)
    monkeypatch.setattr(host_kernels.Standin, "calls", [])
    return host_kernels.Standin.calls


#: Beside those of torch, where products and sums are contracted.
CONTRACTED = (
    KnownError("laplace", "as for the value", error=14.0, quantity="derivative", low=-0.4, high=0.2, backends="torch"),
)


def errors_known(activation, quantity, dtype):
    return known_errors_for((*known.ERRORS, *CONTRACTED), activation, quantity, dtype)


def assert_within_the_bar(activation, dtype, calls):
    values.assert_values(
        activation, activation, dtype, 2**16 if dtype in SIXTEEN else 2**12, errors_known(activation, "value", dtype)
    )
    values.assert_nan_passes(activation, activation, dtype)
    for sign in (1, -1):
        values.assert_limit(activation, activation, dtype, sign)
    assert calls
    assert all("_forward_" in one for one in calls)


def assert_derivative_within_the_bar(activation, dtype, calls):
    excused = errors_known(activation, "derivative", dtype)
    derivatives.assert_derivative(activation, activation, dtype, 1024, excused)
    derivatives.assert_kink_slopes(activation, activation, dtype)
    derivatives.assert_finite_ends(activation, activation, dtype)
    assert sum("_backward_" in one for one in calls) >= 2


@pytest.mark.parametrize("activation", WITH_SAMPLES, ids=str)
def test_float32(activation, calls):
    assert_within_the_bar(activation, "float32", calls)
    calls.clear()
    assert_derivative_within_the_bar(activation, "float32", calls)


@pytest.mark.parametrize("activation", IN_FLOAT64, ids=str)
def test_float64(activation, calls):
    assert_within_the_bar(activation, "float64", calls)
    calls.clear()
    assert_derivative_within_the_bar(activation, "float64", calls)


@pytest.mark.parametrize("dtype", SIXTEEN)
@pytest.mark.parametrize("activation", DEFAULTS, ids=str)
def test_all_numbers_of_16_bits(activation, dtype, calls):
    assert_within_the_bar(activation, dtype, calls)
    derivatives.assert_finite(activation, activation, dtype)
    derivatives.assert_finite_ends(activation, activation, dtype)
    assert "_backward_" in calls[-1]


@pytest.mark.parametrize("activation", LEARNABLE, ids=str)
def test_tensors_as_parameters(activation, calls):
    """Values and all gradients, beside the formula in float64."""
    names, gated = numbers_of(activation), activation.declaration.kind == "gated"
    x = torch.tensor([-7.3, -2.6, -1.1, -0.4, -0.07, 0.06, 0.45, 1.2, 2.7, 7.9, 0.8, -0.9])
    shape = (6,) if gated else x.shape
    tensors = [x, *(torch.full(shape, float(dict(activation.params)[name])) for name in names)]

    def results(dtype):
        given = [one.to(dtype).requires_grad_() for one in tensors]
        y = activation(given[0], **dict(zip(names, given[1:], strict=True)))
        return [y.detach(), *torch.autograd.grad(y, given, torch.ones_like(y), materialize_grads=True)]

    found = results(torch.float32)
    # A kernel has eight inputs at most.
    assert bool(calls) == (1 + len(names) + (3 if gated else 1) <= 8)
    config.set_cuda_kernels(False)
    try:
        expected = results(torch.float64)
    finally:
        config.set_cuda_kernels(True)
    for one, true in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, true, rtol=3e-5, atol=3e-6 * max(1.0, float(true.abs().max())))


@pytest.mark.parametrize("activation", all_activations.defaults("gated"), ids=str)
def test_gradients_of_value_and_gate(activation, calls):
    x = torch.linspace(-6.0, 6.0, 60, dtype=torch.float64).reshape(5, 12)[:, torch.arange(11, -1, -1)]

    def gradient(dtype):
        given = x.to(dtype).requires_grad_()
        return torch.autograd.grad(activation(given), given, torch.ones(5, 6, dtype=dtype))[0]

    found = gradient(torch.float32)
    assert len(calls) == 2
    config.set_cuda_kernels(False)
    try:
        expected = gradient(torch.float64)
    finally:
        config.set_cuda_kernels(True)
    torch.testing.assert_close(found.double(), expected, rtol=3e-6, atol=3e-6)


def test_sources_are_read_by_torch_and_have_no_double_constants():
    for one in compiled():
        assert torch.cuda.jiterator._CodeParser(one.source).function_name == one.name
        assert ("double" in one.source) != ("float" in one.source)
    assert len({one.name for one in compiled()}) == len({one.source for one in compiled()})


# -- faults


@pytest.mark.parametrize(
    ("operator", "wrong", "name"),
    [
        ("sigmoid", "({one} / ({one} + exp{f}({0})))", "silu"),
        ("relu", "({0} > {zero} ? {zero} : {0})", "elu"),
        ("threshold_backward", "{0}", "elu"),
        ("isnan", "false", "sign"),
        ("where", "({0} ? {2} : {1})", "log_cosh"),
        ("hardtanh", "({0} >= {1} ? {0} <= {2} ? {0} : {2} : {1})", "erf"),  # not NaN for NaN
    ],
)
def test_a_wrong_operator_is_found(monkeypatch, calls, operator, wrong, name):
    monkeypatch.setitem(cuda_source._EXPRESSIONS, operator, wrong)
    activation = actx.Activation(f"keras_actx>{name}", ())
    vars(activation.declaration).pop("_found", None)
    try:
        with pytest.raises(AssertionError):
            test_float32(activation, calls)
    finally:
        vars(activation.declaration).pop("_found", None)


def test_an_unknown_operator_is_an_error():
    recorded = make_fx(lambda x: torch.special.bessel_j0(x))(torch.ones(8))
    with pytest.raises(UnknownOperatorError, match=r"aten\.special_bessel_j0\.default has no expression"):
        cuda_source.cuda_source("name", recorded)


def test_an_unknown_operator_in_this_package_is_a_warning(monkeypatch, calls):
    """And warnings are errors in tests."""
    monkeypatch.setattr(cuda_kernel, "_warned", False)
    monkeypatch.delitem(cuda_source._EXPRESSIONS, "sigmoid")
    declaration = actx.activations.silu.declaration
    vars(declaration).pop("_found", None)
    try:
        with pytest.warns(RuntimeWarning, match=r"aten\.sigmoid\.default has no expression"):
            actx.activations.silu(torch.ones(4))
        assert not calls
    finally:
        vars(declaration).pop("_found", None)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x.mul_(2.0),  # a tensor that others may see
        lambda x: x.to(torch.float16),
        lambda x: torch.div(x, 3.0, rounding_mode="floor"),
        lambda x: x + torch.arange(8.0),
    ],
)
def test_what_else_has_no_expression(function):
    with pytest.raises(UnknownOperatorError):
        cuda_source.cuda_source("name", make_fx(function)(torch.ones(8)))
