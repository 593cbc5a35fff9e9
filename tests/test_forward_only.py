"""Backends without gradients, in child processes: start weights are chosen there too, for blocks to be loaded."""

import importlib.util
import json
import os
import subprocess
import sys

import pytest

import keras_actx as actx

#: Keras's numpy backend imports jax.
BACKENDS = [
    backend
    for backend, module in (("numpy", "jax"), ("openvino", "openvino"))
    if importlib.util.find_spec(module) is not None
]
NAMES = ("relu", "gelu", "tanh", "softplus", "hard_shrink", "snake", "swiglu", "geglu", "glu", "reglu")

CODE = f"""
import json, keras, keras_actx as actx
from keras_actx.layers import DenseBlock
found = {{}}
for name in {NAMES!r}:
    one = actx.moments(name)
    block = DenseBlock(6, name, scheme="published", standardize=True)
    found[name] = [one.mean, one.second_moment, one.derivative_second_moment, one.jumps, *block._output_moments]
block = DenseBlock(6, "swiglu", scheme="critical", first_layer=True, seed=1)
again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(block))
found["block"] = [again.pairing.beta, again.pairing.beta_gate, again.pairing.q]
try:
    actx.moments(lambda x: keras.ops.softmax(x))
except ValueError as error:
    found["refused"] = str(error)
undeclared = actx.moments(lambda x: keras.ops.relu(x - 0.3))
found["undeclared"] = [undeclared.derivative_second_moment, undeclared.jumps]
print(json.dumps(found))
"""


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.filterwarnings("ignore:.*is discontinuous")
def test_moments_and_blocks(backend):
    environment = {**os.environ, "KERAS_BACKEND": backend}
    result = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, env=environment, check=False)
    assert result.returncode == 0, result.stderr
    found = json.loads(result.stdout.splitlines()[-1])
    for name in NAMES:
        mean, second, slope, jumps, *moments = found[name]
        exact = actx.moments(name)
        assert mean == pytest.approx(exact.mean, abs=1e-6)
        assert second == pytest.approx(exact.second_moment, rel=1e-6)
        assert slope == pytest.approx(exact.derivative_second_moment, rel=1e-4)
        assert jumps == exact.jumps
        block = actx.layers.DenseBlock(6, name, scheme="published", standardize=True)
        assert moments == pytest.approx(block._output_moments, rel=1e-6, abs=1e-6)
    chosen = actx.pairing("swiglu", "critical", first_layer=True)
    assert found["block"] == [chosen.beta, chosen.beta_gate, chosen.q]
    assert "not elementwise" in found["refused"]
    assert found["undeclared"] == [pytest.approx(0.3820886, rel=1e-3), False]
