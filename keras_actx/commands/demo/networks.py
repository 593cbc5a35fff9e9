"""The demo's data and its four networks.

The networks have the same depth, width, optimizer and epochs, but different activations and initializers.
"""

from dataclasses import dataclass

import keras
import numpy as np

import keras_actx as actx

WIDTH = 64
DEPTH = 20

_BLOCKS = ("mish", "prelu")
_NAMES = ("snake(alpha=1.0)", "prelu", "tanhexp")


@dataclass(frozen=True)
class Digits:
    """Images of 8 by 8 pixels as rows of 64 numbers of mean 0 and variance 1, with their labels."""

    train_x: np.ndarray
    train_y: np.ndarray
    test_x: np.ndarray
    test_y: np.ndarray


def digits(seed: int) -> Digits:
    """1797 real images (UCI optical recognition of handwritten digits), a quarter of them held out for the test.

    A seed gives the same split in every run; the scale is computed from the training images only.
    """
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    x, y = load_digits(return_X_y=True)
    train_x, test_x, train_y, test_y = train_test_split(
        x.astype("float32"), y.astype("int32"), test_size=0.25, stratify=y, random_state=seed
    )
    mean, deviation = train_x.mean(), train_x.std()  # pyright: ignore[reportAttributeAccessIssue]  (arrays, as the arguments)
    return Digits((train_x - mean) / deviation, train_y, (test_x - mean) / deviation, test_y)  # pyright: ignore[reportArgumentType]  (arrays, as the arguments)


@dataclass(frozen=True)
class Network:
    """A network of the demo, with its names in tables and plots."""

    key: str  # also its file name
    title: str
    activations: tuple[str, ...]
    model: keras.Model


def with_blocks(seed: int) -> Network:
    """`DenseBlock`s: fixed, learnable and one gated activation; each is initialized for the layer before it."""
    names = [_BLOCKS[place % len(_BLOCKS)] for place in range(DEPTH)]
    names[DEPTH // 2] = "swiglu"
    hidden = [actx.layers.DenseBlock(WIDTH, name, seed=seed * DEPTH + i) for i, name in enumerate(names)]
    return _network("blocks", "DenseBlock", hidden, (*_BLOCKS, "swiglu"))


def with_names(seed: int) -> Network:
    """Keras's own layers; this package is used only through the strings."""
    hidden = [keras.layers.Dense(WIDTH, activation=_NAMES[place % len(_NAMES)]) for place in range(DEPTH)]
    return _network("names", "Dense with names", hidden, _NAMES)


def with_he(seed: int) -> Network:
    """The recommended initialization for relu, without this package."""
    hidden = [
        keras.layers.Dense(
            WIDTH,
            activation="relu",
            kernel_initializer=keras.initializers.HeNormal(seed=seed * DEPTH + i),  # pyright: ignore[reportArgumentType]  (Keras has no types)
        )
        for i in range(DEPTH)
    ]
    return _network("he_normal", "Dense with he_normal", hidden, ("relu",))


def with_defaults(seed: int) -> Network:
    """The default without this package: relu, and Keras's default initializer (glorot_uniform)."""
    hidden = [keras.layers.Dense(WIDTH, activation="relu") for _ in range(DEPTH)]
    return _network("defaults", "Dense with defaults", hidden, ("relu",))


def _network(key: str, title: str, hidden: list, activations: tuple[str, ...]) -> Network:
    output = keras.layers.Dense(10, activation="softmax")
    model = keras.Sequential([keras.Input((64,)), *hidden, output], name=key)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return Network(key, title, activations, model)
