"""Saves the golden models of the version in use, on the backend in use, to tests/golden/VERSION/BACKEND.

    for backend in tensorflow jax torch; do KERAS_BACKEND=$backend python tests/golden/make.py; done

Run once for a version, by its own code, before the next is begun. What is there is never written again: files that
users have are not, either. Each folder has, for every model of `builders.py`, the `.keras` file and the `.weights.h5`;
in `recorded.npz` its inputs, weights, outputs and gradients; for some the legacy `.h5`, JSON and pickle. `names.json`
is the table of names, aliases, parameters, defaults, ranges and kinds, and of the arguments of layers.
"""

import importlib.metadata
import inspect
import json
import pickle
import sys
import warnings
from pathlib import Path

import builders  # beside this file
import keras
import numpy as np

import keras_actx as actx
from keras_actx._keras_functions import keras_function
from keras_actx.declaration import registry
from keras_actx.names import layer_names

PACKAGES = {"tensorflow": "tensorflow", "jax": "jax", "torch": "torch"}


def main() -> None:
    """Write the folder of the backend, and the table if there is none."""
    backend = keras.backend.backend()
    version = Path(__file__).parent / actx.__version__
    folder = version / backend
    if folder.exists():
        sys.exit(f"{folder} exists: golden files are never written again")
    folder.mkdir(parents=True)
    recorded = {}
    for name in builders.MODELS:
        keras.utils.set_random_seed(1)
        model = builders.move(builders.build(name), name)
        recorded |= {f"{name}/{key}": value for key, value in record(model, name).items()}
        model.save(folder / f"{name}.keras")
        model.save_weights(folder / f"{name}.weights.h5")
        if name in builders.ALSO_H5:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # Keras calls the format legacy
                model.save(folder / f"{name}.h5")
            (folder / f"{name}.json").write_text(model.to_json(), encoding="utf-8")
        if name == builders.PICKLED:
            (folder / f"{name}.pickle").write_bytes(pickle.dumps(model))
        print(name, flush=True)
    model = builders.trained()
    model.save(folder / "trained.keras")
    recorded |= {f"trained/{key}": value for key, value in record(model, builders.TRAINED).items()}
    values = {name: getattr(actx.activations, name) for name in actx.activations.__all__}
    (folder / "values.pickle").write_bytes(pickle.dumps(values))
    configs = {name: keras.saving.serialize_keras_object(one) for name, one in values.items()}
    versions = {one: importlib.metadata.version(one) for one in ("keras", PACKAGES[backend], "numpy")}
    write_json(folder / "values.json", {"versions": versions, "configs": configs})
    np.savez_compressed(folder / "recorded.npz", **recorded)
    if not (version / "names.json").exists():
        write_json(version / "names.json", table())


def record(model: keras.Model, name: str) -> dict[str, np.ndarray]:
    """Input, weights, outputs and gradients."""
    x = builders.inputs(name)
    outputs, gradients = builders.outputs_and_gradients(model, x)
    return {
        "x": x,
        **{f"weight/{i}": one for i, one in enumerate(builders.weights(model))},
        **{f"output/{branch}": one for branch, one in outputs.items()},
        **{f"gradient/{i}": one for i, one in enumerate(gradients)},
    }


def table() -> dict:
    """What names, parameters and arguments mean."""
    activations = {
        one.name: {
            "aliases": list(one.aliases),
            "kind": one.kind,
            "learnable": one.learnable,
            "stochastic": one.stochastic,
            "plain_name_is_keras": keras_function(one.name) is not None,
            "parameters": [_parameter(each) for each in one.parameters],
        }
        for one in registry.every()
        if one.package == "keras_actx"
    }
    layers = {name: _arguments(getattr(actx.layers, name)) for name in dir(actx.layers) if name[0].isupper()}
    return {
        "activations": activations,
        "layer_names": {name: entry.written for name, entry in sorted(layer_names._table.items())},
        "layers": layers,
        "initializers": {"Paired": _arguments(actx.initializers.Paired)},
    }


def _parameter(one) -> dict:
    bounds = {key: getattr(one.range, key) for key in ("low", "high", "low_open", "high_open")}
    bounds |= {key: str(bounds[key]) for key in ("low", "high")}
    return {
        "name": one.name,
        "type": one.kind.__name__,
        "default": one.default,
        "optional": one.optional,
        "learnable": one.learnable,
        **bounds,
    }


def _arguments(made) -> dict:
    signature = inspect.signature(made.__init__)
    given = [one for one in list(signature.parameters.values())[1:] if one.kind is not one.VAR_KEYWORD]
    return {one.name: "needed" if one.default is one.empty else one.default for one in given}


def write_json(path: Path, value: dict) -> None:
    """One file, the same for equal values."""
    path.write_text(json.dumps(value, indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
