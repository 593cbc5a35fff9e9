"""Start weights and moments follow the declaration, and keep nothing of the user's alive."""

import gc
import weakref

import keras
import pytest

import keras_actx as actx
from keras_actx.layers import DenseBlock

CELL = "def cell(x, a: float = 1.0):\n    'A cell.'\n    return {factor} * a * x\n"
GATED = "def gated_cell(value, gate):\n    'A cell.'\n    return {factor} * value * gate\n"


def run_cell(source, factor, **arguments):
    """A notebook cell that declares, run (again)."""
    cell = {"__name__": "__main__"}
    exec(source.format(factor=factor), cell)
    return actx.register_activation(next(reversed(cell.values())), package="start_caches", **arguments)


def numbers(name):
    block = DenseBlock(8, name, scheme="published")
    return [
        actx.moments(name).second_moment,
        1 / actx.gain(name) ** 2,
        1 / actx.pairing(name, "published").gain ** 2,
        1 / actx.pairing(name, "critical", input_activation=name).gain ** 2,
        actx.initializers.rational_fit(name).params[1][1] ** 2,
        1 / block.pairing.gain**2,
        DenseBlock(8, name, standardize=True, first_layer=True)._output_moments[1] ** 2,
    ]


@pytest.mark.filterwarnings("ignore")  # that a declaration changed is said elsewhere
def test_numbers_follow_the_declaration():
    for factor in (1.0, 3.0, 0.5):
        run_cell(CELL, factor)
        assert numbers("start_caches>cell") == pytest.approx([factor**2] * 7)


@pytest.mark.filterwarnings("ignore")
def test_gated_numbers_follow_the_declaration():
    for factor in (1.0, 10.0):
        run_cell(GATED, factor, kind="gated")
        name = "start_caches>gated_cell"
        assert actx.moments(name).second_moment == pytest.approx(factor**2)
        point = actx.pairing(name, "critical", first_layer=True)
        assert DenseBlock(4, name).pairing.gain == pytest.approx(1 / factor)
        assert actx.moments(name, mean=(point.beta, point.beta_gate), variance=point.q).mean == pytest.approx(
            factor * point.beta * point.beta_gate
        )


def test_a_function_whose_code_is_replaced():
    """As IPython's autoreload does."""

    def function(x):
        return x

    def changed(x):
        return 2.0 * x

    assert actx.moments(function).second_moment == pytest.approx(1.0)
    function.__code__ = changed.__code__
    assert actx.moments(function).second_moment == pytest.approx(4.0)


def test_an_object_that_changes():
    class Scaled:
        factor = 1.0

        def __call__(self, x):
            return self.factor * x

    scaled = Scaled()
    assert actx.moments(scaled).second_moment == pytest.approx(1.0)
    scaled.factor = 2.0
    assert actx.moments(scaled).second_moment == pytest.approx(4.0)


def test_a_block_does_not_keep_the_users_function():
    alive = []
    for i in range(12):

        def function(x, i=i):
            return keras.ops.tanh(x) * (1.0 + i)

        actx.moments(function)
        actx.initializers.rational_fit(function)
        actx.pairing(function, "critical", first_layer=True)
        DenseBlock(4, function, scheme="critical", first_layer=True, standardize=True)
        DenseBlock(4, lambda x: x, scheme="published")
        alive.append(weakref.ref(function))
        del function
    gc.collect()
    assert [one() for one in alive] == [None] * 12


def test_equal_requests_are_computed_once():
    calls = []

    def function(x):
        calls.append(1)
        return keras.ops.tanh(x)

    actx.moments(function)
    before = len(calls)
    actx.moments(function)
    assert len(calls) == before > 0
    actx.moments(function, variance=2.0)
    assert len(calls) > before
