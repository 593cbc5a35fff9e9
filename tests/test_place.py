"""A block finds out what feeds it, and starts as in a `DenseStack`; where nothing tells, by the published pair."""

import keras
import numpy as np
import pytest
from all_activations import names as own_names
from keras import layers as L

import keras_actx as actx
from keras_actx.initializers.auto import ASSUMED_DEPTH
from keras_actx.layers import _place as place

Block, Stack = actx.layers.DenseBlock, actx.layers.DenseStack


@actx.register_activation(package="test_place")
def own(x):
    return x * keras.ops.sigmoid(2.0 * x)


def deviation(block, rows=512):
    block.build((None, rows))
    return float(keras.ops.convert_to_numpy(block.dense.kernel).std())


@pytest.mark.parametrize(
    ("activation", "wanted"),
    [
        ("relu", np.sqrt(2 / 512)),
        ("leaky_relu(negative_slope=0.5)", np.sqrt(2 / 1.25 / 512)),
        ("selu", np.sqrt(1 / 512)),
        *((one, np.sqrt(2 / (512 + 256))) for one in ("tanh", "sigmoid", "softmax", None)),
        ("sine(w0=30.0)", np.sqrt(2 / 512) / 30),
        ("gelu", actx.gain("gelu") / np.sqrt(512)),
        (own, actx.gain(own) / np.sqrt(512)),
    ],
    ids=str,
)
def test_alone_it_starts_by_the_published_pair(activation, wanted):
    assert deviation(Block(256, activation, seed=1)) == pytest.approx(wanted, rel=0.01)


ACTIVATIONS = ("relu", "gelu", "mish", "tanh", "selu", "sigmoid", "sine", "swiglu", own)


def sequential(blocks, width):
    return keras.Sequential([keras.Input((width,)), *blocks])


def added(blocks, width):
    model = keras.Sequential([keras.Input((width,))])
    for one in blocks:
        model.add(one)
    return model


def deferred(blocks, width):
    model = keras.Sequential(blocks)
    model.build((None, width))
    return model


def functional(blocks, width):
    x = inputs = keras.Input((width,))
    for one in blocks:
        x = one(x)
    return keras.Model(inputs, x)


def chosen(blocks):
    """All but the words."""
    return [{**vars(one.pairing), "seen": "", "scheme": "", "reason": ""} for one in blocks]


@pytest.mark.parametrize("model", [sequential, added, deferred, functional])
@pytest.mark.parametrize("activation", ACTIVATIONS, ids=str)
def test_a_chain_starts_as_a_stack_does(activation, model):
    blocks = [Block(16, activation) for _ in range(ASSUMED_DEPTH)]
    model(blocks, 8)
    assert chosen(blocks) == chosen(Stack(16, activation, depth=ASSUMED_DEPTH).blocks)
    assert blocks[0].pairing.seen == "fed by the network's input; layer 1"
    assert blocks[3].pairing.seen.endswith("; layer 4")
    assert blocks[3].pairing.seen.startswith(f"fed by {blocks[2].name}: ")


@pytest.mark.parametrize("options", [{"dropout": 0.1}, {"normalization": "layer"}, {"residual": True}], ids=str)
@pytest.mark.parametrize("activation", ["relu", "mish", "tanh"])
def test_a_chain_with_more_starts_as_such_a_stack_does(activation, options):
    blocks = [Block(16, activation, **options) for _ in range(ASSUMED_DEPTH)]
    functional(blocks, 16)
    assert chosen(blocks) == chosen(Stack(16, activation, depth=ASSUMED_DEPTH, **options).blocks)


@pytest.mark.sweep(12)
@pytest.mark.parametrize("name", [one for one in own_names("elementwise") if one != "threshold"])
def test_thirty_keep_what_tells_inputs_apart(name):
    blocks = [Block(128, name, seed=i) for i in range(30)]
    sequential(blocks, 128)
    x, spread = np.random.default_rng(0).normal(size=(256, 128)).astype("float32"), []
    for one in blocks:
        x = one(x)
        spread.append(keras.ops.convert_to_numpy(x).astype("float64").var(axis=0).mean())
    assert spread[-1] > 1e-2 * spread[0]


@pytest.mark.parametrize(
    ("between", "said", "first"),
    [
        (L.Dropout(0.1, name="b"), "relu", False),
        (L.Reshape((16,), name="b"), "relu", False),
        (L.BatchNormalization(name="b"), "fed by b", True),
        (L.LayerNormalization(name="b"), "fed by b", True),
        (L.Dense(16, "tanh", name="b"), "fed by b: tanh", False),
        (L.Activation("snake", name="b"), "fed by b, whose input is not known", None),
        (Stack(16, "mish", depth=3, name="b"), "fed by b: mish", False),
        (L.Softmax(name="b"), "whose output is not known", None),
        (L.UnitNormalization(name="b"), "whose output is not known", None),
    ],
    ids=lambda one: getattr(type(one), "__name__", None) if isinstance(one, L.Layer) else "",
)
def test_what_is_between(between, said, first):
    last = Block(16, "tanh")
    sequential([Block(16, "relu", name="a"), between, last], 8)
    assert said in last.pairing.seen
    assert last.place.is_known == (first is not None)
    assert last.place.first_layer == bool(first)
    assert last.pairing.scheme == ("published" if first is None else "critical")


@pytest.mark.parametrize(
    ("activation", "name"),
    [
        (L.Activation("snake", name="b"), "snake"),
        (L.LeakyReLU(name="b"), "leaky_relu"),
        (actx.layers.LearnableActivation("swish", name="b"), "swish"),
        (keras.ops.gelu, "gelu"),
    ],
)
@pytest.mark.parametrize(
    "before", [Block(16, None), L.Dense(16), L.BatchNormalization(), L.Activation("linear")], ids=lambda one: one.name
)
def test_an_activation_behind_what_is_normal(activation, name, before):
    last = Block(16, "tanh")
    last(activation(L.Dropout(0.1)(before(keras.Input((16,))))))
    assert f": {name}" in last.pairing.seen
    assert last.pairing.scheme == "critical"


@pytest.mark.parametrize(
    "activation",
    [L.ReLU(), keras.ops.relu, actx.layers.LearnableActivation("swish")],
    ids=["layer", "operation", "learnable"],
)
def test_an_activation_behind_what_is_not_known(activation):
    x = keras.Input((8, 16))
    for before in (x + L.Dense(16)(x), L.AveragePooling1D(2)(x), L.Dense(16, "relu")(x), L.Softmax()(x)):
        last = Block(16, "relu")
        last(activation(before))
        assert last.pairing.seen.partition(", ")[2].startswith("whose input is not known")
        assert (last.pairing.scheme, last.pairing.reason) == ("published", "He")


@pytest.mark.parametrize(("units", "activation"), [(10, None), (10, "softmax"), (1, "sigmoid"), (10, "sigmoid")])
def test_an_output_starts_by_glorot(units, activation):
    last = Block(units, activation)
    sequential([Block(16, "gelu"), Block(16, "gelu"), last], 8)
    assert last.pairing.reason == "Glorot"
    assert last.pairing.seen.endswith("; layer 3")


def test_one_regression_starts_by_glorot():
    last = Block(1, "sigmoid")
    sequential([last], 8)
    assert last.pairing.reason == "Glorot"


def test_pairs_are_along_the_last_axis():
    """Flattened, the two halves of the features are not each other's mirror images any more."""
    for between, scheme in (
        (L.Dropout(0.1), "looks_linear"),
        (L.Flatten(), "critical"),
        (L.Permute((2, 1)), "critical"),
    ):
        block = Block(16, "relu")
        block(between(Block(16, "relu")(keras.Input((6, 4)))))
        assert block.pairing.scheme == scheme


@pytest.mark.parametrize("activation", ["mish", "relu"])
def test_behind_a_standardized_block(activation):
    first, second = Block(64, activation, standardize=True, seed=1), Block(64, activation, seed=2)
    sequential([first, second], 64)
    assert second.place.input_standardized
    told = Block(64, activation, scheme="critical", input_activation=activation, input_standardized=True, depth=10)
    assert {**vars(second.pairing), "seen": ""} == vars(told.pairing)


def test_a_sum_tells_nothing():
    x = keras.Input((16,))
    last = Block(16, "relu")
    last(x + Block(16, "relu")(x))
    assert (last.pairing.scheme, last.pairing.reason) == ("published", "He")
    residual = Block(16, "relu", residual=True)
    after = Block(16, "relu")
    after(residual(x))
    assert residual.pairing.reason == after.pairing.reason == "He"


def test_position_counts_kernels_whatever_is_between():
    x = keras.Input((8, 4))
    for one in (
        L.Dense(4, "relu"),
        L.Dropout(0.1),
        L.GlobalAveragePooling1D(),
        Stack(4, depth=3),
        L.Softmax(),
        L.Dense(4),
    ):
        x = one(x)
    block = Block(4, "relu")
    block(L.UnitNormalization()(x))
    assert block.place.position == 6
    assert "is not known" in block.pairing.seen


def test_a_long_chain():
    """Longer than Python's stack."""
    x = keras.Input((2,))
    for _ in range(1500):
        x = L.Activation("relu")(x)
    block = Block(2, "relu")
    block(L.Dense(2, "tanh")(x))
    assert (block.place.position, block.pairing.seen.endswith("tanh; layer 2")) == (2, True)
    y = keras.Input((2,))
    for _ in range(1500):
        y = L.Dropout(0.1)(y)
    last = Block(2, "relu")
    last(y)
    assert last.place.is_network_input


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.first, self.second = Block(16, "mish"), Block(16, "relu")

    def call(self, x):
        return self.second(self.first(x))


def test_a_subclassed_model_tells_nothing():
    model = Subclassed()
    model(np.ones((2, 8), "float32"))
    assert model.second.place is None
    assert (model.first.pairing.reason, model.second.pairing.reason) == ("forward gain", "He")


def test_without_the_attribute_of_keras():
    """On which the search rests: a Keras that has it no more gives the published pair."""
    x = Block(16, "relu")(keras.Input((8,)))
    del x._keras_history
    block = Block(16, "relu")
    block(x)
    assert block.place is None
    assert block.pairing.reason == "He"


@pytest.mark.parametrize(
    "said",
    [{"scheme": "glorot"}, {"first_layer": True}, {"input_activation": "gelu"}, {"depth": 3}, {"standardize": True}],
    ids=lambda one: next(iter(one)),
)
def test_what_is_said_wins(said):
    block = Block(16, "relu", **said)
    before = block.pairing
    sequential([Block(16, "mish"), block], 8)
    assert block.pairing == before
    looked = Block(16, "relu")
    sequential([Block(16, "mish"), looked], 8)
    again = Block.from_config({**looked.get_config(), **said})
    assert again.pairing == before
    own_initializer = Block(16, "relu", kernel_initializer="he_normal")
    sequential([own_initializer], 8)
    assert own_initializer.pairing is None


def test_it_is_kept(tmp_path):
    blocks = [Block(16, one, seed=3) for one in ("relu", "mish", own, "swiglu")]
    model = sequential([blocks[0], L.Dropout(0.1), *blocks[1:]], 8)
    model.save(tmp_path / "m.keras")
    for copy in (keras.models.load_model(tmp_path / "m.keras"), keras.models.clone_model(model)):
        again = [one for one in copy.layers if isinstance(one, Block)]
        assert [one.pairing for one in again] == [one.pairing for one in blocks]
        fresh = [Block.from_config(one.get_config()) for one in again]
        for one, was in zip(fresh, blocks, strict=True):
            one.build((None, was.dense.kernel.shape[0]))
            np.testing.assert_array_equal(*(keras.ops.convert_to_numpy(each.dense.kernel) for each in (one, was)))


@pytest.mark.parametrize(
    "config", [3, {"nosuch": 1}, {"fed_by": "x", "position": "1"}, {"fed_by": "x", "input_activation": "nosuch"}]
)
def test_a_crafted_place_is_refused(config):
    with pytest.raises(ValueError):
        Block.from_config({**Block(4, "relu").get_config(), "place": config})
    with pytest.raises(ValueError):
        place.Place.from_config(config)
