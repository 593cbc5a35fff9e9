"""The position of a block in a Sequential or functional model: its input, and the number of layers before it."""

from dataclasses import dataclass, fields, replace
from typing import Any

import keras

from keras_actx.initializers.paired import checked_input_activation, saved
from keras_actx.layers._applied import as_named, subject_of_layer, written
from keras_actx.layers._arguments import refuse_unless
from keras_actx.layers._base import DeclaredActivationLayer, FollowsInputLayer, RematerializedLayer
from keras_actx.names.resolve import resolve
from keras_actx.saved_configs import in_todays_form

L = keras.layers


def _of_keras(*names: str) -> tuple[type, ...]:
    """The layer classes of Keras that exist in this version."""
    return tuple(getattr(L, name) for name in names if hasattr(L, name))


#: Layers that pass values unchanged, or with noise that preserves their scale.
TRANSPARENT = _of_keras(
    *("ActivityRegularization", "AlphaDropout", "Dropout", "GaussianDropout", "GaussianNoise", "Identity", "Masking"),
    *("RepeatVector", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D"),
)
#: Such layers that change the last axis.
MOVING = _of_keras("Flatten", "Permute", "Reshape")
NORMALIZATIONS = _of_keras(
    "BatchNormalization", "GroupNormalization", "LayerNormalization", "Normalization", "RMSNormalization"
)
#: Layers with a kernel, a bias and an activation.
KERNELS = _of_keras(
    *("Dense", "EinsumDense", "Conv1D", "Conv2D", "Conv3D", "DepthwiseConv1D", "DepthwiseConv2D"),
    *("SeparableConv1D", "SeparableConv2D", "Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose"),
)


@dataclass(frozen=True)
class Place:
    """What is known about the input of a block when it is built.

    `input_activation` is the activation that produced the input, `first_layer` says that the input has mean 0 and
    variance 1; if neither is set, nothing is known about it. `looks_linear` says that the input's features are pairs
    of opposite sign; `position` is the index of the block among the layers with a kernel, from 1 on, as far as the
    graph determines it.
    """

    fed_by: str
    position: int = 1
    first_layer: bool = False
    is_network_input: bool = False
    input_activation: Any = None
    input_standardized: bool = False
    looks_linear: bool = False

    @property
    def is_known(self) -> bool:
        """Whether the input of the block is known."""
        return self.first_layer or self.input_activation is not None

    @property
    def is_normal(self) -> bool:
        """Whether the input is known, and is not that of an activation: as normal as the moments of one assume."""
        return self.is_known and (self.input_activation is None or _is_linear(self.input_activation))

    def __str__(self) -> str:
        return f"fed by {self.fed_by}; layer {self.position}"

    def get_config(self) -> dict[str, Any]:
        """The config for `Place.from_config`."""
        return {**vars(self), "input_activation": saved(self.input_activation)}

    @classmethod
    def from_config(cls, config: Any) -> "Place":
        """Raises `ValueError` for anything but a result of `get_config`."""
        told = in_todays_form(config) if isinstance(config, dict) else {"": config}
        kinds = {field.name: type(field.default) for field in fields(cls)} | {"fed_by": str}
        of_kind = all(
            name in kinds and isinstance(one, kinds[name]) for name, one in told.items() if name != "input_activation"
        )
        refuse_unless(of_kind and "fed_by" in told, "DenseBlock", "place", config, "the place of a block, as saved")
        activation = checked_input_activation(told.get("input_activation"), "DenseBlock")
        return cls(**{**told, "input_activation": activation})


def place_of(tensor: Any) -> Place | None:
    """The place of a layer with this input; None for a tensor outside of a Keras graph, as in a subclassed model."""
    tensor, moved = _unmoved(tensor)
    made = _made_by(tensor)
    if made is None:
        return None
    layer, inputs = made
    if isinstance(layer, L.InputLayer):
        return Place("the network's input", first_layer=True, is_network_input=True)
    position = _position(tensor)
    found = place_after(layer if len(inputs) == 1 else None, position, layer.name)
    if found.is_known and _only_applies(layer) and not _is_normal(inputs[0]):
        return place_behind_unknown(layer, position)
    return replace(found, looks_linear=False) if moved else found


def _unmoved(tensor: Any) -> tuple[Any, bool]:
    """The tensor before the layers that pass on its values, and whether one of them changes the last axis."""
    moved = False
    while (made := _made_by(tensor)) is not None and isinstance(made[0], (*TRANSPARENT, *MOVING)) and len(made[1]) == 1:
        moved = moved or isinstance(made[0], MOVING)
        tensor = made[1][0]
    return tensor, moved


def _is_normal(tensor: Any) -> bool:
    """Whether the values are inputs or results of a kernel or normalization, with no activation in between."""
    while True:
        tensor, _ = _unmoved(tensor)
        made = _made_by(tensor)
        if made is None or len(made[1]) > 1:
            return False
        layer, inputs = made
        if isinstance(layer, L.InputLayer):
            return True
        if not _only_applies(layer):
            return place_after(layer, 1).is_normal
        if not _is_linear(_activation_of(layer)):
            return False
        tensor = inputs[0]


def _made_by(tensor: Any) -> tuple[Any, Any] | None:
    """The layer or operation that produced a tensor, and its inputs. Keras has no public name for either."""
    try:
        operation, node, _ = tensor._keras_history
        return operation, operation._inbound_nodes[node].input_tensors
    except (AttributeError, IndexError, TypeError, ValueError):
        return None


def _position(tensor: Any) -> int:
    """The position of a layer with this input, from the number of layers with a kernel before it in a chain."""
    position = 1
    while (made := _made_by(tensor)) is not None and len(made[1]) == 1:
        layer, (tensor,) = made
        before = getattr(layer, "place", None)
        if isinstance(before, Place):
            return position + before.position
        position += len(_blocks(layer)) or isinstance(layer, KERNELS)
    return position


def _blocks(layer: Any) -> list[Any]:
    """The blocks of a stack, or the block itself; none of another layer."""
    if not isinstance(layer, RematerializedLayer) or isinstance(layer, FollowsInputLayer):  # an activation
        return []
    return getattr(layer, "blocks", [layer])


def place_after(layer: Any, position: int, name: str | None = None) -> Place:
    """The place of a layer that this layer or operation of one input feeds."""
    return _after(layer, position) or Place(f"{name or layer.name}, whose output is not known", position)


def place_behind_unknown(layer: Any, position: int) -> Place:
    """The place of a layer that an activation feeds whose own input is not normal, such as a sum, or not known."""
    return Place(f"{layer.name}, whose input is not known", position)


def _after(layer: Any, position: int) -> Place | None:
    if isinstance(layer, NORMALIZATIONS):
        return Place(layer.name, position, first_layer=True)
    if blocks := _blocks(layer):
        return _after_block(layer.name, blocks[-1], position)
    activation = _activation_of(layer)
    if activation is None or not _is_understood(activation):
        return None
    return Place(f"{layer.name}: {_name(activation)}", position, input_activation=activation)


def _after_block(name: str, block: Any, position: int) -> Place:
    if block.residual:
        return Place(f"{name}, a residual sum", position)
    activation = block.paired_with
    if not _is_understood(activation):
        return Place(f"{name}: {_name(activation)}, which mixes an axis", position)
    chosen = block.pairing
    return Place(
        f"{name}: {_name(activation)}",
        position,
        input_activation=activation,
        input_standardized=block.standardize,
        looks_linear=chosen is not None and chosen.form == "looks_linear",
    )


def _activation_of(layer: Any) -> Any:
    """The activation that produces a layer's output; None if there is none."""
    if isinstance(layer, DeclaredActivationLayer):
        return layer.activation
    if isinstance(layer, KERNELS):
        return layer.activation
    # Keras's PReLU starts as a relu or as anything else: its slopes are weights.
    return None if isinstance(layer, L.PReLU) else subject_of_layer(layer)


def _only_applies(layer: Any) -> bool:
    """Whether a layer or operation applies an activation, and does nothing else."""
    return not isinstance(layer, KERNELS) and not _blocks(layer) and _activation_of(layer) is not None


def _is_linear(activation: Any) -> bool:
    return resolve(activation).subject == resolve(None).subject


def _is_understood(activation: Any) -> bool:
    from keras_actx.expectation.functions import kind_of
    from keras_actx.expectation.moments import moments

    try:
        subject = resolve(activation).subject
        moments(subject)
    except (ValueError, TypeError, ArithmeticError):
        return False
    return kind_of(subject) != "vector"


def _name(activation: Any) -> str:
    return activation if isinstance(activation, str) else written(as_named(resolve(activation).subject))
