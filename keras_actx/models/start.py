"""`Start`: the kernels whose activation is replaced, drawn again for the new one."""

from collections.abc import Callable, Iterable
from itertools import count
from typing import Any

import keras

from keras_actx._messages import quote
from keras_actx.declaration.declaration import OWN_PACKAGE
from keras_actx.initializers.paired import Paired
from keras_actx.layers._applied import subject_of_layer
from keras_actx.layers.dense_stack import block_seed
from keras_actx.models.draw import drawn, kernel_arguments
from keras_actx.models.kernels import BLOCKS, blocks_of, kernels_of

_BLOCK_NAMES = tuple(f"{OWN_PACKAGE}>{one.__name__}" for one in BLOCKS)


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

    def find(self, model: Any) -> set[int]:
        """Find the kernels; returns the ids of the old layers that start again as a whole: blocks and normalizations.

        Raises:
            ValueError: for a kernel that is quantized.
        """
        renewed = set()
        for kernel in kernels_of(model).found:
            layer = kernel.layer
            if isinstance(layer, BLOCKS):
                if self._target_for(subject_of_layer(blocks_of(layer)[0].activation_layer)) is not None:
                    renewed.add(id(layer))
            elif self._target_for(kernel.activation) is not None:
                self._add(layer, kernel.activation, normalized=kernel.is_normalized)
                renewed.update(map(id, kernel.normalizations))
        return renewed

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
        argument, axes = kernel_arguments(layer)
        seed = self._next_seed()
        if isinstance(subject, keras.layers.Layer):  # of unknown moments
            initializer: Any = keras.initializers.GlorotUniform(seed)
        else:
            initializer = Paired(subject, normalized=normalized, seed=seed, **axes)
        for weight, fresh in drawn(layer, {argument: initializer}):
            if weight.name != "depthwise_kernel" or argument == "depthwise_initializer":
                weight.assign(fresh)
        setattr(layer, argument, initializer)
