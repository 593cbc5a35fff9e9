"""TensorFlow's tapes, graphs and compilers, with activations that keep their input alone."""

import keras
import numpy as np
import pytest

import keras_actx as actx
from keras_actx.testing import memory

if keras.backend.backend() != "tensorflow":
    pytest.skip("of TensorFlow alone", allow_module_level=True)

import tensorflow as tf

pytestmark = pytest.mark.usefixtures("efficient")
mish, swish = actx.activations.mish, actx.activations.swish


def numbers():
    return tf.linspace(-3.0, 3.0, 6)


def slope(function, x):
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = function(x)
    return tape.gradient(y, x)


def in_graph(function, **options):
    return tf.function(lambda *given: function(*given), autograph=False, **options)


def test_an_eager_tape_holds_no_step(efficient):
    """What a formula makes on its way is freed when it returns."""
    import weakref

    made = []

    @actx.register_activation(package="test_memory_tensorflow")
    def watched(x):
        power = tf.exp(x)
        if tf.executing_eagerly():
            made.append(weakref.ref(power))
        return power * power * x

    x = numbers()
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = watched(x)
        assert (made[0]() is None) == efficient
    np.testing.assert_allclose(tape.gradient(y, x), tf.exp(2 * x) * (1 + 2 * x), rtol=1e-5)


def exponentials(text):
    return text.count(" exponential(")


def test_xla_does_not_undo_it(efficient):
    """The exponential of silu is in both passes of what XLA has optimized; that of its derivative is another."""
    x = tf.random.stateless_normal((64, 64), (1, 2))

    def step(x):
        return slope(lambda x: tf.sin(tf.matmul(actx.activations.silu(x), x)), x)

    text = in_graph(step, jit_compile=True).experimental_get_compiler_ir(x)(stage="optimized_hlo")
    assert exponentials(text) == (3 if efficient else 2)


def test_variables_as_parameters():
    beta = tf.Variable(1.5)
    x = numbers()

    def gradients():
        with tf.GradientTape() as tape:
            y = swish(x, beta=beta)
        return tape.gradient(y, beta)

    found = gradients()
    assert abs(float(found)) > 0.1
    for options in ({}, {"jit_compile": True}):
        np.testing.assert_allclose(in_graph(gradients, **options)(), found, rtol=1e-5)


@pytest.mark.parametrize("options", [None, {}, {"jit_compile": True}], ids=str)
def test_second_derivatives_of_every_mode(options):
    x = numbers()

    def reverse(x):
        return slope(lambda x: slope(mish, x), x)

    def forward(x):
        with tf.autodiff.ForwardAccumulator(x, tf.ones_like(x)) as accumulator:
            y = slope(mish, x)
        return accumulator.jvp(y)

    def first_forward(x):
        with tf.autodiff.ForwardAccumulator(x, tf.ones_like(x)) as accumulator:
            y = mish(x)
        return accumulator.jvp(y)

    wrap = (lambda function: function) if options is None else (lambda function: in_graph(function, **options))
    np.testing.assert_allclose(wrap(forward)(x), wrap(reverse)(x), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(wrap(first_forward)(x), slope(mish, x), rtol=1e-5)


def test_mixed_derivatives_of_a_constant_parameter():
    """One that nothing watches."""
    x, beta = numbers(), tf.constant(1.5)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = swish(x, beta=beta)
    assert tape.gradient(y, x) is not None


def test_persistent_tapes():
    x = numbers()
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = mish(x)
    np.testing.assert_array_equal(tape.gradient(y, x), tape.gradient(y, x))


def test_rows_of_a_jacobian():
    x = numbers()

    def jacobian(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = mish(x)
        return tape.jacobian(y, x)

    np.testing.assert_allclose(tf.linalg.diag_part(jacobian(x)), slope(mish, x), rtol=1e-6)
    mapped = tf.vectorized_map(lambda x: slope(mish, x), tf.reshape(x, (2, 3)), fallback_to_while_loop=False)
    np.testing.assert_allclose(tf.reshape(mapped, [-1]), slope(mish, x), rtol=1e-5)


def test_a_graph_made_with_the_gradient_outside_of_it():
    x = numbers()
    np.testing.assert_allclose(slope(in_graph(mish), x), slope(mish, x), rtol=1e-5)


def test_exported(tmp_path):
    model = keras.Sequential(
        [
            keras.Input((6,)),
            keras.layers.Dense(4, activation="mish(learnable=False)"),
            keras.layers.Dense(4, activation="swish(beta=1.5, learnable=True)"),
            actx.layers.GatedLinearUnit("swiglu"),
        ]
    )
    model.export(tmp_path / "model", verbose=False)
    x = np.ones((2, 6), "float32")
    again = tf.saved_model.load(str(tmp_path / "model"))
    np.testing.assert_allclose(again.serve(x), model(x), rtol=1e-6)


def test_a_saved_function_has_its_gradient(tmp_path):
    module = tf.Module()
    module.function = tf.function(
        lambda x: mish(x), autograph=False, input_signature=[tf.TensorSpec([None], tf.float32)]
    )
    tf.saved_model.save(module, str(tmp_path / "function"))
    x = numbers()
    again = tf.saved_model.load(str(tmp_path / "function"))
    np.testing.assert_allclose(again.function(x), mish(x), rtol=1e-6)
    np.testing.assert_allclose(slope(again.function, x), slope(mish, x), rtol=1e-5)


def test_a_formula_with_a_variable_of_its_own_still_trains_it():
    weight = tf.Variable(1.5)

    @actx.register_activation(package="test_memory_tensorflow")
    def weighted(x):
        return x * keras.ops.sigmoid(weight * x)

    with tf.GradientTape() as tape:
        y = weighted(numbers())
    assert tape.gradient(y, weight) is not None


@pytest.mark.parametrize("asked_in", ["init_scope", "stop_recording"])
def test_the_first_question_may_come_where_tapes_are_paused(efficient, asked_in):
    """What is found out about a formula is kept for all calls."""

    @actx.register_activation(package=f"test_{asked_in}_{efficient}".lower())
    def asked(x):
        return x * keras.ops.tanh(keras.ops.softplus(x))

    x = tf.ones(memory.SHAPE)
    with tf.GradientTape() as tape, tf.init_scope() if asked_in == "init_scope" else tape.stop_recording():
        asked(x)
    if efficient:
        memory.assert_keeps_its_input_alone(asked, actx.Activation("mish", ()))
