"""Names that older versions saved load as today's; constructors do not take them.

tests/test_golden.py has the files.
"""

import pickle

import keras
import numpy as np
import pytest

import keras_actx as actx
from keras_actx.initializers import Paired
from keras_actx.layers import AdaptiveActivation, DenseBlock, DenseStack, LearnableActivation

RENAMED = {"looks_linear": "mirrored", "published": "textbook"}


@pytest.mark.parametrize("scheme", RENAMED)
@pytest.mark.parametrize(
    "made",
    [
        lambda scheme: DenseBlock(4, "relu", scheme=scheme, first_layer=True),
        lambda scheme: DenseStack(4, "relu", depth=2, scheme=scheme),
        lambda scheme: Paired("relu", scheme, first_layer=True),
        lambda scheme: keras.layers.Dense(4, kernel_initializer=Paired("relu", scheme, first_layer=True)),
    ],
)
def test_schemes(made, scheme):
    def renamed(config):
        if isinstance(config, dict):
            return {name: RENAMED[scheme] if name == "scheme" else renamed(one) for name, one in config.items()}
        return config

    config = made(scheme).get_config()
    old = renamed(config)
    assert old != config
    assert type(made(scheme)).from_config(old).get_config() == config


def test_a_block_in_a_model():
    """Of a block whose input is that of a looks-linear one, as its place has it."""
    model = keras.Sequential([keras.Input((4,)), DenseBlock(4, "relu"), DenseBlock(4, "relu")])
    config = model.layers[1].get_config()
    place = config["place"]
    assert place.pop("looks_linear") is True
    again = DenseBlock.from_config({**config, "place": {**place, "mirrored": True}})
    assert again.place.get_config() == model.layers[1].place.get_config()
    assert again.pairing == model.layers[1].pairing


@pytest.mark.parametrize("scheme", RENAMED)
def test_pickles(scheme):
    start = Paired("relu", scheme, first_layer=True, seed=1)
    old, pairing = object.__new__(Paired), object.__new__(type(start.pairing))
    old_name = {"looks_linear": "mirrored"}
    vars(pairing).update(vars(start.pairing) | {"scheme": RENAMED[scheme]})
    vars(pairing)["form"] = old_name.get(start.pairing.form, start.pairing.form)
    vars(old).update(vars(start) | {"scheme": RENAMED[scheme], "pairing": pairing})
    again = pickle.loads(pickle.dumps(old))
    assert again.pairing == start.pairing
    assert again.get_config() == start.get_config()
    np.testing.assert_array_equal(*(keras.ops.convert_to_numpy(one((4, 4))) for one in (again, start)))


@pytest.mark.parametrize("made", [LearnableActivation, AdaptiveActivation])
def test_axes(made):
    config = made("swish", axis=(1, -1)).get_config()
    assert config["axis"] == [1, -1]
    again = made.from_config({"axes" if name == "axis" else name: one for name, one in config.items()})
    assert again.get_config() == config
    with pytest.raises((TypeError, ValueError), match="axes"):
        made("swish", axes=-1)


@pytest.mark.parametrize("old", RENAMED.values())
def test_constructors_do_not_take_the_old_names(old):
    for made in (DenseBlock, lambda *args, **kwargs: DenseStack(*args, depth=2, **kwargs)):
        with pytest.raises(ValueError, match="is not known"):
            made(4, "relu", scheme=old)
    for made in (Paired, actx.pairing):
        with pytest.raises(ValueError, match="is not known"):
            made("relu", old)
