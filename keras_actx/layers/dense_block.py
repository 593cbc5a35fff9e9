"""`DenseBlock`: Dense, normalization, activation and dropout, with start weights that fit the activation."""

from typing import TYPE_CHECKING, Any

import keras

from keras_actx.declaration.declaration import OWN_PACKAGE
from keras_actx.initializers.paired import Paired, readable, saved
from keras_actx.layers.block_parts import activation_layer, check_arguments, dropout_layer, normalization_layer
from keras_actx.layers.declared import DeclaredActivationLayer
from keras_actx.layers.gated_linear_unit import GatedLinearUnit
from keras_actx.layers.held import HeldLayer

if TYPE_CHECKING:
    from keras_actx.initializers.pairing import Pairing


@keras.saving.register_keras_serializable(OWN_PACKAGE)
class DenseBlock(keras.layers.Layer):
    """Dense, normalization, activation and dropout, in that order, started for the activation.

    Composed of Keras's own layers (`block.dense`, `block.normalization`, `block.activation_layer`,
    `block.dropout_layer`), so that LoRA, quantization, masks, dtype policies, regularizers and constraints work on the
    parts as they do in Keras.

    Args:
        units: size of the output, a whole number above 0.
        activation: a name, an `Activation`, a layer or any callable. A gated name (`"swiglu"`) gets one kernel of
            `2 * units` columns and gives `units`. A learnable one has one parameter a unit unless the string says
            `num_parameters`.
        scheme: how kernel and bias start, "glorot", "textbook", "critical", "mirrored" or "auto"; see
            `keras_actx.initializers.Paired`.
        kernel_initializer: None for the paired one; any Keras initializer replaces it. For a gated activation it draws
            the whole `(fan_in, 2 * units)` kernel at once.
        bias_initializer: None for the one that belongs to the kernel (zeros except for "critical"), or any Keras
            initializer.
        use_bias: None for a bias unless batch normalization follows, which has its own; or True or False.
        normalization: None, "batch", "layer", "rms", or a Keras layer.
        dropout: the fraction to drop, in [0, 1); alpha dropout for selu.
        residual: add the input to the output; needs an input of `units`.
        standardize: whether the activation's output becomes (f(z) - mean) / deviation, with the two numbers, constants
            that are neither trained nor weights, of the z that the scheme starts the block at: at the start it has mean
            0 and variance 1, before dropout and before the input is added. With initializers of your own, and behind a
            normalization, they are those of z ~ N(0, 1); of a learnable activation, those of its start values.
        first_layer: whether the block sees the network's input, for "critical", "mirrored", and `sine`.
        input_activation: the activation of the layer before; "critical" and "mirrored", which scale the kernel for it,
            insist on it or on `first_layer=True`. `keras_actx.layers.DenseStack` says it by itself.
        input_standardized: whether the layer before had `standardize=True`; the kernel then makes up for that.
        depth: None, or how many layers the network has, for "critical".
        seed: None, or a whole number for the same kernel and dropout after every restart.
        kernel_regularizer, bias_regularizer, activity_regularizer, kernel_constraint, bias_constraint: as in
            `keras.layers.Dense`; the activity is the block's output.
        **kwargs: `name`, `dtype`, `trainable` of a Keras layer.

    Input shape: `(batch, ..., features)`. Output shape: `(batch, ..., units)`.

    Raises:
        ValueError: for an argument out of range, an unknown name or scheme, `standardize=True` for an activation that
            mixes a whole axis or gives a constant, and on build for a residual block whose input has another size than
            `units`.

    Example:

    >>> import keras_actx as actx
    >>> block = actx.layers.DenseBlock(64, activation="mish", normalization="layer", dropout=0.1)
    >>> block.pairing.reason
    'Glorot'
    """

    def __init__(
        self,
        units: int,
        activation: Any = "relu",
        *,
        scheme: str = "auto",
        kernel_initializer: Any = None,
        bias_initializer: Any = None,
        use_bias: bool | None = None,
        normalization: Any = None,
        dropout: float = 0.0,
        residual: bool = False,
        standardize: bool = False,
        first_layer: bool = False,
        input_activation: Any = None,
        input_standardized: bool = False,
        depth: int | None = None,
        seed: int | None = None,
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        switches = {
            "residual": residual,
            "standardize": standardize,
            "first_layer": first_layer,
            "input_standardized": input_standardized,
        }
        check_arguments(units=units, use_bias=use_bias, dropout=dropout, seed=seed, **switches)
        # What decides is imported at the first block.
        from keras_actx.initializers.pairing import check_input_is_known, check_scheme

        check_scheme(scheme)
        check_input_is_known(scheme, "DenseBlock", activation, first_layer, input_activation)
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.units = units
        self.scheme = scheme
        self.use_bias = use_bias
        self.dropout = float(dropout)
        self.residual = residual
        self.standardize = standardize
        self.first_layer = first_layer
        self.input_activation = None if input_activation is None else as_value(readable(input_activation))
        self.input_standardized = input_standardized
        self.depth = depth
        self.seed = seed
        self.supports_masking = True
        self.activation_layer = activation_layer(activation, units, self.dtype_policy)
        if isinstance(self.activation_layer, HeldLayer):
            self.activation_layer.held_by(self)
        glu = self.activation_layer
        gated = isinstance(glu, GatedLinearUnit)
        self.normalization = normalization_layer(normalization, self.dtype_policy)
        batch_normalized = isinstance(self.normalization, keras.layers.BatchNormalization)
        use_bias = not batch_normalized if use_bias is None else use_bias
        self._scheme_decides = kernel_initializer is None
        if self._scheme_decides:
            kernel_initializer = Paired(
                self._paired_with(),
                scheme,
                seed=seed,
                first_layer=first_layer,
                input_activation=self.input_activation,
                depth=depth,
                use_bias=use_bias and bias_initializer is None,
                normalized=self.normalization is not None,
                standardize=standardize,
                input_standardized=input_standardized,
            )
        kernel_initializer = keras.initializers.get(kernel_initializer)
        self._scheme_decides_bias = bias_initializer is None
        if self._scheme_decides_bias:
            bias_initializer = "zeros"
            if isinstance(kernel_initializer, Paired):
                layout = {"gate": glu.gate, "interleaved": glu.interleaved} if gated else {}
                bias_initializer = kernel_initializer.pairing.bias_initializer(seed, **layout)
        self.dense = keras.layers.Dense(
            2 * units if gated else units,
            use_bias=use_bias,
            kernel_initializer=kernel_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint,
            bias_constraint=bias_constraint,
            dtype=self.dtype_policy,
            name="dense",
        )
        self.dropout_layer = dropout_layer(self.dropout, self._paired_with(), seed, self.dtype_policy)
        self._output_moments = self._moments_at_start(kernel_initializer) if standardize else None

    @property
    def pairing(self) -> "Pairing | None":
        """What was chosen for the kernel, and why, in words and numbers; None for an initializer of another kind."""
        initializer = self.dense.kernel_initializer
        return initializer.pairing if isinstance(initializer, Paired) else None

    @property
    def activation(self) -> Any:
        """The activation, as it is saved."""
        layer = self.activation_layer
        return layer.activation if isinstance(layer, keras.layers.Activation) else layer

    def _moments_at_start(self, kernel_initializer: Any) -> tuple[float, float]:
        """What standardizes the output."""
        from keras_actx.initializers.standardization import output_moments_under

        rule = kernel_initializer.pairing if isinstance(kernel_initializer, Paired) else None
        return output_moments_under(self._paired_with(), rule, self.normalization is not None)

    def _paired_with(self) -> Any:
        layer = self.activation_layer
        if isinstance(layer, GatedLinearUnit) and layer.interleaved:
            return layer  # for the order of its columns
        return layer.activation if isinstance(layer, (DeclaredActivationLayer, keras.layers.Activation)) else layer

    def build(self, input_shape: Any) -> None:
        """Build the parts. Raises `ValueError` if a residual block cannot add its input."""
        shape = tuple(input_shape)
        if self.residual and shape[-1] != self.units:
            raise ValueError(
                f"{self.name}: residual=True needs an input of units={self.units} features, not {shape[-1]}; "
                "change units, or put a DenseBlock without residual before it"
            )
        self.dense.build(shape)
        inner = (*shape[:-1], self.dense.units)
        if self.normalization is not None and not self.normalization.built:
            self.normalization.build(inner)
        if not self.activation_layer.built:
            self.activation_layer.build(inner)

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Run the parts in order."""
        x = self.dense(inputs)
        if self.normalization is not None:
            takes_training = "training" in self.normalization.call_signature_parameters
            x = self.normalization(x, training=training) if takes_training else self.normalization(x)
        x = self.activate(x)
        if self.dropout_layer is not None:
            x = self.dropout_layer(x, training=training)
        return x + inputs if self.residual else x

    def activate(self, x: Any) -> Any:
        """The activation of `x`, standardized if so asked."""
        layer = self.activation_layer
        x = layer.activation(x) if self._is_function(layer) else layer(x)
        if self._output_moments is None:
            return x
        mean, deviation = self._output_moments
        return (x - mean) / deviation

    def _is_function(self, layer: Any) -> bool:
        """Whether calling it as a layer does nothing more, and takes torch a hundredth of a step of training."""
        plain = type(layer) is keras.layers.Activation and layer.activity_regularizer is None
        return plain and layer.dtype_policy == self.dtype_policy

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (*input_shape[:-1], self.units)

    def get_config(self) -> dict[str, Any]:
        dense = self.dense.get_config()
        copied = ("kernel_regularizer", "bias_regularizer", "kernel_constraint", "bias_constraint")
        return {
            **super().get_config(),
            "units": self.units,
            "activation": keras.activations.serialize(self.activation),
            "scheme": self.scheme,
            "kernel_initializer": None if self._scheme_decides else dense["kernel_initializer"],
            "bias_initializer": None if self._scheme_decides_bias else dense["bias_initializer"],
            **{key: dense[key] for key in copied},
            "use_bias": self.use_bias,
            "normalization": None
            if self.normalization is None
            else keras.saving.serialize_keras_object(self.normalization),
            "dropout": self.dropout,
            "residual": self.residual,
            "standardize": self.standardize,
            "first_layer": self.first_layer,
            "input_activation": saved(self.input_activation),
            "input_standardized": self.input_standardized,
            "depth": self.depth,
            "seed": self.seed,
            "activity_regularizer": keras.regularizers.serialize(self.activity_regularizer)
            if self.activity_regularizer is not None
            else None,
        }


def as_value(told: Any) -> Any:
    """An activation without the weights of a learnable one, which Keras would count among the block's."""
    return told.activation if isinstance(told, DeclaredActivationLayer) else told
