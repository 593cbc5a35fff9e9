"""How each kernel of a model starts: the rule, its new weights, and what a report says of it."""

import math
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

import keras

from keras_actx.initializers.auto import scheme_chained, scheme_stacked
from keras_actx.initializers.init_spec import LayerContext
from keras_actx.initializers.paired import Paired
from keras_actx.layers._applied import written
from keras_actx.layers._place import KERNELS
from keras_actx.layers.dense_stack import block_seed
from keras_actx.layers.gated_linear_unit import GatedLinearUnit
from keras_actx.models.draw import drawn, has_depthwise_part, kernel_arguments, kernel_of
from keras_actx.models.fans import stride_factor
from keras_actx.models.kernels import BLOCKS, LINEAR, NO_GRAPH, Kernel, Kernels, blocks_of

#: The names of the weights that a rule draws.
_KERNEL_NAMES = ("kernel", "depthwise_kernel", "pointwise_kernel")


@dataclass(frozen=True)
class Start:
    """The start of one kernel.

    Args:
        kernel: the kernel.
        initializers: of the layer, by argument; empty if it keeps its weights.
        block: for a block, a new one of the same config.
        factor: what the last kernel of a residual branch is multiplied by.
        fresh: the weights of the layer, each beside one from these initializers.
        known_input: whether a rule knows the input, so that data does not change the scale.
        stride_factor: what the strides of a transposed convolution multiply the kernel by.
        data_note: what was done with data, or None.
    """

    kernel: Kernel
    initializers: dict[str, Any]
    block: Any = None
    fresh: tuple[tuple[Any, Any], ...] = ()
    factor: float = 1.0
    known_input: bool = True
    stride_factor: float = 1.0
    data_note: str | None = None

    @property
    def is_scaled_by_data(self) -> bool:
        """Whether data determines the scale of the kernel."""
        return not self.known_input and not self.kernel.is_normalized and self.block is None

    @property
    def target(self) -> float:
        """The variance of the kernel's output that data is to give."""
        return self.factor**2

    @property
    def pairing(self) -> Any:
        """The choice for the kernel before the activation; None if there is none."""
        if self.block is not None:
            return blocks_of(self.kernel.layer)[0].pairing
        found = [one.pairing for one in self.initializers.values() if isinstance(one, Paired)]
        return found[-1] if found else None

    def changes(self, overwrite: bool) -> list[tuple[Any, Any]]:
        """The weights that change, with their values."""
        layer = self.kernel.layer
        if self.block is not None:
            pairs = zip(_drawn_in(layer, overwrite), _drawn_in(self.block, overwrite), strict=True)
            return [(weight, keras.ops.convert_to_numpy(fresh)) for weight, fresh in pairs]
        if not self.initializers:
            return []
        with_bias = overwrite or "bias_initializer" in self.initializers
        found = []
        for weight, fresh in self.fresh:
            if weight.name in _KERNEL_NAMES or (with_bias and weight.name == "bias"):
                factor = self.factor * self.stride_factor if weight is kernel_of(layer) else 1.0
                found.append((weight, factor * keras.ops.convert_to_numpy(fresh)))
        for layer in self.kernel.normalizations if overwrite else ():
            if layer.trainable:
                found += [(weight, keras.ops.convert_to_numpy(fresh)) for weight, fresh in drawn(layer, {})]
        return found

    def finish(self) -> None:
        """Let the layer's config say how it was drawn."""
        for argument, initializer in self.initializers.items():
            setattr(self.kernel.layer, argument, initializer)

    def row(self) -> dict[str, Any]:
        """What the report says."""
        kernel, layer = self.kernel, self.kernel.layer
        pairing = self.pairing
        why = [] if kernel.why_kept is None else [f"kept: {kernel.why_kept}"]
        if pairing is not None:
            why.append(pairing.reason)
        elif not why:
            why.append("the initializer of the block")
        if kernel.is_normalized:
            why.append("normalized")
        if self.factor != 1.0:
            what = "last of a residual branch" if kernel.adds else f"one of {kernel.terms} terms of a sum"
            why.append(f"{what}: times {self.factor:.3g}")
        if self.stride_factor != 1.0:
            why.append(f"strides: times {self.stride_factor:.3g}")
        if self.data_note is not None:
            why.append(self.data_note)
        return {
            "layer": kernel.name,
            "class": type(layer).__name__,
            "activation": None if kernel.activation is None else written(kernel.activation),
            "input": None if kernel.place is None else kernel.place.fed_by,
            "scheme": None if pairing is None else pairing.scheme,
            "drawn": bool(self.initializers) or self.block is not None,
            "why": "; ".join(why),
        }


class Rules:
    """The rules for the kernels of a model, which are asked in the order of execution.

    Args:
        kernels: of the model.
        depth: the number of layers that the schemes of a stack assume.
        seed: None, or the number from which every kernel gets its own.
    """

    def __init__(self, kernels: Kernels, depth: int, seed: int | None) -> None:
        self._depth, self._seed, self._drawn = depth, seed, 0
        self._sums = kernels.sums
        self._is_chain = not kernels.sums and not kernels.normalized
        self._looks_linear: set[int] = set()  # the ids of layers

    def start_of(self, kernel: Kernel) -> Start:
        """The start of a kernel."""
        layer = kernel.layer
        if kernel.why_kept is not None:
            return Start(kernel, {}, known_input=kernel.why_kept != NO_GRAPH)
        if isinstance(layer, BLOCKS):
            return Start(kernel, {}, block=self._new_block(layer))
        argument, axes = kernel_arguments(layer)
        initializers: dict[str, Any] = {}
        if has_depthwise_part(layer):
            initializers["depthwise_initializer"] = Paired(LINEAR, "glorot", seed=self._next_seed(), depthwise=True)
        old, chosen = getattr(layer, argument), self._paired(kernel, axes)
        initializers[argument] = chosen
        # A bias that an earlier call has drawn is not for the new kernel.
        with_bias = _has_bias(chosen.pairing) or (isinstance(old, Paired) and _has_bias(old.pairing))
        if layer.bias is not None and with_bias and not axes:
            initializers["bias_initializer"] = chosen.pairing.bias_initializer(chosen.seed, **_gate_layout(kernel))
        try:
            fresh = tuple(drawn(layer, initializers))
        except Exception:  # whatever the class of a user does with a config
            if type(layer) in KERNELS:
                raise
            return Start(replace(kernel, why_kept=f"a {type(layer).__name__} cannot be created from its config"), {})
        factor = 1.0
        if not kernel.is_normalized:
            factor = 1.0 / math.sqrt(max(1, self._sums) if kernel.adds else kernel.terms)
        known = kernel.is_output or (kernel.place is not None and kernel.place.is_known)
        strides = stride_factor(layer, chosen.pairing.mode)
        return Start(kernel, initializers, fresh=fresh, factor=factor, known_input=known, stride_factor=strides)

    def _next_seed(self) -> int | None:
        self._drawn += 1
        return None if self._seed is None else block_seed(self._seed, self._drawn)

    def _new_block(self, block: Any) -> Any:
        config = block.get_config()
        new = type(block).from_config({**config, "seed": self._next_seed()})
        new.build_from_config(block.get_build_config())
        return new

    def _paired(self, kernel: Kernel, axes: dict[str, Any]) -> Paired:
        place, seed = kernel.place, self._next_seed()
        settings: dict[str, Any] = {"seed": seed, "normalized": kernel.is_normalized, **axes}
        if place is not None and place.is_network_input:
            settings["first_layer"] = True
        chained = self._chained(kernel)
        if chained is not None:
            scheme, context = chained
            if scheme == "looks_linear":
                self._looks_linear.add(id(kernel.layer))
            return Paired(kernel.activation, scheme, **{**settings, **vars(context)})
        try:
            return Paired(kernel.activation, **settings)
        except ValueError:  # of a layer without moments
            return Paired(LINEAR, "glorot", **settings)

    def _chained(self, kernel: Kernel) -> Any:
        """The scheme of a stack and the context of the layer; None if the published initialization is better."""
        layer, place = kernel.layer, kernel.place
        if not self._is_chain or type(layer) is not keras.layers.Dense or place is None or not place.is_known:
            return None
        context = LayerContext(
            first_layer=place.first_layer,
            input_activation=place.input_activation,
            depth=self._depth,
            use_bias=layer.use_bias,
        )
        mirrored = place.first_layer or place.looks_linear or id(kernel.before) in self._looks_linear
        scheme = scheme_chained(kernel.activation, context, units=layer.units, pairs=layer.units % 2 == 0 and mirrored)
        if scheme == "critical":  # which a shallow network does not need
            scheme = scheme_stacked(kernel.activation, self._depth, pairs=False, bias=layer.use_bias, standardize=False)
        return None if scheme == "auto" else (scheme, context)


def _has_bias(pairing: Any) -> bool:
    return any((pairing.bias_std, pairing.bias_mean, pairing.bias_mean_gate))


def _gate_layout(kernel: Kernel) -> dict[str, Any]:
    """Where the gate of a gated activation is, for its bias."""
    layer = kernel.applies
    return {"gate": layer.gate, "interleaved": layer.interleaved} if isinstance(layer, GatedLinearUnit) else {}


def _drawn_in(block: Any, overwrite: bool) -> list[Any]:
    """The weights of a block that are drawn again: those of its kernels, or all."""
    if overwrite:
        return block.weights
    return list(chain.from_iterable(one.dense.weights for one in blocks_of(block)))
