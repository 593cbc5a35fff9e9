"""What is done to the parts of a block stays in every copy: quantization, LoRA, frozen parts, dtype policies."""

import contextlib
import copy
import io
import json
import pickle

import keras
import numpy as np
import pytest

import keras_actx as actx
from keras_actx.layers import DenseBlock, DenseStack, GatedLinearUnit

BACKEND = keras.backend.backend()
pytestmark = pytest.mark.filterwarnings(
    "ignore:Layer .* does not have a `quantize` method",  # Keras's own layers among them
    "ignore:Skipping variable loading for optimizer",
)
as_numpy = keras.ops.convert_to_numpy
X = np.random.default_rng(0).normal(size=(6, 8)).astype("float32")

MAKERS = {
    "block": lambda: DenseBlock(8, "mish", seed=1),
    "block_of_all": lambda: DenseBlock(8, "prelu", normalization="batch", dropout=0.1, residual=True, seed=1),
    "gated": lambda: DenseBlock(8, "swiglu", normalization="layer", seed=1),
    "stack": lambda: DenseStack(8, "mish", depth=2, seed=1),
    "stack_of_all": lambda: DenseStack(8, "prelu", depth=2, normalization="layer", dropout=0.1, seed=1),
}
makers = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)


def blocks_of(layer):
    return layer.blocks if isinstance(layer, DenseStack) else [layer]


def model_of(layer):
    return keras.Sequential([keras.Input((8,)), layer])


def saved(model, path):
    model.save(path / "model.keras")
    return keras.models.load_model(path / "model.keras")


def weights_only(model, path):
    """A new model of the same config, with the weights of the old one's file."""
    model.save_weights(path / "model.weights.h5")
    other = keras.models.clone_model(model)
    other.load_weights(path / "model.weights.h5")
    return other


WAYS = {
    "keras": saved,
    "weights_only": weights_only,
    "pickle": lambda model, path: pickle.loads(pickle.dumps(model)),
    "deepcopy": lambda model, path: copy.deepcopy(model),
    "json": lambda model, path: copy_weights(keras.models.model_from_json(model.to_json()), model),
    "clone": lambda model, path: copy_weights(keras.models.clone_model(model), model),
}


def copy_weights(other, model):
    other.set_weights(model.get_weights())
    return other


def names_of_trainable(model):
    layer = model.layers[0]
    # Keras's Dense makes its float8 scales before the kernel when loaded, after it when quantized.
    return [sorted(weight.name.rstrip("_0123456789") for weight in one.trainable_weights) for one in blocks_of(layer)]


def policies(model):
    return [
        {name: part.dtype_policy.name for name, part in block._by_name().items()}
        for block in blocks_of(model.layers[0])
    ]


def assert_same(model, other, exactly=True):
    assert names_of_trainable(other) == names_of_trainable(model)
    assert len(other.trainable_variables) == len(model.trainable_variables)
    assert policies(other) == policies(model)
    tolerance = {} if exactly else {"rtol": 1e-5, "atol": 1e-6}
    compare = np.testing.assert_array_equal if exactly else np.testing.assert_allclose
    compare(as_numpy(other(X, training=False)), as_numpy(model(X, training=False)), **tolerance)
    assert json.dumps(other.layers[0].get_config()) == json.dumps(model.layers[0].get_config())


MODES = ["int8", "int4", "float8"]


@pytest.mark.sweep(4)
@makers
@pytest.mark.parametrize("mode", MODES)
def test_a_quantized_model_in_every_copy(make, mode, tmp_path):
    model = model_of(make())
    expected = as_numpy(model(X))
    model.quantize(mode)
    assert np.abs(as_numpy(model(X)) - expected).max() < {"int8": 0.3, "int4": 3.0, "float8": 0.3}[mode]
    assert all(block.dense.quantization_mode == mode for block in blocks_of(model.layers[0]))
    for name, way in WAYS.items():
        if mode != "float8" or name not in ("json", "clone"):  # which copy weights by their order
            assert_same(model, way(model, tmp_path))


@makers
def test_quantize_of_a_block_is_that_of_its_kernels(make, tmp_path):
    model, other = model_of(make()), model_of(make())
    other.set_weights(model.get_weights())
    model.layers[0].quantize("int8")
    other.quantize("int8")
    np.testing.assert_array_equal(as_numpy(model(X)), as_numpy(other(X)))
    with pytest.raises(ValueError, match="already quantized"):
        model.layers[0].quantize("int8")
    with pytest.raises(ValueError, match="isn't yet built"):
        make().quantize("int8")
    assert_same(model, saved(model, tmp_path))


@makers
def test_lora_in_every_copy(make, tmp_path):
    model = model_of(make())
    layer = model.layers[0]
    expected = as_numpy(model(X))
    layer.enable_lora(2)
    np.testing.assert_allclose(as_numpy(model(X)), expected, rtol=1e-5, atol=1e-6)
    assert all("lora_kernel_a" in names and "kernel" not in names for names in names_of_trainable(model))
    for block in blocks_of(layer):  # as after training
        block.dense.lora_kernel_b.assign(np.full(block.dense.lora_kernel_b.shape, 0.1, "float32"))
    for name in ("keras", "weights_only", "pickle", "deepcopy"):
        assert_same(model, WAYS[name](model, tmp_path), exactly=False)
    with pytest.raises(ValueError, match="already enabled"):
        layer.enable_lora(2)
    with pytest.raises(ValueError, match="isn't yet built"):
        make().enable_lora(2)


def test_lora_of_one_part_and_its_scale():
    stack = DenseStack(8, "mish", depth=3)
    stack.build((None, 8))
    stack.blocks[1].dense.enable_lora(3)
    stack.blocks[1].dense.lora_alpha = 7
    again = DenseStack.from_config(json.loads(json.dumps(stack.get_config())))
    again.build((None, 8))
    assert [block.dense.lora_enabled for block in again.blocks] == [False, True, False]
    assert (again.blocks[1].dense.lora_rank, again.blocks[1].dense.lora_alpha) == (3, 7)


def test_lora_after_quantization(tmp_path):
    model = model_of(DenseBlock(8, "mish", seed=1))
    model.quantize("int8")
    model.layers[0].enable_lora(2)
    assert_same(model, saved(model, tmp_path), exactly=False)


@pytest.mark.sweep(4)
@makers
@pytest.mark.parametrize("part", ["dense", "normalization", "activation"])
def test_frozen_parts_in_every_copy(make, part, tmp_path):
    model = model_of(make())
    block = blocks_of(model.layers[0])[0]
    frozen = block._by_name().get(part)
    if frozen is None or not frozen.weights:
        pytest.skip("it has no such part with weights")
    frozen.trainable = False
    trained = names_of_trainable(model)
    if len(blocks_of(model.layers[0])) == 2:
        assert trained[0] != trained[1]
    for way in WAYS.values():
        assert_same(model, way(model, tmp_path))


@makers
def test_a_frozen_block_in_every_copy(make, tmp_path):
    model = model_of(make())
    model.layers[0].trainable = False
    assert model.trainable_variables == []
    for way in WAYS.values():
        other = way(model, tmp_path)
        assert_same(model, other)
        other.layers[0].trainable = True
        assert len(other.trainable_variables) > 0


def test_policies_of_parts(tmp_path):
    block = DenseBlock(8, "mish", dropout=0.1, normalization=keras.layers.LayerNormalization(dtype="float32"))
    block.activation_layer.dtype_policy = "bfloat16"
    model = model_of(block)
    assert_same(model, saved(model, tmp_path))
    assert policies(model)[0]["activation"] == "bfloat16"


def test_nothing_done_leaves_no_trace():
    """The configs of ordinary blocks are those that older versions wrote, and read."""
    for make in MAKERS.values():
        assert "parts" not in make().get_config()


def test_a_forgotten_policy_is_noticed(monkeypatch, tmp_path):
    monkeypatch.setattr(DenseBlock, "part_states", lambda self, always=False: None)
    model = model_of(DenseBlock(8, "mish", seed=1))
    model.quantize("int8")
    with pytest.raises((AssertionError, ValueError)):
        assert_same(model, saved(model, tmp_path))


@pytest.mark.parametrize(
    "states",
    [
        3, [], {"nothing": {}}, {"dense": 3}, {"dense": {"units": 3}}, {"dense": {"dtype": "nothing"}},
        {"dense": {"trainable": 1}}, {"dense": {"lora_rank": -1}}, {"dense": {"lora_alpha": "x"}},
        {"activation": {"dtype": "int8_from_float32"}}, {"dense": {"quantization_config": {"class_name": "os.system"}}},
    ],
    ids=str,
)  # fmt: skip
def test_states_that_no_file_of_ours_holds(states):
    with pytest.raises((ValueError, TypeError)):
        DenseBlock.from_config({**DenseBlock(4, "mish").get_config(), "parts": states})
    with pytest.raises((ValueError, TypeError)):
        DenseStack.from_config({**DenseStack(4, "mish", depth=2).get_config(), "parts": [states, states]})
    with pytest.raises((ValueError, TypeError)):
        DenseStack.from_config({**DenseStack(4, "mish", depth=2).get_config(), "parts": [{}]})


@pytest.mark.parametrize("make", [DenseBlock, lambda *a, **k: DenseStack(*a, depth=2, **k)], ids=["block", "stack"])
def test_a_policy_that_is_a_map(make, tmp_path):
    within = "block_0/" if make is not DenseBlock else ""
    policy = keras.dtype_policies.DTypePolicyMap("float32")
    policy[f"outer/b/{within}dense"] = keras.DTypePolicy("mixed_bfloat16")
    policy[f"outer/b/{within}normalization"] = keras.DTypePolicy("float32")
    model = keras.Sequential(
        [keras.Input((8,)), make(8, "mish", normalization="layer", dropout=0.1, dtype=policy, name="b")], name="outer"
    )
    block = blocks_of(model.layers[0])[0]
    assert block.dense.compute_dtype == "bfloat16"
    assert {block.normalization.compute_dtype, block.activation_layer.compute_dtype} == {"float32"}
    for way in (saved, WAYS["clone"], WAYS["pickle"]):
        other = way(model, tmp_path)
        assert policies(other) == policies(model)
        np.testing.assert_array_equal(as_numpy(other(X)), as_numpy(model(X)))
    model.layers[0].quantize("int8")
    assert policies(saved(model, tmp_path)) == policies(model)


def test_a_quantized_policy_is_the_kernels():
    for layer in (
        DenseBlock(4, "mish", dropout=0.1, dtype="int8_from_float32"),
        DenseStack(4, depth=2, dtype="int8_from_float32"),
    ):
        assert layer(X).shape == (6, 4)
        block = blocks_of(layer)[0]
        assert (block.dense.quantization_mode, block.activation_layer.quantization_mode) == ("int8", None)
        again = type(layer).from_config(layer.get_config())
        assert again(X).shape == (6, 4)


def test_gptq():
    gptq = getattr(keras.quantizers, "GPTQConfig", None)
    if gptq is None or not hasattr(keras.quantizers, "QuantizationConfig"):
        pytest.skip("this Keras has no GPTQ of single layers")
    block = DenseBlock(8, "mish", seed=1)
    block.build((None, 8))
    config = gptq(dataset=["some text"], tokenizer=len, weight_bits=8, group_size=-1)
    block.quantize("gptq", config=config)
    again = DenseBlock.from_config(json.loads(json.dumps(block.get_config())))
    again.build((None, 8))
    assert again.dense.dtype_policy.name == block.dense.dtype_policy.name == "gptq/8/-1_from_float32"


SCOPES = {
    "activations": {"mode": "activations"},
    "full": {"mode": "full"},
    "larger_than": {"mode": "larger_than", "output_size_threshold": 4},
    "list_of_layers": {"mode": "list_of_layers", "layer_names": ["layer"]},
}
L = actx.layers
WITH_ACTIVATION = {
    "GatedLinearUnit": lambda: GatedLinearUnit("swiglu", name="layer"),
    "LearnableActivation": lambda: L.LearnableActivation("prelu", num_parameters=8, name="layer"),
    "AdaptiveActivation": lambda: L.AdaptiveActivation("tanh", name="layer"),
    "AdaptiveLearned": lambda: L.AdaptiveActivation("prelu", name="layer"),
    "DenseBlock": lambda: DenseBlock(8, "mish", seed=1, name="layer"),
    "of_keras": lambda: DenseBlock(8, keras.activations.gelu, seed=1, name="layer"),
    "learnable": lambda: DenseBlock(8, "prelu", seed=1, name="layer"),
    "gated": lambda: DenseBlock(8, "swiglu", seed=1, name="layer"),
    "DenseStack": lambda: DenseStack(8, "mish", depth=2, seed=1, name="layer"),
    "Dense": lambda: keras.layers.Dense(8, activation="snake", name="layer"),
    "StochasticActivation": lambda: L.StochasticActivation("rrelu", seed=1, name="layer"),
    "LearnableDense": lambda: keras.layers.Dense(8, activation="swish(beta=1.5, learnable=True)", name="layer"),
    "statistics": lambda: DenseBlock(8, "prelu", normalization="batch", dropout=0.1, seed=1, name="layer"),
}


@pytest.mark.sweep(4)
@pytest.mark.parametrize("scope", SCOPES.values(), ids=SCOPES)
@pytest.mark.parametrize("name", WITH_ACTIVATION)
def test_rematerialization_changes_no_number(name, scope):
    if BACKEND == "torch" and name == "LearnableDense" and scope["mode"] == "activations":
        pytest.skip("Keras replaces an activation that is a child module, which torch refuses for PReLU, too")
    if name in ("statistics", "StochasticActivation") and scope["mode"] != "activations":
        pytest.skip("Keras does not rematerialize what changes its state: BatchNormalization and Dropout fail on JAX")
    plain = ("GatedLinearUnit", "LearnableActivation", "AdaptiveActivation", "AdaptiveLearned")
    if BACKEND == "tensorflow" and name not in plain and scope["mode"] != "activations":
        pytest.skip("TensorFlow cannot rematerialize a call with keyword arguments in a graph: Keras's Dense fails too")
    found = []
    for inside in (True, False):
        with keras.RematScope(**scope) if inside else contextlib.nullcontext():
            layer = WITH_ACTIVATION[name]()
        model = keras.Sequential([keras.Input((8,)), layer, keras.layers.Dense(1, kernel_initializer="ones")])
        if found:
            model.set_weights(found[0])
        start = model.get_weights()
        model.compile(keras.optimizers.SGD(0.1), keras.losses.MeanSquaredError())
        model.fit(X, np.ones((6, 1)), batch_size=6, epochs=2, shuffle=False, verbose=0)
        found += [start, model.get_weights()] if not found else [model.get_weights()]
    for with_it, without in zip(found[1], found[2], strict=True):
        np.testing.assert_allclose(with_it, without, rtol=1e-4, atol=1e-5)


def test_the_summary_shows_the_parts():
    text = io.StringIO()
    model = keras.Sequential(
        [
            keras.Input((8,)),
            DenseBlock(6, "prelu", normalization="layer", dropout=0.1),
            DenseStack(4, "swiglu", depth=2),
        ]
    )
    model.summary(expand_nested=True, print_fn=lambda line: text.write(line + "\n"), line_length=150)
    lines = text.getvalue().splitlines()
    for name, shape in (
        ("dense", 6),
        ("normalization", 6),
        ("activation", 6),
        ("dropout", 6),
        ("block_0", 4),
        ("block_1", 4),
    ):
        assert any(f"└ {name} (" in line and f"(None, {shape})" in line for line in lines), (name, text.getvalue())
    assert any("└ dense (" in line and "(None, 8)" in line for line in lines)  # of the gated stack
    unbuilt = keras.Sequential([DenseBlock(4, "mish")])
    unbuilt.summary(expand_nested=True, print_fn=lambda line: None)


def test_the_paths_in_a_file_are_those_of_older_versions(tmp_path):
    import h5py

    keras.Sequential([keras.Input((8,)), *(make() for make in MAKERS.values())]).save_weights(tmp_path / "m.weights.h5")
    paths = []
    with h5py.File(tmp_path / "m.weights.h5") as file:
        file.visititems(lambda path, one: paths.append(path) if isinstance(one, h5py.Dataset) else None)
    inside = sorted({path.split("/", 2)[2] for path in paths})
    assert inside == sorted(
        [
            *(f"dense/vars/{i}" for i in range(2)),
            "activation/vars/0",
            *(f"normalization/vars/{i}" for i in range(4)),
            *(f"dropout_layer/seed_generator/vars/{i}" for i in range(0)),
            *(f"blocks/{block}/dense/vars/{i}" for block in ("dense_block", "dense_block_1") for i in range(2)),
            *(f"blocks/{block}/normalization/vars/{i}" for block in ("dense_block", "dense_block_1") for i in range(2)),
            *(f"blocks/{block}/activation/vars/0" for block in ("dense_block", "dense_block_1")),
        ]
    )
