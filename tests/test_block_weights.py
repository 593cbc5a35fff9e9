"""Every way of keeping weights keeps those of blocks, stacks and composite layers; and what a block may hold."""

import keras
import numpy as np
import pytest

import keras_actx as actx
from keras_actx.layers import DenseBlock, DenseStack

L = actx.layers
BACKEND = keras.backend.backend()
as_numpy = keras.ops.convert_to_numpy
COMPOSITE = {
    "block": lambda: DenseBlock(4, "mish", normalization="batch", name="one"),
    "stack": lambda: DenseStack(4, "mish", depth=3, normalization="layer", name="one"),
    "gated": lambda: DenseStack(4, "swiglu", depth=2, name="one"),
    "dice": lambda: L.Dice(name="one"),
    "dynamic": lambda: L.DynamicReLU(name="one"),
    "meta": lambda: L.MetaACON(name="one"),
    "funnel": lambda: keras.Sequential([keras.layers.Reshape((2, 2, 1)), L.FunnelReLU(name="f")], name="one"),
}
composite = pytest.mark.parametrize("make", COMPOSITE.values(), ids=COMPOSITE)


def two_models(make):
    """The same code twice, the first with every weight elsewhere."""
    one, two = (keras.Sequential([keras.Input((4,)), make()], name="model") for _ in range(2))
    for model in (one, two):
        model.compile(keras.optimizers.SGD(0.1), keras.losses.MeanSquaredError())
    one.set_weights([weight + 1 for weight in one.get_weights()])
    return one, two


def assert_equal_weights(one, two):
    assert [weight.path for weight in one.weights] == [weight.path for weight in two.weights]
    for expected, found in zip(one.get_weights(), two.get_weights(), strict=True):
        np.testing.assert_array_equal(expected, found)


@composite
def test_state_trees(make):
    one, two = two_models(make)
    tree = one.get_state_tree(value_format="numpy_array")
    two.set_state_tree({name: tree[name] for name in ("trainable_variables", "non_trainable_variables")})
    assert_equal_weights(one, two)


@composite
@pytest.mark.skipif(BACKEND != "tensorflow", reason="TensorFlow's own")
def test_tensorflow_checkpoints(make, tmp_path):
    import tensorflow as tf

    one, two = two_models(make)
    path = tf.train.Checkpoint(model=one).save(str(tmp_path / "checkpoint"))
    kept = [name for name, _ in tf.train.list_variables(path) if name.endswith("VARIABLE_VALUE")]
    assert len(kept) >= len(one.weights)
    tf.train.Checkpoint(model=two).restore(path).assert_consumed()
    assert_equal_weights(one, two)


@composite
@pytest.mark.skipif(BACKEND != "tensorflow", reason="TensorFlow's own")
def test_saved_models(make, tmp_path):
    import tensorflow as tf

    one, _ = two_models(make)
    x = np.ones((2, 4), "float32")
    tf.saved_model.save(one, str(tmp_path / "saved"))
    loaded = tf.saved_model.load(str(tmp_path / "saved"))
    found = next(iter(loaded.signatures["serving_default"](tf.constant(x)).values()))
    np.testing.assert_allclose(found, as_numpy(one(x)), rtol=1e-5, atol=1e-6)  # sums of larger numbers


@composite
@pytest.mark.skipif(BACKEND != "torch", reason="torch's own")
def test_torch_state_dicts(make):
    one, two = two_models(make)
    assert set(one.state_dict()) == set(two.state_dict())
    two.load_state_dict(one.state_dict())
    assert_equal_weights(one, two)


@pytest.mark.skipif(BACKEND != "torch", reason="torch's own")
def test_torch_state_dicts_after_quantization_and_lora():
    for change in (lambda layer: layer.quantize("int8"), lambda layer: layer.enable_lora(2)):
        block = DenseBlock(4, "mish")
        block.build((None, 4))
        change(block)
        kept = {tuple(value.shape) for value in block.state_dict().values()}
        assert {tuple(weight.shape) for weight in block.weights} <= kept


def test_paths_do_not_depend_on_what_was_made_before():
    def paths():
        keras.utils.clear_session()
        layers = [
            DenseStack(4, "rrelu", depth=2),
            DenseBlock(4, "mish", normalization="rms"),
            L.StochasticActivation("rrelu"),
        ]
        model = keras.Sequential([keras.Input((4,)), *layers])
        return [variable.path for variable in model.variables]

    first = paths()
    assert len(set(first)) == len(first)
    assert paths() == first


def test_weights_made_before_the_build_have_the_path_of_their_block():
    stack = DenseStack(4, "prelu", depth=2, name="stack")
    stack.build((None, 4))
    own = [weight.path for weight in stack.weights if "negative_slope" in weight.path]
    assert [path.rpartition("/")[0] for path in own] == ["stack/block_0/activation", "stack/block_1/activation"]


def test_a_stack_stays_in_its_list(tmp_path):
    """The files of Keras find blocks by the list; another attribute before it would move the weights."""
    stack = DenseStack(4, "prelu", depth=2)
    before = [name for name in sorted(dir(stack)) if not name.startswith("_") and name < "blocks"]
    found = [name for name in before if isinstance(getattr(stack, name, None), (keras.layers.Layer, list, tuple))]
    assert set(found) <= set(dir(keras.layers.Layer()))


SHAPES = {
    "function": keras.activations.glu,
    "name": "swiglu",
    "value": actx.activations.swiglu,
    "config": actx.serialize(actx.activations.swiglu),
    "layer_config": keras.saving.serialize_keras_object(L.GatedLinearUnit("geglu")),
}


@pytest.mark.sweep(1)
@pytest.mark.parametrize("activation", SHAPES.values(), ids=SHAPES)
def test_gated_in_every_form(activation):
    for layer in (DenseBlock(3, activation), DenseStack(3, activation, depth=2)):
        assert layer(np.ones((2, 5), "float32")).shape == (2, 3)
        block = layer.blocks[0] if isinstance(layer, DenseStack) else layer
        assert tuple(block.dense.kernel.shape) == (5, 6)
        assert type(layer).from_config(layer.get_config())(np.ones((2, 5), "float32")).shape == (2, 3)


def test_gated_in_a_layer_of_keras():
    block = DenseBlock(3, keras.layers.Activation(keras.activations.glu))
    assert block(np.ones((2, 5), "float32")).shape == (2, 3)


def halves(x):
    return x[..., ::2] * x[..., 1::2]


def summed(x):
    return keras.ops.sum(x, axis=-1)


@pytest.mark.parametrize(
    "make",
    [
        lambda: halves,
        lambda: summed,
        lambda: keras.layers.Activation(halves),
        lambda: keras.layers.Dense(7),
        lambda: keras.layers.Flatten(),
        lambda: keras.Sequential([L.Maxout(2)]),
        lambda: keras.layers.UpSampling1D(2),
    ],
)
def test_other_shapes_are_refused_with_the_remedy(make):
    with pytest.raises(ValueError, match="write a DenseBlock with activation=None and the layer behind it"):
        DenseBlock(4, make(), scheme="glorot", kernel_initializer="ones")(np.ones((2, 3, 5), "float32"))


def test_a_function_of_the_backend_is_found_out_at_the_call():
    def opaque(x):
        assert not isinstance(x, keras.KerasTensor)
        return x[..., :2]

    block = DenseBlock(4, opaque, kernel_initializer="ones")
    with pytest.raises(ValueError, match="the layer behind it"):
        block(np.ones((2, 5), "float32"))


def config_of(kind, inside, **more):
    name = f"keras_actx>{kind}"
    config = {"units": 2, "scheme": "glorot", "normalization": inside, **more}
    return {"module": "keras_actx.layers", "class_name": kind, "registered_name": name, "config": config}


def wrapped(inside):
    layers = [inside]
    return {
        "module": "keras",
        "class_name": "Sequential",
        "registered_name": None,
        "config": {"name": "s", "layers": layers},
    }


@pytest.mark.parametrize("wrap", [lambda inside: inside, wrapped], ids=["bare", "Sequential"])
@pytest.mark.parametrize("key", ["normalization", "activation"])
def test_nested_stacks_are_bounded(wrap, key, monkeypatch):
    count, dense = [], keras.layers.Dense.__init__

    def counting(self, *args, **kwargs):
        count.append(1)
        dense(self, *args, **kwargs)

    monkeypatch.setattr(keras.layers.Dense, "__init__", counting)
    config = None
    for _ in range(6):
        inside = {"normalization": None, key: config} if config else {"normalization": None}
        config = wrap(config_of("DenseStack", inside.pop("normalization"), depth=10, **inside))
    with pytest.raises((ValueError, TypeError)):
        keras.saving.deserialize_keras_object(config)
    assert len(count) < 250


def test_a_large_config_is_not_repeated():
    layers = [keras.saving.serialize_keras_object(keras.layers.LayerNormalization()) for _ in range(50)]
    with pytest.raises(ValueError, match="depth=10000 would make more than"):
        DenseStack(2, depth=10000, normalization=wrapped(layers[0]) | {"config": {"name": "s", "layers": layers}})


def test_a_block_in_a_block_still_loads():
    block = DenseBlock(4, "mish", normalization=keras.Sequential([keras.Input((4,)), DenseBlock(4, "relu")]))
    assert DenseBlock.from_config(block.get_config())(np.ones((2, 3), "float32")).shape == (2, 4)


def test_arguments_are_readable():
    given = {"units": 4, "activation": actx.activations.snake, "scheme": "published", "dropout": 0.5, "seed": 3}
    block, stack = DenseBlock(**given), DenseStack(depth=2, **given)
    for name, value in given.items():
        assert getattr(block, name) == value
        if name != "dropout":
            assert getattr(stack, name) == value
    assert isinstance(DenseBlock(4, kernel_regularizer="l2").kernel_regularizer, keras.regularizers.L2)
    for name in ("kernel_initializer", "bias_initializer", "bias_regularizer", "kernel_constraint", "bias_constraint"):
        getattr(block, name)
