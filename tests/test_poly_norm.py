"""`PolyNorm`: its range of numbers, its start, and its use in other layers. Its formula: test_context_layers.py."""

import keras
import numpy as np
import pytest
from arrays import tensor
from context_layers import assert_refused, numpy_of, weights_of
from models import data, functional
from models import moved as all_moved

from keras_actx.layers import PolyNorm
from keras_actx.testing.backend import BACKEND, compiled, gradient

#: On torch, Keras's own calling of a layer is not for the compiler.
COMPILERS = {"torch": lambda layer: {}}.get(BACKEND, compiled)


def test_starts_as_the_paper_does():
    weights = weights_of(PolyNorm(dtype="float64"))
    np.testing.assert_allclose(next(value for name, value in weights.items() if "weight" in name), [1 / 3] * 3)
    assert next(value for name, value in weights.items() if "bias" in name) == 0


@pytest.mark.sweep(1)
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_large_and_small_numbers(dtype):
    """x^6 is far outside of every dtype's range."""
    largest = {"float16": 60000.0, "bfloat16": 3e38, "float32": 3e38, "float64": 1e308}[dtype]
    bits = {"float16": 11, "bfloat16": 8, "float32": 24, "float64": 20}[dtype]  # weights are float32
    layer = PolyNorm()
    for size in (largest, 1e-3 * largest, 1.0, 1e-4, 0.0):
        x = keras.ops.cast(tensor([[1.0, -0.5, 0.25, 0.0]]), dtype) * size
        y = layer(x)
        assert keras.backend.standardize_dtype(y.dtype) == dtype
        for function in COMPILERS(layer).values():
            np.testing.assert_allclose(numpy_of(function(x)), numpy_of(y), rtol=2.0 ** (3 - bits), atol=1e-6)
        exact = numpy_of(x).astype("longdouble")
        if size in (1.0, 1e-4):
            powers = [exact**i / np.sqrt((exact ** (2 * i)).mean() + 1e-6) for i in (1, 2, 3)]
        else:
            shrunk = exact / size if size else exact
            powers = [shrunk**i / np.sqrt((shrunk ** (2 * i)).mean() or 1.0) for i in (1, 2, 3)]
        np.testing.assert_allclose(numpy_of(y), sum(powers).astype(float) / 3, rtol=0, atol=4 * 2.0**-bits)
        assert np.isfinite(numpy_of(gradient(layer, x))).all()


@pytest.mark.parametrize("kind", ["dense", "conv2d", "lstm", "bidirectional", "time_distributed", "activation"])
def test_inside_other_layers(kind, tmp_path):
    model = all_moved(functional(kind, PolyNorm(0.01)))
    x, _ = data(model)
    for name in ("model.keras", "model.h5"):
        model.save(tmp_path / name)
        np.testing.assert_array_equal(
            keras.models.load_model(tmp_path / name).predict(x, verbose=0), model.predict(x, verbose=0)
        )


def test_initializers():
    layer = PolyNorm(weight_initializer=keras.initializers.RandomNormal(stddev=1.0, seed=1), bias_initializer="ones")
    assert PolyNorm.from_config(layer.get_config()).get_config() == layer.get_config()


@pytest.mark.parametrize(
    ("make", "says"),
    [(lambda: PolyNorm(0), "epsilon=0"), (lambda: PolyNorm(epsilon=float("inf")), "epsilon=inf")],
)
def test_bad_arguments(make, says):
    assert_refused(make, says)
