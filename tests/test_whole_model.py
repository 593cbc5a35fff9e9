"""Whole models by the backend's own compiler, as a user hands them over: what they compute and what they learn from."""

import sys
import warnings

import keras
import numpy as np
import pytest

import keras_actx as actx

BACKEND = keras.backend.backend()
#: Of each way in which an activation comes into a model: plain, with a parameter, learned, over an axis, gated, and
#: where it is computed again for the next kernel.
LAYERS = {
    "plain": lambda: keras.layers.Dense(4, activation="tanhexp"),
    "named": lambda: keras.layers.Dense(4, activation="snake(alpha=2.0)"),
    "learnable": lambda: keras.layers.Dense(4, activation="swish(beta=1.5, learnable=True)"),
    "vector": lambda: keras.layers.Dense(4, activation="keras_actx>sparsemax"),
    "gated": lambda: actx.layers.DenseBlock(4, activation="swiglu"),
    "stack": lambda: actx.layers.DenseStack(4, "mish", depth=3),
    "learnable_stack": lambda: actx.layers.DenseStack(4, "swish(learnable=True)", depth=3),
}
#: Torch's compiler takes more calls for each call of the model than Python 3.12 allows, whatever its limit is set to.
DEEP = pytest.mark.skipif(
    BACKEND == "torch" and sys.version_info[:2] == (3, 12), reason="exceeds the recursion limit of Python 3.12"
)
CASES = [pytest.param(one, marks=DEEP if one in ("gated", "learnable_stack") else ()) for one in LAYERS]


def _model(name):
    keras.utils.set_random_seed(3)
    return keras.Sequential([keras.Input((4,)), LAYERS[name](), keras.layers.Dense(2)])


def _by_torch(model, x, compiled):
    import torch

    from keras_actx.testing.backend.torch import takes_whole_graphs

    call = model
    if compiled:
        torch.compiler.reset()
        # What follows the tracing of a model is torch's alone.
        call = torch.compile(model, backend="aot_eager", fullgraph=takes_whole_graphs())
    x = torch.tensor(x, requires_grad=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's, of how Keras calls its layers
        y = call(x)
    weights = [one.value for one in model.trainable_variables]
    return y.detach().numpy(), [one.numpy() for one in torch.autograd.grad(y.square().sum(), [x, *weights])]


def _by_jax(model, x, compiled):
    import jax

    def of(weights, x):
        y, _ = model.stateless_call(weights, [one.value for one in model.non_trainable_variables], x)
        return (y**2).sum(), y

    step = jax.value_and_grad(of, argnums=(0, 1), has_aux=True)
    (_, y), (weights, dx) = (jax.jit(step) if compiled else step)([one.value for one in model.trainable_variables], x)
    return np.asarray(y), [np.asarray(one) for one in (dx, *weights)]


def _by_tensorflow(model, x, compiled):
    import tensorflow as tf

    def step(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = model(x)
            loss = tf.reduce_sum(y**2)
        return y, tape.gradient(loss, [x, *(one.value for one in model.trainable_variables)])

    y, found = (tf.function(step, jit_compile=True) if compiled else step)(tf.constant(x))
    return y.numpy(), [one.numpy() for one in found]


STEP = {"torch": _by_torch, "jax": _by_jax, "tensorflow": _by_tensorflow}[BACKEND]


@pytest.mark.sweep(1)
@pytest.mark.parametrize("name", CASES)
def test_compiled_whole_it_computes_and_learns_the_same(name):
    model = _model(name)
    x = np.random.default_rng(1).normal(size=(3, 4)).astype("float32")
    y, gradients = STEP(model, x, compiled=False)
    compiled_y, compiled_gradients = STEP(model, x, compiled=True)
    np.testing.assert_allclose(compiled_y, y, rtol=1e-5, atol=1e-6)
    assert len(compiled_gradients) == len(gradients) == 1 + len(model.trainable_variables)
    for one, other in zip(compiled_gradients, gradients, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


@pytest.mark.skipif(BACKEND != "torch", reason="of torch.export")
@pytest.mark.parametrize("strict", [False, True], ids=["", "strict"])
@pytest.mark.parametrize("name", CASES)
def test_exported_whole_it_computes_and_learns_the_same(name, strict):
    """Strictly it is traced by torch.compile."""
    import torch

    from keras_actx.testing.backend.torch import takes_whole_graphs

    if strict and not takes_whole_graphs():
        pytest.skip("Keras's own functions break the graph of torch.compile")
    model = _model(name)
    x = np.random.default_rng(1).normal(size=(3, 4)).astype("float32")
    torch.compiler.reset()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's, of how Keras calls its layers
        exported = torch.export.export(model, (torch.tensor(x),), strict=strict).module()
    found = []
    for call in (exported, model):
        one = torch.tensor(x, requires_grad=True)
        y = call(one)
        found.append([y, *torch.autograd.grad(y.square().sum(), one)])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


@pytest.mark.skipif(BACKEND != "torch", reason="of torch.compile, which runs the constructors of values itself")
def test_a_value_that_is_made_within_a_compiled_function():
    import torch

    torch.compiler.reset()
    x = torch.linspace(-2, 2, 5)
    compiled = torch.compile(lambda x: actx.activations.snake.bind(alpha=2.0)(x), backend="eager")
    np.testing.assert_allclose(compiled(x).numpy(), actx.get("snake(alpha=2.0)")(x).numpy(), rtol=1e-6)


def test_what_is_made_within_can_be_hashed_before_its_fields_are_set():
    """torch.compile (2.11) looks it up in a set, for which it hashes an instance without fields."""
    from keras_actx.declaration.evaluation import Formula

    for kind in (Formula, actx.Activation):
        assert isinstance(hash(object.__new__(kind)), int)
