"""What a crafted file can reach: every registered class x every field x hostile values, watched by an audit hook."""

import json
import sys
import zipfile

import keras
import numpy as np
import pytest

import keras_actx as actx

#: What loading must never do. Nothing here takes the hook away again (Python has no way to), so it looks at a switch.
FORBIDDEN = {"open", "socket.connect", "subprocess.Popen", "os.system", "exec", "compile", "marshal.loads", "import"}
_watching = False
_seen: list[str] = []


def _hook(event, arguments):
    if _watching and event in FORBIDDEN:
        _seen.append(f"{event} {arguments!r}"[:200])


sys.addaudithook(_hook)


class watched:
    """Within it, forbidden events are noted; leaving it fails if there were any."""

    def __enter__(self):
        global _watching
        _seen.clear()
        _watching = True

    def __exit__(self, kind, error, trace):
        global _watching
        _watching = False
        assert not _seen, _seen


VALUES = [
    None,
    True,
    -1,
    10**400,
    2**70,
    1e308,
    float("nan"),
    float("inf"),
    "os.system",
    "/etc/passwd",
    "http://localhost/x",
    "__import__('os')",
    "x" * 10_000,
    [],
    {},
    [[[[]]]],
    {"class_name": "__lambda__", "config": {"value": "x"}},
    {"class_name": "function", "module": "os", "config": "system", "registered_name": "system"},
    {"class_name": "Lambda", "module": "keras.layers", "config": {"function": "system"}, "registered_name": None},
]

OBJECTS = {
    "activation": lambda: actx.activations.snake,
    "learnable": lambda: actx.layers.LearnableActivation("swish", num_parameters=3),
    "stochastic": lambda: actx.layers.StochasticActivation("rrelu"),
    "gated": lambda: actx.layers.GatedLinearUnit("swiglu"),
    "block": lambda: actx.layers.DenseBlock(4, activation="mish", normalization="layer"),
    "stack": lambda: actx.layers.DenseStack(4, depth=2, activation="mish", scheme="critical"),
    "paired": lambda: actx.initializers.Paired("mish"),
    "in_range": lambda: actx.constraints.InRange(0.0, 1.0),
}


def test_the_hook_sees_what_it_must(tmp_path):
    with pytest.raises(AssertionError, match="open"), watched():
        (tmp_path / "file").write_text("x")


KERAS_FIELDS = {
    "unknown_field",
    "name", "trainable", "dtype", "initializer", "regularizer", "constraint", "normalization", "activity_regularizer",
    "kernel_initializer", "bias_initializer", "kernel_regularizer", "bias_regularizer", "kernel_constraint",
    "bias_constraint",
}  # fmt: skip


@pytest.mark.parametrize("make", OBJECTS.values(), ids=OBJECTS)
def test_hostile_configs(make):
    one = make()
    config = one.get_config()
    build = type(one).from_config if isinstance(one, actx.Activation) else lambda changed: type(one)(**changed)
    build(config)  # whatever is imported on first use is imported now
    outcomes = {"refused": 0, "accepted": 0}
    for field in [*config, "unknown_field"]:
        for value in VALUES:
            with watched():
                try:
                    build({**config, field: value})
                    outcomes["accepted"] += 1
                except (ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
                    outcomes["refused"] += 1
                    # Keras's own messages about its own fields quote everything; ours do not.
                    assert field in KERAS_FIELDS or len(str(error)) < 1000, str(error)[:2000]
    assert outcomes["refused"] > outcomes["accepted"] / 4


@pytest.mark.parametrize("make", OBJECTS.values(), ids=OBJECTS)
def test_unknown_fields_are_refused(make):
    one = make()
    with pytest.raises((ValueError, TypeError)):
        type(one).from_config({**one.get_config(), "unknown_field": 1})


def test_registered_names_are_a_handful_of_classes():
    ours = {
        name: one for name, one in keras.saving.get_custom_objects().items() if name.startswith(("keras_actx", "snake"))
    }
    assert set(ours) == {
        f"keras_actx>{name}"
        for name in (
            "Activation",
            "AdaptiveActivation",
            "CReLU",
            "DenseBlock",
            "DenseStack",
            "Dice",
            "DynamicReLU",
            "FunnelReLU",
            "GatedBias",
            "GatedLinearUnit",
            "GroupSort",
            "InRange",
            "LearnableActivation",
            "Maxout",
            "MetaACON",
            "Paired",
            "PolyNorm",
            "StochasticActivation",
        )
    }
    assert all(isinstance(one, type) for one in ours.values())


@pytest.mark.parametrize(
    "activation",
    [
        {"module": "os", "class_name": "system", "config": {"name": "snake", "params": {}}, "registered_name": None},
        {"module": "builtins", "class_name": "function", "config": "keras_actx>snake", "registered_name": "function"},
        {"class_name": "keras_actx>Activation", "config": {"name": "snake", "params": {"alpha": -1.0}}},
        {"class_name": "Lambda", "module": "keras.layers", "config": {"function": "keras_actx>Activation"}},
    ],
)
def test_hand_made_archives(activation, tmp_path):
    path, changed = tmp_path / "model.keras", tmp_path / "changed.keras"
    keras.Sequential([keras.Input((2,)), keras.layers.Dense(2, activation="snake")]).save(path)
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(changed, "w") as target:
        for name in source.namelist():
            content = source.read(name)
            if name == "config.json":
                config = json.loads(content)
                layer = next(one for one in config["config"]["layers"] if one["class_name"] == "Dense")
                layer["config"]["activation"] = activation
                content = json.dumps(config).encode()
            target.writestr(name, content)
    with pytest.raises((ValueError, TypeError)):
        keras.models.load_model(changed)(np.ones((1, 2)))
