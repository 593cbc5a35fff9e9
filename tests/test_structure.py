"""Every activation by every way of calling: shapes, dtypes, compilers, transformations, saving, learning."""

import all_activations
import pytest

from keras_actx.testing import saving, structure
from keras_actx.testing.samples import is_default, with_sample_parameters

EVERY = all_activations.defaults("elementwise", "gated", "vector")
every_activation = pytest.mark.parametrize("activation", EVERY, ids=str)
CHECKS = (
    structure.assert_shape_and_dtype,
    structure.assert_symbolic_agrees,
    structure.assert_views_agree,
    structure.assert_compiled_agrees,
    structure.assert_transformations_agree,
)


@pytest.mark.sweep(4)
@pytest.mark.parametrize("check", CHECKS, ids=lambda one: one.__name__.removeprefix("assert_"))
@every_activation
def test_structure(activation, check):
    check(activation, activation)


CHANGED = [one for one in (with_sample_parameters(each)[-1] for each in EVERY) if not is_default(one)][::3]
CHANGED = [one for one in CHANGED if one.name != "soft_exponential"]  # e^(3 x) magnifies what compilers round


@pytest.mark.sweep(4)
@pytest.mark.parametrize("activation", CHANGED, ids=str)
def test_compiled_with_other_parameters(activation):
    structure.assert_compiled_agrees(activation, activation)


@every_activation
def test_written_down(activation):
    saving.assert_written_down(activation)


#: mu of smu starts at 10^6, where a step of the optimizer is less than a unit in the last place.
LEARNING = [one for one in all_activations.defaults("elementwise") if one.name != "smu"]


@pytest.mark.sweep(4)
@pytest.mark.parametrize("activation", LEARNING, ids=str)
def test_learns(activation):
    saving.assert_learns(activation)
