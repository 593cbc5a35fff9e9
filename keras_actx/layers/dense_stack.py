"""`DenseStack`: equal blocks one after the other, each told what feeds it."""

from typing import TYPE_CHECKING, Any

import keras

from keras_actx.declaration.declaration import OWN_PACKAGE
from keras_actx.initializers.paired import readable, saved
from keras_actx.layers.arguments import is_whole, refuse_unless
from keras_actx.layers.dense_block import DenseBlock, as_value

if TYPE_CHECKING:
    from keras_actx.initializers.pairing import Pairing

_TOLD = ("input_activation", "input_standardized", "first_layer", "depth")


def block_seed(seed: int, i: int) -> int:
    """That of block i in a stack of this seed: every block draws other numbers."""
    return (seed * 1000003 + i) % 2**31


@keras.saving.register_keras_serializable(OWN_PACKAGE)
class DenseStack(keras.layers.Layer):
    """`depth` times `DenseBlock(units, activation, ...)`, each told what feeds it and how deep the network is.

    That is what the schemes "critical" and "mirrored" ask for. `stack.blocks` holds the blocks.

    Args:
        depth: how many blocks, a whole number above 0.
        units: size of every output.
        activation: as in `DenseBlock`; a name, so that each block gets its own.
        scheme: as in `DenseBlock`, but for "auto", which here knows more: "mirrored" where the activation allows it,
            units are even and the stack sees the network's input; else "critical" with `depth=`, but "glorot" for up
            to 5 elementwise layers. With `residual` or a normalization each block is for itself.
        input_activation: the activation of the layer before the stack; None for the network's input, of mean 0 and
            variance 1.
        input_standardized: whether the layer before the stack had `standardize=True`.
        residual: add its input to each block's output, except the first's, which may have another size.
        standardize: as in `DenseBlock`, for each; every block knows that of the block before.
        seed: None, or a whole number for the same weights after every restart; every block draws others.
        **kwargs: all other arguments of `DenseBlock`, for each block; `name`, `dtype`, `trainable` for all.

    Input shape: `(batch, ..., features)`. Output shape: `(batch, ..., units)`.

    Raises:
        ValueError: for an argument out of range, and for a layer or an initializer as an argument: blocks cannot share
            one.

    Example:

    >>> import keras, keras_actx as actx
    >>> stack = actx.layers.DenseStack(100, 64, "mish")
    >>> stack.pairing.scheme, [round(block.pairing.gain, 3) for block in stack.blocks[:3]]
    ('critical', [1.0, 0.994, 0.994])
    """

    def __init__(
        self,
        depth: int,
        units: int,
        activation: Any = "relu",
        *,
        scheme: str = "auto",
        input_activation: Any = None,
        input_standardized: bool = False,
        residual: bool = False,
        standardize: bool = False,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        refuse_unless(is_whole(depth, 1, 10000), "DenseStack", "depth", depth, "a whole number from 1 to 10000")
        refuse_unless(seed is None or is_whole(seed), "DenseStack", "seed", seed, "None or a whole number")
        for name in _TOLD[2:]:
            refuse_unless(name not in kwargs, "DenseStack", name, kwargs.get(name), "nothing: it is known here")
        arguments = {"activation": activation, **kwargs}
        for name, value in arguments.items():
            shared = isinstance(value, (keras.layers.Layer, keras.initializers.Initializer))
            allowed = "a name or a config, since blocks would share its weights or draw the same numbers"
            refuse_unless(not shared, "DenseStack", name, value, allowed)
        # What decides is imported at the first stack.
        from keras_actx.initializers.auto import scheme_stacked
        from keras_actx.initializers.pairing import check_scheme

        check_scheme(scheme)
        plain = not residual and kwargs.get("normalization") is None and kwargs.get("kernel_initializer") is None
        of_blocks = scheme
        if scheme == "auto" and plain:
            of_blocks = scheme_stacked(
                as_value(readable(activation)),
                depth,
                pairs=is_whole(units) and units % 2 == 0 and input_activation is None,
                bias=kwargs.get("use_bias") is not False and kwargs.get("bias_initializer") is None,
                standardize=standardize is True,
            )
        own = {key: kwargs.pop(key) for key in ("name", "dtype", "trainable") if key in kwargs}
        super().__init__(**own)
        self.depth = depth
        self.scheme = scheme
        self.seed = seed
        self.residual = residual
        self.supports_masking = True
        self.blocks: list[DenseBlock] = []
        for i in range(depth):
            first = i == 0
            block = DenseBlock(
                units,
                activation,
                scheme=of_blocks,
                first_layer=first and input_activation is None,
                input_activation=input_activation if first else activation or "linear",
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

    @property
    def pairing(self) -> "Pairing | None":
        """What was chosen for the blocks but the first; for a stack of one, for that one."""
        return self.blocks[-1].pairing

    def build(self, input_shape: Any) -> None:
        """Build the blocks."""
        shape = tuple(input_shape)
        for block in self.blocks:
            block.build(shape)
            shape = block.compute_output_shape(shape)

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Run the blocks in order."""
        for block in self.blocks:
            inputs = block(inputs, training=training)
        return inputs

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (*input_shape[:-1], self.blocks[0].units)

    def get_config(self) -> dict[str, Any]:
        of_block = self.blocks[0].get_config()
        for name in ("name", "dtype", "trainable", *_TOLD):
            of_block.pop(name, None)
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
