"""Activation layers used as the `activation=` of another layer, which builds them.

Keras's layers call their activation without building it, so that its weights would be missing from `count_params`,
`load_weights` and the parent's path. Here a layer with one of these activations builds it: in its own name scope, so
that the path of a weight depends on the model only, and with the input shape of the activation.
"""

import functools
import weakref
from typing import Any

import keras


class HeldLayer(keras.layers.Layer):
    """A layer with weights that may be the activation of another layer.

    Subclasses implement whether the shape of the weights is known (`_size_is_known`), whether the weights exist
    (`_has_weights`), and their creation (`_make_weights`).
    """

    _holder: Any = None
    _waits = False  # until the holder builds it

    def _size_is_known(self) -> bool:
        return True

    def _make_weights(self, input_shape: tuple[int | None, ...] | None) -> None:
        raise NotImplementedError

    @property
    def _has_weights(self) -> bool:
        raise NotImplementedError

    def check_input_shape(self, input_shape: Any) -> None:
        """Raise `ValueError` for an input shape, None if unknown, that does not match the weights."""

    def held_by(self, holder: keras.layers.Layer) -> None:
        """Make `holder` build this layer when it is built."""
        self._holder = weakref.ref(holder)
        if holder.built or self.built:
            return
        self._waits = True
        keras_calls_it = _is_called_by_keras(holder)
        if type(holder).build is keras.layers.Layer.build and not keras_calls_it:
            return  # without a `build` method, Keras builds it and its sublayers by a symbolic call
        build = holder.build

        @functools.wraps(build)
        def build_with_activation(*args: Any, **kwargs: Any) -> None:
            build(*args, **kwargs)
            shape = shape_of_activation(holder, args, kwargs) if keras_calls_it else None
            with keras.name_scope(holder.name, caller=holder):
                self.build_inside(shape)

        # Keras marks the default `build` of a layer and then considers the layer built.
        vars(build_with_activation).pop("_is_default", None)
        holder.build = build_with_activation

    def build_inside(self, shape: tuple[int | None, ...] | None) -> None:
        """Build for an input of `shape`, None if the holder does not provide it."""
        self._waits = False
        if self.built:  # also the activation of another layer
            self.check_input_shape(shape)
        elif shape is not None or self._size_is_known():
            self.build(shape)

    def build(self, input_shape: Any) -> None:
        """Create the weights, unless they exist. Raises `ValueError` for a shape that does not match them."""
        if not self._has_weights:
            self._make_weights(None if input_shape is None else tuple(input_shape))
        self.check_input_shape(input_shape)

    def _make_known_weights(self) -> None:
        """Create the weights that do not depend on the input, for a layer without a holder."""
        if not self._waits and self._size_is_known() and not self._has_weights:
            self.build(None)

    @property
    def variables(self) -> list[Any]:
        """See `keras.layers.Layer`; weights of known shape exist from the start."""
        self._make_known_weights()
        return super().variables

    @property
    def weights(self) -> list[Any]:
        """See `keras.layers.Layer`; weights of known shape exist from the start."""
        self._make_known_weights()
        return super().weights

    def get_build_config(self) -> Any:
        """See `keras.layers.Layer`; None inside another layer, which must be built first when loading."""
        return None if self._holder is not None else super().get_build_config()

    def load_own_variables(self, store: Any) -> None:
        """See `keras.layers.Layer`."""
        self._make_known_weights()
        super().load_own_variables(store)

    def quantize(self, mode: Any = None, type_check: bool = True, config: Any = None, **kwargs: Any) -> None:
        """Quantize the layer that holds this one: `Model.quantize` skips layers with sublayers.

        Raises:
            NotImplementedError: if that layer cannot be quantized, or no layer holds this one.
        """
        holder = self._held_in()
        if holder is None:
            raise NotImplementedError(f"{self.name} ({type(self).__name__}) has nothing to quantize")
        if not _is_called_by_keras(holder) or holder.dtype_policy.quantization_mode is not None:
            return  # its holder consists of layers that Keras quantizes, or is already quantized
        if mode in _CALIBRATED:
            raise NotImplementedError(
                f"{holder.name} is not quantized: Keras does not calibrate layers whose activation has weights; use "
                f"activation=None and {type(self).__name__} as a separate layer behind it"
            )
        given = {"config": config} if config is not None else {}
        holder.quantize(mode, type_check=type_check, **given, **kwargs)

    def _held_in(self) -> keras.layers.Layer | None:
        """The layer that holds this one, if there is one."""
        return None if self._holder is None else self._holder()

    def _channel_axis_of_holder(self) -> int:
        holder = self._held_in()
        return 1 if getattr(holder, "data_format", None) == "channels_first" else -1


#: Modes that Keras applies, by calibration data, to layers without sublayers only.
_CALIBRATED = ("gptq", "awq")


def hold(activation: Any, holder: keras.layers.Layer) -> None:
    """Make `holder` build its activation, if that is a `HeldLayer`."""
    if isinstance(activation, HeldLayer):
        activation.held_by(holder)


def _is_called_by_keras(holder: keras.layers.Layer) -> bool:
    """Whether Keras's code calls the activation, so that its input is the output of the layer."""
    return type(holder).call.__module__.startswith("keras.")


def shape_of_activation(holder: Any, args: Any, kwargs: Any) -> tuple[int | None, ...] | None:
    """The shape that a built layer of Keras passes to its activation; None if it is unknown."""
    if not hasattr(holder, "state_size"):
        try:
            # By position: the names in Keras 3.10 differ from those in `build`.
            return tuple(holder.compute_output_shape(*args, *kwargs.values()))
        except NotImplementedError:
            return None
    # A recurrent cell receives the shape of one step and the shapes of its states.
    (step,) = (*args, *kwargs.values())
    step = step[0] if isinstance(step[0], (tuple, list)) else step
    channels_first = getattr(holder, "data_format", None) == "channels_first"
    shape = [None] * len(step)
    shape[1 if channels_first else -1] = getattr(holder, "filters", None) or holder.units
    return tuple(shape)
