"""JAX's own transformations, with activations that keep their input alone, and what XLA makes of it."""

import keras
import numpy as np
import pytest

import keras_actx as actx
from keras_actx.testing import memory

if keras.backend.backend() != "jax":
    pytest.skip("of JAX alone", allow_module_level=True)

import jax
import jax.export
import jax.numpy as jnp

pytestmark = pytest.mark.usefixtures("efficient")
mish, swish = actx.activations.mish, actx.activations.swish


def residuals(function, *tensors):
    """The shapes that the way back holds."""
    return [one.shape for one in jax.tree.leaves(jax.vjp(function, *tensors)[1])]


def test_the_residual_is_the_input(efficient):
    assert (residuals(mish, jnp.ones((2, 3))) == [(2, 3)]) == efficient


def test_xla_keeps_one_tensor_a_layer(efficient):
    """Of two more layers, two inputs and two outputs are left; without the switch more."""
    short, long = (memory.compiled_bytes(mish, depth=depth, width=64, batch=256) for depth in (6, 8))
    kept = (long - short) / (2 * 4 * 64 * 256)
    assert (kept <= 2.01) == efficient, kept


def test_numbers_are_not_traced():
    """What is traced once must not be made of numbers that happened to be there."""
    factor = [2.0]

    @actx.register_activation(package="test_memory_jax")
    def times_factor(x):
        return x * factor[0]

    assert times_factor(jnp.ones(1))[0] == 2.0
    factor[0] = 3.0
    assert times_factor(jnp.ones(1))[0] == 3.0


@pytest.mark.filterwarnings("ignore:activation .* is declared again")
def test_a_formula_of_more_than_its_arguments_keeps_its_gradient():
    def loss(weight, x):
        @actx.register_activation(package="test_memory_jax")
        def weighted(x):
            return x * keras.ops.sigmoid(weight * x)

        return weighted(x).sum()

    found = jax.jit(jax.grad(loss))(1.5, jnp.ones(3))
    assert abs(float(found)) > 0.1


def test_transformations_inside_each_other():
    x, beta = jnp.linspace(-3, 3, 6), jnp.array(1.5)

    def function(x, beta):
        return swish(x, beta=beta)

    slope = jax.vmap(jax.grad(function), in_axes=(0, None))(x, beta)
    np.testing.assert_allclose(slope, jax.jvp(lambda x: function(x, beta), (x,), (jnp.ones_like(x),))[1], rtol=1e-6)
    np.testing.assert_allclose(slope, jnp.diagonal(jax.jacfwd(function)(x, beta)), rtol=1e-6)
    np.testing.assert_allclose(slope, jnp.diagonal(jax.jit(jax.jacrev(function))(x, beta)), rtol=1e-6)

    def total(x, beta):
        return function(x, beta).sum()

    forward = jax.jit(jax.hessian(total, argnums=(0, 1)))(x, beta)
    reverse = jax.jit(jax.jacrev(jax.jacrev(total, argnums=(0, 1)), argnums=(0, 1)))(x, beta)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6), forward, reverse)
    linear = jax.linearize(lambda x: function(x, beta), x)[1]
    np.testing.assert_allclose(linear(jnp.ones_like(x)), slope, rtol=1e-6)


def test_at_a_python_number():
    for name in ("snake(alpha=2.0)", "elu(alpha=2.0)", "mish", "keras_actx>relu"):
        function, x = actx.get(name), jnp.float32(0.5)
        by_jvp = jax.jvp(function, (0.5,), (1.0,))[1]
        for found in (jax.grad(function)(0.5), jax.value_and_grad(function)(0.5)[1], by_jvp):
            np.testing.assert_allclose(found, jax.grad(function)(x), rtol=1e-6)
        np.testing.assert_allclose(jax.hessian(function)(0.5), jax.hessian(function)(x), rtol=1e-6)


def test_inside_a_checkpoint_and_a_scan():
    x = jnp.linspace(-3, 3, 6)

    def loss(x):
        return jax.lax.scan(lambda carry, _: (jax.checkpoint(mish)(carry), None), x, None, length=3)[0].sum()

    expected = jax.grad(lambda x: mish(mish(mish(x))).sum())(x)
    np.testing.assert_allclose(jax.jit(jax.grad(loss))(x), expected, rtol=1e-5)


def test_exported():
    x = jnp.linspace(-3, 3, 6)
    gradient = jax.jit(jax.grad(lambda x: mish(x).sum()))
    exported = jax.export.export(gradient)(jax.ShapeDtypeStruct(x.shape, x.dtype))
    np.testing.assert_allclose(exported.call(x), gradient(x), rtol=1e-6)


def test_split_over_devices():
    """By shard_map, which checks along which axes of devices a value varies; a parameter is the same on all."""
    mesh = jax.sharding.Mesh(np.array(jax.devices()[:1]), ("rows",))
    rows, same = jax.sharding.PartitionSpec("rows"), jax.sharding.PartitionSpec()
    x, beta = jnp.linspace(-3, 3, 6), jnp.array(1.5)

    def function(x, beta):
        return swish(x, beta=beta)

    if not hasattr(jax, "shard_map"):
        pytest.skip("this JAX has it elsewhere")
    split = jax.shard_map(function, mesh=mesh, in_specs=(rows, same), out_specs=rows)
    found = jax.jit(jax.grad(lambda x, beta: split(x, beta).sum(), argnums=(0, 1)))(x, beta)
    expected = jax.grad(lambda x, beta: function(x, beta).sum(), argnums=(0, 1))(x, beta)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6), found, expected)


@pytest.mark.skipif(not hasattr(jax, "set_mesh"), reason="this JAX has no explicit sharding")
def test_split_explicitly():
    """With the layout in the type of a tensor."""
    mesh = jax.make_mesh((1,), ("rows",), axis_types=(jax.sharding.AxisType.Explicit,), devices=jax.devices()[:1])
    with jax.set_mesh(mesh):
        x = jax.device_put(jnp.linspace(-3, 3, 6), jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("rows")))
        found = jax.jit(jax.grad(lambda x: mish(2.0 * x).sum()))(x)
    np.testing.assert_allclose(found, jax.grad(lambda x: mish(2.0 * x).sum())(jnp.linspace(-3, 3, 6)), rtol=1e-5)


def test_taylor_series():
    """`jax.experimental.jet` takes the formula itself: alone, of a gradient, and inside one."""
    from jax.experimental import jet

    x = jnp.linspace(-3, 3, 6)

    def series(function):
        return jet.jet(function, (x,), ([jnp.ones_like(x), jnp.zeros_like(x)],))[1]

    def slope(x):
        return jax.grad(lambda x: mish(x).sum())(x)

    first, second = series(mish)
    np.testing.assert_allclose(first, slope(x), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(second, jax.grad(lambda x: slope(x).sum())(x), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(series(slope)[0], second, rtol=1e-4, atol=1e-5)
