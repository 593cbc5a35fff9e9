"""`DenseBlock`: Dense, normalization, activation and dropout, initialized for the activation."""

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import keras

from keras_actx.choices import Normalization, Scheme
from keras_actx.declaration.declaration import OWN_PACKAGE
from keras_actx.initializers.init_spec import LayerContext
from keras_actx.initializers.paired import Paired, checked_input_activation, saved
from keras_actx.layers import _part_states as part_states
from keras_actx.layers._arguments import keras_object
from keras_actx.layers._base import DeclaredActivationLayer, RematerializedLayer
from keras_actx.layers._block_parts import (
    Parts,
    activation_layer,
    bounded,
    check_arguments,
    check_shape,
    dropout_layer,
    keeps_shape,
    normalization_layer,
)
from keras_actx.layers._held import hold
from keras_actx.layers._place import Place, place_of
from keras_actx.layers.gated_linear_unit import GatedLinearUnit
from keras_actx.plain_numbers import takes_numpy_scalars
from keras_actx.saved_configs import in_todays_form
from keras_actx.seeds import checked_seed_number

if TYPE_CHECKING:
    from keras_actx.initializers.pairing import Pairing


@keras.saving.register_keras_serializable(OWN_PACKAGE)
class DenseBlock(RematerializedLayer):
    """Dense, normalization, activation and dropout, in that order, initialized for the activation.

    In a `Sequential` or functional model, a block determines the layer before it when it is built and is initialized as
    a layer of `DenseStack`; elsewhere it uses the published initialization of its activation. `block.pairing` reports
    the choice.

    Composed of Keras's own layers (`block.dense`, `block.normalization`, `block.activation_layer`,
    `block.dropout_layer`), so that LoRA, quantization, masks, dtype policies, regularizers and constraints work on the
    parts as they do in Keras; changes to a part are saved with the block. `block.quantize` and `block.enable_lora` are
    those of `block.dense`.

    Args:
        units: size of the output, a whole number above 0.
        activation: a name, an `Activation`, a layer or any callable. A gated name (`"swiglu"`) has one kernel of
            `2 * units` columns and `units` outputs. A learnable one has one parameter per unit unless the string sets
            `num_parameters`.
        scheme: the initialization of kernel and bias, "glorot", "published", "critical", "looks_linear" or "auto"; see
            `keras_actx.initializers.Paired`.
        kernel_initializer: None for the initializer of the scheme; or any Keras initializer. For a gated activation it
            initializes the whole `(fan_in, 2 * units)` kernel.
        bias_initializer: None for the initializer of the scheme (zeros except for "critical"), or any Keras
            initializer.
        use_bias: None for a bias unless batch normalization, which has its own, follows; or True or False.
        normalization: None, "batch", "layer", "rms", or a Keras layer.
        dropout: the fraction to drop, in [0, 1); alpha dropout for selu.
        residual: add the input to the output; requires an input of size `units`.
        standardize: whether the activation's output becomes (f(z) - mean) / deviation. Mean and deviation are
            constants, neither trained nor weights, for the distribution of z at initialization under the scheme: the
            initial output has mean 0 and variance 1, before dropout and before the input is added. With custom
            initializers, and behind a normalization, they are those for z ~ N(0, 1); for a learnable activation, those
            of its initial values.
        first_layer: whether the block receives the network's input, for "critical", "looks_linear", and `sine`.
        input_activation: the activation of the layer before; "critical" and "looks_linear", which scale the kernel for
            it, require it or `first_layer=True`. `keras_actx.layers.DenseStack` sets it.
        input_standardized: whether the layer before had `standardize=True`; the kernel then compensates for it.
        depth: None, or the number of layers of the network, for "critical".
        seed: None, or a whole number from 0 to 2**31 - 1 for the same kernel, dropout and random activation after every
            restart; a `keras.random.SeedGenerator` provides its next number.
        kernel_regularizer, bias_regularizer, activity_regularizer, kernel_constraint, bias_constraint: as in
            `keras.layers.Dense`; the activity is the block's output.
        **kwargs: `name`, `dtype`, `trainable` of a Keras layer.

    Input shape: `(batch, ..., features)`. Output shape: `(batch, ..., units)`.

    Raises:
        ValueError: for an argument out of range, an unknown name or scheme, `standardize=True` for an activation that
            mixes a whole axis or is constant, and on build for a residual block whose input size differs from `units`.

    Example:

    >>> import keras_actx as actx
    >>> block = actx.layers.DenseBlock(64, activation="mish", normalization="layer", dropout=0.1)
    >>> block.pairing.reason
    'forward gain'
    """

    @takes_numpy_scalars
    @partial(bounded, is_block=True)
    def __init__(
        self,
        units: int,
        activation: Any = "relu",
        *,
        scheme: Scheme = "auto",
        kernel_initializer: Any = None,
        bias_initializer: Any = None,
        use_bias: bool | None = None,
        normalization: Normalization | keras.layers.Layer | dict[str, Any] | None = None,
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
        check_arguments("DenseBlock", units=units, use_bias=use_bias, dropout=dropout, **switches)
        seed = checked_seed_number(seed, "DenseBlock")
        # The code of the schemes is imported at the first block.
        from keras_actx.initializers.pairing import check_input_is_known, check_scheme

        check_scheme(scheme)
        check_input_is_known(scheme, "DenseBlock", activation, first_layer, input_activation)
        read = partial(keras_object, "DenseBlock")
        kernel_initializer = read("kernel_initializer", kernel_initializer, keras.initializers.get)
        bias_initializer = read("bias_initializer", bias_initializer, keras.initializers.get)
        of_dense = {
            "kernel_regularizer": read("kernel_regularizer", kernel_regularizer, keras.regularizers.get),
            "bias_regularizer": read("bias_regularizer", bias_regularizer, keras.regularizers.get),
            "kernel_constraint": read("kernel_constraint", kernel_constraint, keras.constraints.get),
            "bias_constraint": read("bias_constraint", bias_constraint, keras.constraints.get),
        }
        activity_regularizer = read("activity_regularizer", activity_regularizer, keras.regularizers.get)
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.units = units
        self.scheme = scheme
        self.use_bias = use_bias
        self.dropout = float(dropout)
        self.residual = residual
        self.standardize = standardize
        self.first_layer = first_layer
        self.input_activation = checked_input_activation(input_activation, "DenseBlock")
        self.input_standardized = input_standardized
        self.depth = depth
        self.seed = seed
        self.supports_masking = True
        policy = part_states.unquantized(self.dtype_policy)
        self.activation_layer = activation_layer(activation, units, policy, seed)
        hold(self.activation_layer, self)
        self.normalization = normalization_layer(normalization, policy)
        gated = isinstance(self.activation_layer, GatedLinearUnit)
        batch_normalized = isinstance(self.normalization, keras.layers.BatchNormalization)
        use_bias = not batch_normalized if use_bias is None else use_bias
        self._scheme_decides = kernel_initializer is None
        self._scheme_decides_bias = bias_initializer is None
        self._uses_bias = use_bias
        self.place: Place | None = None
        if self._scheme_decides:
            told = {"first_layer": first_layer, "input_activation": self.input_activation, "depth": depth}
            kernel_initializer = self._paired_kernel(scheme, self._context(**told))
        if self._scheme_decides_bias:
            bias_initializer = self._paired_bias(kernel_initializer)
        self.dense = keras.layers.Dense(
            2 * units if gated else units,
            use_bias=use_bias,
            kernel_initializer=kernel_initializer,
            bias_initializer=bias_initializer,
            **of_dense,
            dtype=part_states.of_kernel(self.dtype_policy),
            name="dense",
        )
        with keras.name_scope(self.name):
            self.dropout_layer = dropout_layer(self.dropout, self.paired_with, seed, policy)
        self._output_moments = self._moments_at_start(kernel_initializer) if standardize else None
        self._restored: tuple[str, ...] = ()
        self._as_layers = False
        self._shape_is_known = True
        for part in () if self.trainable else self.layers:
            part.trainable = False

    def _context(self, **around: Any) -> LayerContext:
        """The context for a scheme: `around` describes the surroundings of the block; the block adds the rest."""
        return LayerContext(
            use_bias=self._uses_bias and self._scheme_decides_bias,
            normalized=self.normalization is not None,
            standardize=self.standardize,
            input_standardized=self.input_standardized or (self.place is not None and self.place.input_standardized),
            **around,
        )

    def _paired_kernel(self, scheme: Scheme, context: LayerContext) -> Paired:
        return Paired(self.paired_with, scheme, seed=self.seed, **vars(context))

    def _paired_bias(self, kernel_initializer: Any) -> Any:
        if not isinstance(kernel_initializer, Paired):
            return "zeros"
        glu = self.activation_layer
        layout = {"gate": glu.gate, "interleaved": glu.interleaved} if isinstance(glu, GatedLinearUnit) else {}
        return kernel_initializer.pairing.bias_initializer(self.seed, **layout)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the block; when Keras builds it in a model's graph, it is initialized for its place there."""
        if not self.built and self._looks_around():
            inputs = args[0] if args else kwargs.get("inputs")
            self.place = place_of(inputs) or self.place
            self._start_for_place()
        return super().__call__(*args, **kwargs)

    def _looks_around(self) -> bool:
        """Whether no argument describes the surroundings of the block, and its initialization may depend on them.

        The standardization of the output is part of the function of the model and does not depend on them.
        """
        told = self.first_layer or self.input_activation is not None or self.depth is not None
        return self.scheme == "auto" and self._scheme_decides and not (told or self.standardize)

    def _start_for_place(self) -> None:
        from keras_actx.initializers.auto import ASSUMED_DEPTH, scheme_chained

        place = self.place
        if place is None:
            return
        alone = not place.is_known or self.residual or self.normalization is not None
        context = self._context(
            first_layer=place.first_layer,
            input_activation=place.input_activation,
            depth=max(ASSUMED_DEPTH, place.position),
        )
        pairs = self.units % 2 == 0 and (place.first_layer or place.looks_linear)
        scheme = "auto" if alone else scheme_chained(self.paired_with, context, units=self.units, pairs=pairs)
        if scheme == "auto":
            context = self._context(first_layer=place.is_network_input)
        chosen = self._paired_kernel(scheme, context)
        chosen.pairing = replace(chosen.pairing, seen=str(place))
        self.dense.kernel_initializer = chosen
        if self._scheme_decides_bias:
            self.dense.bias_initializer = self._paired_bias(chosen)

    @property
    def pairing(self) -> "Pairing | None":
        """The chosen initialization and its reason; None for any other initializer."""
        initializer = self.dense.kernel_initializer
        return initializer.pairing if isinstance(initializer, Paired) else None

    @property
    def activation(self) -> Any:
        """The activation, in its saved form."""
        layer = self.activation_layer
        return layer.activation if isinstance(layer, keras.layers.Activation) else layer

    @property
    def kernel_initializer(self) -> Any:
        """The initializer of the kernel."""
        return self.dense.kernel_initializer

    @property
    def bias_initializer(self) -> Any:
        """The initializer of the bias."""
        return self.dense.bias_initializer

    @property
    def kernel_regularizer(self) -> Any:
        """The regularizer of the kernel, or None."""
        return self.dense.kernel_regularizer

    @property
    def bias_regularizer(self) -> Any:
        """The regularizer of the bias, or None."""
        return self.dense.bias_regularizer

    @property
    def kernel_constraint(self) -> Any:
        """The constraint of the kernel, or None."""
        return self.dense.kernel_constraint

    @property
    def bias_constraint(self) -> Any:
        """The constraint of the bias, or None."""
        return self.dense.bias_constraint

    @property
    def layers(self) -> Parts:
        """The parts, in the order of execution."""
        return Parts(self._by_name().values())

    def _by_name(self) -> dict[str, keras.layers.Layer]:
        parts = {
            "dense": self.dense,
            "normalization": self.normalization,
            "activation": self.activation_layer,
            "dropout": self.dropout_layer,
        }
        return {name: part for name, part in parts.items() if part is not None}

    def _moments_at_start(self, kernel_initializer: Any) -> tuple[float, float]:
        """The mean and standard deviation that standardize the output."""
        from keras_actx.initializers.standardization import output_moments_under

        spec = kernel_initializer.pairing if isinstance(kernel_initializer, Paired) else None
        return output_moments_under(self.paired_with, spec, self.normalization is not None)

    @property
    def paired_with(self) -> Any:
        """The activation that the initialization is chosen for."""
        layer = self.activation_layer
        if isinstance(layer, GatedLinearUnit) and layer.interleaved:
            return layer  # which defines the order of the columns
        return layer.activation if isinstance(layer, (DeclaredActivationLayer, keras.layers.Activation)) else layer

    def build(self, input_shape: Any) -> None:
        """Build the parts. Raises `ValueError` if a residual block cannot add its input."""
        shape = tuple(input_shape)
        if self.residual and shape[-1] != self.units:
            raise ValueError(
                f"{self.name}: residual=True needs an input of units={self.units} features, not {shape[-1]}; "
                "change units, or put a DenseBlock without residual before it"
            )
        parts = self._by_name()
        if isinstance(self.dtype_policy, keras.dtype_policies.DTypePolicyMap):
            part_states.apply_map(self.dtype_policy, self.path, parts, self._restored)
        alpha = self.dense.lora_alpha
        self.dense.build(shape)
        if self.dense.lora_enabled:
            self.dense.lora_alpha = alpha  # `Dense.build` resets it
        inner, expected = (*shape[:-1], self.dense.units), (*shape[:-1], self.units)
        self._shape_is_known = keeps_shape(self.activation_layer, inner, expected)
        for name, part in parts.items():
            if name != "dense" and (not part.built or part.get_build_config() is None):
                part.build(expected if name == "dropout" else inner)

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
        """The activation of `x`, standardized if `standardize`."""
        layer = self.activation_layer
        y = layer.activation(x) if self._is_function(layer) else layer(x)
        if not self._shape_is_known:
            check_shape(layer, y.shape, (*x.shape[:-1], self.units))
        if self._output_moments is None:
            return y
        mean, stddev = self._output_moments
        return (y - mean) / stddev

    def _is_function(self, layer: Any) -> bool:
        """Whether a call as a layer is equivalent but costs 1 % of a training step on torch."""
        plain = type(layer) is keras.layers.Activation and layer.activity_regularizer is None
        return plain and not self._as_layers and layer.compute_dtype == self.compute_dtype

    def rematerialized_call(self, layer_call: Any, *args: Any, **kwargs: Any) -> Any:
        """Keras calls it only under `keras.RematScope`: the activation is then called as a layer of that scope."""
        if not self._as_layers:
            self._as_layers = True
        return super().rematerialized_call(layer_call, *args, **kwargs)

    def quantize(self, mode: Any = None, type_check: bool = True, **kwargs: Any) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]  (Keras 3.10 has no `config`)
        """Quantize the kernel, as `keras.layers.Dense.quantize` does."""
        self.dense.quantize(mode, type_check=type_check, **kwargs)

    def quantized_call(self, *args: Any, **kwargs: Any) -> Any:
        """The call: under a quantized policy, only the part with the kernel is quantized."""
        return self.call(*args, **kwargs)

    def enable_lora(self, rank: int, *args: Any, **kwargs: Any) -> None:
        """Add a low-rank update that is trained in place of the kernel, as `keras.layers.Dense.enable_lora` does."""
        self.dense.enable_lora(rank, *args, **kwargs)

    def part_states(self, always: bool = False) -> dict[str, Any] | None:
        """The changes to the parts, for a config; None without changes, unless `always`."""
        policy, parts = self.dtype_policy, self._by_name()
        made_with = {name: part_states.unquantized(policy) for name in parts} | {"dense": part_states.of_kernel(policy)}
        as_made = all(part_states.is_as_made(part, made_with[name], self.trainable) for name, part in parts.items())
        if as_made and not always and not isinstance(policy, keras.dtype_policies.DTypePolicyMap):
            return None
        return {name: part_states.state_of(part) for name, part in parts.items()}

    def restore_parts(self, states: Any) -> None:
        """Apply such changes to the parts of an unbuilt block. Raises `ValueError` for an invalid config."""
        part_states.restore(self.name, self._by_name(), states)
        self._restored = tuple(states)

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "DenseBlock":
        config = in_todays_form(config)
        states, place = config.get("parts"), config.get("place")
        block = super().from_config({name: value for name, value in config.items() if name not in ("parts", "place")})
        if place is not None:
            block.place = Place.from_config(place)
            if block._looks_around():
                block._start_for_place()
        if states is not None:
            block.restore_parts(states)
        return block

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (*input_shape[:-1], self.units)

    def get_config(self) -> dict[str, Any]:
        states = self.part_states()
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
            **({} if states is None else {"parts": states}),
            **({} if self.place is None else {"place": self.place.get_config()}),
        }
