"""`DenseStack`: a sequence of equal blocks, each initialized for the block before it."""

from functools import partial
from typing import TYPE_CHECKING, Any

import keras

from keras_actx._messages import quote
from keras_actx.choices import Scheme
from keras_actx.declaration.declaration import OWN_PACKAGE
from keras_actx.initializers.paired import checked_activation, checked_input_activation, saved
from keras_actx.layers._arguments import is_whole, refuse_unless
from keras_actx.layers._base import RematerializedLayer
from keras_actx.layers._block_parts import Parts, bounded, check_arguments, check_repeated
from keras_actx.layers._joined import call_in_order
from keras_actx.layers.dense_block import DenseBlock
from keras_actx.plain_numbers import takes_numpy_scalars
from keras_actx.saved_configs import in_todays_form
from keras_actx.seeds import checked_seed_number

if TYPE_CHECKING:
    from keras_actx.initializers.pairing import Pairing

_TOLD = ("input_activation", "input_standardized", "first_layer", "depth")


def block_seed(seed: int, i: int) -> int:
    """The seed of block i in a stack of this seed: every block draws different numbers."""
    return (seed * 1000003 + i) % 2**31


def _of_blocks(name: str, doc: str) -> Any:
    """The argument that all blocks share, as an attribute of the stack."""
    return property(lambda stack: getattr(stack.blocks[0], name), doc=doc)


@keras.saving.register_keras_serializable(OWN_PACKAGE)
class DenseStack(RematerializedLayer):
    """A sequence of `depth` blocks `DenseBlock(units, activation, ...)`, each initialized for its input and the depth.

    The schemes "critical" and "looks_linear" require this information. `stack.blocks` holds the blocks.

    Args:
        units: size of every output.
        activation: as in `DenseBlock`; a name, so that each block creates its own.
        depth: the number of blocks, a whole number from 1 to 10000.
        scheme: as in `DenseBlock`, except for "auto": "looks_linear" if the activation supports it, `units` is even and
            the stack receives the network's input; otherwise "critical" with `depth=`, but "glorot" for up to 5
            elementwise layers; SIREN's initialization for `sine`. With `residual` or a normalization, each block is
            initialized independently.
        input_activation: the activation of the layer before the stack; None for the network's input, of mean 0 and
            variance 1.
        input_standardized: whether the layer before the stack had `standardize=True`.
        residual: add its input to each block's output, except the first's, which may have another size.
        standardize: as in `DenseBlock`, for each block; every block accounts for that of the block before.
        seed: None, or a whole number from 0 to 2**31 - 1 for the same weights after every restart; every block draws
            different ones. A `keras.random.SeedGenerator` provides its next number.
        **kwargs: all other arguments of `DenseBlock`, for each block; `name`, `dtype`, `trainable` for all.

    Input shape: `(batch, ..., features)`. Output shape: `(batch, ..., units)`.

    Raises:
        ValueError: for an argument out of range, and for a layer or an initializer as an argument: blocks cannot share
            one.

    Example:

    >>> import keras, keras_actx as actx
    >>> stack = actx.layers.DenseStack(64, "mish", depth=100)
    >>> stack.pairing.scheme, [round(block.pairing.gain, 3) for block in stack.blocks[:3]]
    ('critical', [1.0, 0.994, 0.994])
    """

    @takes_numpy_scalars
    @partial(bounded, is_block=False)
    def __init__(
        self,
        units: int,
        activation: Any = "relu",
        *,
        depth: int,
        scheme: Scheme = "auto",
        input_activation: Any = None,
        input_standardized: bool = False,
        residual: bool = False,
        standardize: bool = False,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        refuse_unless(is_whole(depth, 1, 10000), "DenseStack", "depth", depth, "a whole number from 1 to 10000")
        seed = checked_seed_number(seed, "DenseStack")
        switches = {"input_standardized": input_standardized, "residual": residual, "standardize": standardize}
        of_dense = {"use_bias": kwargs.get("use_bias"), "dropout": kwargs.get("dropout", 0.0)}
        check_arguments("DenseStack", units=units, **of_dense, **switches)
        input_activation = checked_input_activation(input_activation, "DenseStack")
        for name in _TOLD[2:]:
            if name in kwargs:
                raise ValueError(
                    f"DenseStack: {name}={quote(kwargs[name])} is not allowed: DenseStack sets it; remove it"
                )
        arguments = {"activation": activation, **kwargs}
        for name, value in arguments.items():
            shared = isinstance(value, (keras.layers.Layer, keras.initializers.Initializer))
            allowed = "a name or a config, since blocks would share its weights or draw the same numbers"
            refuse_unless(not shared, "DenseStack", name, value, allowed)
        check_repeated(depth, arguments)
        # The code of the schemes is imported at the first stack.
        from keras_actx.initializers.auto import scheme_stacked
        from keras_actx.initializers.pairing import check_scheme

        check_scheme(scheme)
        plain = not residual and kwargs.get("normalization") is None and kwargs.get("kernel_initializer") is None
        resolved = checked_activation("DenseStack", "activation", activation)
        of_blocks = scheme
        if scheme == "auto" and plain:
            of_blocks = scheme_stacked(
                resolved,
                depth,
                pairs=units % 2 == 0 and input_activation is None,
                bias=kwargs.get("use_bias") is not False and kwargs.get("bias_initializer") is None,
                standardize=standardize,
            )
        own = {key: kwargs.pop(key) for key in ("name", "dtype", "trainable") if key in kwargs}
        super().__init__(**own)
        self.depth = depth
        self.scheme = scheme
        self.seed = seed
        self.residual = residual
        self.supports_masking = True
        self.blocks: list[DenseBlock] = []
        # Every block needs its own layer, created from the config.
        of_each = activation if isinstance(activation, dict) else resolved
        with keras.name_scope(self.name):  # for weights created before the stack is built
            for i in range(depth):
                first = i == 0
                block = DenseBlock(
                    units,
                    of_each,
                    scheme=of_blocks,
                    first_layer=first and input_activation is None,
                    input_activation=input_activation if first else resolved,
                    input_standardized=input_standardized if first else standardize,
                    depth=depth,
                    residual=residual and not first,
                    standardize=standardize,
                    seed=None if seed is None else block_seed(seed, i),
                    dtype=self.dtype_policy,
                    name=f"block_{i}",
                    **kwargs,
                )
                self.blocks.append(block)
                if keras.backend.backend() == "tensorflow":
                    # For `tf.train.Checkpoint` and SavedModel, which do not track lists; private, so that Keras's
                    # files, which use attributes by name, find the blocks in the list.
                    setattr(self, f"_block_{i}", block)

        for block in () if self.trainable else self.blocks:
            block.trainable = False

    units = _of_blocks("units", "Size of every output.")
    standardize = _of_blocks("standardize", "Whether the outputs of the blocks are standardized.")
    input_activation = _of_blocks("input_activation", "The activation of the layer before the stack, or None.")
    input_standardized = _of_blocks("input_standardized", "Whether the layer before had `standardize=True`.")
    use_bias = _of_blocks("use_bias", "Whether the blocks have a bias; None if their normalization decides.")
    dropout = _of_blocks("dropout", "The fraction that each block drops.")
    kernel_initializer = _of_blocks("kernel_initializer", "The initializer of the first block's kernel.")
    bias_initializer = _of_blocks("bias_initializer", "The initializer of the first block's bias.")
    kernel_regularizer = _of_blocks("kernel_regularizer", "The regularizer of the kernels, or None.")
    bias_regularizer = _of_blocks("bias_regularizer", "The regularizer of the biases, or None.")
    kernel_constraint = _of_blocks("kernel_constraint", "The constraint of the kernels, or None.")
    bias_constraint = _of_blocks("bias_constraint", "The constraint of the biases, or None.")

    @property
    def activation(self) -> Any:
        """The activation of the blocks, a separate one for each; for a layer, its config."""
        activation = self.blocks[0].paired_with
        return keras.activations.serialize(activation) if isinstance(activation, keras.layers.Layer) else activation

    @property
    def normalization(self) -> Any:
        """The normalization of the blocks, a separate one for each, as its config; or None."""
        normalization = self.blocks[0].normalization
        return normalization and keras.saving.serialize_keras_object(normalization)

    @property
    def layers(self) -> Parts:
        """The blocks."""
        return Parts(self.blocks)

    @property
    def pairing(self) -> "Pairing | None":
        """The initialization chosen for all blocks after the first; for a stack of one block, for that block."""
        return self.blocks[-1].pairing

    def quantize(self, mode: Any = None, type_check: bool = True, **kwargs: Any) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]  (Keras 3.10 has no `config`)
        """Quantize the kernels of all blocks, as `keras.layers.Dense.quantize` does."""
        for block in self.blocks:
            block.quantize(mode, type_check=type_check, **kwargs)

    def quantized_call(self, *args: Any, **kwargs: Any) -> Any:
        """The call: under a quantized policy, the blocks quantize their kernels."""
        return self.call(*args, **kwargs)

    def enable_lora(self, rank: int, *args: Any, **kwargs: Any) -> None:
        """Add low-rank updates that are trained in place of the kernels, as `keras.layers.Dense.enable_lora` does."""
        for block in self.blocks:
            block.enable_lora(rank, *args, **kwargs)

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "DenseStack":
        config = in_todays_form(config)
        states = config.get("parts")
        stack = super().from_config({name: value for name, value in config.items() if name != "parts"})
        if states is not None:
            fits = isinstance(states, (list, tuple)) and len(states) == len(stack.blocks)
            refuse_unless(fits, "DenseStack", "parts", states, "a list of as many dicts as there are blocks")
            for block, of_block in zip(stack.blocks, states, strict=True):
                block.restore_parts(of_block)
        return stack

    def build(self, input_shape: Any) -> None:
        """Build the blocks."""
        shape = tuple(input_shape)
        for block in self.blocks:
            block.build(shape)
            shape = block.compute_output_shape(shape)

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Run the blocks in order."""
        return call_in_order(self.blocks, inputs, training)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (*input_shape[:-1], self.blocks[0].units)

    def get_config(self) -> dict[str, Any]:
        of_block = self.blocks[0].get_config()
        for name in ("name", "dtype", "trainable", "parts", *_TOLD):
            of_block.pop(name, None)
        states = [block.part_states() for block in self.blocks]
        if any(states):
            states = [block.part_states(always=True) for block in self.blocks]
            of_block["parts"] = states
        return {
            **of_block,
            **super().get_config(),
            "depth": self.depth,
            "scheme": self.scheme,
            "input_activation": saved(self.blocks[0].input_activation),
            "input_standardized": self.blocks[0].input_standardized,
            "residual": self.residual,
            "seed": self.seed,
        }
