"""Code as a user writes it, with every public name: `tox -e types` checks it, tests/test_typing.py runs it."""

from typing import Annotated, Any

import keras
import numpy as np

import keras_actx as actx
from keras_actx.activations import exponential, rational, relu, snake
from keras_actx.initializers import Distribution, Paired, Pairing, Scheme, rational_fit
from keras_actx.testing import KnownError, bytes_kept, check_activation

x = keras.ops.convert_to_tensor(np.linspace(-2.0, 2.0, 8, dtype="float32").reshape(2, 4))

# Activations as values.
bound: actx.Activation = actx.activations.snake.bind(alpha=2.0)
again: actx.Activation = bound.bind(3.0)
y: Any = snake(x, alpha=2.0)
y = snake(x, 2.0)
y = snake(x=x, alpha=keras.ops.ones(4))
y = relu.bind(negative_slope=0.1, max_value=None, threshold=0.0)(x)
y = actx.activations.softmax(x, axis=-1)
y = actx.activations.gelu.bind(approximate=True)(x)
y = exponential(x), rational.bind(p0=1.0)(x), actx.activations.swiglu(x)
activations: list[actx.Activation] = [snake, exponential, actx.Activation("snake", (("alpha", 2.0),))]
text: str = str(bound)
config: dict[str, Any] = bound.get_config()
assert actx.Activation.from_config(config) == bound


# An activation of one's own.
@actx.register_activation(package="user_code", aliases=("half",), cites="nobody", kinks={0.0: 0.5})
def halved(
    x: Any, slope: actx.ranges.NonNegative = 0.5, shift: Annotated[float, actx.ranges.Range(low=-1.0, high=1.0)] = 0.0
) -> Any:
    """A straight line for positives, another for negatives."""
    return keras.ops.where(x >= 0, 0.5 * x + shift, slope * 0.5 * x + shift)


@actx.register_activation
def plain_line(x: Any, factor: actx.ranges.Real = 1.0, scale: actx.ranges.Positive = 1.0) -> Any:
    """A straight line."""
    return factor * scale * x


own: actx.Activation = halved.bind(slope=1.0, shift=0.5)
y = own(x), plain_line(x)

# Names.
declared = actx.describe("snake")
defaults: dict[str, Any] = declared.defaults
learnable: tuple[str, ...] = declared.learnable_parameters
gated: tuple[str, ...] = actx.names(kind="gated")
looked_up = actx.get("snake(alpha=2.0)")
y = looked_up(x)
assert actx.deserialize(actx.serialize(looked_up)) == looked_up
layer = keras.layers.Dense(4, activation="swish(beta=1.5, learnable=True)")
layer = keras.layers.Dense(4, activation=snake.bind(alpha=2.0))
layer = keras.layers.Dense(4, activation=actx.get("mish"))

# Settings.
actx.config.set_memory_efficient(actx.config.memory_efficient())
actx.config.set_fused(actx.config.fused())
actx.config.set_cuda_kernels(actx.config.cuda_kernels())
actx.config.set_portable(actx.config.portable())

# Moments and start weights.
seen: actx.Moments = actx.moments("gelu", mean=0.5)
mean: float = seen.mean
gain: float = actx.gain(snake)
scheme: Scheme = "critical"
distribution: Distribution = "orthogonal"
chosen: Pairing = actx.pairing("relu", scheme, distribution=distribution, first_layer=True, depth=10)
deviation: float = chosen.bias_std
bias: keras.initializers.Initializer = chosen.bias_initializer(seed=1)
kernel = Paired("mish", "published", seed=1)
# Keras has no types: the checker takes those of the defaults, here a string.
layer = keras.layers.Dense(4, activation="mish", kernel_initializer=kernel)  # pyright: ignore[reportArgumentType]
y = layer(x)
fitted: actx.Activation = rational_fit("tanh", version="A")

# Blocks.
block = actx.layers.DenseBlock(
    4,
    activation="mish",
    scheme="critical",
    normalization="layer",
    dropout=0.1,
    residual=True,
    first_layer=True,
    seed=1,
)
y = block(x, training=False)
if block.pairing is not None:
    reason: str = block.pairing.reason
block = actx.layers.DenseBlock(4, "swiglu", normalization=keras.layers.LayerNormalization())
stack = actx.layers.DenseStack(4, "gelu", depth=3, scheme="auto", standardize=True, seed=1)
y = stack(x)
first: actx.layers.DenseBlock = stack.blocks[0]
model = keras.Sequential([keras.Input((4,)), actx.layers.DenseBlock(4, snake), keras.layers.Dense(1)])
y = model(x)

# Callbacks.
monitor = actx.callbacks.ActivationMonitor(x, frequency=1, layers=None, max_rows=256)
results: dict[str, float] = monitor.measure(model)

# Whole models.
copied: keras.Model = actx.replace_activations(model, {snake: "mish", "linear": None}, pair=True, seed=1)
copied = actx.replace_activations(model, {"snake": actx.layers.LearnableActivation("snake")})


def build(activation: object) -> keras.Model:
    """A model that is compared."""
    made = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, activation)])
    made.compile("sgd", "mse")
    return made


targets = np.ones((8, 2))
compared = actx.compare(build, np.ones((8, 3)), targets, activations=["relu", snake], seeds=2, verbose=False)
verdict: str = compared.verdict
means: list[float] = [row["mean"] for row in compared.rows]
score: float = compared.runs[0].score
of_seeds: dict[str, tuple[float, ...]] = compared.scores

# The other layers.
images = keras.ops.ones((1, 4, 4, 2))
layers: list[keras.layers.Layer] = [
    actx.layers.AdaptiveActivation("tanh"),
    actx.layers.CReLU(axis=-1),
    actx.layers.Dice(),
    actx.layers.GatedLinearUnit("geglu", gate="first", interleaved=False),
    actx.layers.GroupSort(2),
    actx.layers.LearnableActivation("swish", parameters=("beta",), per_channel=True),
    actx.layers.Maxout(2, grouping="contiguous", pieces=2),
    actx.layers.MetaACON(),
    actx.layers.PolyNorm(),
    actx.layers.StochasticActivation("rrelu", seed=1),
]
y = [one(x) for one in layers]
y = actx.layers.FunnelReLU(3, data_format="channels_last")(images)
y = actx.layers.DynamicReLU(data_format="channels_last")(images)


# Checks: `check_activation(halved, points=512, known_errors=[...])`, which takes long for a test of the types.
def check() -> None:
    """What `keras_actx.testing` offers."""
    kept: int = bytes_kept(snake, x)
    check_activation(halved, points=512, known_errors=[])
    assert kept
    assert KnownError


def draw() -> None:
    """The picture, which needs matplotlib."""
    actx.plot.propagation("gelu", schemes=("published", "critical"), depth=10).savefig("gelu.png")
    actx.plot.comparison(compared).savefig("scores.png")
    compared.plot().savefig("scores.png")
