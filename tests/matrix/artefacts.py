"""Writes models on one backend, or loads and checks them on another: `python artefacts.py write|check FOLDER ...`.

Run by `test_matrix.py` with the interpreter of each backend's environment.
"""

import sys
import traceback
from pathlib import Path

import keras
import numpy as np

import keras_actx as actx

BLOCK = actx.layers.DenseBlock

#: name -> (shape of one input, hidden layers)
MODELS = {
    "dense_parameterised": ((6,), lambda: [keras.layers.Dense(8, activation="snake(alpha=2.0)")]),
    "conv_learnable": ((8, 8, 3), lambda: [keras.layers.Conv2D(4, 3, activation="prelu"), keras.layers.Flatten()]),
    "lstm_learnable": ((5, 3), lambda: [keras.layers.LSTM(4, activation="swish(beta=1.5, learnable=True)")]),
    "bidirectional": ((5, 3), lambda: [keras.layers.Bidirectional(keras.layers.GRU(3, activation="pelu"))]),
    "block": ((6,), lambda: [BLOCK(8, activation="mish")]),
    "block_full": ((6,), lambda: [BLOCK(6, "acon_c", normalization="batch", dropout=0.1, residual=True, seed=1)]),
    "block_gated": ((6,), lambda: [BLOCK(8, activation="swiglu", normalization="layer"), BLOCK(4, "rrelu")]),
    "channels": ((4, 4, 3), lambda: [actx.layers.LearnableActivation("xielu", axis=-1), keras.layers.Flatten()]),
}


def write(folder: Path) -> None:
    """Train each model a little, save it, and note what it predicts."""
    for number, (name, (shape, hidden)) in enumerate(MODELS.items()):
        keras.utils.set_random_seed(number)
        rng = np.random.default_rng(number)
        x = rng.normal(size=(16, *shape)).astype("float32")
        model = keras.Sequential([keras.Input(shape), *hidden(), keras.layers.Dense(2)])
        model.compile(keras.optimizers.Adam(0.01), keras.losses.MeanSquaredError())
        model.fit(x, rng.normal(size=(16, 2)), epochs=2, verbose=0)
        model.save(folder / f"{name}.keras")
        np.savez(folder / f"{name}.npz", x=x, y=model.predict(x, verbose=0))


def check(folder: Path, same_backend: bool) -> None:
    """Load each model and compare: identical where it was saved, within float32 rounding elsewhere."""
    for name in MODELS:
        stored = np.load(folder / f"{name}.npz")
        # Elsewhere without the optimizer: on torch, Keras 3.15 saves a class of its torch backend in its place.
        model = keras.models.load_model(folder / f"{name}.keras", safe_mode=True, compile=same_backend)
        y = model.predict(stored["x"], verbose=0)
        assert np.isfinite(y).all()
        assert np.ptp(stored["y"]) > 0.01, f"{name}: the outputs tell nothing"
        if same_backend:
            np.testing.assert_array_equal(y, stored["y"], err_msg=name)
        else:
            np.testing.assert_allclose(y, stored["y"], rtol=1e-4, atol=1e-5, err_msg=name)


def check_each(folders: list[Path]) -> None:
    """Check every folder, also after one that fails; a line for each says how it went."""
    for folder in folders:
        try:
            check(folder, same_backend=folder.name == keras.backend.backend())
        except Exception as error:
            traceback.print_exc()
            print(f"{folder.name}: {type(error).__name__}")
        else:
            print(f"{folder.name}: {len(MODELS)} models agree")


if __name__ == "__main__":
    command, *places = sys.argv[1:]
    if command == "write":
        write(Path(places[0]))
    else:
        check_each([Path(place) for place in places])
