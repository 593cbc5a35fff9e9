"""An activation with weights inside another layer: paths, shapes, what is refused, what an optimizer may do to it."""

import importlib
import inspect
import pickle
import warnings

import all_activations
import keras
import numpy as np
import pytest
from keras import layers as L

import keras_actx as actx

BACKEND = keras.backend.backend()


def as_numpy(x):
    return keras.ops.convert_to_numpy(x)


def model():
    """Every way in which a layer comes to hold an activation with weights, with explicit names."""
    return keras.Sequential(
        [
            keras.Input((4,), name="in"),
            L.Dense(4, activation="swish(beta=1.5, learnable=True)", name="string"),
            L.Dense(3, activation=actx.layers.LearnableActivation("swish", name="act"), name="layer"),
            L.Dense(3, activation=actx.layers.LearnableActivation("swish", name="act"), name="same_name"),
            L.Activation("prelu", name="activation"),
            L.Dense(3, activation=actx.layers.AdaptiveActivation("prelu", name="adaptive"), name="adaptive"),
            L.Dense(3, activation=actx.layers.PolyNorm(name="poly"), name="poly"),
            actx.layers.DenseBlock(4, "xielu", name="block"),
            actx.layers.DenseStack(4, "prelu", depth=2, name="stack"),
            L.Reshape((4, 1), name="r"),
            L.Bidirectional(
                L.LSTM(2, activation="prelu", recurrent_activation="prelu", return_sequences=True, name="lstm"),
                name="both",
            ),
            L.Conv1D(2, 2, activation="prelu(per_channel=True)", name="conv"),
        ],
        name="m",
    )


def paths(built):
    return [one.path for one in built.weights]


@pytest.mark.parametrize("layer", [L.Dense, L.SimpleRNN])
def test_a_learned_parameter_has_the_dtype_of_its_layer(layer):
    built = layer(2, activation="snake(alpha=0.1, learnable=True)", dtype="float64")
    built.build((None, 3) if layer is L.Dense else (None, 4, 3))
    (alpha,) = (one for one in built.weights if one.path.endswith("alpha"))
    assert alpha.dtype == built.weights[0].dtype
    assert float(as_numpy(alpha.value)) == 0.1


def test_paths_follow_from_the_model_alone():
    first = paths(model())
    assert len(set(first)) == len(first)
    assert {
        "m/string/swish/beta",
        "m/layer/act/beta",
        "m/same_name/act/beta",
        "m/activation/prelu/negative_slope",
    } < set(first)
    cells = [f"m/both/{way}_lstm/lstm_cell/" for way in ("forward", "backward")]
    assert {f"{cell}{name}/negative_slope" for cell in cells for name in ("prelu", "prelu_1")} < set(first)
    assert paths(model()) == first
    for _ in range(3):
        L.Dense(2, activation="prelu")
        actx.layers.LearnableActivation("swish")
    keras.utils.clear_session()
    assert paths(model()) == first


def test_loaded_copied_and_pickled_models_keep_paths_apart(tmp_path):
    built = model()
    built.save(tmp_path / "m.keras")
    built.save(tmp_path / "m.h5")
    copies = (
        keras.models.load_model(tmp_path / "m.keras"),
        keras.models.load_model(tmp_path / "m.h5"),
        keras.models.clone_model(built),
        pickle.loads(pickle.dumps(built)),
    )
    for other in copies:
        found = paths(other)
        assert len(set(found)) == len(found)
        # Keras itself builds the layers of a loaded model without the model's name in front.
        for path, other_path in zip(paths(built), found, strict=True):
            assert path.endswith(other_path) or other_path.endswith(path)
            assert other_path.count("/") > 1 or other_path.rpartition("/")[2] not in ("beta", "negative_slope")


def test_weights_are_there_when_the_layer_is_built():
    for layer, count in ((L.Dense(4, activation="prelu"), 17), (L.Activation("prelu"), 1)):
        layer.build((None, 3))
        assert layer.count_params() == count
        assert len(layer.trainable_variables) == len({one.path for one in layer.trainable_variables})


@pytest.mark.sweep(1)
@pytest.mark.parametrize(
    ("make", "shape", "size"),
    [
        (lambda a: L.Dense(5, activation=a), (None, 3), 5),
        (lambda a: L.EinsumDense("abc,cd->abd", (None, 5), activation=a), (None, 4, 3), 5),
        (lambda a: L.Conv2D(5, 2, activation=a), (None, 4, 4, 3), 5),
        (lambda a: L.DepthwiseConv2D(2, depth_multiplier=2, activation=a), (None, 4, 4, 3), 6),
        (lambda a: L.SeparableConv1D(5, 2, activation=a), (None, 4, 3), 5),
        (lambda a: L.Conv2DTranspose(5, 2, activation=a), (None, 4, 4, 3), 5),
        (lambda a: L.LSTM(5, activation=a), (None, 4, 3), 5),
        (lambda a: L.ConvLSTM1D(5, 2, activation=a), (None, 2, 4, 3), 5),
        (lambda a: L.TimeDistributed(L.Dense(5, activation=a)), (None, 4, 3), 5),
        (lambda a: L.Activation(a), (None, 4, 5), 5),
        (lambda a: actx.layers.DenseBlock(5, a), (None, 3), 5),
    ],
)
def test_per_channel_takes_its_number_from_the_layer(make, shape, size):
    layer = make("prelu(per_channel=True)")
    layer.build(shape)
    (slope,) = [one for one in layer.weights if one.name == "negative_slope"]
    assert tuple(slope.shape) == (size,)
    y = layer(np.ones([3 if one is None else one for one in shape], "float32"))
    assert y.shape[-1] == size
    wrong = make(f"prelu(num_parameters={size + 1})")
    with pytest.raises(ValueError, match=rf"num_parameters={size + 1}.* {size}\b"):
        wrong.build(shape)


def test_one_unit_does_not_become_eight():
    for activation in ("prelu(num_parameters=8)", actx.layers.LearnableActivation("prelu", num_parameters=8)):
        layer = L.Dense(1, activation=activation)
        with pytest.raises(ValueError, match="num_parameters=8"):
            keras.Sequential([keras.Input((4,)), layer])
    alone = actx.layers.LearnableActivation("prelu", num_parameters=8)
    with pytest.raises(ValueError, match="num_parameters=8"):
        alone(np.ones((2, 1), "float32"))


@pytest.mark.skipif(BACKEND == "tensorflow", reason="TensorFlow has no channels_first convolution on the CPU")
@pytest.mark.parametrize("string", ["prelu(num_parameters=5)", "prelu(per_channel=True)"])
def test_channels_first(string):
    layer = L.Conv2D(5, 2, data_format="channels_first", activation=string)
    layer.build((None, 3, 4, 6))
    slope = layer.activation.weights[0]
    slope.assign([0.0, 0.25, 0.5, 0.75, 1.0])
    plain = L.Conv2D(5, 2, data_format="channels_first")
    plain.build((None, 3, 4, 6))
    plain.set_weights([as_numpy(one) for one in (layer.kernel, layer.bias)])
    x = np.random.default_rng(0).normal(size=(2, 3, 4, 6)).astype("float32")
    z = as_numpy(plain(x))
    expected = np.where(z >= 0, z, z * as_numpy(slope).reshape(1, 5, 1, 1))
    np.testing.assert_allclose(as_numpy(layer(x)), expected, rtol=1e-5, atol=1e-6)
    with pytest.raises(ValueError, match="num_parameters=6"):
        L.Conv2D(5, 2, data_format="channels_first", activation="prelu(num_parameters=6)").build((None, 3, 4, 6))


@pytest.mark.parametrize("text", ["per_channel=1", "per_channel=True, num_parameters=3"])
def test_per_channel_in_a_string_is_checked(text):
    with pytest.raises(ValueError, match="per_channel"):
        actx.get(f"prelu({text})")
    with pytest.raises(ValueError, match="learnable=True"):
        actx.get("snake(per_channel=True)")


OTHER_SHAPES = {
    "value": lambda: actx.activations.swiglu,
    "gated_layer": lambda: actx.layers.GatedLinearUnit("geglu"),
    "gated_config": lambda: keras.saving.serialize_keras_object(actx.activations.glu),
    "gated_layer_config": lambda: keras.saving.serialize_keras_object(actx.layers.GatedLinearUnit("swiglu")),
    "maxout": lambda: actx.layers.Maxout(2),
    "crelu": lambda: actx.layers.CReLU(),
    "maxout_config": lambda: keras.saving.serialize_keras_object(actx.layers.Maxout(2)),
    "user": lambda: user_gate,
}


@actx.register_activation(package="test_held", kind="gated")
def user_gate(value, gate):
    return value * gate


@pytest.mark.parametrize("given", OTHER_SHAPES.values(), ids=OTHER_SHAPES)
def test_another_shape_is_refused_in_every_form(given):
    for make in (
        lambda a: L.Dense(4, activation=a),
        lambda a: L.Conv1D(4, 1, activation=a),
        lambda a: L.LSTM(4, activation=a),
        lambda a: L.Activation(a),
        lambda a: actx.layers.AdaptiveActivation(a),
    ):
        with pytest.raises(ValueError, match=r"keras_actx\.layers\."):
            make(given())


def looked_up(name):
    return actx.get(name)


class LooksUpInCall(L.Layer):
    def __init__(self, look, **kwargs):
        super().__init__(**kwargs)
        self.look = look

    def call(self, x):
        return self.look()(x)


@pytest.mark.parametrize(
    "look",
    [
        lambda: keras.activations.get("prelu"),
        lambda: actx.get("swish(learnable=True)"),
        lambda: looked_up("prelu"),
    ],
)
def test_weights_made_in_a_call_are_refused(look):
    with pytest.raises(ValueError, match="__init__"):
        LooksUpInCall(look)(np.ones((2, 3), "float32"))
    with pytest.raises(ValueError, match="__init__"):
        L.Lambda(lambda x: keras.activations.get("prelu")(x))(np.ones((2, 3), "float32"))


def test_what_may_be_looked_up_in_a_call():
    assert LooksUpInCall(lambda: keras.activations.get("snake"))(np.ones((2, 3), "float32")).shape == (2, 3)
    made = []

    class MakesADense(L.Layer):
        def call(self, x):
            made.append(made[0] if made else L.Dense(3, activation="prelu"))
            return made[0](x)

    assert MakesADense()(np.ones((2, 3), "float32")).shape == (2, 3)


class Own(L.Layer):
    """A user's layer that looks its activation up, in `__init__` or in `build`, and builds nothing itself."""

    def __init__(self, in_build=False, **kwargs):
        super().__init__(**kwargs)
        if not in_build:
            self.activation = keras.activations.get("prelu")

    def build(self, input_shape):
        if not hasattr(self, "activation"):
            self.activation = actx.get("prelu")

    def call(self, x):
        return self.activation(x)


@pytest.mark.parametrize("in_build", [False, True])
def test_layers_of_users(in_build):
    for _ in range(2):
        built = keras.Sequential([keras.Input((3,)), Own(in_build, name="one"), Own(in_build, name="two")], name="m")
        built(np.ones((1, 3), "float32"))
        assert paths(built) == ["m/one/prelu/negative_slope", "m/two/prelu/negative_slope"]


OWN = [one for one in all_activations.names(kind="parametric") if not actx.describe(one).stochastic]


@pytest.mark.sweep(4)
@pytest.mark.parametrize("identifier", OWN)
def test_a_value_out_of_its_range_counts_as_the_nearest_end(identifier):
    """As torch's and optax's optimizers leave it, which apply no constraints."""
    declaration = actx.describe(identifier)
    ranges = {one.name: one.range for one in declaration.parameters}
    x = keras.ops.convert_to_tensor(np.linspace(-3, 3, 13, dtype="float32").reshape(1, 13))
    for name in declaration.learnable_parameters:
        layer = actx.layers.LearnableActivation(identifier, parameters=(name,))
        for far in (-1728.0, 1728.0):
            layer.weights[0].assign(far)
            y = as_numpy(layer(x))
            end = ranges[name].low if far < 0 else ranges[name].high
            if np.isfinite(end):
                assert np.isfinite(y).all(), (name, far)
                assert float(dict(layer.fixed().params)[name]) in ranges[name]
    assert layer.fixed().declaration is declaration


def test_a_value_comes_back_into_its_range():
    layer = actx.layers.LearnableActivation("snake(alpha=0.01)")
    layer.weights[0].assign(-5.0)
    x = keras.ops.ones((4, 3))
    if BACKEND == "torch":
        layer(x).sum().backward()
        gradient = layer.weights[0].value.grad
    elif BACKEND == "jax":
        import jax

        gradient = jax.grad(lambda a: layer.stateless_call([a], [], x)[0].sum())(layer.weights[0].value)
    else:
        import tensorflow as tf

        with tf.GradientTape() as tape:
            y = tf.reduce_sum(layer(x))
        gradient = tape.gradient(y, layer.weights[0].value)
    assert float(as_numpy(gradient)) > 0


def test_a_start_nearer_to_an_open_end_than_training_may_come_is_kept():
    layer = actx.layers.LearnableActivation("snake(alpha=1e-8)")
    assert dict(layer.fixed().params)["alpha"] == pytest.approx(1e-8)


def test_what_was_learned_can_be_seen():
    layer = L.Dense(3, activation="swish(beta=1.5, learnable=True)", name="d")
    layer.build((None, 2))
    layer.activation.weights[0].assign(0.71)
    plots = importlib.import_module("keras.src.utils.model_visualization")
    assert str(layer.activation) == plots.get_layer_activation_name(layer) == "swish(beta=0.71)"
    assert layer.activation.name == "swish"
    assert "swish(beta=0.71)" in repr(layer.activation)
    fixed = layer.activation.fixed()
    assert isinstance(fixed, actx.Activation)
    x = np.random.default_rng(0).normal(size=(4, 3)).astype("float32")
    np.testing.assert_allclose(as_numpy(fixed(x)), as_numpy(layer.activation(x)), rtol=1e-6)
    assert actx.get(str(fixed)) == fixed
    each = actx.layers.LearnableActivation("prelu", num_parameters=2)
    each.weights[0].assign([0.1, 0.3])
    assert "0.1..0.3" in str(each)
    with pytest.raises(ValueError, match="2 values"):
        each.fixed()


@pytest.mark.parametrize("mode", ["int8", "float8"])
def test_a_dense_with_a_learned_activation_is_quantized(mode, tmp_path):
    learned = keras.Sequential(
        [keras.Input((16,)), L.Dense(16, activation="swish(beta=1.5, learnable=True)", name="a")]
    )
    fixed = keras.Sequential([keras.Input((16,)), L.Dense(16, activation="swish(beta=1.5)", name="a")])
    fixed.set_weights(learned.get_weights()[:2])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Keras warns of its InputLayer
        for one in (learned, fixed):
            one.quantize(mode)
    assert learned.layers[0].dtype_policy.quantization_mode == mode
    x = np.random.default_rng(0).normal(size=(4, 16)).astype("float32")
    y = learned.predict(x, verbose=0)
    np.testing.assert_allclose(y, fixed.predict(x, verbose=0), rtol=1e-5, atol=1e-5)
    learned.save(tmp_path / "q.keras")
    np.testing.assert_allclose(
        keras.models.load_model(tmp_path / "q.keras").predict(x, verbose=0), y, rtol=1e-5, atol=1e-5
    )


@pytest.mark.skipif("filters" not in inspect.signature(keras.Model.quantize).parameters, reason="of newer Keras")
@pytest.mark.parametrize(("filters", "mode"), [("swish", "int8"), ("^a$", None)])
@pytest.mark.filterwarnings("ignore:Layer InputLayer does not")
def test_what_filters_match_is_the_activation(filters, mode):
    """As docs/compatibility.md says."""
    model = keras.Sequential([keras.Input((16,)), L.Dense(16, activation="swish(learnable=True)", name="a")])
    model.quantize("int8", filters=filters)
    assert model.layers[0].dtype_policy.quantization_mode == mode
