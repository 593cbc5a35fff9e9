"""Every kind of Keras layer that takes `activation=`, as a small model, for the tests of names, saving and training."""

import keras
import numpy as np

ACTIVATIONS = {
    "fixed": "tanhexp",
    "parameterised": "snake(alpha=2.0)",
    "learnable": "swish(beta=1.5, learnable=True)",
}
#: More ways of writing one, for the tests that need only one kind of layer.
MORE_ACTIVATIONS = {
    "keras_parameterised": "leaky_relu(negative_slope=0.1)",
    "keras_gelu": "gelu(approximate=True)",
    "keras_threshold": "threshold(threshold=0.1, default_value=0.0)",
    "namespaced": "keras_actx>snake",
    "learnable_by_default": "prelu",
    "keras_learnable": "elu(alpha=0.5, learnable=True)",
    "two_parameters": "pelu",
    "stochastic": "rrelu",
}

L = keras.layers

#: name -> (shape of one input, function of the activation that gives the layer)
LAYERS = {
    "dense": ((6,), lambda a: L.Dense(4, activation=a)),
    "einsum_dense": ((3, 6), lambda a: L.EinsumDense("abc,cd->abd", (3, 4), bias_axes="d", activation=a)),
    "conv1d": ((8, 3), lambda a: L.Conv1D(4, 3, activation=a)),
    "conv2d": ((6, 6, 3), lambda a: L.Conv2D(4, 3, activation=a)),
    "conv3d": ((4, 4, 4, 2), lambda a: L.Conv3D(3, 2, activation=a)),
    "conv1d_transpose": ((5, 3), lambda a: L.Conv1DTranspose(4, 3, activation=a)),
    "conv2d_transpose": ((4, 4, 3), lambda a: L.Conv2DTranspose(4, 3, activation=a)),
    "conv3d_transpose": ((3, 3, 3, 2), lambda a: L.Conv3DTranspose(3, 2, activation=a)),
    "depthwise_conv1d": ((6, 3), lambda a: L.DepthwiseConv1D(3, activation=a)),
    "depthwise_conv2d": ((6, 6, 3), lambda a: L.DepthwiseConv2D(3, activation=a)),
    "separable_conv1d": ((6, 3), lambda a: L.SeparableConv1D(4, 3, activation=a)),
    "separable_conv2d": ((6, 6, 3), lambda a: L.SeparableConv2D(4, 3, activation=a)),
    "lstm": ((4, 3), lambda a: L.LSTM(4, activation=a)),
    "gru": ((4, 3), lambda a: L.GRU(4, activation=a, recurrent_activation="sigmoid")),
    "simple_rnn": ((4, 3), lambda a: L.SimpleRNN(4, activation=a)),
    "conv_lstm1d": ((3, 5, 2), lambda a: L.ConvLSTM1D(3, 2, activation=a)),
    "conv_lstm2d": ((3, 5, 5, 2), lambda a: L.ConvLSTM2D(3, 2, activation=a)),
    "bidirectional": ((4, 3), lambda a: L.Bidirectional(L.LSTM(4, activation=a))),
    "bidirectional_gru": ((4, 3), lambda a: L.Bidirectional(L.GRU(3, activation=a, recurrent_activation="sigmoid"))),
    "time_distributed": ((4, 3), lambda a: L.TimeDistributed(L.Dense(4, activation=a))),
    "activation": ((6,), L.Activation),
}


class AttentionBlock(L.Layer):
    """Attention, then an `Activation` and a feed-forward part: how transformers use activations."""

    def __init__(self, activation, **kwargs):
        super().__init__(**kwargs)
        self.attention = L.MultiHeadAttention(2, 2)
        self.feed_forward = L.Dense(3, activation=activation)
        self.after = L.Activation(activation)

    def build(self, input_shape):
        self.attention.build(input_shape, input_shape)
        self.feed_forward.build(input_shape)
        self.after.build(input_shape)

    def call(self, x):
        return self.after(x + self.feed_forward(self.attention(x, x)))


class Subclassed(keras.Model):
    """A subclassed model that takes its activation as a string."""

    def __init__(self, activation, **kwargs):
        super().__init__(**kwargs)
        self.written = activation
        self.hidden = L.Dense(5, activation=activation)
        self.out = L.Dense(2)

    def call(self, x):
        return self.out(self.hidden(x))

    def get_config(self):
        return {**super().get_config(), "activation": self.written}


def sequential(kind, activation):
    """The layer in a `Sequential` model with two outputs."""
    shape, layer = LAYERS[kind]
    return keras.Sequential([keras.Input(shape), layer(activation), L.Flatten(), L.Dense(2)])


def functional(kind, activation):
    """The layer in a functional model with two outputs."""
    shape, layer = LAYERS[kind]
    inputs = keras.Input(shape)
    return keras.Model(inputs, L.Dense(2)(L.Flatten()(layer(activation)(inputs))))


def data(model_or_shape, batch=4):
    """A batch of inputs and targets for a model of `sequential` or `functional`."""
    shape = model_or_shape if isinstance(model_or_shape, tuple) else model_or_shape.input_shape[1:]
    rng = np.random.default_rng(0)
    return rng.normal(size=(batch, *shape)).astype("float32"), rng.normal(size=(batch, 2)).astype("float32")


def moved(model):
    """The model with every weight away from its start, as after training, but without the time that takes."""
    rng = np.random.default_rng(1)
    for weight in model.weights:
        if "float" in weight.dtype:
            weight.assign(keras.ops.convert_to_numpy(weight) * 0.9 + 0.05 + 0.05 * rng.random(weight.shape))
    return model


def one_step(model):
    """Compile, and take one training step that moves every weight."""
    optimizer = keras.optimizers.SGD(0.05)
    if keras.config.dtype_policy().name == "mixed_float16":  # from Keras's initial scale, the first steps are skipped
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer, initial_scale=1.0)
    model.compile(optimizer=optimizer, loss=keras.losses.MeanSquaredError())
    x, y = data(model)
    model.fit(x, y, epochs=1, batch_size=len(x), verbose=0)
    return model


def outputs(model, x):
    """The model's outputs as a numpy array."""
    return keras.ops.convert_to_numpy(keras.ops.cast(model(x, training=False), "float32"))
