"""Every way in which people keep weights, every class of ours that has some, and what must hold between two builds.

A way takes a model, a function that builds the same again, and an empty folder; it gives the model that has the
weights now. A class is a name and the layers of one branch; `named=False` leaves the names to Keras.

    KERAS_BACKEND=jax python tests/keeping.py child FOLDER

loads in a process of its own what `write_for_child` wrote.
"""

import copy
import json
import pickle
import sys
import warnings
from pathlib import Path

import keras
import numpy as np

import keras_actx as actx

L, A = keras.layers, actx.layers
BACKEND = keras.backend.backend()
SHAPE = (4, 4, 4)
SWISH = "swish(beta=1.5, learnable=True)"


def _steps():
    return L.Reshape((4, 16))


#: name -> layers of the branch, of which the last gets the name
CLASSES = {
    "dense_learnable": lambda n: [L.Dense(3, activation="pelu", name=n)],
    "dense_channels": lambda n: [L.Dense(3, activation="prelu(num_parameters=3)", name=n)],
    "conv_channels": lambda n: [L.Conv2D(3, 2, activation="prelu(num_parameters=3)", name=n)],
    "lstm": lambda n: [_steps(), L.LSTM(2, activation=SWISH, recurrent_activation="swish(learnable=True)", name=n)],
    "gru": lambda n: [_steps(), L.GRU(2, activation="pelu", name=n)],
    "bidirectional": lambda n: [_steps(), L.Bidirectional(L.LSTM(2, activation=SWISH, name=_inner(n)), name=n)],
    "time_distributed": lambda n: [_steps(), L.TimeDistributed(L.Dense(2, activation=SWISH, name=_inner(n)), name=n)],
    "activation_layer": lambda n: [L.Activation("prelu", name=n)],
    "learnable": lambda n: [A.LearnableActivation("pelu", name=n)],
    "learnable_axes": lambda n: [A.LearnableActivation("xielu", axis=(1, 2, 3), name=n)],
    "learnable_inside": lambda n: [
        L.Dense(3, activation=A.LearnableActivation("pelu", num_parameters=3, name=_inner(n)), name=n)
    ],
    "adaptive": lambda n: [A.AdaptiveActivation("tanh", axis=-1, name=n)],
    "adaptive_learnable": lambda n: [A.AdaptiveActivation("prelu", name=n)],
    "adaptive_inside": lambda n: [L.Dense(3, activation=A.AdaptiveActivation("tanh", name=_inner(n)), name=n)],
    "poly_norm": lambda n: [A.PolyNorm(name=n)],
    "block": lambda n: [A.DenseBlock(3, "pelu", name=n)],
    "block_normalized": lambda n: [A.DenseBlock(4, "swiglu", normalization="batch", residual=True, name=n)],
    "block_layer": lambda n: [A.DenseBlock(3, A.AdaptiveActivation("tanh", name=_inner(n)), name=n)],
    "stack": lambda n: [A.DenseStack(4, "pelu", depth=3, normalization="layer", name=n)],
    "dice": lambda n: [A.Dice(name=n)],
    "dynamic_relu": lambda n: [A.DynamicReLU(name=n)],
    "meta_acon": lambda n: [A.MetaACON(name=n)],
    "funnel_relu": lambda n: [A.FunnelReLU(name=n)],
    "stochastic": lambda n: [L.Dense(3, activation="rrelu", name=n)],
}
#: Keras's own, for what Keras itself does not keep.
KERAS = {
    "keras_dense": lambda n: [L.Dense(3, name=n)],
    "keras_prelu": lambda n: [L.PReLU(name=n)],
    "keras_prelu_inside": lambda n: [L.Dense(3, activation=L.PReLU(shared_axes=[1, 2], name=_inner(n)), name=n)],
    "keras_batch": lambda n: [L.BatchNormalization(name=n)],
    "keras_lstm": lambda n: [_steps(), L.LSTM(2, name=n)],
}


def _inner(name):
    return name and f"{name}_inner"


def build(names, named=True, classes=None):
    """One model with a branch for each class."""
    classes = {**CLASSES, **KERAS, **(classes or {})}
    inputs = keras.Input(SHAPE, name="inputs")
    outputs = {}
    for name in names:
        x = inputs
        for layer in classes[name](name if named else None):
            x = layer(x)
        outputs[name] = x
    return keras.Model(inputs, outputs, name="kept")


def build_after_clear_session(names, classes=None):
    """The same with the names that Keras gives, counted anew."""
    keras.backend.clear_session()
    return build(names, named=False, classes=classes)


def moved(model):
    """The model with weights that no start has and no two share."""
    random = np.random.default_rng(3)
    for weight in model.weights:
        weight.assign((0.25 + 0.5 * random.random(weight.shape)).astype("float32"))
    return model


def arrays(model):
    return [keras.ops.convert_to_numpy(one) for one in model.weights]


def outputs(model):
    """What it predicts for a fixed batch, by branch."""
    x = np.random.default_rng(4).normal(size=(2, *SHAPE)).astype("float32")
    return {name: keras.ops.convert_to_numpy(one) for name, one in model(x, training=False).items()}


def check(wanted, model, predicted=None):
    """Every weight equal; with `predicted`, the outputs too."""
    found = arrays(model)
    assert len(found) == len(wanted), f"{len(found)} weights, not {len(wanted)}"
    for weight, value, one in zip(model.weights, found, wanted, strict=True):
        np.testing.assert_array_equal(value, one, err_msg=f"the weight {weight.path} was lost")
    for name, value in (predicted or {}).items():
        np.testing.assert_allclose(outputs(model)[name], value, rtol=1e-5, atol=1e-6, err_msg=name)


def check_paths(model, again, loaded=False):
    """A path is a function of the model alone, and of one weight.

    Keras builds what it loads without the layers around it, so that the beginning of a path may be missing there.
    """
    paths, others = ([one.path for one in each.weights] for each in (model, again))
    if loaded:
        pairs = list(zip(paths, others, strict=True))
        others = [one if one.endswith(f"/{other}") else other for one, other in pairs]
    assert paths == others, f"another build has other paths: {sorted(set(paths) ^ set(others))}"
    assert len(set(paths)) == len(paths), (
        f"of several weights: {sorted({one for one in paths if paths.count(one) > 1})}"
    )


# The ways, by where they work.


def keras_file(model, again, folder):
    model.save(folder / "model.keras")
    return keras.models.load_model(folder / "model.keras")


def weights_h5(model, again, folder):
    model.save_weights(folder / "model.weights.h5")
    fresh = again()
    fresh.load_weights(folder / "model.weights.h5")
    return fresh


def legacy_h5(model, again, folder):
    _legacy(model, folder / "model.h5")
    return keras.models.load_model(folder / "model.h5", compile=False)


def legacy_h5_weights(model, again, folder):
    _legacy(model, folder / "model.h5")
    fresh = again()
    fresh.load_weights(folder / "model.h5")
    return fresh


def _legacy(model, path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.save(path)


def state_tree(model, again, folder):
    fresh = again()
    for one in (model, fresh):
        one.compile("sgd", "mse")  # Keras's tree has the state of an optimizer
    fresh.set_state_tree(model.get_state_tree("numpy_array"))
    return fresh


def by_path(model, again, folder):
    """A dict of paths and arrays, as most checkpoints of JAX are."""
    kept = {one.path: keras.ops.convert_to_numpy(one) for one in model.weights}
    fresh = again()
    for one in fresh.weights:
        one.assign(kept.pop(one.path))
    assert not kept, f"left over: {sorted(kept)}"
    return fresh


def pickled(model, again, folder):
    return pickle.loads(pickle.dumps(model))


def deep_copied(model, again, folder):
    return copy.deepcopy(model)


def cloned(model, again, folder):
    clone = keras.models.clone_model(model)
    clone.set_weights(model.get_weights())
    return clone


def config(model, again, folder):
    copied = keras.Model.from_config(model.get_config())
    copied.set_weights(model.get_weights())
    return copied


def orbax(model, again, folder):
    """The callback, then its weights into a model built by code."""
    x = np.zeros((2, *SHAPE), "float32")
    target = {name: np.zeros(one.shape, "float32") for name, one in outputs(model).items()}
    model.compile("sgd", dict.fromkeys(target, "mse"))
    callback = keras.callbacks.OrbaxCheckpoint(str(folder / "orbax"), monitor="loss", save_on_background=False)
    model.optimizer.learning_rate = 0.0
    before = arrays(model)
    model.fit(x, target, verbose=0, callbacks=[callback])
    trained = arrays(model)  # batch statistics have moved
    fresh = again()
    fresh.compile("sgd", dict.fromkeys(target, "mse"))  # the checkpoint has the optimizer's variables, too
    fresh.optimizer.build(fresh.trainable_variables)
    fresh.load_weights(str(folder / "orbax"))
    check(trained, fresh)
    for one, value in zip(fresh.weights, before, strict=True):
        one.assign(value)
    return fresh


def tf_checkpoint(model, again, folder):
    import tensorflow as tf

    path = tf.train.Checkpoint(model=model).save(str(folder / "checkpoint"))
    fresh = again()
    status = tf.train.Checkpoint(model=fresh).restore(path)
    status.assert_consumed()
    return fresh


def tf_saved_model(model, again, folder):
    """The variables in the folder; `tf_export` calls what is loaded, which is no Keras model."""
    import tensorflow as tf

    tf.saved_model.save(model, str(folder / "saved"))
    stored = tf.train.load_checkpoint(str(folder / "saved" / "variables" / "variables"))
    # Another way may have compiled the model, and its optimizer has a learning rate.
    names = [one for one in stored.get_variable_to_shape_map() if "optimizer" not in one]
    values = [stored.get_tensor(name) for name in names]
    kept = sorted(float(one.sum()) for one in values if getattr(one, "dtype", None) == np.float32)
    wanted = sorted(float(one.sum()) for one in arrays(model))
    assert len(kept) == len(wanted), f"{len(kept)} variables, not {len(wanted)}"
    np.testing.assert_allclose(kept, wanted, rtol=1e-5, err_msg="the SavedModel has other variables")
    return model


def tf_export(model, again, folder):
    """`model.export`: outputs of what serves."""
    import tensorflow as tf

    model.export(str(folder / "export"), verbose=False)
    loaded = tf.saved_model.load(str(folder / "export"))
    found = loaded.serve(tf.constant(np.random.default_rng(4).normal(size=(2, *SHAPE)).astype("float32")))
    for name, value in outputs(model).items():
        np.testing.assert_allclose(found[name], value, rtol=1e-4, atol=1e-5, err_msg=name)
    return model


def check_keys(missing, unexpected):
    """None, but those of Keras's own random number generators (of Dropout, of recurrent cells), which it counts on."""
    differ = [one for one in (*missing, *unexpected) if not one.endswith("seed_generator_state")]
    assert not differ, differ


def load_torch_state(model, state):
    """Strictly, but for random number generators."""
    check_keys(*model.load_state_dict(state, strict=False))


def torch_state_dict(model, again, folder):
    import torch

    torch.save(model.state_dict(), folder / "state.pt")
    fresh = again()
    load_torch_state(fresh, torch.load(folder / "state.pt", weights_only=True))
    return fresh


def torch_safetensors(model, again, folder):
    from safetensors.torch import load_model, save_model

    save_model(model, str(folder / "model.safetensors"))
    fresh = again()
    check_keys(*load_model(fresh, str(folder / "model.safetensors"), strict=False))
    return fresh


def jax_stateless(model, again, folder):
    """`stateless_call` of one build with the flattened variables of another."""
    import jax

    fresh = again()
    leaves, structure = jax.tree_util.tree_flatten(
        [{one.path: one.value for one in group} for group in (model.trainable_variables, model.non_trainable_variables)]
    )
    trainable, others = jax.tree_util.tree_unflatten(structure, leaves)
    # Seeds are named by Keras; they are no weights.
    values = (
        [kept.get(one.path, one.value) for one in group]
        for kept, group in ((trainable, fresh.trainable_variables), (others, fresh.non_trainable_variables))
    )
    x = np.random.default_rng(4).normal(size=(2, *SHAPE)).astype("float32")
    found, _ = fresh.stateless_call(*values, x, training=False)
    for name, value in outputs(model).items():
        np.testing.assert_allclose(found[name], value, rtol=1e-5, atol=1e-6, err_msg=name)
    for one in fresh.weights:
        one.assign({**trainable, **others}[one.path])
    return fresh


WAYS = {
    "`.keras`": keras_file,
    "`.weights.h5`": weights_h5,
    "legacy `.h5`": legacy_h5,
    "legacy `.h5`, weights": legacy_h5_weights,
    "`get_state_tree`": state_tree,
    "arrays by path": by_path,
    "`pickle`": pickled,
    "`copy.deepcopy`": deep_copied,
    "`clone_model`": cloned,
    "`from_config`": config,
    "`OrbaxCheckpoint`": orbax,
    **(
        {"`tf.train.Checkpoint`": tf_checkpoint, "`tf.saved_model`": tf_saved_model, "`model.export`": tf_export}
        if BACKEND == "tensorflow"
        else {}
    ),
    **({"`state_dict`": torch_state_dict, "safetensors": torch_safetensors} if BACKEND == "torch" else {}),
    **({"`stateless_call`": jax_stateless} if BACKEND == "jax" else {}),
}
#: Ways that go by names or paths: with names that Keras counts on, they keep nothing of Keras's own either.
BY_PATH = {"`get_state_tree`", "arrays by path", "`OrbaxCheckpoint`", "`state_dict`", "safetensors", "`stateless_call`"}
NEEDS = {"`OrbaxCheckpoint`": "orbax.checkpoint", "safetensors": "safetensors"}


def installed(way):
    """Whether the packages of a way are there."""
    import importlib.util

    needed = NEEDS.get(way)
    try:
        return needed is None or importlib.util.find_spec(needed) is not None
    except ModuleNotFoundError:
        return False


def kept(way, names, folder, naming="explicit", classes=None, again=None):
    """Keep the weights of one build in this way, and check them in another.

    `naming` is "explicit", "automatic, after `clear_session`" or "automatic, counted on"; `again` builds the model
    where that is done otherwise.
    """
    builders = {
        "explicit": lambda: build(names, classes=classes),
        "automatic, after `clear_session`": lambda: build_after_clear_session(names, classes),
        "automatic, counted on": lambda: build(names, named=False, classes=classes),
    }
    again = again or builders[naming]
    model = moved(again())
    wanted, predicted = arrays(model), outputs(model)
    fresh = WAYS[way](model, again, folder)
    check(wanted, fresh, predicted)


class TwoBuilds:
    """For tests: builds a model twice, and gives the two by turns, the second with weights of zero."""

    def __init__(self, names, naming):
        builder = build_after_clear_session if "clear" in naming else build
        settings = {} if "clear" in naming else {"named": naming == "explicit"}
        self.models = [builder(names, **settings) for _ in range(2)]
        self.turn = 1

    def source_next(self):
        self.turn = 1
        return self

    def __call__(self):
        self.turn = 1 - self.turn
        model = self.models[self.turn]
        for one in model.weights if self.turn else ():
            one.assign(np.zeros(one.shape, one.dtype))
        return model


# Another process.


def write_for_child(folder, named, names=tuple(CLASSES)):
    """Weights of a model whose names a history precedes, in files that another process reads."""
    build(names)
    model = moved(build(names) if named else build_after_clear_session(names))
    np.savez(folder / "wanted.npz", *arrays(model))
    (folder / "paths.json").write_text(json.dumps([one.path for one in model.weights]))
    model.save_weights(folder / "child.weights.h5")
    model.save(folder / "child.keras")
    np.savez(folder / "by_path.npz", **{one.path: keras.ops.convert_to_numpy(one) for one in model.weights})
    if BACKEND == "tensorflow":
        import tensorflow as tf

        tf.train.Checkpoint(model=model).write(str(folder / "checkpoint"))
    if BACKEND == "torch":
        import torch

        torch.save(model.state_dict(), folder / "state.pt")


def read_in_child(folder, named, names):
    """What the parent wrote, into models built here."""
    stored = np.load(folder / "wanted.npz")
    wanted = [stored[one] for one in stored.files]
    faults = []

    def attempt(what, function):
        try:
            function()
        except Exception as error:
            faults.append(f"{what}: {type(error).__name__}: {str(error).strip()[:300]}")

    def fresh():
        return build(names) if named else build_after_clear_session(names)

    model = fresh()
    paths = [one.path for one in model.weights]
    if paths != json.loads((folder / "paths.json").read_text()):
        faults.append("paths differ from those in the other process")

    def into(load):
        for one in model.weights:
            one.assign(np.zeros(one.shape, one.dtype))
        load(model)
        check(wanted, model)

    by_path = np.load(folder / "by_path.npz")
    attempt(".weights.h5", lambda: into(lambda m: m.load_weights(folder / "child.weights.h5")))
    attempt("by path", lambda: into(lambda m: [one.assign(by_path[one.path]) for one in m.weights]))
    attempt(".keras", lambda: check(wanted, keras.models.load_model(folder / "child.keras")))
    if BACKEND == "tensorflow":
        import tensorflow as tf

        def restore(m):
            tf.train.Checkpoint(model=m).read(str(folder / "checkpoint")).assert_consumed()

        attempt("tf.train.Checkpoint", lambda: into(restore))
    if BACKEND == "torch":
        import torch

        state = torch.load(folder / "state.pt", weights_only=True)
        attempt("state_dict", lambda: into(lambda m: load_torch_state(m, state)))
    return faults


def laid_out(names):
    """JAX, two devices: rules made of the paths of one build shard every weight of a later one alike."""
    names = tuple(name for name in names if name != "stochastic")
    mesh = keras.distribution.DeviceMesh((1, 2), ["batch", "model"])
    layout = keras.distribution.LayoutMap(mesh)
    sharded = []
    for one in build(names).weights:
        if one.shape and one.shape[-1] % 2 == 0:
            layout[f"^{one.path}$"] = (*(None,) * (len(one.shape) - 1), "model")
            sharded.append(one.path)
    keras.distribution.set_distribution(keras.distribution.ModelParallel(layout_map=layout, batch_dim_name="batch"))
    model = build(names)
    found = [one.path for one in model.weights if not one.value.sharding.is_fully_replicated]
    missing = set(sharded) - set(found)
    return [f"not sharded: {sorted(missing)}"] if missing else []


def nnx(names):
    """Flax's NNX: every weight is in the state of the module, and an update of it carries all of them."""
    from flax import nnx as flax_nnx

    model, fresh = moved(build(names)), build(names)
    wanted, predicted = arrays(model), outputs(model)
    try:
        flax_nnx.update(fresh, flax_nnx.state(model))
        check(wanted, fresh, predicted)
    except Exception as error:
        return [f"{type(error).__name__}: {str(error).strip()[:500]}"]
    return []


if __name__ == "__main__":
    what, *rest = sys.argv[1:]
    if what == "child":
        folder, naming, *chosen = rest
        found = read_in_child(Path(folder), naming == "named", chosen or tuple(CLASSES))
    else:
        found = {"laid_out": laid_out, "nnx": nnx}[what](rest or tuple(CLASSES))
    print("\n".join(found) if found else "all kept")
    sys.exit(bool(found))
