"""Exports every activation and layer with each of Keras's exporters that a backend has, runs the files and compares.

    KERAS_BACKEND=tensorflow python benchmarks/export.py [FORMAT ...]

Needs the packages of tox's environment `export-BACKEND`. What is exported are models in which ten of them are
given the same input, side by side; where that fails, halves, down to those that are at fault. The result goes to
benchmarks/results/export/BACKEND.json; docs/make_export.py shows it.
"""

import contextlib
import importlib.metadata
import importlib.util
import io
import json
import logging
import os
import platform
import sys
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

import keras_actx as actx

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

import all_activations  # noqa: E402

BACKEND = keras.backend.backend()
FOLDER = ROOT / "benchmarks" / "results" / "export"
WIDTH = 8
Case = tuple[str, Callable[[], Any]]
Run = Callable[[np.ndarray], np.ndarray]

#: In one model. Converters need time that grows with the square of it.
TOGETHER = 10

#: Units in the last place of the result, beside what a change of the input by as many makes.
ULPS = 16


@dataclass(frozen=True)
class Format:
    """A format of `model.export`.

    `needs` are the packages that write and run a file, for each backend on which Keras has the exporter. `rows` is the
    number of rows in the model's input, None for any.
    """

    name: str
    suffix: str
    needs: dict[str, tuple[str, ...]]
    run: Callable[[str], Run]
    rows: int | None = None

    def missing(self) -> str:
        """Why it cannot be tried here, or nothing."""
        if BACKEND not in self.needs:
            return f"Keras has no {self.name} exporter for {BACKEND}"
        absent = [one for one in self.needs[BACKEND] if importlib.util.find_spec(one) is None]
        return f"{', '.join(absent)} not installed" if absent else ""


def _onnx(path: str) -> Run:
    import onnxruntime

    onnxruntime.set_default_logger_severity(4)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return lambda x: session.run(None, {session.get_inputs()[0].name: x})[0]


def _litert(path: str) -> Run:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=path)

    def run(x: np.ndarray) -> np.ndarray:
        place = interpreter.get_input_details()[0]["index"]
        interpreter.resize_tensor_input(place, x.shape)
        interpreter.allocate_tensors()
        interpreter.set_tensor(place, x)
        interpreter.invoke()
        return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])

    return run


def _openvino(path: str) -> Run:
    import openvino

    compiled = openvino.Core().compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return lambda x: compiled(x)[0]


def _saved_model(path: str) -> Run:
    import tensorflow as tf

    loaded = tf.saved_model.load(path)
    return lambda x: loaded.serve(x).numpy()


def _torch(path: str) -> Run:
    import torch

    module = torch.export.load(path).module()
    return lambda x: module(torch.tensor(x)).detach().numpy()


_TO_ONNX = {
    "tensorflow": ("tf2onnx", "onnxruntime"),
    "jax": ("jax2onnx", "onnxruntime"),
    "torch": ("onnx", "onnxscript", "onnxruntime"),
}
_TO_LITERT = {"tensorflow": ("ai_edge_litert",), "torch": ("litert_torch", "ai_edge_litert")}
ROWS = 16
FORMATS = (
    Format("onnx", ".onnx", _TO_ONNX, _onnx),
    # torch has another exporter for shapes that are known.
    Format("onnx", ".onnx", {"torch": _TO_ONNX["torch"]}, _onnx, ROWS),
    Format("litert", ".tflite", {"tensorflow": _TO_LITERT["tensorflow"]}, _litert),
    Format("litert", ".tflite", {"torch": _TO_LITERT["torch"]}, _litert, ROWS),
    Format("openvino", ".xml", {"tensorflow": ("openvino",), "torch": ("openvino",)}, _openvino),
    Format("tf_saved_model", "", {"tensorflow": (), "jax": ("tensorflow",)}, _saved_model),
    Format("torch", ".pt2", {"torch": ()}, _torch, ROWS),
)


#: What adds up a row.
_SUMS = {
    "DenseBlock",
    "DenseBlock, gated",
    "DenseStack",
    "FunnelReLU",
    *(one.name for one in all_activations.defaults("vector")),
}


def formats() -> list[Format]:
    """Those of this backend."""
    return [one for one in FORMATS if BACKEND in one.needs]


def cases() -> list[Case]:
    """What is exported, by name: every activation with its defaults and with learned parameters, and the layers."""
    found: list[Case] = []
    for one in all_activations.defaults("elementwise", "vector", "gated"):
        name, kind = f"keras_actx>{one.name}", one.declaration.kind
        found.append((one.name, _layer_of(name, kind)))
        if one.declaration.learnable and kind != "gated":
            found.append((f"{one.name}(learnable=True)", _layer_of(f"{name}(learnable=True)", kind)))
    layers = actx.layers
    return [
        *found,
        ("elu(alpha=0.5)", _layer_of("elu(alpha=0.5)", "")),
        ("softplus(beta=2.0)", _layer_of("softplus(beta=2.0)", "")),
        ("DenseBlock", lambda: layers.DenseBlock(6, "keras_actx>celu", normalization="batch", dropout=0.1)),
        ("DenseBlock, gated", lambda: layers.DenseBlock(6, "swiglu", residual=False)),
        ("DenseStack", lambda: layers.DenseStack(6, "elu(alpha=0.5)", depth=2)),
        ("LearnableActivation", lambda: layers.LearnableActivation("keras_actx>celu", num_parameters=WIDTH)),
        ("AdaptiveActivation", lambda: layers.AdaptiveActivation("keras_actx>mish")),
        ("Maxout", lambda: layers.Maxout(2)),
        ("CReLU", layers.CReLU),
        ("GroupSort", lambda: layers.GroupSort(2)),
        ("PolyNorm", layers.PolyNorm),
        ("Dice", layers.Dice),
        ("DynamicReLU", layers.DynamicReLU),
        ("MetaACON", layers.MetaACON),
        ("FunnelReLU", lambda: _OnImages(layers.FunnelReLU(3))),
        ("user's", _layer_of(export_user, "")),
    ]


def keras_own() -> list[Case]:
    """Keras's functions of the names that it shares with this package: these are not ours to mend."""
    return [
        (name, _layer_of(name, ""))
        for name in sorted({one.name for one in all_activations.defaults("elementwise", "vector")})
        if actx.get(name) is getattr(keras.activations, name, None) and name != "threshold"  # which has no defaults
    ]


def _layer_of(activation: Any, kind: str) -> Callable[[], Any]:
    if kind == "gated":
        return lambda: actx.layers.GatedLinearUnit(activation)
    return lambda: keras.layers.Activation(activation)


@actx.register_activation(package="export")
def export_user(x, scale=1.5):
    """A user's own formula, of operations that not every target knows."""
    ops = keras.ops
    return scale * ops.expm1(-ops.square(x)) + ops.log1p(ops.square(x)) + ops.erf(x) + ops.arctan(scale * x)


class _OnImages:
    """A layer for images, on rows of eight numbers taken for images of 2 by 2 with two channels."""

    def __init__(self, layer: Any) -> None:
        self.layer = layer

    def __call__(self, x: Any) -> Any:
        return keras.layers.Flatten()(self.layer(keras.layers.Reshape((2, 2, 2))(x)))


def grid() -> np.ndarray:
    """Rows of numbers, near 0 and far from it, in no order."""
    near = [sign * 10.0**power for sign in (-1, 1) for power in (-20, -9, -7, -6, -4, -2)]
    far = [sign * size for sign in (-1, 1) for size in (9.0, 14.5, 17.5, 30.0, 60.0, 100.0, 1e4)]
    rng = np.random.default_rng(12)
    count = ROWS * WIDTH - len(near) - len(far) - 1
    numbers = np.concatenate([near, far, [0.0], np.linspace(-6, 6, count)])
    return rng.permutation(numbers).astype("float32").reshape(ROWS, WIDTH)


def failures(format: Format, chosen: list[Case]) -> dict[str, str]:
    """What of these does not export, run and agree with the model itself, and why."""
    found: dict[str, str] = {}
    for start in range(0, len(chosen), TOGETHER):
        found |= _failures(format, chosen[start : start + TOGETHER])
    return found


def _failures(format: Format, chosen: list[Case]) -> dict[str, str]:
    try:
        return _differences(format, chosen)
    except Exception as error:
        if len(chosen) == 1:
            return {chosen[0][0]: " ".join(f"{type(error).__name__}: {error}".split())[-300:]}
        half = len(chosen) // 2
        return _failures(format, chosen[:half]) | _failures(format, chosen[half:])


def _differences(format: Format, chosen: list[Case]) -> dict[str, str]:
    x = grid()
    model, widths = _model(chosen)
    wanted, *near = (keras.ops.convert_to_numpy(model(_changed(x, by))) for by in (0, -ULPS, ULPS))
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / f"model{format.suffix}")
        export(model, path, format)
        got = np.asarray(format.run(path)(x))
    if got.shape != wanted.shape:
        return {name: f"shape {got.shape}" for name, _ in chosen}
    # A sum over a row is as inexact as its largest term.
    sums = np.repeat([name.split("(")[0] in _SUMS for name, _ in chosen], widths)
    wrong = wrong_places(got, wanted, near, 1e-6 * np.abs(x).max(axis=-1, keepdims=True) * sums)
    found, start = {}, 0
    for (name, _), width in zip(chosen, widths, strict=True):
        part = np.s_[:, start : start + width]
        if wrong[part].any():
            place = np.unravel_index(np.argmax(wrong[part]), wrong[part].shape)
            at = f" at {x[place]}" if width == WIDTH else ""
            found[name] = f"{got[part][place]}, not {wanted[part][place]}{at}"
        start += width
    return found


def wrong_places(got: np.ndarray, wanted: np.ndarray, near: list[np.ndarray], more: Any = 0.0) -> np.ndarray:
    """Where a result is further from the wanted one than rounding explains.

    Of the result, of the input, or `more`: `near` are results for inputs a little smaller and larger. Runtimes may take
    for 0 what is below the smallest normal number.
    """
    with np.errstate(invalid="ignore", over="ignore"):
        moved = np.nan_to_num(np.max([abs(one - wanted) for one in near], axis=0), posinf=0.0)
        allowed = ULPS * np.spacing(np.abs(wanted)) + moved + more + 1e-35
        return ~((abs(got - wanted) <= allowed) | (got == wanted) | (np.isnan(got) & np.isnan(wanted)))


def _changed(x: np.ndarray, by: int) -> np.ndarray:
    return (x * (1.0 + by * np.finfo("float32").eps)).astype("float32")


def _model(chosen: list[Case]) -> tuple[Any, list[int]]:
    """All of them side by side, and how many columns each has."""
    keras.utils.set_random_seed(3)
    x = keras.Input((WIDTH,))
    outputs = [make()(x) for _, make in chosen]
    whole = keras.layers.Concatenate(axis=-1)(outputs) if len(outputs) > 1 else outputs[0]
    return keras.Model(x, whole), [one.shape[-1] for one in outputs]


def export(model: Any, path: str, format: Format) -> None:
    """`model.export`, without what exporters print and warn of."""
    signature = [keras.InputSpec(shape=(format.rows, WIDTH), dtype="float32")]
    disabled = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.export(path, format=format.name, verbose=False, input_signature=signature)
    finally:
        logging.disable(disabled)


def _versions() -> dict[str, str]:
    packages = {"keras", BACKEND, *(one for format in formats() for one in format.needs[BACKEND])}
    return {"python": platform.python_version()} | {
        one.replace("_", "-"): importlib.metadata.version(one) for one in sorted(packages)
    }


def main(names: list[str]) -> None:
    """Try the formats of these names, or all, and write the result; what it says of others stays."""
    every, theirs = cases(), keras_own()
    path = FOLDER / f"{BACKEND}.json"
    before = json.loads(path.read_text(encoding="utf-8"))["formats"] if path.exists() else []
    rows = {(one["format"], one["rows"]): one for one in before}
    for one in formats():
        if names and one.name not in names:
            continue
        if one.missing():
            raise SystemExit(f"{one.name}: {one.missing()}")
        failed, of_keras = failures(one, every), failures(one, theirs)
        print(f"{one.name}, {one.rows or 'any number of'} rows: {len(every)} exported, {len(failed)} failed")
        for name, why in failed.items():
            print(f"  {name}: {why}")
        print(f"  Keras's own: {len(theirs)} exported, {len(of_keras)} failed: {', '.join(of_keras)}")
        row = {"format": one.name, "rows": one.rows, "count": len(every), "failed": failed, "of_keras": of_keras}
        rows[one.name, one.rows] = row
        ordered = [rows[it.name, it.rows] for it in formats() if (it.name, it.rows) in rows]
        result = {"backend": BACKEND, "versions": _versions(), "formats": ordered}
        FOLDER.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
