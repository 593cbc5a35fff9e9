"""`replace_activations`: the same weights under other activations, in every kind of layer and model."""

import dataclasses
import functools
import importlib
import operator

import keras
import numpy as np
import pytest
from models import LAYERS, AttentionBlock, Subclassed, data, functional, moved, sequential
from test_docs import run_doctest

import keras_actx as actx
from keras_actx.layers import DenseBlock, DenseStack, LearnableActivation
from keras_actx.names.resolve import resolve

L = keras.layers
REPLACE = actx.replace_activations
FIXED = "snake(alpha=2.0)"
LEARNED = "swish(beta=1.5, learnable=True)"


def values(model):
    return [keras.ops.convert_to_numpy(weight) for weight in model.weights]


def by_path(model):
    return {weight.path: keras.ops.convert_to_numpy(weight) for weight in model.weights}


def outputs(model, x=None):
    x = data(model)[0] if x is None else x
    return keras.ops.convert_to_numpy(model(x))


def assert_same(new, wanted):
    np.testing.assert_allclose(outputs(new), outputs(wanted), rtol=1e-5, atol=1e-6)


def test_the_example_of_the_docstring():
    run_doctest(REPLACE.__doc__, {}, "replace_activations")


def untouched(model):
    """The config and the weights of a model, to be compared later."""
    return model.get_config(), values(model)


def assert_untouched(model, before):
    config, weights = before
    assert model.get_config() == config
    for one, other in zip(values(model), weights, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.sweep(1)
@pytest.mark.parametrize("kind", LAYERS)
def test_every_kind_of_layer(kind):
    model = moved(functional(kind, "softsign"))
    before = untouched(model)
    new = REPLACE(model, {"softsign": FIXED})
    wanted = functional(kind, FIXED)
    wanted.set_weights(values(model))
    assert type(new) is type(model)
    assert [layer.name for layer in new.layers] == [layer.name for layer in model.layers]
    assert_same(new, wanted)
    assert_untouched(model, before)
    assert not np.allclose(outputs(new), outputs(model))


@pytest.mark.sweep(1)
@pytest.mark.parametrize("kind", ["dense", "conv2d", "lstm", "bidirectional", "time_distributed", "activation"])
def test_learnable_ones_have_weights_of_their_own(kind):
    model = moved(sequential(kind, "softsign"))
    new = REPLACE(model, {"softsign": LEARNED})
    wanted = sequential(kind, LEARNED)
    assert len(new.weights) == len(wanted.weights) > len(model.weights)
    old = by_path(model)
    assert all(np.array_equal(weight, by_path(new)[path]) for path, weight in old.items())
    betas = [weight for path, weight in by_path(new).items() if path not in old]
    assert betas == [np.float32(1.5)] * len(betas)
    # And back, where the learned ones are named by their function.
    again = REPLACE(moved(new), {"keras_actx>swish": "softsign"})
    assert len(again.weights) == len(model.weights)
    model.set_weights([by_path(new)[weight.path] for weight in model.weights])
    assert_same(again, model)


def test_a_learned_one_that_stays_keeps_its_weights():
    model = moved(
        keras.Sequential(
            [keras.Input((4, 3)), L.LSTM(4, activation="tanh", recurrent_activation=LEARNED), L.Dense(2, "prelu")]
        )
    )
    new = REPLACE(model, {"tanh": "pelu"})
    for path, weight in by_path(model).items():
        np.testing.assert_array_equal(by_path(new)[path], weight)
    assert len(new.weights) == len(model.weights) + 2


MIXED = {
    "relu": FIXED, "leaky_relu": "prelu(per_channel=True)", "keras_actx>elu": "mish", "prelu": L.LeakyReLU(0.3),
    "softmax": None, "relu6": keras.activations.hard_silu, "silu": actx.activations.gelu_tanh,
}  # fmt: skip


def mixed():
    """Keras's layers and operations that are activations."""
    x = inputs = keras.Input((6,))
    for layer in (L.ReLU(), L.ReLU(negative_slope=0.1), L.ReLU(6.0), L.ReLU(4.0), L.LeakyReLU(0.2), L.ELU(0.5)):
        x = layer(L.Dense(6)(x))
    x = keras.ops.silu(L.Dense(6)(x)) + 3.0
    x = L.PReLU()(keras.activations.relu(L.Dense(6)(x), max_value=6.0))
    return keras.Model(inputs, L.Softmax()(L.Dense(3)(keras.ops.relu(x))))


def test_layers_and_operations_that_are_activations():
    model = moved(mixed())
    new = REPLACE(model, MIXED)
    kinds = [type(one).__name__ for one in new.operations if type(one) not in (L.Dense, L.InputLayer)]
    fixed, learned = "Activation", "LearnableActivation"
    assert kinds == [
        *(fixed, learned, fixed, "ReLU", learned, fixed),
        *(fixed, "Add", fixed, "LeakyReLU", fixed, fixed),
    ]
    assert [one.name for one in new.operations] == [one.name for one in model.operations]
    x = data(model)[0]
    for old, other in zip(model.layers, [one for one in new.layers if one.name in by_name(model)], strict=True):
        assert old.name == other.name
    f = actx.activations
    dense = iter([layer for layer in new.layers if type(layer) is L.Dense])
    steps = (f.snake.bind(alpha=2.0), f.leaky_relu.bind(0.25), f.hard_silu, lambda x: keras.ops.clip(x, 0.0, 4.0))
    for step in (*steps, f.leaky_relu.bind(0.25), f.mish):
        x = step(next(dense)(x))
    x = f.gelu_tanh(next(dense)(x)) + 3.0
    x = f.leaky_relu(f.hard_silu(next(dense)(x)), 0.3)
    x = next(dense)(f.snake(x, alpha=2.0))
    np.testing.assert_allclose(outputs(new), keras.ops.convert_to_numpy(x), rtol=1e-4, atol=1e-5)


def by_name(model):
    return {layer.name: layer for layer in model.layers}


def test_names_match_with_any_parameters_and_strings_with_parameters_exactly():
    x = keras.Input((3,))
    model = keras.Model(x, L.ELU(1.5)(L.LeakyReLU(0.1)(L.LeakyReLU(0.2)(L.Dense(3, "swish")(x)))))

    def after(activations):
        new = REPLACE(model, activations)
        return [resolve(layer.activation).subject.name for layer in new.layers if hasattr(layer, "activation")]

    assert after({"leaky_relu": "snake", "silu": "mish"}) == ["mish", "snake", "snake"]
    assert after({"LeakyReLU(0.1)": "snake", "swish": "tanh"}) == ["tanh", "snake"]
    assert after({"leaky_relu": "sine", "leaky_relu(0.2)": "snake"}) == ["silu", "snake", "sine"]
    assert after({actx.activations.leaky_relu.bind(0.1): "snake"}) == ["silu", "snake"]
    assert after({keras.activations.silu: "gelu", "elu": "swish", "leaky_relu": "elu"}) == [
        "gelu",
        "elu",
        "elu",
        "silu",
    ]


def test_shared_layers_nested_models_and_branches():
    shared = L.Dense(4, "relu", name="shared")
    inner_in = keras.Input((4,))
    inner = keras.Model(inner_in, L.Add()([L.Dense(4, "relu")(inner_in), inner_in]), name="inner")
    chain = keras.Sequential([L.Dense(4, "relu", name="dense"), L.ReLU(), L.Dense(4)], name="chain")
    a, b = keras.Input((4,), name="a"), keras.Input((4,), name="b")
    one, other = inner(shared(a)), inner(shared(b))
    both = L.Concatenate()([chain(one), L.Dense(4, "relu", name="dense")(other)])
    model = moved(keras.Model({"a": a, "b": b}, {"out": L.Dense(2)(both), "more": both}))
    inner.layers[1].trainable = False
    before = untouched(model)
    new = REPLACE(model, {"relu": LEARNED})
    assert_untouched(model, before)
    # One each of `shared`, `inner`, `dense`, and two of `chain`: the calls of a shared layer share its parameter.
    assert len(new.weights) == len(model.weights) + 5
    assert len(new.trainable_weights) == len(model.trainable_weights) + 4
    x = {name: data((4,))[0] for name in "ab"}
    back = REPLACE(new, {"keras_actx>swish": "relu"})
    assert len(back.weights) == len(model.weights)
    for name, wanted in model(x).items():
        np.testing.assert_allclose(
            keras.ops.convert_to_numpy(back(x)[name]), keras.ops.convert_to_numpy(wanted), rtol=1e-5
        )


def test_a_layer_that_two_models_share_is_refused():
    layer = L.Dense(4, "relu", name="in_both")
    inner = keras.Sequential([keras.Input((4,)), layer])
    x = keras.Input((4,))
    with pytest.raises(ValueError, match="'in_both' is shared by different models"):
        REPLACE(keras.Model(x, inner(layer(x))), {"relu": "snake"})


def test_flags_and_policies_are_kept():
    model = keras.Sequential(
        [
            keras.Input((4,)),
            L.Dense(4, "relu", trainable=False),
            L.Dense(4, "relu", dtype="mixed_bfloat16"),
            L.ReLU(dtype="float64"),
            L.BatchNormalization(),
            L.Dense(2),
        ],
        name="own_name",
    )
    model.compile("sgd", "mse")
    model.trainable = False
    model.layers[1].trainable = True
    new = REPLACE(model, {"relu": "prelu"})
    assert new.name == "own_name"
    assert not new.compiled
    assert [layer.trainable for layer in new.layers] == [False, True, False, False, False]
    assert [layer.dtype_policy.name for layer in new.layers] == [layer.dtype_policy.name for layer in model.layers]
    assert [weight.path for weight in new.trainable_weights][:2] == [weight.path for weight in model.trainable_weights]


def test_a_loaded_file(tmp_path):
    model = moved(sequential("bidirectional", "tanh"))
    model.save(tmp_path / "model.keras")
    new = REPLACE(keras.models.load_model(tmp_path / "model.keras"), {"tanh": "snake(learnable=True)"})
    new.save(tmp_path / "new.keras")
    loaded = keras.models.load_model(tmp_path / "new.keras")
    assert_same(loaded, new)
    x, y = data(loaded)
    loaded.compile("sgd", "mse")
    loaded.fit(x, y, verbose=0)


def test_blocks_and_layers_of_this_package():
    layers = [
        DenseBlock(6, "relu", normalization="batch"),
        DenseStack(6, "relu", depth=2),
        LearnableActivation("snake", num_parameters=6),
        DenseBlock(4, "swiglu"),
        L.Dense(4),
        actx.layers.GatedLinearUnit("geglu"),
    ]
    model = moved(keras.Sequential([keras.Input((3,)), *layers]))
    new = REPLACE(model, {"relu": "mish", "snake": "sine", "geglu": "reglu", "swiglu": "glu"})
    for one, other in zip([w for w in model.weights if w.name != "alpha"], new.weights, strict=True):
        np.testing.assert_array_equal(*map(keras.ops.convert_to_numpy, (one, other)))
    block, stack, sine, gated, _, last = new.layers
    assert block.activation is stack.blocks[1].activation is keras.activations.mish
    assert sine.activation.name == "sine"
    assert (gated.activation.activation.name, last.activation.name) == ("glu", "reglu")


class WithoutConfig(keras.Model):
    """Its activation is in its code."""

    def __init__(self):
        super().__init__()
        self.hidden = L.Dense(4, activation="relu")
        self.act = keras.activations.gelu

    def call(self, x):
        return self.act(self.hidden(x))


class Unsavable(WithoutConfig):
    def __init__(self, value):
        super().__init__()

    def get_config(self):
        raise NotImplementedError


def test_subclassed_models_with_their_activations_in_the_config():
    model = Subclassed("tanh")
    x, _ = data((6,))
    model(x)
    new = REPLACE(model, {"tanh": FIXED})
    assert type(new) is Subclassed
    assert str(new.hidden.activation) == FIXED
    wanted = Subclassed(FIXED)
    wanted(x)
    wanted.set_weights(values(model))
    np.testing.assert_allclose(outputs(new, x), outputs(wanted, x), rtol=1e-6)


def test_custom_layers_that_are_not_registered():
    def doubled(x):
        return 2.0 * x

    class Own(L.Layer):
        def __init__(self, hidden_act="relu", **kwargs):
            super().__init__(**kwargs)
            self.hidden_act = hidden_act
            self.parts = [L.Dense(4, activation=hidden_act), L.Dense(4, activation=doubled)]

        def build(self, shape):
            self.scale = self.add_weight(shape=(4,))  # Keras numbers those without a name
            for part in self.parts:
                part.build(shape)

        def call(self, x):
            return self.scale * self.parts[1](self.parts[0](x))

        def get_config(self):
            return {**super().get_config(), "hidden_act": self.hidden_act}

    model = moved(keras.Sequential([keras.Input((4,)), Own(), L.Dense(2, doubled)]))
    new = REPLACE(model, {"relu": doubled})
    assert [part.activation for part in new.layers[0].parts] == [doubled] * 2
    for one, other in zip(values(model), values(new), strict=True):
        np.testing.assert_array_equal(one, other)
    with pytest.raises(ValueError, match=r"'doubled' of 'dense.*' is not in the config"):
        REPLACE(model, {doubled: "relu"})


def test_functions_that_a_config_does_not_keep():
    """One that is called as one of Keras, lambda expressions, a partial, and a function of the backend."""

    def relu(x):
        return -x

    native = {"tensorflow": "nn.leaky_relu", "jax": "nn.silu", "torch": "tanh"}[keras.backend.backend()]
    native = operator.attrgetter(native)(importlib.import_module(keras.backend.backend()))
    functions = [relu, lambda x: 2.0 * x, functools.partial(keras.ops.add, 1.0), native]
    layers = [L.Dense(3, one) for one in functions]
    model = keras.Sequential([keras.Input((3,)), *layers, L.Lambda(relu), L.Activation(relu), L.Dense(3, "relu")])
    new = REPLACE(model, {"relu": "snake", functions[1]: "tanh"})
    assert [layer.activation for layer in new.layers[:4]] == [relu, keras.activations.tanh, *functions[2:]]
    assert new.layers[4].function is new.layers[5].activation is relu
    assert new.layers[6].activation == actx.get("snake")
    assert [layer.activation for layer in model.layers[:4]] == functions
    with pytest.raises(ValueError, match=r"it has 'relu', the function <lambda>, the function .*, the function relu"):
        REPLACE(model, {"gelu": "snake"})


def test_another_function_from_the_config_is_refused():
    def relu(x):
        return -x

    class Own(L.Layer):
        def __init__(self, activation=None, **kwargs):
            super().__init__(**kwargs)
            self.activation = keras.activations.get(activation)

        def call(self, x):
            return self.activation(x)

        def get_config(self):
            return {**super().get_config(), "activation": keras.activations.serialize(self.activation)}

    model = keras.Sequential([keras.Input((3,)), Own(relu, name="own"), L.Dense(3, "tanh")])
    with pytest.raises(ValueError, match="the config of 'own' gives another function for its 'relu'; register yours"):
        REPLACE(model, {"tanh": "snake"})
    model = keras.Sequential([keras.Input((3,)), Own(functools.partial(relu)), L.Dense(3, "tanh")])
    with pytest.raises(ValueError, match="has no config to copy it by: Cannot serialize"):
        REPLACE(model, {"tanh": "snake"})


def test_activations_that_are_part_of_a_layer_stay():
    x = keras.Input((3, 4))
    attention = L.MultiHeadAttention(1, 2, name="attention")
    gated = actx.layers.DynamicReLU(reduction=2)
    model = moved(keras.Model(x, L.Dense(4, "softmax")(gated(L.Dense(4, "relu")(attention(x, x))))))
    new = REPLACE(model, {"softmax": "sparsemax", "relu": "relu"})
    assert new.layers[-1].activation is keras.activations.sparsemax
    with pytest.raises(ValueError, match="'softmax' is part of 'attention': MultiHeadAttention has no argument for it"):
        REPLACE(keras.Model(x, model.layers[-2].output), {"softmax": "sparsemax"})


def test_activations_in_code_are_refused():
    model = WithoutConfig()
    model(data((6,))[0])
    for name in ("relu", "gelu"):
        with pytest.raises(ValueError, match=f"'{name}' of '.*' is not in the config"):
            REPLACE(model, {name: "snake"})
    x = keras.Input((3, 4))
    mixture = keras.Model(x, AttentionLike()(L.Dense(4, "relu")(x)))
    with pytest.raises(ValueError, match="'relu' of 'inside' is not in the config"):
        REPLACE(mixture, {"relu": "snake"})
    unsavable = Unsavable(object())
    unsavable(data((6,))[0])
    with pytest.raises(ValueError, match="Unsavable has no `get_config`"):
        REPLACE(unsavable, {"relu": "snake"})


class AttentionLike(L.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.inside = L.Dense(4, activation="relu", name="inside")

    def build(self, shape):
        self.inside.build(shape)

    def call(self, x):
        return self.inside(x)


def test_an_attention_block_of_the_user():
    x = keras.Input((4, 3))
    model = moved(keras.Model(x, L.Dense(2, "relu")(AttentionBlock("tanh")(x))))
    new = REPLACE(model, {"tanh": FIXED})
    wanted = keras.Model(x, L.Dense(2, "relu")(AttentionBlock(FIXED)(x)))
    wanted.set_weights(values(model))
    assert_same(new, wanted)


BAD = {
    "unknown": ({"relu9": "snake"}, "unknown activation 'relu9'. Did you mean 'relu'?"),
    "unknown_new": ({"relu": "snak"}, "unknown activation 'snak'. Did you mean 'snake'?"),
    "missing": ({"tanh": "snake"}, "no activation 'tanh'; it has 'leaky_relu(negative_slope=0.1)', 'linear', 'relu'"),
    "one_missing": ({"relu": "snake", "gelu": "snake"}, "has no activation 'gelu'"),
    "other_parameters": ({"leaky_relu(0.3)": "snake"}, "has no activation 'leaky_relu(0.3)'"),
    "number": ({"relu": 5}, "5 is not allowed"),
    "class": ({"relu": L.ReLU}, "is not an activation"),
    "number_to_replace": ({5: "relu"}, "5: 'relu' is not allowed"),
    "twice": ({"relu": "snake", keras.activations.relu: "gelu"}, "'relu' is the same activation; give one of the two"),
    "layer": ({L.ReLU(): "snake"}, "give the name of its activation"),
    "gated": ({"relu": "swiglu"}, "halves the last axis"),
    "layer_name": ({"relu": "maxout"}, "keras_actx.layers.Maxout"),
    "empty": ({}, "activations is empty"),
    "changes_shape": ({"relu": actx.layers.CReLU()}, "CReLU doubles the size of an axis"),
}  # fmt: skip


@pytest.mark.parametrize(("given", "message"), BAD.values(), ids=BAD)
def test_errors(given, message):
    model = keras.Sequential([keras.Input((3,)), L.Dense(3, "relu"), L.LeakyReLU(0.1), L.Dense(2)])
    before = untouched(model)
    with pytest.raises(ValueError, match="replace_activations: ") as error:
        REPLACE(model, given)
    assert message in str(error.value)
    assert_untouched(model, before)


def test_what_is_not_a_model_is_refused():
    built = keras.Sequential([keras.Input((3,)), L.Dense(3, "relu")])
    for wrong in (3, None, L.Dense(3), keras.Model, "model.keras"):
        with pytest.raises(TypeError, match=r"is not a keras\.Model"):
            REPLACE(wrong, {"relu": "snake"})
    for given in ([("relu", "snake")], "relu", None):
        with pytest.raises(TypeError, match="give a dict"):
            REPLACE(built, given)
    for model in (keras.Sequential([L.Dense(3, "relu")]), WithoutConfig()):
        with pytest.raises(ValueError, match="is not built"):
            REPLACE(model, {"relu": "snake"})
    with pytest.raises(ValueError, match="pair=1 is not allowed"):
        REPLACE(built, {"relu": "snake"}, pair=1)
    with pytest.raises(ValueError, match="seed=-1 is not allowed"):
        REPLACE(built, {"relu": "snake"}, pair=True, seed=-1)


PAIRED = {
    "dense": lambda: L.Dense(64, "relu"),
    "conv": lambda: L.Conv2D(16, 3, activation="relu", bias_initializer="ones"),
    "depthwise": lambda: L.DepthwiseConv2D(3, depth_multiplier=8, activation="relu"),
    "separable": lambda: L.SeparableConv2D(16, 3, activation="relu"),
    "transposed": lambda: L.Conv2DTranspose(16, 3, activation="relu"),
    "einsum": lambda: L.EinsumDense("abcd,de->abce", (8, 8, 64), activation="relu"),
}


@pytest.mark.sweep(1)
@pytest.mark.parametrize("kind", PAIRED)
def test_kernels_start_again_for_the_new_activation(kind):
    model = moved(keras.Sequential([keras.Input((8, 8, 8)), PAIRED[kind](), L.Dense(3, "softmax")]))
    new = REPLACE(model, {"relu": "snake"}, pair=True, seed=5)
    again, other = (REPLACE(model, {"relu": "snake"}, pair=True, seed=seed) for seed in (5, 6))
    for one, two in zip(values(new), values(again), strict=True):
        np.testing.assert_array_equal(one, two)
    layer, last = new.layers
    names = ("kernel", "pointwise_kernel")
    kernel, another = (next(one for one in new.layers[0].weights if one.name in names) for new in (new, other))
    assert not np.array_equal(*map(keras.ops.convert_to_numpy, (kernel, another)))
    initializer = getattr(layer, f"{kernel.name.removesuffix('_kernel')}_initializer", None) or (
        layer.depthwise_initializer if kind == "depthwise" else layer.kernel_initializer
    )
    assert isinstance(initializer, actx.initializers.Paired)
    assert str(initializer.activation) == "snake(alpha=1.0)"
    fan_in = {"dense": 8, "conv": 72, "depthwise": 9, "separable": 8, "transposed": 72, "einsum": 8}[kind]
    assert keras.ops.convert_to_numpy(kernel).std() * fan_in**0.5 == pytest.approx(initializer.pairing.gain, rel=0.15)
    if kind == "separable":
        np.testing.assert_array_equal(*(values(one.layers[0])[0] for one in (model, new)))
    if layer.use_bias if hasattr(layer, "use_bias") else False:
        np.testing.assert_array_equal(keras.ops.convert_to_numpy(layer.bias), float(kind == "conv"))
    for one, two in zip(last.weights, model.layers[1].weights, strict=True):
        np.testing.assert_array_equal(*map(keras.ops.convert_to_numpy, (one, two)))


def test_kernels_before_an_activation_layer_start_again():
    x = inputs = keras.Input((8,))
    x = L.ReLU(name="first")(L.BatchNormalization(name="norm")(L.Dense(8, name="kernel")(x)))
    x = keras.ops.relu(L.Dropout(0.1)(L.Dense(8, name="other")(x)))
    x = L.Add()([x, L.Dense(8, "tanh", name="kept")(x)])
    x = L.Activation("relu")(L.LayerNormalization(name="kept_norm")(x))
    model = moved(keras.Model(inputs, L.Dense(2, name="out")(x)))
    new = REPLACE(model, {"relu": "snake(learnable=True)"}, pair=True, seed=1)
    now = by_path(new)
    changed = {path for path, weight in by_path(model).items() if not np.array_equal(now[path], weight)}
    assert {path.partition("/")[0] for path in changed} == {"kernel", "norm", "other"}
    assert new.get_layer("kernel").kernel_initializer.normalized
    np.testing.assert_array_equal(now["norm/moving_mean"], 0.0)


def test_blocks_start_again_by_their_scheme():
    layers = (DenseBlock(16, "relu"), DenseBlock(16, "relu", normalization="batch"), DenseStack(16, "tanh", depth=2))
    model = moved(keras.Sequential([keras.Input((16,)), *layers]))
    new, again = (REPLACE(model, {"relu": "mish"}, pair=True, seed=1) for _ in range(2))
    for one, two in zip(values(new), values(again), strict=True):
        np.testing.assert_array_equal(one, two)
    wanted = keras.Sequential(
        [keras.Input((16,)), DenseBlock(16, "mish"), DenseBlock(16, "mish", normalization="batch")]
    )
    for block, like in zip(new.layers, wanted.layers, strict=False):
        assert dataclasses.replace(block.pairing, seen="") == dataclasses.replace(like.pairing, seen="")
        found, kernel = (keras.ops.convert_to_numpy(one.dense.kernel) for one in (block, like))
        assert found.std() == pytest.approx(kernel.std(), rel=0.2)
    for one, two in zip(values(new.layers[2]), values(model.layers[2]), strict=True):
        np.testing.assert_array_equal(one, two)


@pytest.mark.filterwarnings("ignore:Layer InputLayer does not have")
def test_a_quantized_kernel_cannot_start_again():
    model = keras.Sequential([keras.Input((8,)), L.Dense(8, "relu"), L.Dense(2)])
    model.quantize("int8")
    new = REPLACE(model, {"relu": "snake"})
    for one, two in zip(values(model), values(new), strict=True):
        np.testing.assert_array_equal(one, two)
    with pytest.raises(ValueError, match="quantized kernel"):
        REPLACE(model, {"relu": "snake"}, pair=True)


def test_what_layers_have_adapted_to_is_kept():
    normalization = L.Normalization()
    normalization.adapt(data((3,), 50)[0] * 3 + 1)
    model = keras.Sequential([keras.Input((3,)), normalization, L.Dense(3, "relu"), L.Dropout(0.5)])
    assert_same(REPLACE(REPLACE(model, {"relu": "relu6"}), {"relu6": "relu"}), model)


def test_a_vocabulary_is_kept():
    pytest.importorskip("tensorflow")
    lookup = L.IntegerLookup()
    lookup.adapt(np.array([5, 7, 7, 9]))
    model = keras.Sequential([keras.Input((1,), dtype="int64"), lookup, L.Embedding(4, 3), L.Dense(2, "relu")])
    new = REPLACE(model, {"relu": "snake"})
    assert new.layers[0].get_vocabulary() == lookup.get_vocabulary()


def test_a_lambda_keeps_its_function():
    model = keras.Sequential([keras.Input((3,)), L.Lambda(lambda x: keras.ops.sin(x)), L.Dense(3, "relu")])
    assert_same(REPLACE(REPLACE(model, {"relu": "snake"}), {"snake": "relu"}), model)


def test_a_softmax_with_a_mask_is_refused():
    x, mask = keras.Input((4,)), keras.Input((4,), dtype="bool")
    model = keras.Model([x, mask], L.Softmax()(L.Dense(4)(x), mask=mask))
    with pytest.raises(ValueError, match="called with a mask"):
        REPLACE(model, {"softmax": "sparsemax"})


def test_an_operation_keeps_its_dtype():
    x = keras.Input((3,))
    model = keras.Model(x, keras.ops.relu(L.Dense(3, dtype="mixed_float16")(x)))
    assert REPLACE(model, {"relu": "prelu"}).outputs[0].dtype == model.outputs[0].dtype == "float16"


def test_lora_is_kept():
    model = keras.Sequential([keras.Input((4,)), L.Dense(4, "relu"), L.Dense(2)])
    model.layers[0].enable_lora(2)
    new = REPLACE(moved(model), {"relu": "snake"})
    assert [(w.path, w.trainable) for w in new.weights] == [(w.path, w.trainable) for w in model.weights]
    for one, other in zip(values(model), values(new), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.same_everywhere
@pytest.mark.sweep(4)
@pytest.mark.parametrize(
    ("name", "old"),
    [("ResNet50", "relu"), ("MobileNetV3Small", "hard_silu"), ("EfficientNetB0", "swish"), ("ConvNeXtTiny", "gelu")],
)
def test_applications(name, old):
    model = getattr(keras.applications, name)(weights=None, input_shape=(32, 32, 3), include_top=False)
    x, _ = data((32, 32, 3), 1)
    rng = np.random.default_rng(1)
    for weight in model.weights:
        weight.assign(keras.ops.convert_to_numpy(weight) * rng.uniform(0.9, 1.1, weight.shape))
    for layer in model.layers:
        if isinstance(layer, L.Normalization):  # which computes with what it read of its weights before
            layer.finalize_state()
    new = REPLACE(model, {old: "tanhexp"})
    assert type(new) is type(model)
    for one, two in zip(model.weights, new.weights, strict=True):
        np.testing.assert_array_equal(*map(keras.ops.convert_to_numpy, (one, two)))
    assert not np.array_equal(outputs(new, x), outputs(model, x))
    np.testing.assert_allclose(outputs(REPLACE(new, {"tanhexp": old}), x), outputs(model, x), rtol=1e-5)
