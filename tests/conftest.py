"""One process, one backend: `KERAS_BACKEND` says which. Everything here runs before Keras is imported."""

import os

os.environ.setdefault("JAX_ENABLE_X64", "1")  # so that the numeric tests can see float64 on JAX
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import pytest
from memory_switch import memory_efficient

import keras_actx  # noqa: F401  (its names must be there for every test)
from keras_actx.names import identify

BACKEND = keras.backend.backend()


@pytest.fixture(autouse=True)
def _fresh_state():
    """Each test starts from the same seed, in the default dtype policy, and with no string read before."""
    keras.utils.set_random_seed(7)
    identify._identified.cache_clear()
    yield
    keras.config.set_dtype_policy("float32")


@pytest.fixture(params=[True, False], ids=["on", "off"])
def efficient(request):
    """Both states of the memory switch."""
    with memory_efficient(request.param):
        yield request.param


def pytest_report_header():
    """What the numeric tests leave to the full sweep."""
    return (
        "numerics: all 65,536 numbers of float16 and bfloat16; reduced: 4,096 points of float32 and float64, 1,024 for "
        "derivatives, parameters other than the defaults in float32 only; in full: python benchmarks/numerics.py\n"
        "exports: reduced to one activation in thirteen; in full: tox run -f export"
    )
