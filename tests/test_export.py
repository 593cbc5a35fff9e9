"""What `model.export` writes runs elsewhere, with the same numbers: every activation, each backend, each format.

The runtimes are in tox's environments `export-BACKEND`; without them, what needs none of them is tested.
"""

import threading

import all_activations
import keras
import mpmath
import numpy as np
import pytest
import scripts
from sweeps import WHOLE

import keras_actx as actx
from keras_actx.activations import portable
from keras_actx.backend import exporters

export = scripts.load("benchmarks/export.py")
BACKEND = export.BACKEND

#: What a format does not take, whoever writes it.
SIGMOID = {"sigmoid", "Dice"}  # made of Keras's, of which ONNX Runtime has an approximation
EXCUSED = {
    ("tensorflow", "onnx", None): SIGMOID,
    ("jax", "onnx", None): SIGMOID,
    ("torch", "onnx", None): {*SIGMOID, "GroupSort"},  # torch's exporter knows no stable sort
    ("torch", "onnx", export.ROWS): {*SIGMOID, "GroupSort"},
    ("torch", "litert", export.ROWS): {"GroupSort", "entmax15", "kwta", "sparsemax"},  # it cannot run their sort
}
EXACT = {"expm1": mpmath.expm1, "log1p": mpmath.log1p, "erf": mpmath.erf, "arctan": mpmath.atan}
#: Of TensorFlow's graphs, JAX's jaxprs and torch's graphs.
UNKNOWN = {"tensorflow": {"Expm1", "Log1p", "Erf", "Atan"}, "jax": {"expm1", "log1p", "erf"}}
UNKNOWN["torch"] = UNKNOWN["jax"]

pytestmark = pytest.mark.skipif(BACKEND not in UNKNOWN, reason="Keras exports from tensorflow, jax and torch")


@pytest.mark.filterwarnings("ignore")  # exporters warn of themselves
@pytest.mark.parametrize("form", export.formats(), ids=lambda one: f"{one.name}-{one.rows or 'any'}")
def test_everything_exports_and_runs_with_the_same_numbers(form):
    if form.missing():
        pytest.skip(form.missing())
    cases = export.cases() if WHOLE else export.cases()[::13]  # each is a file to write and to run
    failed = export.failures(form, cases)
    excused = EXCUSED.get((BACKEND, form.name, form.rows), set()) & {name for name, _ in cases}
    assert {name: why for name, why in failed.items() if name not in excused} == {}
    assert excused <= set(failed), "no longer needed"


def test_all_names_are_among_what_is_exported():
    names = {name for name, _ in export.cases()}
    assert {one.removeprefix("keras_actx>") for one in all_activations.names()} <= names
    assert sum(name.endswith("(learnable=True)") for name in names) > 20


def test_a_wrong_number_and_a_failure_are_noticed():
    x = np.array([[-1e-6, 0.5, np.nan, -np.inf]], "float32")
    exact = np.expm1(x.astype("float64")).astype("float32")
    cancelled = np.exp(x) - np.float32(1.0)
    near = [exact * np.float32(1 - 1e-6), exact * np.float32(1 + 1e-6)]
    assert export.wrong_places(cancelled, exact, near).tolist() == [[True, False, False, False]]
    assert not export.wrong_places(exact, exact, near).any()

    def fails(x):
        raise ValueError("not known here")

    broken = export.Format("none", "", {}, run=fails)
    chosen = [case for case in export.cases() if case[0] in ("hard_mish", "relu", "CReLU")]
    assert set(export.failures(broken, chosen)) == {name for name, _ in chosen}


@pytest.mark.sweep(1)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", sorted(EXACT))
def test_portable_operations_keep_their_digits(name, dtype):
    rng = np.random.default_rng(4)
    small = 10 ** rng.uniform(-30, 0, 300)
    x = np.concatenate([rng.uniform(-1, 1, 1000), rng.normal(size=300) * 8, small, -small, [0.0, 0.5, 1.0, -0.5]])
    x = x[(x > -1) | (name != "log1p")].astype(dtype)
    found = keras.ops.convert_to_numpy(getattr(portable, name)(keras.ops.convert_to_tensor(x)))
    assert found.dtype == dtype
    exact = [EXACT[name](mpmath.mpf(float(one))) for one in x]
    unit = np.spacing(np.abs(np.array(exact, "float64")).astype(dtype)).astype("float64")
    errors = np.array([float(mpmath.mpf(float(y)) - e) for y, e in zip(found, exact, strict=True)])
    assert np.abs(errors / unit).max() <= 3.0


@pytest.mark.parametrize("name", sorted(EXACT))
def test_portable_operations_have_the_limits(name):
    x = np.array([-np.inf, np.inf, np.nan, -1e30, 1e30], "float32")
    found = keras.ops.convert_to_numpy(getattr(portable, name)(keras.ops.convert_to_tensor(x)))
    with np.errstate(all="ignore"):
        wanted = {"expm1": np.expm1, "log1p": np.log1p, "arctan": np.arctan, "erf": np.tanh}[name](x)
    np.testing.assert_allclose(found, wanted, rtol=1e-6)


def operations(function, by=None):
    """The names of the steps of `function` of a vector, as traced by a function of the module `by`."""
    scope = {"__name__": by or __name__}
    exec("def call(function, *args): return function(*args)", scope)
    call = scope["call"]
    if BACKEND == "tensorflow":
        import tensorflow as tf

        traced = tf.function(function, autograph=False)
        graph = call(traced.get_concrete_function, tf.TensorSpec((4,), "float32")).graph
        nested = [one for each in graph.as_graph_def().library.function for one in each.node_def]
        return {one.type for one in graph.get_operations()} | {one.op for one in nested}
    if BACKEND == "jax":
        import jax

        return set(str(call(jax.make_jaxpr(lambda x: function(x)), np.ones(4, "float32"))).replace("[", " ").split())
    import torch
    from torch.fx.experimental.proxy_tensor import make_fx

    module = torch.nn.Module()
    module.forward = function
    if by is None:
        graph = make_fx(function)(torch.ones(4)).graph
    else:
        graph = torch.export.export(module, (torch.ones(4),), strict=False).graph
    return {str(one.target).split(".")[1] for one in graph.nodes if one.op == "call_function"}


def formula(x):
    """Of all four operations, by way of two activations and their own evaluation."""
    return export.export_user(x) + actx.activations.pelu(x)


def test_only_exporters_change_the_formula():
    unknown, by = UNKNOWN[BACKEND], {"tensorflow": "tf2onnx.convert", "jax": "jax2onnx"}.get(BACKEND, "torch")
    assert unknown <= operations(formula)
    assert not unknown & operations(formula, by)
    if BACKEND != "torch":
        assert unknown <= operations(formula, "openvinos.other")  # another package
    assert unknown <= operations(formula)


@pytest.mark.skipif(BACKEND != "tensorflow", reason="of TensorFlow")
def test_functions_inside_of_functions_are_exported():
    import tensorflow as tf

    inner = tf.function(formula, autograph=False)
    assert not UNKNOWN[BACKEND] & operations(lambda x: inner(2.0 * x), "keras.src.export.saved_model")


def test_portable_can_be_switched_on():
    actx.config.set_portable(True)
    try:
        assert actx.config.portable()
        assert not UNKNOWN[BACKEND] & operations(formula)
    finally:
        actx.config.set_portable(False)
    assert UNKNOWN[BACKEND] <= operations(formula)
    with pytest.raises(TypeError, match="set_portable accepts True or False"):
        actx.config.set_portable("yes")


def test_keras_is_left_as_it_was():
    usual = {name: getattr(keras.ops, name) for name in EXACT}

    def fails(x):
        assert keras.ops.expm1 is portable.expm1
        raise ValueError("inside")

    with pytest.raises(ValueError, match="inside"):
        exporters.portably(fails, tuple(EXACT), 1.0)
    inside, go_on = threading.Event(), threading.Event()

    def waits():
        inside.set()
        go_on.wait(20)

    threads = [threading.Thread(target=exporters.portably, args=(waits, tuple(EXACT))) for _ in range(2)]
    for one in threads:
        one.start()
    inside.wait(20)
    go_on.set()
    for one in threads:
        one.join(20)
    assert {name: getattr(keras.ops, name) for name in EXACT} == usual


@pytest.mark.parametrize("learnable", [False, True])
def test_derivatives_of_the_exported_formula_are_finite(learnable):
    """A SavedModel can be trained further."""
    actx.config.set_portable(True)
    try:
        layer = actx.layers.LearnableActivation("pelu") if learnable else keras.layers.Activation("elu(alpha=0.5)")
        model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(3), layer])
        model.compile("sgd", "mse")
        model.fit(np.linspace(-1e4, 1e4, 24, dtype="float32").reshape(4, 6), np.ones((4, 3)), verbose=0)
        assert all(np.isfinite(keras.ops.convert_to_numpy(one)).all() for one in model.trainable_variables)
    finally:
        actx.config.set_portable(False)


@pytest.mark.skipif(BACKEND != "tensorflow", reason="of TensorFlow")
def test_a_saved_model_can_be_differentiated(tmp_path):
    """It has no custom gradient, with which TensorFlow writes and loads functions that it warns of."""
    import tensorflow as tf

    model = keras.Sequential([keras.Input((3,)), keras.layers.Activation("keras_actx>mish")])
    model.export(str(tmp_path / "model"), verbose=False)
    loaded = tf.saved_model.load(str(tmp_path / "model"))
    x = tf.constant([[-3.0, 0.5, 7.0]])
    slopes = []
    for function in (model, loaded.serve):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = function(x)
        slopes.append(tape.gradient(y, x).numpy())
    np.testing.assert_allclose(slopes[1], slopes[0], rtol=1e-5)  # of tanh it is 1 - tanh^2 there
    functions = [one for each in loaded.signatures.values() for one in each.graph.as_graph_def().library.function]
    assert functions
    assert not [node for one in functions for node in one.node_def if "_gradient_op_type" in node.attr]


def test_the_page_is_written_from_the_results():
    page_maker = scripts.load("docs/make_export.py")
    if not all((page_maker.FOLDER / f"{one}.json").exists() for one in UNKNOWN):
        pytest.skip("benchmarks/export.py has not been run on every backend")
    assert page_maker.measured_part() in page_maker.PAGE.read_text(encoding="utf-8"), "run docs/make_export.py"
    found = page_maker.results()[BACKEND]["formats"]
    assert [(one["format"], one["rows"]) for one in found] == [(one.name, one.rows) for one in export.formats()]
    assert {one["count"] for one in found} == {len(export.cases())}
    for one in found:
        assert set(one["failed"]) == EXCUSED.get((BACKEND, one["format"], one["rows"]), set())
