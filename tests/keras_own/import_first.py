"""A pytest plugin that imports keras_actx before anything else: `-p import_first`."""

import importlib.util

import pytest

import keras_actx  # noqa: F401


def pytest_collection_modifyitems(items):
    """Keras tests its sparse tensors with TensorFlow, on JAX too; only one backend is installed here."""
    if importlib.util.find_spec("tensorflow") is None:
        for item in items:
            if item.name == "test_dense_sparse":
                item.add_marker(pytest.mark.skip(reason="needs TensorFlow"))
