"""`Start`: the kernels whose activation is replaced, drawn again for the new one."""

from collections.abc import Callable, Iterable, Iterator
from itertools import count
from typing import Any

import keras

from keras_actx._messages import quote
from keras_actx.declaration.declaration import OWN_PACKAGE
from keras_actx.initializers.paired import Paired
from keras_actx.layers._place import KERNELS, kernels_before
from keras_actx.layers.dense_block import DenseBlock
from keras_actx.layers.dense_stack import DenseStack, block_seed
from keras_actx.models.uses import children_of, subject_of_layer, uses_of_layer
from keras_actx.models.weights import assign, own_weights

L = keras.layers
_BLOCKS = (DenseBlock, DenseStack)
_BLOCK_NAMES = tuple(f"{OWN_PACKAGE}>{one.__name__}" for one in _BLOCKS)
_DEPTHWISE = (L.DepthwiseConv1D, L.DepthwiseConv2D)
_SEPARABLE = (L.SeparableConv1D, L.SeparableConv2D)
_TRANSPOSED = (L.Conv1DTranspose, L.Conv2DTranspose, L.Conv3DTranspose)


class Start:
    """The new start of the kernels of a model.

    Args:
        target_for: gives the new activation for an old one, or None.
        seed: None, or a number from which every kernel gets its own.
    """

    def __init__(self, target_for: Callable[[Any], Any], seed: int | None) -> None:
        self._target_for, self._seed, self._drawn = target_for, seed, count()
        self._kernels: dict[int, tuple[Any, bool]] = {}  # by the id of the old layer: new activation, if normalized

    def _next_seed(self) -> int | None:
        return None if self._seed is None else block_seed(self._seed, next(self._drawn))

    def rewrite_block(self, node: dict[str, Any]) -> None:
        """Let the config of a block be initialized for its new place: nothing of its old one is kept."""
        if node.get("registered_name") not in _BLOCK_NAMES:
            return
        node.pop("build_config", None)
        node["config"].pop("place", None)
        if self._seed is not None:
            node["config"]["seed"] = self._next_seed()

    def find(self, layers: Iterable[Any]) -> set[int]:
        """Find the kernels; returns the ids of the old layers that start again as a whole: blocks and normalizations.

        Raises:
            ValueError: for a kernel that is quantized.
        """
        layers = list(layers)
        own = {id(layer) for layer in layers}
        renewed = set()
        for layer in layers:
            if isinstance(layer, _BLOCKS):
                block = layer.blocks[0] if isinstance(layer, DenseStack) else layer
                if self._target_for(subject_of_layer(block.activation_layer)) is not None:
                    renewed.add(id(layer))
            elif isinstance(layer, KERNELS):
                for subject in self._activations_of(layer):
                    self._add(layer, subject, normalized=False)
            elif (subject := subject_of_layer(layer)) is not None and self._target_for(subject) is not None:
                for kernel, normalizations in kernels_before(layer):
                    if id(kernel) in own:
                        self._add(kernel, subject, normalized=bool(normalizations))
                        renewed.update(map(id, normalizations))
        return renewed

    def _activations_of(self, layer: Any) -> Iterator[Any]:
        uses = dict(uses_of_layer(layer))
        for key, child in children_of(layer).items():
            uses[key[0]] = subject_of_layer(child)
        if self._target_for(uses.get("activation")) is not None:
            yield uses["activation"]

    def _add(self, kernel: Any, subject: Any, normalized: bool) -> None:
        if getattr(kernel.dtype_policy, "quantization_mode", None) is not None:
            raise ValueError(
                f"replace_activations: pair=True cannot draw the quantized kernel of {quote(kernel.name)}; "
                "use pair=False"
            )
        self._kernels[id(kernel)] = self._target_for(subject).subject, normalized

    def draw(self, pairs: Iterable[tuple[Any, Any]]) -> None:
        """Draw the kernels of the new layers, each beside its old one."""
        for old, new in pairs:
            if id(old) in self._kernels:
                self._draw(new, *self._kernels[id(old)])

    def _draw(self, layer: Any, subject: Any, normalized: bool) -> None:
        argument = "kernel_initializer"
        axes: dict[str, Any] = {}
        if isinstance(layer, _DEPTHWISE):
            argument, axes = "depthwise_initializer", {"depthwise": True}
        elif isinstance(layer, _SEPARABLE):
            argument = "pointwise_initializer"
        elif isinstance(layer, _TRANSPOSED):
            axes = {"input_axes": (-1,), "output_axes": (-2,)}
        seed = self._next_seed()
        if isinstance(subject, L.Layer):  # of unknown moments
            initializer: Any = keras.initializers.GlorotUniform(seed)
        else:
            initializer = Paired(subject, normalized=normalized, seed=seed, **axes)
        # Keras passes an initializer what it has to know about the kernel, when it builds a layer.
        fresh = type(layer).from_config({**layer.get_config(), argument: initializer, "activation": None})
        fresh.build_from_config(layer.get_build_config())
        drawn = [weight for weight in own_weights(fresh) if weight.name != "depthwise_kernel" or argument[0] == "d"]
        assign(drawn, own_weights(layer))
        setattr(layer, argument, getattr(fresh, argument))
