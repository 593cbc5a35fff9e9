"""`python -m keras_actx.commands.demo.predict DATA OUT MODEL...`: the process of the demo that reloads models.

It has no access to the code that created the models: it loads each file without `custom_objects` and writes its
predictions. The backend is set by KERAS_BACKEND.
"""

import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np

import keras_actx as actx
from keras_actx.commands.demo.files import replacing
from keras_actx.commands.demo.training import predict, small_and_comparable


def main(data: str, out: str, *models: str) -> None:
    """Write to `out` (.npz) the predictions of every model for the array `x` of `data` (.npz), by the file's stem."""
    with np.load(data, allow_pickle=False) as arrays:
        x = arrays["x"]
    with small_and_comparable():
        # Without the optimizer: on torch, Keras 3.15 saves a class of its torch backend, which others cannot load.
        loaded: dict[str, Any] = {Path(model).stem: keras.models.load_model(model, compile=False) for model in models}
        predictions: dict[str, Any] = {name: predict(model, x) for name, model in loaded.items()}
    with replacing(Path(out)) as partial:
        np.savez(partial, **predictions)
    print(f"keras_actx {actx.__version__}, keras {keras.__version__}, backend {keras.backend.backend()}")


if __name__ == "__main__":
    main(*sys.argv[1:])
