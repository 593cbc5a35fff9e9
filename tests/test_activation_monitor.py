"""`ActivationMonitor`: what it finds, in which models, and that training does not depend on it."""

import csv
import warnings

import keras
import numpy as np
import pytest
from keras import layers

import keras_actx as actx
from keras_actx.callbacks import ActivationMonitor

X = np.random.default_rng(1).normal(size=(64, 6)).astype("float32")
Y = X[:, :1] ** 2
DYING = keras.initializers.Constant(-100.0)


def network(*inner, **settings):
    model = keras.Sequential([keras.Input((6,)), *inner, layers.Dense(1, name="out")])
    model.compile("sgd", "mse", **settings)
    return model


def fitted(model, monitor, epochs=1, **settings):
    return model.fit(X, Y, epochs=epochs, batch_size=32, verbose=0, callbacks=[monitor], **settings).history


def test_a_dead_layer_is_found_and_named_and_a_healthy_one_is_not():
    model = network(
        layers.Dense(8, "relu", kernel_initializer=actx.initializers.Paired("relu", seed=1), name="healthy"),
        layers.Dense(8, "relu", bias_initializer=DYING, name="dying"),
        actx.layers.DenseBlock(8, "tanh", bias_initializer=keras.initializers.Constant(-5.0), name="flat"),
    )
    logs = fitted(model, ActivationMonitor(X, Y), epochs=2)
    assert logs["dying/dead"] == logs["dying/saturated"] == [1.0, 1.0]
    assert logs["healthy/dead"] == logs["healthy/saturated"] == [0.0, 0.0]
    assert (logs["flat/dead"], logs["flat/saturated"]) == ([0.0, 0.0], [1.0, 1.0])
    assert logs["dead"] == logs["saturated"] == [1.0, 1.0]
    assert logs["healthy/variance"][0] > 0.01 > logs["dying/variance"][0] == 0.0
    assert logs["healthy/gradient_norm"] == [0.0, 0.0]  # nothing passes the dead layer
    assert logs["out/gradient_norm"][0] > 0.0


def test_some_units():
    bias = np.array([0, -100, 0, 0, 0, 0, 0, 0], "float32")
    model = network(layers.Dense(8, "relu", kernel_initializer=actx.initializers.Paired("relu", seed=1), name="some"))
    model.layers[0].bias.assign(bias)
    assert ActivationMonitor(X).measure(model)["some/dead"] == 1 / 8


@pytest.mark.same_everywhere
def test_a_run_of_which_units_died_is_stopped():
    """By the callback of docs/recipes/dying_relu.md."""

    class StopWhenDead(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if logs["dead"] > 0.5:
                self.model.stop_training = True

    model = network(layers.Dense(4, "relu", bias_initializer=DYING))
    history = model.fit(X, Y, epochs=5, verbose=0, callbacks=[ActivationMonitor(X), StopWhenDead()])
    assert history.history["dead"] == [1.0]


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="Keras's TensorBoard writes with TensorFlow")
def test_tensorboard_has_the_values_of_each_epoch(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.util.tensor_util import make_ndarray

    model = network(layers.Dense(4, "snake(alpha=1.0, learnable=True)", name="first"))
    board = keras.callbacks.TensorBoard(tmp_path)
    history = model.fit(X, Y, epochs=2, verbose=0, callbacks=[ActivationMonitor(X, Y), board]).history
    written = EventAccumulator(str(tmp_path / "train")).Reload()
    measured = [name for name in history if name.startswith("first/") or name in ("dead", "saturated")]
    assert {"first/variance", "first/gradient_norm", "dead"} < {*measured}
    for name in measured:
        values = [make_ndarray(event.tensor_proto).item() for event in written.Tensors(f"epoch_{name}")]
        assert values == pytest.approx(history[name], rel=1e-6), name


@pytest.mark.same_everywhere
def test_layers_of_the_same_name():
    class Chain(keras.Model):
        def __init__(self):
            super().__init__()
            self.chain = [layers.Dense(2 + i, "prelu", name="same") for i in range(3)]

        def call(self, x):
            for layer in self.chain:
                x = layer(x)
            return x

    model = Chain()
    model.compile("sgd", "mse")
    model(X)
    first, second, _ = model.chain
    first.bias.assign([-100.0] * 2)
    first.activation.weights[0].assign(0.0)
    second.bias.assign([1.0] * 3)
    found = ActivationMonitor(X, np.ones((64, 4))).measure(model)
    dead, norm, slope = (
        [found[f"same{end}/{key}"] for end in ("", "_2", "_3")] for key in ("dead", "gradient_norm", "negative_slope")
    )
    assert dead == [1.0, 0.0, 0.0]
    assert [one > 0 for one in norm] == [False, False, True]  # nothing passes the first, but the bias of the second
    assert slope == [0.0, 0.25, 0.25]


def test_callbacks_behind_it_receive_the_results(tmp_path):
    path = tmp_path / "log.csv"
    model = network(layers.Dense(4, "tanh", name="hidden"))
    after = [ActivationMonitor(X, frequency=3), keras.callbacks.CSVLogger(path)]
    model.fit(X, Y, initial_epoch=2, epochs=4, verbose=0, callbacks=after)
    with path.open() as file:
        rows = list(csv.DictReader(file))
    assert [set(one) >= {"hidden/dead", "hidden/variance", "saturated"} for one in rows] == [True, True]


def test_variance_and_gradient_are_those_of_the_values():
    model = network(layers.Dense(5, "swish(beta=1.5)", name="hidden"))
    found = ActivationMonitor(X, Y).measure(model)
    hidden = keras.Model(model.inputs, model.layers[0].output).predict(X, verbose=0)
    assert found["hidden/variance"] == pytest.approx(hidden.var(axis=0).mean(), rel=1e-4)
    residual = model.predict(X, verbose=0) - Y
    gradient = 2.0 * hidden.T @ residual / len(X)
    assert found["out/gradient_norm"] == pytest.approx(np.linalg.norm(gradient), rel=1e-4)


LEARNED = {
    "swish(beta=1.5, learnable=True)": {"hidden/beta"},
    "xielu": {"hidden/alpha_p", "hidden/alpha_n"},
    "prelu": {"hidden/negative_slope"},
}


@pytest.mark.parametrize("activation", LEARNED)
def test_learned_values_are_in_the_logs(activation):
    model = network(layers.Dense(4, activation, name="hidden"))
    logs = fitted(model, ActivationMonitor(X), epochs=2)
    assert LEARNED[activation] <= set(logs)
    for name in LEARNED[activation]:
        weight = getattr(model.layers[0].activation, "learned_" + name.partition("/")[2])
        assert logs[name][-1] == pytest.approx(float(keras.ops.convert_to_numpy(weight)), rel=1e-6)
        assert logs[name][0] != logs[name][1]


def test_several_learned_values_have_a_range():
    model = network(actx.layers.LearnableActivation("swish", num_parameters=6, name="learned"), layers.PReLU(name="p"))
    model.layers[0].weights[0].assign(np.arange(6.0))
    found = ActivationMonitor(X).measure(model)
    assert [found[f"learned/beta{end}"] for end in ("", "_min", "_max")] == [2.5, 0.0, 5.0]
    assert found["p/alpha"] == 0.0


class Own(keras.Model):
    """A model with a block, an activation of its own, and a random number in inference."""

    def __init__(self):
        super().__init__(name="own")
        self.block = actx.layers.DenseStack(6, "gelu", depth=2, name="stack")
        self.inner = keras.Sequential([layers.Dense(6, "tanh", name="last")], name="inner")
        self.activation = keras.activations.relu
        self.noise = keras.random.SeedGenerator(3)
        self.normalization = layers.BatchNormalization()
        self.head = layers.Dense(1)

    def call(self, inputs):
        x = self.normalization(self.inner(self.activation(self.block(inputs))))
        self.add_loss(keras.ops.mean(keras.ops.square(x)))
        return self.head(x + 0.01 * keras.random.normal(keras.ops.shape(x), seed=self.noise))


def functional():
    inputs = keras.Input((6,))
    shared = layers.Activation("mish", name="shared")
    inner = keras.Sequential([keras.Input((6,)), layers.Dense(6, actx.get("snake"), name="last")], name="inner")
    x = shared(layers.Dense(6)(inputs))
    x = shared(layers.Dense(3)(inner(x)))
    x = layers.Dropout(0.5, seed=1)(actx.layers.Maxout(3, name="maxout")(x))
    return keras.Model(inputs, layers.Dense(1)(x))


MODELS = {
    "own": (Own, {"own", "stack/block_0", "stack/block_1", "inner/last"}),
    "functional": (functional, {"shared", "inner/last", "maxout"}),
}


@pytest.mark.parametrize("kind", MODELS)
def test_training_is_the_same_with_the_monitor(kind):
    make, names = MODELS[kind]
    weights, histories = [], []
    for callbacks in ([], [ActivationMonitor(X, Y)]):
        keras.utils.set_random_seed(5)
        model = make()
        model.compile(keras.optimizers.SGD(0.01, momentum=0.9), "mse", metrics=["mae"])
        histories.append(model.fit(X, Y, epochs=2, batch_size=32, verbose=0, callbacks=callbacks).history)
        weights.append([*map(keras.ops.convert_to_numpy, [*model.variables, *model.optimizer.variables])])
        before = [*map(keras.ops.convert_to_numpy, model.variables)]
        for one in callbacks:
            one.measure(model)
        for one, other in zip(before, model.variables, strict=True):
            np.testing.assert_array_equal(one, keras.ops.convert_to_numpy(other))
    assert {name.rpartition("/")[0] for name in histories[1] if name.endswith("/variance")} == names
    assert histories[0] == {name: histories[1][name] for name in histories[0]}
    for one, other in zip(*weights, strict=True):
        np.testing.assert_array_equal(one, other)


def activations_of(model):
    return [dict(vars(one)) for one in model._flatten_layers()]


def test_restored_after_an_exception():
    class Failing(layers.Layer):
        fails = False

        def call(self, inputs):
            if self.fails:
                raise RuntimeError("planted")
            return inputs

    failing = Failing()
    model = network(layers.Dense(4, "relu"), actx.layers.DenseBlock(4, "prelu"), failing)
    monitor = ActivationMonitor(X)
    monitor.measure(model)
    own = [{key: one.get(key) for key in ("activation", "call")} for one in activations_of(model)]
    failing.fails = True
    with pytest.raises(RuntimeError, match="planted"):
        monitor.measure(model)
    assert [{key: one.get(key) for key in ("activation", "call")} for one in activations_of(model)] == own


def test_between_measurements_the_last_results_are_repeated():
    model = network(layers.Dense(4, "tanh", name="hidden"))
    seen = fitted(model, ActivationMonitor(X, frequency=2), epochs=4)["hidden/variance"]
    assert seen[0] == seen[1] != seen[2] == seen[3]


def test_layers_are_selected():
    model = functional()
    found = ActivationMonitor(X, layers=["inner", "shared"]).measure(model)
    assert {name.partition("/")[0] for name in found} == {"inner", "shared", "dead", "saturated"}
    with pytest.raises(
        ValueError, match=r"no layer 'shard' in layers=; it observes 'shared', .*, 'maxout'\. Did you mean 'shared'\?"
    ):
        ActivationMonitor(X, layers=["shard"]).measure(model)


def test_images_and_recurrent_layers():
    inputs = keras.Input((4, 4, 2))
    x = layers.Conv2D(3, 2, activation="relu", bias_initializer=DYING, name="conv")(inputs)
    x = layers.GRU(3, activation="swish(learnable=True)", name="gru")(layers.Reshape((9, 3))(x))
    model = keras.Model(inputs, x)
    model.compile("sgd", "mse")
    found = ActivationMonitor(np.ones((5, 4, 4, 2)), np.ones((5, 3))).measure(model)
    assert found["conv/dead"] == found["dead"] == 1.0
    assert found["gru/gru_cell/gradient_norm"] == found["conv/gradient_norm"] == 0.0
    assert {name for name in found if name.startswith("gru")} == {
        "gru/gru_cell/beta", "gru/gru_cell/gradient_norm",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("activation", "keys"),
    [
        ("softmax", {"dead", "variance"}),
        ("sign", {"dead", "variance"}),
        ("leaky_relu(negative_slope=0.01)", {"dead", "variance", "saturated"}),
        (lambda x: keras.ops.tanh(x), {"dead", "variance", "saturated"}),
        (lambda x: x - keras.ops.mean(x, axis=-1, keepdims=True), {"dead", "variance"}),
        (keras.layers.ELU(), {"dead", "variance", "saturated"}),
        (actx.layers.AdaptiveActivation("tanh"), {"dead", "variance", "saturated", "scale", "slope", "shift"}),
    ],
)
def test_kinds(activation, keys):
    found = ActivationMonitor(X).measure(network(layers.Dense(4, activation, name="hidden")))
    assert {name.partition("/")[2] for name in found if "/" in name} == keys
    assert found["dead"] == found.get("saturated", 0.0) == 0.0


def test_nan_is_one_warning():
    model = network(layers.Dense(4, "tanh", name="hidden"))
    monitor = ActivationMonitor(X)

    class Diverges(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            self.model.layers[0].bias.assign(np.full(4, np.nan))

    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        logs = model.fit(X, Y, epochs=2, verbose=0, callbacks=[Diverges(), monitor]).history
    assert [str(one.message) for one in seen if "ActivationMonitor" in str(one.message)] == [
        "ActivationMonitor: the outputs of hidden are not finite for the sample; its results are NaN"
    ]
    assert np.isnan(logs["hidden/dead"]).all()
    assert np.isnan(logs["dead"]).all()


def test_arguments_that_are_not_allowed():
    for given, match in [
        ({"x": np.full((3, 6), np.nan)}, "x has NaN or infinity"),
        ({"x": X, "y": Y + np.inf}, "y has NaN or infinity"),
        ({"x": X, "y": Y[:3]}, "same number of rows"),
        ({"x": 3.0}, "use arrays"),
        ({"x": X, "frequency": 0}, "frequency=0 is not allowed"),
        ({"x": X, "max_rows": 1.5}, "max_rows=1.5 is not allowed"),
        ({"x": X, "layers": "hidden"}, "use a list of names"),
    ]:
        with pytest.raises(ValueError, match=match):
            ActivationMonitor(**given)
    assert len(ActivationMonitor(X, max_rows=10).x) == 10


def test_models_that_cannot_be_measured():
    with pytest.raises(ValueError, match="is not built"):
        ActivationMonitor(X).measure(keras.Sequential([layers.Dense(3, "relu")]))
    plain = network()
    with pytest.raises(ValueError, match="has no activation that can be observed"):
        plain.fit(X, Y, verbose=0, callbacks=[ActivationMonitor(X)])
    model = keras.Sequential([keras.Input((6,)), layers.Dense(3, "relu")])
    with pytest.raises(ValueError, match="compiled with a loss"):
        ActivationMonitor(X, Y).measure(model)
