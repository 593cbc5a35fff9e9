"""What importing costs and touches, in child processes: no other backend, no extras, a clear word on an old Keras."""

import json
import os
import subprocess
import sys
import typing
from pathlib import Path

import keras
import pytest
from hidden import hiding

import keras_actx as actx

BACKENDS = {"tensorflow", "jax", "torch"}
HEAVY = {
    "matplotlib",
    "sklearn",
    "mpmath",
    "flint",
    "keras_actx.callbacks",
    "keras_actx.commands",
    "keras_actx.plot",
    "keras_actx.testing",
}


def run(code, **environment):
    """The last line that `code` prints in a new Python, as JSON."""
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={**os.environ, **environment}
    )
    return json.loads(result.stdout.splitlines()[-1])


IMPORTED = """
import json, sys
import keras
before = set(sys.modules)
import keras_actx
{also}
keras.layers.Dense(2, activation="snake(alpha=2.0)")
keras_actx.layers.DenseBlock(4, activation="mish")
new = set(sys.modules) - before
print(json.dumps(sorted({{name.split(".")[0] for name in new}} | new)))
"""


def imported(also=""):
    """Modules that come with us, and not with Keras already."""
    return set(run(IMPORTED.format(also=also)))


def test_no_other_backend_and_no_extra_is_imported():
    others = BACKENDS - {keras.backend.backend()}
    assert not imported() & (others | HEAVY)


def test_the_check_above_can_fail():
    assert "keras_actx.commands" in imported("import keras_actx.commands")


def test_the_tests_run_against_the_installed_package():
    place = Path(actx.__file__).resolve()
    if os.environ.get("KERAS_ACTX_INSTALLED"):
        assert Path(sys.prefix).resolve() in place.parents
    assert (place.parent / "py.typed").exists()


def test_version_is_the_distributions():
    if os.environ.get("KERAS_ACTX_INSTALLED"):
        from importlib.metadata import requires, version

        assert version("keras-actx") == actx.__version__
        assert [one for one in requires("keras-actx") if "extra" not in one] == ["keras>=3.10"]


@pytest.mark.same_everywhere
@pytest.mark.parametrize("version", ["3.9.2", "2.15.0", "unknown"])
def test_an_incompatible_keras_is_refused(version):
    code = (
        "import json, keras\n"
        f"keras.__version__ = {version!r}\n"
        "try:\n    import keras_actx\n    print(json.dumps('imported'))\n"
        "except ImportError as error:\n    print(json.dumps(str(error)))"
    )
    message = run(code)
    assert "keras>=3.10" in message
    assert "pip install --upgrade keras" in message


def test_a_backend_that_is_not_installed():
    code = (
        "\nimport json, traceback\n"
        "try:\n    import keras_actx\n    print(json.dumps('imported'))\n"
        "except ImportError as error:\n    print(json.dumps([str(error), traceback.format_exc()]))"
    )
    here = keras.backend.backend()
    other = "torch" if here != "torch" else "jax"
    message, trace = run(hiding(*BACKENDS - {here}) + code, KERAS_BACKEND=other)
    assert f"set to the {other} backend, which is not installed" in message
    assert f"KERAS_BACKEND={here}, or pip install {other}" in message
    assert trace.count("Traceback") == 1
    message, trace = run(hiding(*BACKENDS) + code)
    assert "and no other is. Install one: pip install tensorflow, jax or torch" in message
    assert trace.count("Traceback") == 1


def test_a_changed_keras_leaves_everything_else_working():
    code = """
import json, warnings, numpy as np
import keras, keras.src.activations as private
del private.ALL_OBJECTS_DICT
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    import keras_actx as actx
layer = keras.layers.Dense(3, activation=actx.get("snake(alpha=2.0)"))
block = actx.layers.DenseBlock(3, activation="relu")
x = np.ones((1, 2))
print(json.dumps([[str(one.message) for one in caught], [*layer(x).shape, *block(x).shape]]))
"""
    messages, shapes = run(code)
    assert shapes == [1, 3, 1, 3]
    assert len(messages) == 1
    assert 'activation=keras_actx.get("...")' in messages[0]


def test_moments_without_float64_switched_on():
    """On JAX a user has 32 bits unless asked; the constants must not."""
    code = (
        "import json, keras_actx as actx\nprint(json.dumps([actx.moments('tanh').second_moment, actx.gain('snake')]))"
    )
    second, gain = run(code, JAX_ENABLE_X64="0")
    assert second == pytest.approx(0.394294490397841, rel=1e-13)
    assert gain == pytest.approx(0.87458098293137, rel=1e-13)


def test_loading_without_the_import_says_what_to_import(tmp_path):
    path = tmp_path / "model.keras"
    keras.Sequential([keras.Input((2,)), keras.layers.Dense(2, activation="snake")]).save(path)
    code = (
        "import json, keras\n"
        f"try:\n    keras.models.load_model({str(path)!r})\n    print(json.dumps('loaded'))\n"
        "except Exception as error:\n    print(json.dumps(str(error)))"
    )
    message = run(code)
    assert "keras_actx>" in message
    assert "import" in message or keras.__version__.startswith("3.10.")  # whose message names the class alone


def test_plain_keras_models_carry_no_trace_of_us(tmp_path):
    model = keras.Sequential(
        [keras.Input((2,)), keras.layers.Dense(2, activation="relu"), keras.layers.Dense(2, activation="mish")]
    )
    for name in ("model.keras", "model.h5"):
        model.save(tmp_path / name)
        assert b"actx" not in (tmp_path / name).read_bytes()
    assert "actx" not in model.to_json()
    code = (
        f"import json, keras\nprint(json.dumps(len(keras.models.load_model({str(tmp_path / 'model.keras')!r}).layers)))"
    )
    assert run(code) == 2


@pytest.mark.same_everywhere
def test_dir_shows_what_a_user_would_use():
    """Public names alone; each is there, and says what it is, but for a `Literal`, which has no docstring."""
    for package in (actx, actx.callbacks, actx.initializers, actx.layers, actx.plot, actx.ranges):
        shown = dir(package)
        assert shown == sorted(package.__all__)
        assert all(getattr(package, name).__doc__ for name in shown if not typing.get_args(getattr(package, name)))
    assert {
        name for name in dir(actx.layers) if not issubclass(getattr(actx.layers, name), keras.layers.Layer)
    } == set()
    modules = {name for name in dir(actx) if isinstance(getattr(actx, name), type(actx))}
    assert modules == {"activations", "callbacks", "config", "constraints", "initializers", "layers", "plot", "ranges"}


def test_no_backend_and_no_private_keras_in_the_source():
    """Backends are imported in `backend/` alone, and Keras's private modules named in `names/keras_table.py` alone."""
    import ast

    root = Path(actx.__file__).parent
    for path in root.rglob("*.py"):
        place = path.relative_to(root).as_posix()
        for node in ast.walk(ast.parse(path.read_text())):
            modules = (
                [one.name for one in node.names]
                if isinstance(node, ast.Import)
                else [node.module or ""]
                if isinstance(node, ast.ImportFrom)
                else []
            )
            for module in modules:
                top = module.split(".")[0]
                assert top not in BACKENDS or place.startswith(("backend/", "testing/backend/")), (
                    f"{place} imports {module}"
                )
                assert not module.startswith(("keras.src", "keras._")), f"{place} imports {module}"
        if place != "names/keras_table.py":
            assert "keras.src" not in path.read_text(), place
