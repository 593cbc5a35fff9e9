"""What older versions saved, on any backend, loads on the one in use and means the same: files, weights, names.

The files are those of `golden/VERSION/`, written by `golden/make.py` and never again. Every file is loaded
and its weights are compared; `sweep` leaves out the outputs and gradients of some models. Where JSON and legacy `.h5`
of two backends hold the same config, one is loaded.
"""

import functools
import inspect
import json
import pickle
import zipfile
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
from golden import builders

import keras_actx as actx
from keras_actx._keras_functions import keras_function
from keras_actx.declaration import registry
from keras_actx.names import layer_names
from keras_actx.names.resolve import resolve_declared
from keras_actx.saved_configs import in_todays_form

ROOT = Path(__file__).parent / "golden"
VERSIONS = sorted(one.parent.name for one in ROOT.glob("*/names.json"))
BACKENDS = ("tensorflow", "jax", "torch")
BACKEND = keras.backend.backend()

every_version = pytest.mark.parametrize("version", VERSIONS)
every_backend = pytest.mark.parametrize("saved_on", BACKENDS)


#: Six layers of sin(30 x) make of a last digit another number: weights are compared, outputs and gradients are not.
CHAOTIC = {"stacks": "sine"}


@functools.cache
def recorded(version, saved_on):
    """What `make.py` recorded: model -> kind -> key -> array."""
    found = {}
    with np.load(ROOT / version / saved_on / "recorded.npz") as stored:
        for key, value in stored.items():
            model, kind, *rest = key.split("/", 2)
            # Keras saves no states of random number generators, which are whole numbers; 0.1.0 recorded them.
            if kind != "weight" or value.dtype.kind == "f":
                found.setdefault(model, {}).setdefault(kind, {})["".join(rest)] = value
    return found


def load(path):
    """A saved model; without its optimizer, which may be of another backend."""
    return keras.models.load_model(path, safe_mode=True, compile=False)


_evaluated = {}  # name -> (config, model, function that evaluates it)


def results(model, name):
    """Outputs and gradients of the model, by the function compiled for one that differs in its weights alone."""
    config = model.to_json()
    if name not in _evaluated or _evaluated[name][0] != config:
        _evaluated[name] = config, model, builders.prepared(model)
    _, first, run = _evaluated[name]
    if first is not model:
        for mine, one in zip(first.weights, model.weights, strict=True):
            mine.assign(one)
    return run(builders.inputs(name))


def check_weights(model, name, version, saved_on):
    """The model has the recorded weights."""
    for layer in model.layers if version == "0.1.0" else ():
        # That version trained the parts of a block that was made with trainable=False.
        block = isinstance(layer, (actx.layers.DenseBlock, actx.layers.DenseStack))
        if block and layer.name == "not_trainable" and not layer.trainable:
            assert not layer.trainable_variables
            layer.trainable = True
    wanted = recorded(version, saved_on)[name]
    weights = builders.weights(model)
    assert len(weights) == len(wanted["weight"]), f"{name}: {len(weights)} weights, not {len(wanted['weight'])}"
    for i, (weight, of) in enumerate(zip(weights, model.weights, strict=True)):
        np.testing.assert_array_equal(weight, wanted["weight"][str(i)], err_msg=f"{name}: weight {i}, {of.path}")


def check(model, name, version, saved_on):
    """The model has the recorded weights, outputs and gradients."""
    check_weights(model, name, version, saved_on)
    wanted = recorded(version, saved_on)[name]
    of_name = name.replace("trained", builders.TRAINED)
    np.testing.assert_array_equal(builders.inputs(of_name), wanted["x"][""])
    outputs, gradients = results(model, of_name)
    assert set(outputs) == set(wanted["output"])
    chaotic = CHAOTIC.get(name)
    for branch, value in outputs.items():
        if branch == chaotic:
            continue
        close(value, wanted["output"][branch], f"{name}: output {branch}", "float16" in branch)
    assert len(gradients) == len(wanted["gradient"])
    of = ["input", *(one.path for one in model.trainable_variables)]
    half = any("float16" in one for one in outputs)
    for i, (label, value) in enumerate(zip(of, gradients, strict=True)):
        if chaotic and (i == 0 or label.startswith(f"{chaotic}/")):
            continue
        loose = "float16" in label or (half and i == 0)
        close(value, wanted["gradient"][str(i)], f"{name}: gradient by {label}", loose)


def close(value, wanted, what, float16=False):
    """Equal but for rounding: of float32, on another backend or processor in another order, or of float16."""
    bound = 1e-2 if float16 else 1e-4
    assert value.shape == wanted.shape, f"{what}: shape {value.shape}, not {wanted.shape}"
    scale = max(1e-2, float(np.abs(wanted).max(initial=0)))
    np.testing.assert_allclose(value, wanted, rtol=bound, atol=bound * scale, err_msg=what)


def _differ(contents):
    """The backend in use, and the others whose content is not that of an earlier one."""
    first = {}
    for one in sorted(BACKENDS, key=BACKEND.__ne__):
        first.setdefault(contents(one), one)
    return tuple(first.values())


def from_keras_files(folder, name):
    for saved_on in BACKENDS:
        yield saved_on, load(folder / saved_on / f"{name}.keras")


def from_weights_files(folder, name, ending="weights.h5"):
    model = builders.build(name)
    for saved_on in BACKENDS:
        for one in model.weights:  # what the file before left would hide one that is not loaded
            one.assign(keras.ops.zeros(one.shape, one.dtype))
        model.load_weights(folder / saved_on / f"{name}.{ending}")
        yield saved_on, model


def from_legacy_h5_files(folder, name):
    def config(saved_on):
        with h5py.File(folder / saved_on / f"{name}.h5") as file:
            return file.attrs["model_config"]

    for saved_on in _differ(config):
        yield saved_on, load(folder / saved_on / f"{name}.h5")


def from_legacy_h5_weights(folder, name):
    return from_weights_files(folder, name, "h5")


def from_json(folder, name):
    def text(saved_on):
        return (folder / saved_on / f"{name}.json").read_text(encoding="utf-8")

    for saved_on in _differ(text):
        model = keras.models.model_from_json(text(saved_on))
        model.load_weights(folder / saved_on / f"{name}.weights.h5")
        yield saved_on, model


WAYS = (from_keras_files, from_weights_files)
WAYS_OF_SOME = (from_legacy_h5_files, from_legacy_h5_weights, from_json)


@every_version
@pytest.mark.parametrize(
    ("loaded", "name"),
    [(way, name) for way in WAYS for name in builders.MODELS]
    + [(way, name) for way in WAYS_OF_SOME for name in builders.ALSO_H5],
)
def test_loads(version, loaded, name):
    for saved_on, model in loaded(ROOT / version, name):
        check_weights(model, name, version, saved_on)


@pytest.mark.sweep(4)
@every_version
@pytest.mark.parametrize("name", builders.MODELS)
def test_computes(version, name):
    """What it did, from every file; of one model, which is compiled once."""
    for loaded in WAYS + WAYS_OF_SOME * (name in builders.ALSO_H5):
        for saved_on, model in loaded(ROOT / version, name):
            check(model, name, version, saved_on)


@every_version
@every_backend
def test_pickle(version, saved_on):
    model = pickle.loads((ROOT / version / saved_on / f"{builders.PICKLED}.pickle").read_bytes())
    check(model, builders.PICKLED, version, saved_on)


@every_version
@every_backend
def test_trained(version, saved_on):
    """With its optimizer, where that can be loaded: Keras saves a class of its torch backend in its place."""
    path = ROOT / version / saved_on / "trained.keras"
    model = keras.models.load_model(path, compile=saved_on == BACKEND)
    check(model, "trained", version, saved_on)
    if saved_on == BACKEND:
        assert int(model.optimizer.iterations) == 2
        x = builders.inputs(builders.TRAINED)
        model.fit(x, np.ones((len(x), 5, 2), "float32"), verbose=0)
        assert int(model.optimizer.iterations) == 3


@every_version
@every_backend
def test_values(version, saved_on):
    folder = ROOT / version / saved_on
    pickled = pickle.loads((folder / "values.pickle").read_bytes())
    configs = json.loads((folder / "values.json").read_text(encoding="utf-8"))["configs"]
    assert set(pickled) == set(configs)
    for name, config in configs.items():
        value = keras.saving.deserialize_keras_object(config)
        assert value == pickled[name] == getattr(actx.activations, name), name
        assert value.get_config()["params"].items() >= config["config"]["params"].items(), name


@functools.cache
def table(version):
    return json.loads((ROOT / version / "names.json").read_text(encoding="utf-8"))


def check_activation(name, wanted):
    """Name, aliases, parameters, defaults, ranges (which may become wider) and kinds."""
    found = registry.find(f"keras_actx>{name}")
    assert found is not None, f"{name} is gone"
    assert found.name == name
    for key in ("kind", "learnable", "stochastic"):
        assert getattr(found, key) == wanted[key], f"{name}: {key}"
    assert (keras_function(name) is not None) == wanted["plain_name_is_keras"], name
    for alias in wanted["aliases"]:
        assert resolve_declared(alias).activation.declaration is found, f"{alias} is no longer {name}"
    parameters = {one.name: one for one in found.parameters}
    for one in wanted["parameters"]:
        parameter = parameters[one["name"]]
        assert parameter.kind.__name__ == one["type"], f"{name}: {one}"
        assert parameter.default == one["default"], f"{name}: {one}"
        assert parameter.learnable == one["learnable"], f"{name}: {one}"
        assert parameter.optional >= one["optional"], f"{name}: {one}"
        now, low, high = parameter.range, float(one["low"]), float(one["high"])
        assert now.low <= low, f"{name}: {one}"
        assert now.high >= high, f"{name}: {one}"
        assert now.low < low or now.low_open <= one["low_open"], f"{name}: {one}"
        assert now.high > high or now.high_open <= one["high_open"], f"{name}: {one}"


@every_version
def test_names(version):
    for name, wanted in table(version)["activations"].items():
        check_activation(name, wanted)


@every_version
def test_names_of_layers(version):
    for name, written in table(version)["layer_names"].items():
        assert layer_names.find(name).written == written


def _arguments(made):
    signature = inspect.signature(made.__init__)
    return {
        one.name: "needed"
        if one.default is one.empty
        else list(one.default)
        if type(one.default) is tuple
        else one.default
        for one in signature.parameters.values()
    }


@every_version
def test_arguments(version):
    """Every argument of layers and initializers is there, with its default; those with a new name, with that."""
    for where, package in (("layers", actx.layers), ("initializers", actx.initializers)):
        for name, wanted in table(version)[where].items():
            found = _arguments(getattr(package, name))
            assert found.items() >= in_todays_form(wanted).items(), name


@every_version
@every_backend
def test_files_name_every_parameter(version, saved_on):
    """So that the default of a later version does not change a saved model."""
    activations = table(version)["activations"]
    seen = set()

    def visit(one):
        if isinstance(one, dict):
            if set(one) == {"name", "params"} and one["name"] in activations:
                seen.add(one["name"])
                assert set(one["params"]) == {each["name"] for each in activations[one["name"]]["parameters"]}, one
            for each in one.values():
                visit(each)
        elif isinstance(one, list):
            for each in one:
                visit(each)

    for path in sorted((ROOT / version / saved_on).glob("*.keras")):
        with zipfile.ZipFile(path) as archive:
            visit(json.loads(archive.read("config.json")))
    assert seen == set(activations)


def test_every_activation_and_layer_is_there():
    """What a later version adds belongs into the builders before its files are written."""
    newest = table(VERSIONS[-1])
    assert set(newest["layers"]) == {name for name in dir(actx.layers) if name[0].isupper()}


def _rewritten(path, into, change):
    """A copy of a .keras file with the bytes of its members changed."""
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(into, "w") as new:
        for member in old.namelist():
            new.writestr(member, change(member, old.read(member)))
    return into


class TestPlantedFaults:
    """The checks above fail for a file that lost or changed something."""

    FOLDER = ROOT / VERSIONS[0] / BACKEND

    def failing(self, path):
        with pytest.raises(AssertionError):
            check(load(path), "periodic", VERSIONS[0], BACKEND)

    def test_changed_weight(self, tmp_path):
        def change(member, content):
            if not member.endswith(".h5"):
                return content
            file = tmp_path / "weights.h5"
            file.write_bytes(content)
            with h5py.File(file, "r+") as weights:
                learned = []
                weights.visititems(lambda name, one: learned.append(one) if getattr(one, "shape", 1) == (3,) else None)
                learned[-1][0] += 1e-3
            return file.read_bytes()

        self.failing(_rewritten(self.FOLDER / "periodic.keras", tmp_path / "one.keras", change))

    @pytest.mark.parametrize(
        ("old", "new"), [(b'"name": "gcu"', b'"name": "cosine"'), (b'"alpha": 0.875', b'"alpha": 0.8')]
    )
    def test_changed_config(self, old, new, tmp_path):
        def change(member, content):
            if member != "config.json":
                return content
            assert old in content
            return content.replace(old, new)

        path = _rewritten(self.FOLDER / "periodic.keras", tmp_path / "one.keras", change)
        with pytest.raises((AssertionError, ValueError, TypeError)):
            check(load(path), "periodic", VERSIONS[0], BACKEND)

    @pytest.mark.parametrize(
        "change", [{"kind": "vector"}, {"learnable": True}, {"aliases": ["swish"]}, {"plain_name_is_keras": True}]
    )
    def test_changed_meaning(self, change):
        with pytest.raises(AssertionError):
            check_activation("snake", {**table(VERSIONS[0])["activations"]["snake"], **change})

    @pytest.mark.parametrize("change", [{"default": 2.0}, {"low": "-5.0"}, {"low_open": False}, {"type": "int"}])
    def test_changed_parameter(self, change):
        wanted = table(VERSIONS[0])["activations"]["snake"]
        parameter = {**wanted["parameters"][0], **change}
        if wanted["parameters"][0] == parameter:
            pytest.skip("the range of this parameter is closed")
        with pytest.raises(AssertionError):
            check_activation("snake", {**wanted, "parameters": [parameter]})
