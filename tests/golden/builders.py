"""Tiny models with everything of ours that a saved file can hold, as a user's code builds them.

The files of `golden/VERSION/` were saved from these; their weights load into models built here. So what is here stays:
code that was written for an old version has to build the same model with a later one.
"""

import zlib

import keras
import numpy as np

import keras_actx as actx
from keras_actx.activations import _FAMILIES

L, A = keras.layers, actx.layers
#: For XLA, which would otherwise take a minute for a model that runs once.
_QUICKLY = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}
RATES = {"kernel_regularizer": "l2", "bias_regularizer": "l1", "kernel_constraint": "max_norm"}


@actx.register_activation(package="golden", aliases=("golden_other_wave",))
def golden_wave(x, rate: actx.ranges.Positive = 1.5):
    """A formula that the user declares."""
    return x + keras.ops.sin(rate * x) / rate


def _own(family):
    declared = (one.declaration for one in vars(family).values() if isinstance(one, actx.Activation))
    return sorted({one.name: one for one in declared if one.package == "keras_actx"}.values(), key=lambda one: one.name)


def _model(shape, branches, name):
    """One input, and a branch for each layer or list of layers; outputs by the name of the branch."""
    inputs = keras.Input(shape, name="inputs")
    outputs = {}
    for branch, layers in branches.items():
        x = inputs
        for layer in layers if isinstance(layers, list) else [layers]:
            x = layer(x)
        outputs[branch] = x
    return keras.Model(inputs, outputs, name=name)


def _other_value(parameter):
    """Another value than the default, wherever one is known to be allowed."""
    if parameter.kind is bool:
        return not parameter.default
    if parameter.kind is int:  # an axis, or how many
        return parameter.default + (parameter.default > 0)
    start = parameter.default or 0.0
    found = (one for one in (0.75 * start + 0.125, 0.75 * start, start - 0.125) if one in parameter.range)
    return next(found, parameter.default)


def _of_family(family):
    """Every activation of a file of `keras_actx/activations`: by its plain name, with other parameters, learnable."""
    branches = {}
    for declaration in _own(family):
        name = declaration.name
        if declaration.kind == "gated":
            branches[name] = [L.Dense(4, name=f"before_{name}"), A.GatedLinearUnit(name, name=name)]
            continue
        branches[name] = L.Dense(3, activation=f"keras_actx>{name}", name=name)
        other = {one.name: _other_value(one) for one in declaration.parameters}
        if other != declaration.defaults:
            value = getattr(actx.activations, name).bind(**other)
            branches[f"other_{name}"] = L.Activation(value, name=f"other_{name}")
        if declaration.learnable_parameters and not declaration.stochastic:
            learnable = f"keras_actx>{name}(learnable=True, num_parameters=3)"
            branches[f"learnable_{name}"] = L.Dense(3, activation=learnable, name=f"learnable_{name}")
    return branches


def _layers():
    """Every layer of ours for features, with each of its arguments at another value somewhere."""
    learnable, adaptive = A.LearnableActivation, A.AdaptiveActivation
    return {
        "maxout": A.Maxout(2, name="maxout"),
        "maxout_contiguous": A.Maxout(3, grouping="contiguous", pieces=2, name="maxout_contiguous"),
        "crelu": A.CReLU(name="crelu"),
        "group_sort": A.GroupSort(3, name="group_sort"),
        "group_sort_whole": A.GroupSort(None, name="group_sort_whole"),
        "dynamic_relu": A.DynamicReLU(name="dynamic_relu"),
        "dynamic_relu_shared": A.DynamicReLU(
            3,
            2,
            shared=True,
            lambda_a=0.5,
            lambda_b=0.25,
            initial_a=[0.5, 0.25, 1.0],
            initial_b=[0.0, 0.1, -0.1],
            name="dynamic_relu_shared",
        ),
        "meta_acon": A.MetaACON(2, name="meta_acon"),
        "meta_acon_plain": A.MetaACON(
            3, normalize=False, p1_initializer="he_normal", p2_initializer="ones", name="meta_acon_plain"
        ),
        "dice": A.Dice(name="dice"),
        "dice_other": A.Dice(
            momentum=0.9,
            epsilon=1e-3,
            alpha_initializer="ones",
            alpha_regularizer="l2",
            alpha_constraint="non_neg",
            name="dice_other",
        ),
        "poly_norm": A.PolyNorm(name="poly_norm"),
        "poly_norm_other": A.PolyNorm(1e-3, weight_initializer="ones", bias_initializer="ones", name="poly_norm_other"),
        "stochastic": A.StochasticActivation("rrelu(lower=0.2)", seed=3, name="stochastic"),
        "stochastic_vector": A.StochasticActivation("gumbel_softmax(tau=0.5)", name="stochastic_vector"),
        "glu_first": A.GatedLinearUnit("swiglu", gate="first", name="glu_first"),
        "glu_interleaved": A.GatedLinearUnit("swiglu_clamped(limit=2.0)", interleaved=True, name="glu_interleaved"),
        "learnable": learnable("swish(beta=1.5)", name="learnable"),
        "learnable_value": learnable(actx.activations.snake.bind(alpha=0.5), axis=-1, name="learnable_value"),
        "learnable_count": learnable("pelu", num_parameters=6, name="learnable_count"),
        "learnable_some": learnable(
            "acon_c",
            axis=(1,),
            parameters=("beta",),
            initializer="ones",
            regularizer={"beta": "l2"},
            constraint={"beta": "non_neg"},
            name="learnable_some",
        ),
        "learnable_initializers": learnable(
            "pelu", initializer={"a": keras.initializers.Constant(0.7)}, name="learnable_initializers"
        ),
        "adaptive": adaptive("tanh", name="adaptive"),
        "adaptive_slope": adaptive("snake(alpha=2.0)", n=10.0, parameters=("slope",), axis=-1, name="adaptive_slope"),
        "adaptive_other": adaptive(
            "gelu",
            scale=2.0,
            slope=0.5,
            shift=0.25,
            parameters=("scale", "shift"),
            num_parameters=6,
            regularizer="l2",
            name="adaptive_other",
        ),
        "adaptive_learnable": adaptive("prelu", name="adaptive_learnable"),
        "adaptive_layer": adaptive(L.PReLU(name="inner_prelu"), name="adaptive_layer"),
        "adaptive_inside": L.Dense(3, activation=adaptive("sine", num_parameters=3), name="adaptive_inside"),
        "learnable_inside": L.Dense(
            3, activation=learnable("celu", num_parameters=3, name="given"), name="learnable_inside"
        ),
        "poly_norm_inside": [
            L.Dense(4, name="before_poly_norm_inside"),
            L.Activation("keras_actx>squash", name="poly_norm_inside"),
        ],
        "value_inside": L.Dense(3, activation=actx.activations.aria2.bind(alpha=0.5), name="value_inside"),
        "own": L.Dense(3, activation="golden_wave(rate=2.0)", name="own"),
        "own_learnable": L.Dense(3, activation="golden>golden_wave(learnable=True)", name="own_learnable"),
        "own_alias": L.Dense(3, activation="golden_other_wave", name="own_alias"),
        "one_node": actx.get("snake(alpha=3.0)"),
        "float16": L.Dense(3, activation="swish(beta=0.5)", dtype="mixed_float16", name="float16"),
        "float16_learnable": L.Dense(
            3, activation="swish(beta=0.5, learnable=True)", dtype="mixed_float16", name="float16_learnable"
        ),
        "not_trainable": L.Dense(3, activation="pelu", trainable=False, name="not_trainable"),
        "paired": L.Dense(4, activation="mish", kernel_initializer=A_paired("mish", "published"), name="paired"),
    }


def A_paired(*arguments, **settings):
    return actx.initializers.Paired(*arguments, **settings)


def _images():
    """Layers of ours for images, and Keras's convolutions with activations of ours."""
    paired = A_paired("mish", "critical", seed=1, first_layer=True, depthwise=False)
    return {
        "conv": L.Conv2D(3, 2, activation="snake(alpha=2.0)", name="conv"),
        "conv_learnable": L.Conv2D(3, 2, activation="prelu(num_parameters=3)", name="conv_learnable"),
        "conv_paired": L.Conv2D(
            3,
            3,
            activation="mish",
            kernel_initializer=paired,
            bias_initializer=paired.pairing.bias_initializer(1),
            name="conv_paired",
        ),
        "separable": L.SeparableConv2D(3, 2, activation="pelu", name="separable"),
        "transposed": L.Conv2DTranspose(3, 2, activation="swish(learnable=True)", name="transposed"),
        "funnel": A.FunnelReLU(name="funnel"),
        "funnel_other": A.FunnelReLU(
            (3, 1), momentum=0.9, epsilon=1e-2, depthwise_initializer="he_normal", name="funnel_other"
        ),
        "dynamic_relu": A.DynamicReLU(2, 2, name="dynamic_relu"),
        "meta_acon": A.MetaACON(2, name="meta_acon"),
        "dice": A.Dice(name="dice"),
        "maxout": A.Maxout(2, axis=-1, name="maxout"),
        "maxout_rows": A.Maxout(2, axis=1, name="maxout_rows"),
        "crelu": A.CReLU(axis=-1, name="crelu"),
        "group_sort": A.GroupSort(2, axis=2, name="group_sort"),
        "element": A.LearnableActivation("xielu", axis=(1, 2, 3), name="element"),
        "channel": A.LearnableActivation("xielu", axis=-1, name="channel"),
        "adaptive": A.AdaptiveActivation("tanh", axis=(2, 3), name="adaptive"),
        "vector": L.Conv2D(4, 2, activation="entmax15(axis=1)", name="vector"),
        "activation": L.Activation("prelu", name="activation"),
    }


def _sequences():
    """Recurrent layers, `EinsumDense`, `TimeDistributed` and attention with activations of ours."""
    swish = "swish(beta=1.5, learnable=True)"
    return {
        "lstm": L.LSTM(3, activation="snake(alpha=2.0)", name="lstm"),
        "lstm_learnable": L.LSTM(3, activation=swish, return_sequences=True, name="lstm_learnable"),
        "lstm_both": L.LSTM(3, activation=swish, recurrent_activation="swish(learnable=True)", name="lstm_both"),
        "gru": L.GRU(3, activation="pelu", recurrent_activation="sigmoid", name="gru"),
        "simple_rnn": L.SimpleRNN(3, activation="celu(learnable=True)", name="simple_rnn"),
        "bidirectional": L.Bidirectional(L.LSTM(2, activation=swish, name="halves"), name="bidirectional"),
        "bidirectional_gru": L.Bidirectional(
            L.GRU(2, activation="pelu", recurrent_activation="sigmoid", name="gru_halves"), name="bidirectional_gru"
        ),
        "einsum": L.EinsumDense("abc,cd->abd", (None, 3), bias_axes="d", activation="snake", name="einsum"),
        "einsum_learnable": L.EinsumDense(
            "abc,cd->abd", (None, 3), bias_axes="d", activation="prelu(num_parameters=3)", name="einsum_learnable"
        ),
        "distributed": L.TimeDistributed(L.Dense(3, activation=swish, name="each"), name="distributed"),
        "distributed_block": L.TimeDistributed(A.DenseBlock(3, "mish", name="each_block"), name="distributed_block"),
        "conv1d": L.Conv1D(3, 2, activation="tanhexp", name="conv1d"),
        "funnel": A.FunnelReLU(name="funnel"),
        "dynamic_relu": A.DynamicReLU(2, 2, name="dynamic_relu"),
        "block": A.DenseBlock(3, "swiglu", normalization="layer", name="block"),
        "stack": A.DenseStack(4, "pelu", depth=2, name="stack"),
    }


def _blocks():
    """A `DenseBlock` for every option, alone and with others."""
    block = A.DenseBlock
    paired = A_paired("mish", "critical", input_activation="gelu", depth=4, distribution="truncated_normal", seed=2)
    return {
        "plain": block(3, name="plain"),
        "linear": block(3, None, name="linear"),
        "string": block(3, "snake(alpha=2.0)", name="string"),
        "value": block(3, actx.activations.snake.bind(alpha=2.0), name="value"),
        "keras": block(3, "gelu", name="keras"),
        "own": block(3, "golden_wave", name="own"),
        "learnable": block(3, "pelu", name="learnable"),
        "learnable_one": block(3, "swish(beta=1.5, learnable=True, num_parameters=1)", name="learnable_one"),
        "learnable_layer": block(
            3, A.LearnableActivation("snake", num_parameters=3, name="given"), name="learnable_layer"
        ),
        "adaptive": block(3, A.AdaptiveActivation("tanh", num_parameters=3, name="given"), name="adaptive"),
        "layer": block(3, L.PReLU(name="given"), name="layer"),
        "stochastic": block(3, "rrelu", seed=1, name="stochastic"),
        "gated": block(3, "swiglu", name="gated"),
        "gated_keras": block(3, "glu", name="gated_keras"),
        "gated_other": block(3, "swiglu_clamped(limit=1.0)", name="gated_other"),
        "gated_critical": block(3, "geglu", scheme="critical", first_layer=True, name="gated_critical"),
        "gated_first": block(
            3, A.GatedLinearUnit("swiglu", gate="first", interleaved=True, name="given"), name="gated_first"
        ),
        "glorot": block(3, "mish", scheme="glorot", name="glorot"),
        "textbook": block(3, "mish", scheme="published", name="textbook"),
        "critical": block(3, "mish", scheme="critical", first_layer=True, depth=7, name="critical"),
        "critical_after": block(3, "mish", scheme="critical", input_activation="gelu", name="critical_after"),
        "mirrored": block(4, "gelu", scheme="looks_linear", first_layer=True, seed=1, name="mirrored"),
        "mirrored_after": block(
            4,
            "silu",
            scheme="looks_linear",
            input_activation="relu",
            input_standardized=True,
            name="mirrored_after",
        ),
        "batch": block(3, "mish", normalization="batch", name="batch"),
        "batch_bias": block(3, "mish", normalization="batch", use_bias=True, name="batch_bias"),
        "layer_normalization": block(3, "mish", normalization="layer", name="layer_normalization"),
        "rms": block(3, "mish", normalization="rms", name="rms"),
        "given_normalization": block(
            4, "mish", normalization=L.GroupNormalization(2, name="given"), name="given_normalization"
        ),
        "no_bias": block(3, "mish", use_bias=False, name="no_bias"),
        "dropout": block(3, "mish", dropout=0.25, seed=5, name="dropout"),
        "alpha_dropout": block(3, "selu", dropout=0.25, name="alpha_dropout"),
        "residual": block(6, "mish", residual=True, name="residual"),
        "standardize": block(3, "mish", standardize=True, name="standardize"),
        "standardize_learnable": block(3, "pelu", standardize=True, scheme="published", name="standardize_learnable"),
        "standardize_normalized": block(
            3, "relu", standardize=True, normalization="batch", name="standardize_normalized"
        ),
        "standardize_gated": block(3, "swiglu", standardize=True, name="standardize_gated"),
        "sine": block(3, "sine", first_layer=True, name="sine"),
        "sine_hidden": block(3, "sine(w0=20.0)", name="sine_hidden"),
        "initializers": block(3, "mish", kernel_initializer="he_normal", bias_initializer="ones", name="initializers"),
        "paired": block(3, "mish", kernel_initializer=paired, name="paired"),
        "regularized": block(
            3, "mish", activity_regularizer="l2", bias_constraint="non_neg", name="regularized", **RATES
        ),
        "all": block(
            6,
            "pelu",
            scheme="critical",
            input_activation="mish",
            normalization="layer",
            dropout=0.1,
            residual=True,
            standardize=True,
            input_standardized=True,
            depth=9,
            seed=4,
            use_bias=True,
            name="all",
        ),
        "not_trainable": block(3, "pelu", trainable=False, name="not_trainable"),
        "float16": block(3, "pelu", normalization="layer", dtype="mixed_float16", name="float16"),
    }


def _stacks():
    """A `DenseStack` for every option."""
    stack = A.DenseStack
    return {
        "plain": stack(4, depth=2, name="plain"),
        "deep": stack(4, "mish", depth=7, seed=3, name="deep"),
        "learnable": stack(4, "pelu", depth=3, name="learnable"),
        "value": stack(4, actx.activations.snake.bind(alpha=2.0), depth=2, name="value"),
        "gated": stack(4, "swiglu", depth=2, name="gated"),
        "glorot": stack(4, "mish", depth=2, scheme="glorot", name="glorot"),
        "textbook": stack(4, "mish", depth=2, scheme="published", name="textbook"),
        "critical": stack(4, "mish", depth=2, scheme="critical", input_activation="gelu", name="critical"),
        "mirrored": stack(4, "gelu", depth=2, scheme="looks_linear", name="mirrored"),
        "batch": stack(4, "mish", depth=2, normalization="batch", dropout=0.25, seed=1, name="batch"),
        "layer": stack(4, "pelu", depth=2, normalization="layer", name="layer"),
        "residual": stack(4, "mish", depth=3, residual=True, name="residual"),
        "standardize": stack(
            4, "mish", depth=3, standardize=True, input_standardized=True, input_activation="mish", name="standardize"
        ),
        "initializers": stack(
            4,
            "mish",
            depth=2,
            kernel_initializer="he_normal",
            bias_initializer="ones",
            use_bias=True,
            name="initializers",
        ),
        "no_bias": stack(4, "relu", depth=2, use_bias=False, name="no_bias"),
        "one": stack(4, "mish", depth=1, name="one"),
        "sine": stack(4, "sine", depth=6, name="sine"),
        "own": stack(4, "golden_wave", depth=2, name="own"),
        "regularized": stack(4, "mish", depth=2, name="regularized", **RATES),
        "not_trainable": stack(4, "pelu", depth=2, trainable=False, name="not_trainable"),
        "float16": stack(4, "pelu", depth=2, dtype="mixed_float16", name="float16"),
    }


def _unnamed():
    """Names as Keras gives them: what is inside of a layer is `learnable_activation`, then `learnable_activation_1`."""
    return keras.Sequential(
        [
            keras.Input((5, 6)),
            L.Bidirectional(L.LSTM(2, activation="swish(beta=1.5, learnable=True)", return_sequences=True)),
            L.Dense(4, activation="prelu"),
            L.Dense(4, activation="prelu(num_parameters=4)"),
            A.LearnableActivation("pelu"),
            A.DenseBlock(4, "pelu", normalization="batch"),
            A.DenseStack(4, "pelu", depth=2),
            A.AdaptiveActivation("prelu"),
            L.Dense(2, activation=A.AdaptiveActivation("tanh")),
        ]
    )


def _name_of(family):
    # The files have the name that this module had.
    return family.__name__.rpartition(".")[2].replace("pade_units", "rational")


FAMILIES = {_name_of(family): family for family in _FAMILIES}
SHAPES = {"images": (4, 4, 4), "sequences": (4, 4), "unnamed": (5, 6)}
_BRANCHES = {"layers": _layers, "images": _images, "sequences": _sequences, "blocks": _blocks, "stacks": _stacks}
MODELS = (*FAMILIES, *_BRANCHES, "unnamed")
#: Saved as legacy .h5 and as JSON, too.
ALSO_H5 = ("leaky", "layers", "sequences", "blocks", "stacks", "unnamed")
#: Saved as pickles, too, and compiled and trained for a step.
PICKLED, TRAINED = "sequences", "unnamed"


def build(name):
    """The model of that name, new."""
    if name == "unnamed":
        keras.backend.clear_session()
        return _unnamed()
    branches = _of_family(FAMILIES[name]) if name in FAMILIES else _BRANCHES[name]()
    return _model(shape(name), branches, name)


def shape(name):
    """The shape of one input of the model."""
    return SHAPES.get(name, (6,))


def inputs(name):
    """What the outputs were recorded for."""
    return _random(name).normal(size=(4, *shape(name))).astype("float32")


def move(model, name):
    """Every float weight away from where it starts, by the same numbers on every backend, inside its constraint."""
    random = _random(name)
    for weight in model.weights:
        start = keras.ops.convert_to_numpy(weight)
        if start.size and np.ptp(start) > 0:  # drawn, and backends draw other numbers
            fan_in = weight.shape[-2] if len(weight.shape) > 1 else 10
            start = random.normal(size=weight.shape) / np.sqrt(fan_in)
        value = 0.9 * start + 0.05 + 0.05 * random.random(weight.shape)
        weight.assign(value.astype("float32"))
        if weight.constraint is not None:
            weight.assign(weight.constraint(weight.value))
    return model


def _random(name):
    return np.random.default_rng(zlib.crc32(name.encode()))


def weights(model):
    """Every weight as an array, in Keras's order."""
    return [keras.ops.convert_to_numpy(one) for one in model.weights]


def outputs_and_gradients(model, x):
    """The outputs by name, and the gradients of their sum of squares by the input and every trainable weight."""
    return prepared(model)(x)


def prepared(model):
    """The same as a function of the input, for a model whose weights change; on JAX compiled once."""
    outputs_and_gradients = {"tensorflow": _tensorflow, "jax": _jax, "torch": _torch}[keras.backend.backend()](model)

    def run(x):
        outputs, gradients = outputs_and_gradients(x)
        named = outputs if isinstance(outputs, dict) else {"output": outputs}
        return {name: _array(one) for name, one in named.items()}, [_array(one) for one in gradients]

    return run


def _tensorflow(model):
    import tensorflow as tf

    def run(x):
        x = tf.constant(x)
        with tf.GradientTape() as tape:
            tape.watch(x)
            outputs = model(x, training=False)
            loss = _sum_of_squares(outputs)
        sources = [x, *(one.value for one in model.trainable_variables)]
        return outputs, tape.gradient(loss, sources, unconnected_gradients="zero")

    return run


def _jax(model):
    import jax

    def loss(x, trained, fixed):
        outputs, _ = model.stateless_call(trained, fixed, x, training=False)
        return _sum_of_squares(outputs), outputs

    compiled = jax.jit(jax.grad(loss, argnums=(0, 1), has_aux=True), compiler_options=_QUICKLY)

    def run(x):
        values = ([one.value for one in group] for group in (model.trainable_variables, model.non_trainable_variables))
        (by_input, by_weights), outputs = compiled(x, *values)
        return outputs, [by_input, *by_weights]

    return run


def _torch(model):
    import torch

    def run(x):
        x = torch.tensor(x, requires_grad=True)
        outputs = model(x, training=False)
        sources = [x, *(one.value for one in model.trainable_variables)]
        found = torch.autograd.grad(_sum_of_squares(outputs), sources, allow_unused=True)
        return outputs, [
            torch.zeros_like(one) if each is None else each for one, each in zip(sources, found, strict=True)
        ]

    return run


def _sum_of_squares(outputs):
    every = outputs.values() if isinstance(outputs, dict) else [outputs]
    return sum(keras.ops.sum(keras.ops.square(keras.ops.cast(one, "float32"))) for one in every)


def _array(tensor):
    return keras.ops.convert_to_numpy(keras.ops.cast(tensor, "float32"))


def trained():
    """A compiled model after two steps of training, with the state of its optimizer."""
    model = move(build(TRAINED), TRAINED)
    model.compile(keras.optimizers.Adam(0.01), keras.losses.MeanSquaredError())
    x = inputs(TRAINED)
    model.fit(x, np.ones((len(x), 5, 2), "float32"), epochs=2, verbose=0)
    return model
