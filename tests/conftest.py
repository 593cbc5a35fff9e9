"""One process, one backend: `KERAS_BACKEND` says which. Everything here runs before Keras is imported."""

import os

os.environ.setdefault("JAX_ENABLE_X64", "1")  # so that the numeric tests can see float64 on JAX
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import pytest

import keras_actx  # noqa: F401  (its names must be there for every test)

BACKEND = keras.backend.backend()


@pytest.fixture(autouse=True)
def _fresh_state():
    """Each test starts from the same seed, in the default dtype policy."""
    keras.utils.set_random_seed(7)
    yield
    keras.config.set_dtype_policy("float32")
