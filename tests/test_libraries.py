"""The names of other libraries: each resolves here, means the same, and gives the numbers the table promises."""

import importlib
import inspect
import re
import types
from pathlib import Path

import keras
import numpy as np
import pytest
import scripts
from library_formulas import formula

import keras_actx as actx
from keras_actx.declaration import registry

ROOT = Path(__file__).resolve().parents[1]
BACKEND = keras.backend.backend()


page_maker = scripts.load("docs/make_libraries.py")
LIBRARIES = {one.key: one for one in page_maker.read()}


def rows(*libraries):
    """Test cases of all rows of some libraries, or of all."""
    chosen = [LIBRARIES[key] for key in libraries] or LIBRARIES.values()
    return [pytest.param(one, row, id=f"{one.key}-{row.name}") for one in chosen for row in one.rows]


# Names


def what_is_wrong(row):
    """What keeps a row from being true, in words; nothing if it is."""
    try:
        callable_ = build(row.write)
        meant = actx.describe(row.plain_name) if row.plain_name else None
    except (ValueError, AttributeError) as error:
        return f"{row.write} does not resolve: {error}"
    if not callable(callable_):
        return f"{row.write} is not callable"
    try:
        named = actx.get(row.name)
    except ValueError as error:
        layers = re.findall(r"(keras_actx\.layers\.\w+)\(", str(error))
        if not layers:
            return f"{row.name} does not resolve: {error}"
        if row.write.partition("(")[0] not in layers:
            return f"{row.name} is {layers[-1]}, not {row.write}"
        return ""
    if not callable(named):
        return f"{row.name} is not callable"
    if meant is not None and actx.describe(row.name) is not meant:
        return f"{row.name} is {actx.describe(row.name).name}, not {meant.name}"
    return ""


def build(write):
    """What a row says to write, as an object; if it has weights, in float64."""
    keras.config.set_dtype_policy("float64")  # until the end of the test
    if write.startswith("keras_actx.layers."):
        return eval(write, {"keras": keras, "keras_actx": actx, "num_units": 2})
    return actx.get(write)


@pytest.mark.parametrize(("library", "row"), rows())
def test_a_name_resolves(library, row):
    assert not what_is_wrong(row)


def _without(name, monkeypatch):
    """Tables as they would be if nobody had declared the name."""
    key, spelling = f"keras_actx>{name}", registry.letters(name)
    tables = {
        "_by_qualified_name": {one: it for one, it in registry._by_qualified_name.items() if one != key},
        "_by_plain_name": {one: it for one, it in registry._by_plain_name.items() if one != name},
        "_by_letters": {one: it for one, it in registry._by_letters.items() if one != spelling},
    }
    for table, content in tables.items():
        monkeypatch.setattr(registry, table, types.MappingProxyType(content))
    monkeypatch.setattr(registry, "_edition", f"without {name}")  # what was looked up before does not hold


def test_a_removed_name_or_alias_is_noticed(monkeypatch):
    (softmax2d,) = (row for row in LIBRARIES["torch"].rows if row.name == "Softmax2d")
    (tanhshrink,) = (row for row in LIBRARIES["torch"].rows if row.name == "Tanhshrink")
    assert not what_is_wrong(softmax2d)
    with monkeypatch.context() as patched:
        _without("softmax2d", patched)
        assert "does not resolve" in what_is_wrong(softmax2d)
    with monkeypatch.context() as patched:
        _without("tanh_shrink", patched)
        assert "does not resolve" in what_is_wrong(tanhshrink)
    row = page_maker.Row
    assert "does not resolve" in what_is_wrong(row("LeakyReLU", "leaky_relu(slope=0.01)"))
    assert "does not resolve" in what_is_wrong(row("Maxout", "keras_actx.layers.MaxOut(2)"))
    assert "not tanh" in what_is_wrong(row("Sigmoid", "tanh"))
    assert "is keras_actx.layers.Maxout" in what_is_wrong(row("Maxout", "keras_actx.layers.CReLU()"))


# Completeness


def exported(key):
    """What a library of this process exports, as its list in the table should have it."""
    if key == "keras_activations":
        return set(_functions(keras.activations)) - {"get", "serialize", "deserialize"}
    if key == "keras_layers":
        classes = {name: one for name, one in vars(keras.layers).items() if inspect.isclass(one)}
        return {name for name, one in classes.items() if one.__module__.startswith("keras.src.layers.activations")}
    if key == "torch":
        modules = [importlib.import_module(f"torch.nn.modules.{one}") for one in ("activation", "adaptive")]
        return {name for one in modules for name in one.__all__}
    return set(_functions(importlib.import_module("jax.nn")))


def _functions(module):
    return [name for name, one in vars(module).items() if not name.startswith("_") and callable(one)]


def unlisted_or_gone(library, names):
    """Names that the table lacks, and names that it has in vain."""
    return {row.name for row in library.rows} ^ (names - set(library.excluded)) | (set(library.excluded) - names)


INSTALLED = ["keras_activations", "keras_layers", *({"torch", "jax"} & {BACKEND})]


@pytest.mark.parametrize("key", INSTALLED)
def test_a_list_is_complete(key):
    names = exported(key)
    assert len(names) > 5
    assert not unlisted_or_gone(LIBRARIES[key], names)


def test_an_incomplete_list_is_noticed():
    library = LIBRARIES["jax"]
    names = {row.name for row in library.rows} | set(library.excluded)
    assert unlisted_or_gone(library, names | {"new_relu"}) == {"new_relu"}
    assert unlisted_or_gone(library, names - {"relu"}) == {"relu"}
    assert unlisted_or_gone(library, names - {"one_hot"}) == {"one_hot"}


# Numbers

#: Every kink is in it, and the axes are those of an image with channels first, for Softmax2d.
GRID = np.concatenate([np.linspace(-25.0, 25.0, 2004), [-6, -3, -2, -1, -0.5, 0, 0.5, 1, 2, 3, 6, 30]])
GRID = np.random.default_rng(5).permutation(GRID).reshape(2, 12, 6, 14)
#: Near a zero of a function, in place of the 1e-14 that libraries lose where they subtract from 1: `keras.ops` compute
#: some functions in float32 on JAX, and Keras rounds the start of a weight to float32 on TensorFlow.
ROUNDING = {"keras_activations": 2e-7, "keras_layers": 2e-7, "xielu": 1e-7}


def numbers(function, x=GRID):
    """What an activation of ours or Keras's gives, in float64."""
    return keras.ops.convert_to_numpy(function(keras.ops.convert_to_tensor(x, dtype="float64")))


def assert_same(library, row, ours, theirs):
    """Within a row's promise."""
    noise = max(row.within, ROUNDING.get(library.key, ROUNDING.get(row.name, 1e-14)))
    np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=noise, err_msg=f"{library.title} {row.name}")


def ours(row, write=None):
    return numbers(build(write or row.write))


def keras_value(library, row):
    if library.key == "keras_layers":
        return numbers(getattr(keras.layers, row.name)(dtype="float64"))
    function = getattr(keras.activations, row.name)
    return numbers(function if row.name != "threshold" else lambda x: function(x, 0.0, 0.0))


#: Where Keras is wrong; an entry that is no longer needed fails.
WRONG_IN_KERAS = {"sparsemax"}


@pytest.mark.sweep(4)
@pytest.mark.parametrize(("library", "row"), rows("keras_activations", "keras_layers"))
def test_as_in_keras(library, row):
    write = f"keras_actx>{row.write}" if row.plain_name == row.write else row.write  # the plain name is Keras's own
    if row.name == "PReLU":
        write = row.write.replace("axis=-1", "axis=(1, 2, 3)")
    if row.name in WRONG_IN_KERAS:
        assert "wrong" in row.note
        with pytest.raises(AssertionError):
            assert_same(library, row, ours(row, write), keras_value(library, row))
    else:
        assert_same(library, row, ours(row, write), keras_value(library, row))


def torch_value(row):
    import torch

    takes = {"Threshold": (0.0, 0.0), **dict.fromkeys(("Softmin", "Softmax", "LogSoftmax"), (-1,))}
    module = getattr(torch.nn, row.name)(*takes.get(row.name, ())).eval().to("cpu", torch.float64)
    with torch.no_grad():
        return module(torch.from_numpy(GRID.copy())).numpy()


@pytest.mark.skipif(BACKEND != "torch", reason="torch is not in this environment")
@pytest.mark.parametrize(("library", "row"), rows("torch"))
def test_as_in_torch(library, row):
    theirs = torch_value(row)
    assert_same(library, row, ours(row), theirs)
    _changes_are_noticed(library, row, theirs)


@pytest.mark.skipif(BACKEND != "jax", reason="JAX is not in this environment")
@pytest.mark.parametrize(("library", "row"), rows("jax"))
def test_as_in_jax(library, row):
    import jax

    theirs = np.asarray(getattr(jax.nn, row.name)(jax.numpy.asarray(GRID)))
    assert theirs.dtype == np.float64
    assert_same(library, row, ours(row), theirs)
    _changes_are_noticed(library, row, theirs)


def _changes_are_noticed(library, row, theirs):
    """The settings of a row matter: without them, or with others, it fails."""
    value = build(row.write)
    if not isinstance(value, actx.Activation):
        return
    for name, setting in value.params:
        changed = None
        if isinstance(setting, (bool, float)):
            changed = not setting if isinstance(setting, bool) else setting + 0.1 * max(1.0, abs(setting))
        if changed is not None:
            with pytest.raises(AssertionError):
                assert_same(library, row, numbers(value.bind(**{name: changed})), theirs)
    if row.plain_name != row.write and value != getattr(actx.activations, row.plain_name):
        with pytest.raises(AssertionError):
            assert_same(library, row, ours(row, f"keras_actx>{row.plain_name}"), theirs)


# Libraries that no environment of the tests has.

ELSEWHERE = [key for key in LIBRARIES if key not in ("keras_activations", "keras_layers", "torch", "jax")]


@pytest.mark.sweep(4)
@pytest.mark.parametrize(("library", "row"), rows(*ELSEWHERE))
def test_as_in_a_library_elsewhere(library, row):
    if row.name == "SReLU":  # its start is random
        return
    theirs = formula(library.key, registry.letters(row.name))(GRID)
    assert_same(library, row, ours(row), theirs)
    _changes_are_noticed(library, row, theirs)


def test_srelu_of_keras_contrib():
    (row,) = (row for row in LIBRARIES["keras_contrib"].rows if row.name == "SReLU")
    layer = build(row.write)
    y = numbers(layer)
    weights = {one.name.partition("_1")[0]: keras.ops.convert_to_numpy(one) for one in layer.weights}
    left, right = weights["t_left"], weights["t_left"] + np.abs(weights["t_right"])
    x = GRID
    below, above = left + weights["a_left"] * (x - left), right + weights["a_right"] * (x - right)
    theirs = np.where(x >= right, above, np.where(x <= left, below, x))
    assert_same(LIBRARIES["keras_contrib"], row, y, theirs)
    assert all(one.shape == GRID.shape[-1:] for one in weights.values())
    assert np.all(weights["t_left"] == 0)
    assert np.all(weights["a_right"] == 1)
    for name, high in (("a_left", 1), ("t_right", 5)):
        assert 0 <= weights[name].min() < weights[name].max() <= high


# The page


def test_the_page(tmp_path):
    page_maker.main(tmp_path)
    text = (tmp_path / "libraries.md").read_text(encoding="utf-8")
    for library in LIBRARIES.values():
        assert f"## {library.title}\n" in text
        for row in library.rows:
            assert f"| `{row.name}` |" in text
            assert f"`{row.write}`" in text
            assert "|" not in row.note
        assert all(f"- `{name}`: {why}" in text for name, why in library.excluded.items())
    pages = set(re.findall(r"\]\((\w+)\.md\)", text))
    assert pages <= set(actx.names())
    assert page_maker.page(page_maker.read()) == text


@pytest.mark.parametrize(
    ("name", "says"),
    {
        "leaky_relu": ("0.2", "0.3", "0.01", "torch", "JAX"),
        "gelu": ("approximate=True", "Keras", "torch", "JAX"),
        "hard_sigmoid": ("Keras 2", "slope=0.2", "torch", "JAX"),
        "srelu": ("keras-contrib", "torch_activation"),
        "sine_relu": ("keras-contrib",),
        "flexible_relu": ("FReLU", "funnel"),
        "softmax": ("Softmax2d",),
        "laplace": ("transformers", "six digits"),
        "sparsemax": ("keras.activations.sparsemax",),
    }.items(),
)
def test_a_docstring_says_which_library_means_what(name, says):
    docstring = inspect.getdoc(actx.describe(name).formula)
    assert [one for one in says if one not in docstring] == []
