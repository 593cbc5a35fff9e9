"""Every argument of every public layer and initializer: refused in words that name it, or it works."""

import inspect
import json

import keras
import numpy as np
import pytest

import keras_actx as actx
from keras_actx.initializers.gated_bias import GatedBias

L, I = actx.layers, actx.initializers  # noqa: E741

#: What is given besides the argument in question.
NEEDED = {
    "AdaptiveActivation": {"activation": "tanh"},
    "DenseBlock": {"units": 4},
    "DenseStack": {"depth": 2, "units": 4},
    "GatedLinearUnit": {"activation": "swiglu"},
    "LearnableActivation": {"activation": "swish"},
    "Maxout": {"num_units": 2},
    "StochasticActivation": {"activation": "rrelu"},
    "Paired": {"activation": "mish"},
    "GatedBias": {"value_mean": 0.5, "gate_mean": 0.0},
}
CLASSES = [getattr(L, name) for name in sorted(dir(L)) if isinstance(getattr(L, name), type)]
CLASSES += [I.Paired, GatedBias]
#: What `LearnableActivation` and `AdaptiveActivation` hand to Keras as it is, and refuse in other words.
ELSEWHERE = {"initializer", "regularizer", "constraint", "parameters"}


class Broken:
    """A value that nothing can be made of, not even a text."""

    def __repr__(self):
        raise RuntimeError("no text")


VALUES = [
    None, True, 0, 1, -1, 3, 2**31, 2**70, 10**400, 0.5, -0.0, 1e-320, 1e308, float("nan"), float("inf"), 1j, "", "abc",
    "relu", "prelu", "swiglu", "maxout", "x" * 5000, b"relu", [], [0], [1, 2], ["a", "b"], [None], (), {}, {"a": 1},
    {"class_name": "Zeros"}, {"class_name": "nothing", "config": None}, set(), object(), Broken(), len, np.zeros(3),
    np.int64(2), np.float32(0.25), np.bool_(True), keras.random.SeedGenerator(1), keras.layers.ReLU,
]  # fmt: skip


def arguments(one):
    named = [parameter.name for parameter in inspect.signature(one).parameters.values() if parameter.kind != 4]
    more = ["units", "use_bias", "dropout", "normalization", "kernel_initializer", "bias_regularizer"]
    return named + (more if one is L.DenseStack else [])


@pytest.mark.parametrize("one", CLASSES, ids=lambda one: one.__name__)
@pytest.mark.filterwarnings("ignore")
def test_refused_by_name_or_it_works(one):
    names = [name for name in arguments(one) if name not in ELSEWHERE]
    if one in (L.AdaptiveActivation, L.LearnableActivation):
        names.remove("activation")
    for name in names if one is not L.PolyNorm else ["epsilon"]:
        for value in VALUES:
            given = {**NEEDED.get(one.__name__, {}), name: value}
            try:
                made = one(**given)
            except (ValueError, TypeError) as error:
                said = str(error)
                assert len(said) < 600, (name, said)
                assert name in said, said
                continue
            if isinstance(made, keras.layers.Layer):
                shape = (2, 3, 4) if one.__name__ == "FunnelReLU" else (2, 4)
                try:
                    made.build(shape)
                except (ValueError, TypeError) as error:
                    assert len(str(error)) < 600, (name, str(error))


NUMPY = [
    (L.DenseBlock, {"units": np.int64(4), "dropout": np.float32(0.1), "seed": np.int64(1), "residual": np.bool_(True)}),
    (L.DenseBlock, {"units": np.int32(4), "depth": np.uint8(3), "use_bias": np.bool_(False)}),
    (L.DenseStack, {"depth": np.int64(2), "units": np.int64(4), "seed": np.uint32(1), "dropout": np.float64(0.5)}),
    (L.Dice, {"axis": np.int64(-1), "momentum": np.float32(0.9), "epsilon": np.float64(1e-6)}),
    (L.DynamicReLU, {"k": np.int64(2), "initial_a": [np.float32(1), np.float32(0)], "shared": np.bool_(True)}),
    (L.FunnelReLU, {"kernel_size": (np.int64(3), np.int64(3))}),
    (L.MetaACON, {"reduction": np.int64(4), "normalize": np.bool_(False)}),
    (L.Maxout, {"num_units": np.int64(2), "pieces": np.int64(2)}),
    (L.GroupSort, {"group_size": np.int64(2)}),
    (L.CReLU, {"axis": np.int64(-1)}),
    (L.GatedLinearUnit, {"activation": "swiglu", "interleaved": np.bool_(True)}),
    (L.StochasticActivation, {"activation": "rrelu", "seed": np.int64(3)}),
    (L.LearnableActivation, {"activation": "swish", "num_parameters": np.int64(4), "axis": np.int64(-1)}),
    (L.AdaptiveActivation, {"activation": "tanh", "scale": np.float32(2), "n": np.int64(3)}),
    (L.PolyNorm, {"epsilon": np.float32(0.5)}),
    (I.Paired, {"activation": "mish", "seed": np.int64(5), "depth": np.int64(3), "use_bias": np.bool_(True)}),
    (GatedBias, {"value_mean": np.float32(0.5), "gate_mean": np.int64(1), "seed": np.int64(5)}),
]


@pytest.mark.parametrize(("one", "given"), NUMPY, ids=lambda one: getattr(one, "__name__", ""))
def test_numpy_scalars_are_taken_and_saved_as_numbers(one, given):
    made = one(**given)
    config = json.loads(json.dumps(made.get_config()))
    plain = {name: np.asarray(value).tolist() for name, value in given.items()}
    for name, value in plain.items():
        assert config[name] == value or name in ("activation", "axis"), name
    assert type(made).from_config(config).get_config() == made.get_config()


SEEDED = {
    "DenseBlock": lambda seed: L.DenseBlock(4, "rrelu", dropout=0.5, seed=seed),
    "critical": lambda seed: L.DenseBlock(4, "relu", scheme="critical", first_layer=True, dropout=0.5, seed=seed),
    "gated": lambda seed: L.DenseBlock(4, "swiglu", scheme="critical", first_layer=True, seed=seed),
    "DenseStack": lambda seed: L.DenseStack(4, "mish", depth=2, dropout=0.5, seed=seed),
    "StochasticActivation": lambda seed: L.StochasticActivation("rrelu", seed=seed),
}
INITIALIZERS = {
    "Paired": lambda seed: I.Paired("mish", seed=seed),
    "GatedBias": lambda seed: GatedBias(0.5, 0.0, stddev=1.0, seed=seed),
    "bias_initializer": lambda seed: actx.pairing("relu", "critical").bias_initializer(seed),
}
seeded = pytest.mark.parametrize("make", [*SEEDED.values(), *INITIALIZERS.values()], ids=[*SEEDED, *INITIALIZERS])


@pytest.mark.sweep(4)
@seeded
@pytest.mark.parametrize("seed", [0, 1, 2**31 - 1, np.int64(7)])
def test_seeds_that_work_everywhere(make, seed):
    one, other = make(seed), make(seed)
    shape = (4, 4)
    x = np.ones(shape, "float32")
    for made in (one, other):
        made.result = made(x, training=True) if isinstance(made, keras.layers.Layer) else made(shape)
    np.testing.assert_array_equal(*(keras.ops.convert_to_numpy(made.result) for made in (one, other)))


@seeded
@pytest.mark.parametrize("seed", [-1, 2**31, 2**32, 2**70, 1.0, True, "1", np.float32(1)], ids=str)
def test_other_seeds_are_refused_in_the_same_words(make, seed):
    with pytest.raises(ValueError, match=r"seed=.* is not allowed; use None, a whole number from 0 to 2\*\*31 - 1"):
        make(seed)


@pytest.mark.parametrize("make", SEEDED.values(), ids=SEEDED)
def test_a_seed_generator_of_layers(make):
    """Each takes the next number, and saves it."""
    generator = keras.random.SeedGenerator(5)
    one, other = make(generator), make(generator)
    assert isinstance(one.seed, int)
    assert one.seed != other.seed
    assert make(keras.random.SeedGenerator(5)).seed == one.seed
    assert type(one).from_config(json.loads(json.dumps(one.get_config()))).seed == one.seed
    assert not any("seed_generator_state" in weight.path for weight in one.weights)


def test_the_number_that_a_generator_gives_is_the_same_on_every_backend():
    assert L.DenseBlock(4, seed=keras.random.SeedGenerator(5)).seed == 5000015


@pytest.mark.parametrize("make", INITIALIZERS.values(), ids=INITIALIZERS)
def test_a_seed_generator_of_initializers(make):
    """Other numbers at each call, as for Keras's."""
    drawn = make(keras.random.SeedGenerator(5))
    first, second = (keras.ops.convert_to_numpy(drawn((4, 4))) for _ in range(2))
    assert not np.array_equal(first, second)
    again = type(drawn).from_config(json.loads(json.dumps(drawn.get_config())))
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(again((4, 4))), first)


@pytest.mark.parametrize("seed", [-1, 2**32, 2**40])
def test_seeds_of_old_files_load(seed):
    for made in (L.DenseBlock(4, seed=1), L.DenseStack(4, depth=2, seed=1), L.StochasticActivation("rrelu", seed=1)):
        again = type(made).from_config({**made.get_config(), "seed": seed})
        assert again.seed == seed % 2**31
        again(np.ones((2, 4), "float32"), training=True)
    for made in (I.Paired("mish", seed=1), GatedBias(0.5, 0.0, stddev=1.0, seed=1)):
        again = keras.initializers.deserialize(
            {**keras.initializers.serialize(made), "config": {**made.get_config(), "seed": seed}}
        )
        assert again.seed == seed % 2**31
        again((4, 4))


@pytest.mark.parametrize(
    "make",
    [
        lambda told: L.DenseBlock(4, "relu", input_activation=told),
        lambda told: L.DenseStack(4, "relu", depth=2, scheme="glorot", input_activation=told),
        lambda told: I.Paired("relu", input_activation=told),
    ],
)
def test_an_unknown_input_activation(make):
    with pytest.raises(ValueError, match=r"input_activation='mihs' is not allowed: .*Did you mean 'mish'"):
        make("mihs")
    with pytest.raises(ValueError, match="input_activation=3 is not allowed"):
        make(3)
    for known in ("mish", "relu", "prelu", "snake(alpha=2.0)", actx.activations.snake, keras.activations.gelu, None):
        made = make(known)
        assert type(made).from_config(made.get_config()).get_config() == made.get_config()


@pytest.mark.parametrize("name", ["residual", "standardize", "input_standardized"])
@pytest.mark.parametrize("value", ["False", 0, 1, None, []], ids=repr)
def test_switches_of_a_stack(name, value):
    with pytest.raises(ValueError, match=f"DenseStack: {name}=.* use True or False"):
        L.DenseStack(4, "mish", depth=3, **{name: value})
