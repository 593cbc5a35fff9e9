"""Kernels for a GPU from a user's own formulas, which may read and do anything."""

import keras
import pytest

import keras_actx as actx

if keras.backend.backend() != "torch":
    pytest.skip("of torch alone", allow_module_level=True)

import torch
from gpu_calls import assert_same, numbers


def test_a_users_formula(calls):
    @actx.register_activation(package="test_cuda_users")
    def gumbel_gated(x, rate=1.25):
        return x * keras.ops.exp(-keras.ops.exp(-rate * x))

    assert_same(gumbel_gated, numbers(4, 6))
    assert_same(lambda x: gumbel_gated(x, rate=0.3), numbers(4, 6))
    assert len(calls) == 4


def test_a_composite_operator_of_torch(calls):
    """Its parts are recorded."""

    @actx.register_activation(package="test_cuda_users")
    def by_torch(x):
        functions = torch.nn.functional
        return functions.gelu(x, approximate="tanh") + functions.mish(x) + functions.silu(x) + functions.logsigmoid(x)

    assert_same(by_torch, numbers(4, 6))
    assert len(calls) == 2


def test_a_formula_that_branches_on_a_number(calls):
    """The number is a constant then."""

    @actx.register_activation(package="test_cuda_users")
    def branching(x, rate=1.25):
        return keras.ops.tanh(x) if rate > 1 else keras.ops.sin(x)

    for rate in (1.5, 0.5, 1.75):
        assert_same(lambda x, rate=rate: branching(x, rate=rate), numbers(4))
    assert len(calls) == 6


RATE = 1.25
TABLE = [1.25]


def test_a_global_number_that_changes(calls, monkeypatch):
    @actx.register_activation(package="test_cuda_users")
    def of_global(x):
        return keras.ops.tanh(RATE * x)

    x = numbers(4)
    torch.testing.assert_close(of_global(x), torch.tanh(1.25 * x))
    assert len(calls) == 1
    monkeypatch.setitem(globals(), "RATE", 2.0)
    torch.testing.assert_close(of_global(x), torch.tanh(2.0 * x))
    assert len(calls) == 1


def test_formulas_that_are_not_recorded(calls, monkeypatch):
    """Of a mutable object, of an unknown operator, random, or of other elements."""

    @actx.register_activation(package="test_cuda_users")
    def of_table(x):
        return TABLE[0] * keras.ops.tanh(x)

    @actx.register_activation(package="test_cuda_users")
    def unknown(x):
        return torch.special.bessel_j0(x)

    @actx.register_activation(package="test_cuda_users")
    def noisy(x):
        return x + torch.rand_like(x)

    @actx.register_activation(package="test_cuda_users")
    def mixed(x):
        return x - keras.ops.mean(x)

    for one in (of_table, unknown, noisy, mixed):
        one(numbers(4).detach())
    assert not calls
