"""Where `tf.keras` is Keras 2, a learnable activation would be a function to it: refused, with what to do."""

import importlib.util
import json
import os
import subprocess
import sys

import keras
import pytest

from keras_actx import versions

TENSORFLOW = keras.backend.backend() == "tensorflow"


@pytest.mark.parametrize("set_to", ["1", "true", "True"])
@pytest.mark.parametrize("backend", ["tensorflow", "jax", "torch"])
def test_refused_where_tf_keras_is_keras_2(monkeypatch, backend, set_to):
    monkeypatch.setenv("TF_USE_LEGACY_KERAS", set_to)
    monkeypatch.setattr(keras.backend, "backend", lambda: backend)
    if backend != "tensorflow":
        versions.require_keras()  # tf.keras is nothing to us
        return
    with pytest.raises(ImportError, match=r"Unset TF_USE_LEGACY_KERAS before TensorFlow is imported") as caught:
        versions.require_keras()
    assert "import keras" in str(caught.value)


@pytest.mark.parametrize("set_to", [None, "", "0", "false", "False"])
def test_not_refused_where_it_is_not(monkeypatch, set_to):
    monkeypatch.delenv("TF_USE_LEGACY_KERAS", raising=False)
    if set_to is not None:
        monkeypatch.setenv("TF_USE_LEGACY_KERAS", set_to)  # what TensorFlow takes for not set
    monkeypatch.setattr(keras.backend, "backend", lambda: "tensorflow")
    versions.require_keras()


@pytest.mark.skipif(not TENSORFLOW or importlib.util.find_spec("tf_keras") is None, reason="needs tf-keras")
def test_the_import_says_so():
    code = (
        "import json\nimport tensorflow as tf\nassert tf.keras.layers.Dense.__module__.startswith('tf_keras')\n"
        "try:\n    import keras_actx\n    print(json.dumps('imported'))\n"
        "except ImportError as error:\n    print(json.dumps(str(error)))"
    )
    environment = {**os.environ, "TF_USE_LEGACY_KERAS": "1"}
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert "Unset TF_USE_LEGACY_KERAS" in json.loads(result.stdout.splitlines()[-1])
