"""Every way in which people keep weights carries every weight of every class of ours, from one build to another.

Reduced: seven classes (KERAS_ACTX_TESTS=all takes all 24); two builds serve all ways of a naming; one model with a
branch for each class is kept in each way. Which class loses what is told by `python docs/make_compatibility.py
measure`, and written to docs/compatibility.md.
"""

import functools
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import keeping
import keras
import pytest
import scripts
from sweeps import WHOLE

#: Those whose weights are made or found in different ways; all of them take minutes.
CHOSEN = (
    "dense_learnable",
    "bidirectional",
    "learnable_inside",
    "adaptive_inside",
    "block_normalized",
    "stack",
    "dice",
)
NAMES = tuple(keeping.CLASSES) if WHOLE else CHOSEN
EVERY = tuple(keeping.WAYS)
#: Between builds of automatic names, what makes a model of its own config is left out: there names play no part.
ANEW = ("`.weights.h5`", "legacy `.h5`, weights", "`tf.train.Checkpoint`", *sorted(keeping.BY_PATH))
CASES = [
    *(("explicit", way) for way in EVERY),
    *(("automatic, after `clear_session`", way) for way in ANEW if way in EVERY),
    *(("automatic, counted on", way) for way in ("`.keras`", *ANEW) if way in EVERY and way not in keeping.BY_PATH),
]


@pytest.fixture(scope="module", autouse=True)
def _forget():
    yield
    two_builds.cache_clear()
    keras.backend.clear_session()


@functools.cache
def two_builds(naming):
    return keeping.TwoBuilds(NAMES, naming)


def _needed(way):
    if not keeping.installed(way):
        pytest.skip(f"{keeping.NEEDS[way]} is not installed")


@pytest.mark.parametrize(("naming", "way"), CASES)
def test_kept(naming, way, tmp_path):
    _needed(way)
    keeping.kept(way, NAMES, tmp_path, naming, again=two_builds(naming).source_next())


class TestPaths:
    @pytest.mark.parametrize("naming", ["explicit", "automatic, after `clear_session`"])
    def test_do_not_depend_on_what_was_built_before(self, naming):
        keeping.check_paths(*two_builds(naming).models)

    def test_of_a_loaded_and_a_copied_model(self, tmp_path):
        model = two_builds("explicit").models[0]
        for way in ("`.keras`", "`clone_model`"):
            keeping.check_paths(model, keeping.WAYS[way](model, None, tmp_path), loaded=True)

    @pytest.mark.parametrize("name", ["lstm", "bidirectional", "gru"])
    def test_of_two_layers_of_one_name_in_other_models(self, name):
        keeping.check_paths(keeping.build([name]), keeping.build([name]))


def _run(*arguments, **environment):
    script = Path(keeping.__file__)
    return subprocess.run(
        [sys.executable, script, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
    )


@pytest.mark.sweep(1)
@pytest.mark.parametrize("named", [True, False], ids=["explicit", "automatic"])
def test_kept_in_another_process(named, tmp_path):
    keeping.write_for_child(tmp_path, named, NAMES)
    result = _run("child", tmp_path, "named" if named else "automatic", *NAMES)
    assert result.returncode == 0, result.stdout + result.stderr[-3000:]
    assert "all kept" in result.stdout


@pytest.mark.skipif(keeping.BACKEND != "jax", reason="Keras shards by layout maps on JAX alone")
def test_layout_map():
    result = _run("laid_out", *NAMES, XLA_FLAGS="--xla_force_host_platform_device_count=2")
    assert result.returncode == 0, result.stdout + result.stderr[-3000:]


@pytest.mark.skipif(
    keeping.BACKEND != "jax" or importlib.util.find_spec("flax") is None, reason="NNX is of flax, on JAX"
)
def test_nnx():
    result = _run("nnx", *NAMES, KERAS_NNX_ENABLED="true")
    assert result.returncode == 0, result.stdout + result.stderr[-3000:]


def test_page_has_what_was_measured():
    made = scripts.load("docs/make_compatibility.py")
    if not list(made.FOLDER.glob("*.json")):
        pytest.skip("nothing was measured yet: python docs/make_compatibility.py measure")
    assert made.table() in made.PAGE.read_text(encoding="utf-8"), "run python docs/make_compatibility.py"
    assert not made.full_table.stale(made.tables()), "run python docs/make_compatibility.py"


class Counted(keras.layers.Layer):
    """The first fault: the name of a weight counts layers."""

    count = 0

    def build(self, input_shape):
        Counted.count += 1
        self.weight = self.add_weight(name=f"weight_{Counted.count}", shape=(4,))

    def call(self, x):
        return x * self.weight


class InADict(keras.layers.Layer):
    """The second: TensorFlow does not track the variables of a dict that Keras's tracker does not see."""

    def build(self, input_shape):
        object.__setattr__(self, "hidden", {})
        self.hidden["weight"] = self.add_weight(name="weight", shape=(4,), trainable=True)

    def call(self, x):
        return x * self.hidden["weight"]


class SameName(keras.layers.Layer):
    """The third: two weights of one path."""

    def build(self, input_shape):
        self.one, self.two = (self.add_weight(name="weight", shape=(4,)) for _ in range(2))

    def call(self, x):
        return x * self.one + self.two


FAULTS = {
    "counted": lambda n: [Counted(name=n)],
    "in_a_dict": lambda n: [InADict(name=n)],
    "same_name": lambda n: [SameName(name=n)],
}


class TestPlantedFaults:
    """The checks fail where they must."""

    def test_counter_in_a_path(self):
        first, second = (keeping.build(["counted"], classes=FAULTS) for _ in range(2))
        with pytest.raises(AssertionError, match="another build has other paths"):
            keeping.check_paths(first, second)

    @pytest.mark.parametrize("way", sorted(set(keeping.WAYS) & {"arrays by path", "`get_state_tree`", "`state_dict`"}))
    def test_counter_in_a_path_loses_weights(self, way, tmp_path):
        with pytest.raises((AssertionError, KeyError, RuntimeError, ValueError)):
            keeping.kept(way, ["counted"], tmp_path, classes=FAULTS)

    def test_two_weights_of_one_path(self):
        model = keeping.build(["same_name"], classes=FAULTS)
        with pytest.raises(AssertionError, match="of several weights"):
            keeping.check_paths(model, model)

    @pytest.mark.skipif(keeping.BACKEND != "tensorflow", reason="TensorFlow's own way")
    def test_dict_of_variables(self, tmp_path):
        with pytest.raises(AssertionError):
            keeping.kept("`tf.train.Checkpoint`", ["in_a_dict"], tmp_path, classes=FAULTS)

    def test_a_weight_left_at_its_start(self):
        model = keeping.moved(keeping.build(["dense_learnable"]))
        wanted = keeping.arrays(model)
        model.weights[-1].assign(keras.ops.ones(model.weights[-1].shape))
        with pytest.raises(AssertionError, match="was lost"):
            keeping.check(wanted, model)
