"""A `DenseStack` saves one tensor a layer, and gives the numbers of its blocks called one after the other."""

import contextlib

import keras
import numpy as np
import pytest
from arrays import random, tensor
from memory_switch import memory_efficient

import keras_actx as actx
from keras_actx import backend
from keras_actx.layers import DenseStack, _joined
from keras_actx.testing import backend as of_backend
from keras_actx.testing import bytes_kept
from keras_actx.testing.tensors import to_float64

BACKEND = keras.backend.backend()
DEPTH, UNITS, ROWS = 12, 8, 64
OURS = ["keras_actx>relu", "keras_actx>mish", "keras_actx>gelu", "keras_actx>leaky_relu", "snake", "tanh", "xielu"]
LEARNED, GATED = ["swish(learnable=True)", "snake(learnable=True, num_parameters=1)"], ["swiglu", "reglu"]
KERAS = ["relu", "gelu", "mish"]


@pytest.fixture(autouse=True)
def _on():
    with memory_efficient(True):
        yield


def stack_of(activation="keras_actx>mish", depth=3, **arguments):
    stack = DenseStack(UNITS, activation, depth=depth, seed=1, **arguments)
    stack.build((None, UNITS))
    return stack


def as_function(stack, training=None):
    """The stack as a function of its input and its trainable weights."""
    others = [one.value for one in stack.non_trainable_variables]
    return lambda x, *weights: stack.stateless_call(list(weights), others, x, training=training)[0]


def values_of(weights):
    return [keras.ops.convert_to_tensor(one) for one in weights]


@contextlib.contextmanager
def counting_joins(monkeypatch):
    """The projections that are called within the context."""
    seen = []

    def counted(dense, projection, tensors, plain=_joined._dense_of):
        seen.append(projection)
        return plain(dense, projection, tensors)

    with monkeypatch.context() as patched:
        patched.setattr(_joined, "_dense_of", counted)
        yield seen


def joins(stack, monkeypatch, training=None):
    """How many of the blocks are joined to the next while a gradient is computed."""

    def total(x):
        return keras.ops.sum(stack(x, training=training))

    with counting_joins(monkeypatch) as seen:
        in_one_program(lambda x: of_backend.gradient(total, x))(tensor(random(5, UNITS), "float32"))
    return len(seen)


# -- bytes


def kept_by(stack):
    """The bytes saved beside the kernels."""
    weights = values_of(stack.trainable_variables)
    x = tensor(random(ROWS, UNITS), "float32")
    width = stack.blocks[0].dense.units
    return bytes_kept(as_function(stack), x, *weights) - 4 * DEPTH * UNITS * width


def kept_by_relu(width=UNITS):
    """The same, with the backend's own relu: of layers of `width` units, since a gated activation reads twice as many.

    Of the kernels, those of all layers are saved.
    """

    def network(x, *weights):
        for kernel, bias in zip(weights[::2], weights[1::2], strict=True):
            x = keras.ops.relu(keras.ops.matmul(x, kernel) + bias)
        return x

    weights = [tensor(random(*shape), "float32") for _ in range(DEPTH) for shape in ((width, width), (width,))]
    return bytes_kept(network, tensor(random(ROWS, width), "float32"), *weights) - 4 * DEPTH * width**2


#: The learned parameters in their ranges, of one number for each unit: no tensor with a batch axis.
OF_PARAMETERS = 4 * DEPTH * UNITS * 4


@pytest.mark.parametrize("activation", [*OURS, *LEARNED, *GATED])
def test_saves_no_more_than_the_backends_own_relu(activation):
    stack = stack_of(activation, DEPTH)
    allowed = kept_by_relu(stack.blocks[0].dense.units)
    if stack.blocks[0].activation_layer.weights:
        allowed += OF_PARAMETERS
    assert kept_by(stack) <= allowed


def test_a_result_that_is_kept_is_found(monkeypatch):
    """The test above can fail."""

    def keeping(dense, projection, tensors):
        z, *parameters = tensors
        return projection(z, keras.ops.convert_to_tensor(dense.kernel), *parameters) + dense.bias

    monkeypatch.setattr(_joined, "_dense_of", keeping)
    assert kept_by(stack_of(depth=DEPTH)) > 1.5 * kept_by_relu()


def test_the_switch(monkeypatch):
    with memory_efficient(False):
        assert joins(stack_of(), monkeypatch) == 0
        assert kept_by(stack_of(depth=DEPTH)) > 1.5 * kept_by_relu()


@pytest.mark.skipif(BACKEND != "jax", reason="of XLA's plan")
@pytest.mark.parametrize(
    "activation", ["keras_actx>relu", "keras_actx>mish", "keras_actx>gelu", "swish(learnable=True)"]
)
def test_xla_plans_one_tensor_a_layer(activation):
    """At most those of the layers, the input, and two that the gradient of a layer is computed from."""
    import jax

    rows, units = 512, 64
    stack = DenseStack(units, activation, depth=DEPTH, seed=1)
    stack.build((None, units))

    def planned(network, weights):
        gradient = jax.jit(jax.grad(lambda weights, x: keras.ops.sum(network(x, *weights) ** 2)))
        compiled = gradient.lower(weights, jax.ShapeDtypeStruct((rows, units), "float32")).compile()
        return compiled.memory_analysis().temp_size_in_bytes / (4 * rows * units)

    def native(x, *weights):
        for kernel, bias in zip(weights[::2], weights[1::2], strict=True):
            x = jax.nn.relu(x @ kernel + bias)
        return x

    weights = values_of(stack.trainable_variables)
    found = planned(as_function(stack), weights)
    assert found <= 1.05 * planned(native, [one.value for one in stack.trainable_variables if "activ" not in one.path])
    assert found <= DEPTH + 4
    with memory_efficient(False):
        assert (planned(as_function(stack), weights) > 1.4 * DEPTH) == (activation != "keras_actx>relu")


# -- numbers


def on_and_off(compute):
    found = []
    for value in (True, False):
        with memory_efficient(value):
            found.append([to_float64(one) for one in compute()])
    return zip(*found, strict=True)


def in_one_program(compute):
    """Compiled where operations are compiled one by one otherwise."""
    if BACKEND == "jax":
        import jax

        return jax.jit(compute)
    if BACKEND == "tensorflow":
        import tensorflow as tf

        return tf.function(compute, autograph=False)
    return compute


def value_and_gradients(function, tensors):
    def total(*given):
        return keras.ops.sum(keras.ops.cast(function(*given), "float32") ** 2)

    def both(*given):
        if BACKEND == "jax":
            import jax

            return function(*given), *jax.grad(total, argnums=range(len(given)))(*given)
        if BACKEND == "torch":
            import torch

            given = [one.detach().requires_grad_() for one in given]
            return function(*given).detach(), *torch.autograd.grad(total(*given), given)
        import tensorflow as tf

        with tf.GradientTape() as tape:
            tape.watch(given)
            loss = total(*given)
        return function(*given), *tape.gradient(loss, given)

    return in_one_program(both)(*tensors)


def assert_same_numbers(stack, monkeypatch, shape=(5, UNITS), dtype="float32", rtol=2e-5, joined=None):
    """The values, and the gradients for the input and every weight."""
    function, tensors = as_function(stack), [tensor(random(*shape), dtype), *values_of(stack.trainable_variables)]
    with counting_joins(monkeypatch) as seen:
        for on, off in on_and_off(lambda: value_and_gradients(function, tensors)):
            np.testing.assert_allclose(on, off, rtol=rtol, atol=rtol * (np.abs(off).max() + 1e-3))
    assert len(seen) >= (len(stack.blocks) - 1 if joined is None else joined)


@pytest.mark.sweep(2)
@pytest.mark.parametrize("activation", [*OURS, *LEARNED, *GATED, *KERAS])
def test_values_and_gradients(activation, monkeypatch):
    assert_same_numbers(stack_of(activation), monkeypatch)


@pytest.mark.parametrize(
    "arguments",
    [
        {"use_bias": False},
        {"standardize": True},
        {"scheme": "published"},
        {"dropout": 0.5},
        {"kernel_regularizer": "l2", "kernel_constraint": "non_neg"},
    ],
    ids=lambda arguments: next(iter(arguments)),
)
def test_values_and_gradients_with(arguments, monkeypatch):
    """As a function, a stack is called without training."""
    assert_same_numbers(stack_of(**arguments), monkeypatch, joined=0 if "dropout" in arguments else None)


@pytest.mark.sweep(1)
@pytest.mark.parametrize("shape", [(2, 3, UNITS), (2, 1, 3, UNITS), (1, UNITS)])
def test_further_axes(shape, monkeypatch):
    assert_same_numbers(stack_of("swish(learnable=True)"), monkeypatch, shape)


@pytest.mark.sweep(2)
@pytest.mark.parametrize("activation", ["keras_actx>mish", "swish(learnable=True)", "swiglu", "gelu"])
@pytest.mark.parametrize("dtype", ["mixed_bfloat16", "mixed_float16", "float64"])
def test_precisions(activation, dtype, monkeypatch):
    stack = stack_of(activation, dtype=dtype)
    narrow = {"mixed_bfloat16": "bfloat16", "mixed_float16": "float16", "float64": "float64"}[dtype]
    assert_same_numbers(stack, monkeypatch, dtype=narrow, rtol=1e-10 if dtype == "float64" else 2e-2)


@pytest.mark.sweep(1)
@pytest.mark.parametrize("activation", ["keras_actx>mish", "swish(learnable=True)", "swiglu"])
@pytest.mark.parametrize("place", [0, 1, 3])
def test_second_derivatives(activation, place):
    """Of the input, a kernel that multiplies it, and one that multiplies an activation."""
    stack = stack_of(activation)
    function, tensors = as_function(stack), [tensor(random(3, UNITS), "float32"), *values_of(stack.trainable_variables)]

    def total(one):
        return keras.ops.sum(function(*tensors[:place], one, *tensors[place + 1 :]) ** 2)

    def second(one):
        return of_backend.gradient(lambda one: keras.ops.sum(of_backend.gradient(total, one) ** 2), one)

    for on, off in on_and_off(lambda: [in_one_program(lambda one: second(one))(tensors[place])]):
        np.testing.assert_allclose(on, off, rtol=1e-4, atol=1e-5 * np.abs(off).max())


def test_forward_mode():
    function = stack_of()
    x = tensor(random(3, UNITS), "float32")
    for on, off in on_and_off(lambda: [in_one_program(lambda x: of_backend.forward_derivative(function, x))(x)]):
        np.testing.assert_allclose(on, off, rtol=1e-5, atol=1e-6)


# -- training


@pytest.mark.parametrize("eager", [False, True], ids=["compiled", "eager"])
@pytest.mark.parametrize("activation", ["keras_actx>mish", "swish(learnable=True)", "gelu"])
def test_fit(activation, eager):
    """Three steps give the same weights."""
    if eager and BACKEND == "jax":
        pytest.skip("without jit, Keras computes the same on JAX")
    x, y = random(16, UNITS).astype("float32"), random(16, 1, seed=1).astype("float32")

    def trained():
        stack = DenseStack(UNITS, activation, depth=3, seed=1)
        model = keras.Sequential([keras.Input((UNITS,)), stack, keras.layers.Dense(1, kernel_initializer="ones")])
        model.compile("sgd", "mse", run_eagerly=eager)
        model.fit(x, y, epochs=3, batch_size=16, shuffle=False, verbose=0)
        return [*model.get_weights(), model.predict(x, verbose=0)]

    for on, off in on_and_off(trained):
        np.testing.assert_allclose(on, off, rtol=1e-4, atol=1e-5)


def test_masks_pass():
    x = tensor(np.concatenate([random(2, 3, UNITS), np.zeros((2, 2, UNITS))], axis=1), "float32")
    model = keras.Sequential([keras.layers.Masking(), stack_of(), keras.layers.GlobalAveragePooling1D()])

    def slope(x):
        return of_backend.gradient(lambda x: keras.ops.sum(model(x) ** 2), x)

    for on, off in on_and_off(lambda: [in_one_program(lambda x: slope(x))(x)]):
        np.testing.assert_allclose(on, off, rtol=1e-5, atol=1e-6)
        assert not off[:, 3:].any()  # the mask has reached the pooling


# -- where blocks are called one after the other


def test_all_of_a_plain_stack_are_joined(monkeypatch):
    assert joins(stack_of(depth=4), monkeypatch) == 3
    assert joins(stack_of(depth=1), monkeypatch) == 0


@pytest.mark.same_everywhere
@pytest.mark.parametrize(
    ("arguments", "training", "expected"),
    [
        ({"dropout": 0.5}, True, 0),
        ({"dropout": 0.5}, False, 3),
        ({"residual": True}, None, 0),
        ({"normalization": "layer"}, None, 0),
        ({"activity_regularizer": "l2"}, None, 0),
        ({"activation": "rrelu"}, True, 0),
        ({"activation": "keras_actx>softmax"}, None, 0),
        ({"activation": keras.saving.serialize_keras_object(actx.layers.AdaptiveActivation("mish"))}, None, 0),
    ],
    ids=lambda one: next(iter(one)) if isinstance(one, dict) else None,
)
def test_what_is_not_joined(arguments, training, expected, monkeypatch):
    assert joins(stack_of(depth=4, **arguments), monkeypatch, training) == expected


def with_lora(stack):
    stack.blocks[1].enable_lora(2)


def with_quantized_kernel(stack):
    stack.blocks[1].quantize("int8")


def with_own_call_of_the_kernel(stack):
    dense = stack.blocks[1].dense
    dense.call = lambda inputs, call=dense.call: 2.0 * call(inputs)


def with_own_call_of_the_block(stack):
    block = stack.blocks[1]
    block.call = lambda inputs, training=None, call=block.call: 2.0 * call(inputs)


def with_activation_in_the_kernel(stack):
    stack.blocks[1].dense.activation = keras.activations.tanh


def with_other_precision(stack):
    stack.blocks[1].dense.dtype_policy = keras.DTypePolicy("mixed_bfloat16")


@pytest.mark.same_everywhere
@pytest.mark.parametrize(
    "change",
    [
        with_lora,
        with_quantized_kernel,
        with_own_call_of_the_kernel,
        with_own_call_of_the_block,
        with_activation_in_the_kernel,
        with_other_precision,
    ],
)
def test_a_changed_block_is_called(change, monkeypatch):
    """The second of four: only the last two are joined."""
    stack = stack_of(depth=4)
    change(stack)
    assert joins(stack, monkeypatch) == 1
    x = tensor(random(5, UNITS), "float32")

    def slope(x):
        return of_backend.gradient(lambda x: keras.ops.sum(stack(x) ** 2), x)

    for on, off in on_and_off(lambda: [in_one_program(lambda x: slope(x))(x)]):
        np.testing.assert_allclose(on, off, rtol=2e-5, atol=1e-5)


@pytest.mark.skipif(BACKEND != "torch", reason="hooks are torch's")
def test_hooks_see_what_they_saw(monkeypatch):
    stack, seen = stack_of(depth=4), []
    stack.blocks[1].register_forward_hook(lambda module, inputs, output: seen.append(output.shape))
    assert joins(stack, monkeypatch) == 1
    assert seen == [(5, UNITS)]


@pytest.mark.skipif(BACKEND != "torch", reason="of torch alone")
def test_under_autocast_and_without_gradients(monkeypatch):
    import torch

    stack = stack_of()
    with torch.autocast("cpu", torch.bfloat16):
        assert joins(stack, monkeypatch) == 0
    with counting_joins(monkeypatch) as seen, torch.no_grad():
        stack(tensor(random(5, UNITS), "float32"))
    assert not seen


@pytest.mark.same_everywhere
def test_under_a_rematerialization_scope_of_keras(monkeypatch):
    with keras.RematScope("activations"):
        stack = stack_of()
        assert joins(stack, monkeypatch) == 0


def test_nothing_is_joined_in_an_export(monkeypatch):
    stack = stack_of()
    with monkeypatch.context() as patched:
        patched.setattr(backend._in_use, "exporting", lambda x: True)
        assert joins(stack, monkeypatch) == 0
    with counting_joins(monkeypatch) as seen:
        stack(keras.KerasTensor((None, UNITS)))
    assert not seen


@pytest.mark.skipif(BACKEND != "tensorflow", reason="a SavedModel is TensorFlow's")
def test_exported(tmp_path, monkeypatch):
    import tensorflow as tf

    model = keras.Sequential([keras.Input((UNITS,)), stack_of("swish(learnable=True)")])
    with counting_joins(monkeypatch) as seen:
        model.export(tmp_path / "model", verbose=False)
    assert not seen
    x, loaded = tensor(random(5, UNITS), "float32"), tf.saved_model.load(tmp_path / "model")
    np.testing.assert_allclose(loaded.serve(x), model(x), rtol=1e-5, atol=1e-6)


def test_saved_and_loaded(tmp_path, monkeypatch):
    model = keras.Sequential([keras.Input((UNITS,)), stack_of("swish(learnable=True)")])
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert joins(loaded.layers[-1], monkeypatch) == 2
