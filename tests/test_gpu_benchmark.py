"""`benchmarks/gpu`, where there is no GPU: it says so, and `--check` runs all of it."""

import keras
import pytest
import scripts

if keras.backend.backend() != "torch":
    pytest.skip("of torch alone", allow_module_level=True)

import torch

import keras_actx as actx
from keras_actx import config


@pytest.fixture
def benchmark():
    return scripts.load("benchmarks/gpu/__main__.py")


@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU is here")
def test_without_a_gpu_it_says_so(benchmark):
    with pytest.raises(SystemExit, match="needs a GPU that torch can use"):
        benchmark.main([])


def test_check(benchmark, capsys, monkeypatch):
    monkeypatch.setattr(benchmark.training, "ACTIVATIONS", ("gelu", "swish(beta=1.5)"))
    monkeypatch.setattr(benchmark.passes, "CALLED", ("gelu", "swiglu"))
    result = benchmark.main(["--check", "gelu", "xielu", "swiglu"])
    assert list(result["activations"]) == ["gelu", "xielu", "swiglu"]
    for row in result["activations"].values():
        assert max(row["errors"].values()) < 1.0
    assert "3 measured, 0 beyond a bar" in capsys.readouterr().out
    assert len(result["steps"]) == 8
    assert not result["wrong"]
    assert config.cuda_kernels()
    assert keras.config.dtype_policy().name == "float32"


def test_a_wrong_case_is_found(benchmark, monkeypatch):
    """Each compares what the switch changes."""
    right = actx.activations.mish.declaration.formula
    monkeypatch.setattr(
        benchmark.cases.actx.activations,
        "mish",
        lambda x: right(x) * (1.01 if config.cuda_kernels() else 1.0),
    )
    found = benchmark.cases.wrong(torch.device("cpu"))
    assert found
    assert all("AssertionError" in one for one in found.values())
    assert not [name for name in found if "swi" in name]
    assert config.cuda_kernels()


def test_time_runs_out(benchmark, capsys, monkeypatch):
    monkeypatch.setattr(benchmark, "LIMIT", -1)
    monkeypatch.setattr(benchmark.training, "ACTIVATIONS", ())
    monkeypatch.setattr(benchmark.passes, "CALLED", ())
    benchmark.main(["--check", "gelu"])
    assert "not reached in time: ['gelu']" in capsys.readouterr().out


def test_an_error_is_found(benchmark):
    """Of one unit in the 16th bit."""
    activation = actx.Activation("mish", ())

    class Wrong:
        declaration, params = activation.declaration, activation.params

        def __call__(self, x):
            return activation(x) * (1.0 + 2.0**-16 * (x.dtype == torch.float32))

    found = benchmark.accuracy.errors(Wrong(), torch.device("cpu"))
    assert found["value"] > 1.0
    assert found["derivative"] > 1.0
    assert found["float16"] <= 1.0
