"""On JAX's CPU an elementwise function and its gradient are one pass of XLA's each; and that nothing else changes."""

import os
import subprocess
import sys

import keras
import numpy as np
import pytest
from memory_switch import memory_efficient

import keras_actx as actx
from keras_actx.testing import memory

if keras.backend.backend() != "jax":
    pytest.skip("of JAX alone", allow_module_level=True)

import jax
import jax.numpy as jnp

mish, swish = actx.activations.mish, actx.activations.swish


@pytest.fixture(autouse=True)
def _on():
    with memory_efficient(True):
        yield


@pytest.fixture(scope="module")
def planned_for_relu():
    return memory.compiled_bytes(jax.nn.relu)


@pytest.mark.parametrize("name", ["gelu", "logish", "mish", "phish", "snake", "tanhexp", "xielu"])
def test_xla_plans_what_it_plans_for_relu(name, planned_for_relu, efficient):
    """In six layers, so nothing is there beside what is kept, nor within a layer's step."""
    planned = memory.compiled_bytes(actx.Activation(name, ()))
    if efficient or name == "snake":
        assert planned <= planned_for_relu
    else:
        assert planned > (1 if name == "xielu" else 2) * planned_for_relu


def with_and_without(compute):
    """What is computed with the switch on, compiled, and as the formula has it."""
    with memory_efficient(True):
        found = jax.jit(compute)()
    with memory_efficient(False):
        return found, jax.jit(compute)()


def assert_same(compute, rtol=2e-6):
    found, expected = with_and_without(compute)
    for one, other in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_allclose(np.asarray(one, "float64"), np.asarray(other, "float64"), rtol=rtol, atol=1e-6)


X = np.random.default_rng(0).normal(size=(7, 12)).astype("float32")


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize("name", ["gelu", "mish", "phish", "xielu", "swiglu"])
def test_one_pass_computes_the_same(name, dtype):
    activation, x = actx.Activation(name, ()), jnp.asarray(X, dtype)
    assert_same(lambda: jax.value_and_grad(lambda x: activation(x).astype("float32").sum())(x))
    assert_same(lambda: jax.grad(lambda x: jax.grad(lambda x: activation(x).astype("float32").sum())(x).sum())(x))


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("shape", [(), (12,), (7, 1), (7, 12), (2, 1, 1)])
def test_parameters_beside_it(shape, dtype):
    """Repeated along some axes, or making the result larger; in one dtype with x, or another."""
    beta = jnp.full(shape, 1.5, dtype)

    def loss(x, beta):
        return (swish(x, beta=beta).astype("float32") ** 2).sum()

    for x in (jnp.asarray(X), jnp.asarray(X, "float16")):
        assert_same(lambda x=x: jax.grad(loss, argnums=(0, 1))(x, beta), rtol=2e-3 if dtype == "float16" else 2e-6)


@pytest.mark.parametrize("axes", [(0, None), (None, 0), (1, 0)])
def test_gradient_of_a_mapped_function(axes):
    beta = jnp.linspace(0.5, 2, 12)

    def loss(x, beta):
        return (jax.vmap(lambda x, beta: swish(x, beta=beta), in_axes=axes)(x, beta) ** 2).sum()

    assert_same(lambda: jax.grad(loss, argnums=(0, 1))(jnp.asarray(X), beta))


def test_linear_both_ways():
    """The way back, transposed, is the way there."""
    x = jnp.asarray(X)
    back = jax.jit(lambda x, c: jax.linear_transpose(jax.vjp(mish, x)[1], c)((c,))[0])
    np.testing.assert_allclose(back(x, x), jax.jvp(mish, (x,), (x,))[1], rtol=1e-5, atol=1e-6)


def steps_of(function, *tensors):
    return jax.jit(function).lower(*tensors).as_text()


def test_only_where_differentiated(efficient):
    """What is not reads as ordinary steps, for programs that convert them."""
    x = jnp.asarray(X)
    assert "stablehlo.map" not in steps_of(mish, x)
    assert ("stablehlo.map" in steps_of(jax.grad(lambda x: mish(x).sum()), x)) == efficient


@pytest.mark.filterwarnings("ignore:activation .* is declared again")
@pytest.mark.parametrize(
    "mixed",
    [
        lambda x: x / keras.ops.max(x),
        lambda x: x * keras.ops.cumsum(x, axis=-1),
        lambda x: x * keras.ops.flip(x),
        lambda x: x * keras.ops.arange(12, dtype="float32"),
    ],
    ids=["max", "cumsum", "flip", "constants"],
)
def test_what_mixes_numbers_is_left_as_it_is(mixed):
    @actx.register_activation(package="test_memory_jax")
    def gated(x):
        return keras.ops.sigmoid(x) * keras.ops.tanh(mixed(x))

    x = jnp.asarray(X)
    with memory_efficient(True):
        assert "stablehlo.map" not in steps_of(jax.grad(lambda x: gated(x).sum()), x)
    assert_same(lambda: jax.grad(lambda x: (gated(x) ** 2).sum())(x))


TWO_DEVICES = """
import jax, jax.numpy as jnp, numpy as np, keras_actx as actx
from jax.sharding import Mesh, NamedSharding, PartitionSpec
mesh = Mesh(np.array(jax.devices()), ("rows",))
rows, same = (NamedSharding(mesh, PartitionSpec(*axes)) for axes in (("rows",), ()))
def loss(x, beta):
    return (actx.activations.swish(actx.activations.mish(x), beta=beta) ** 2).sum()
gradient = jax.jit(jax.grad(loss, argnums=(0, 1)))
x, beta = jnp.linspace(-3, 3, 32).reshape(8, 4), jnp.linspace(0.5, 2, 4)
split = jax.device_put(x, rows), jax.device_put(beta, same)
compiled = gradient.lower(*split).compile()
assert "all-gather" not in compiled.as_text()
pairs = [*zip(compiled(*split), gradient(x, beta))]
if hasattr(jax, "shard_map"):
    each = jax.shard_map(actx.activations.mish, mesh=mesh, in_specs=rows.spec, out_specs=rows.spec)
    first, second = (jax.jit(jax.grad(lambda x: (f(x) ** 2).sum()))(x) for f in (each, actx.activations.mish))
    pairs.append((first, second))
for one, other in pairs:
    np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
print(len(jax.devices()), "devices")
"""


def test_a_batch_on_two_devices():
    """It stays there: none asks the other for its rows."""
    environment = {**os.environ, "XLA_FLAGS": "--xla_force_host_platform_device_count=2", "JAX_PLATFORMS": "cpu"}
    command = [sys.executable, "-c", TWO_DEVICES]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.stdout == "2 devices\n", done.stderr
