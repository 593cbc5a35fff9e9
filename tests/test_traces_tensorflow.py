"""The graph of a model calls one trace of a formula, wherever it is used."""

import keras
import pytest

if keras.backend.backend() != "tensorflow":
    pytest.skip("of TensorFlow alone", allow_module_level=True)

import tensorflow as tf

from keras_actx.backend.tensorflow import _INLINED


def _graph(name, layers):
    """The graph of a gradient through so many layers."""
    model = keras.Sequential([keras.Input((8,)), *(keras.layers.Dense(8, name) for _ in range(layers))])

    @tf.function(autograph=False)
    def step(x):
        with tf.GradientTape() as tape:
            y = model(x)
        return tape.gradient(y, model.trainable_weights)

    return step.get_concrete_function(tf.TensorSpec((4, 8))).graph.as_graph_def()


@pytest.mark.parametrize("name", ["snake", "swish(beta=1.5)", "swish(beta=1.5, learnable=True)", "prelu", "xielu"])
def test_layers_share_a_trace(name):
    two, six = _graph(name, 2), _graph(name, 6)
    assert len(two.library.function) == len(six.library.function) <= 4  # one for each way, and what calls it
    learned = 2 if name == "xielu" else 1
    plain = (len(_graph("silu", 6).node) - len(_graph("silu", 2).node)) / 4
    assert (len(six.node) - len(two.node)) / 4 <= plain + 30 * learned  # a layer more


def test_a_long_one_is_not_copied_into_the_model():
    """TensorFlow inlines the others, and then optimizes each copy."""
    for name in ("snake", "xielu"):
        graph = _graph(name, 2)
        functions = {one.signature.name: one for one in graph.library.function}
        for node in graph.node:
            if "PartitionedCall" in node.op:
                called = functions.pop(node.attr["f"].func.name, None)
                if called is not None and called.attr["_noinline"].b:
                    assert len(called.node_def) < 10  # it calls the long one
                elif called is not None:
                    assert len(called.node_def) <= _INLINED
        assert all(len(one.node_def) > _INLINED for one in functions.values())
        assert len(functions) == {"snake": 1, "xielu": 2}[name]  # of its two ways
