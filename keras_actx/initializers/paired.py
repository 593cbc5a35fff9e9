"""`Paired`: the Keras initializer for the choice of `pairing`."""

import inspect
import math
import operator
from collections.abc import Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import keras

from keras_actx._messages import quote
from keras_actx.choices import Distribution, Scheme
from keras_actx.declaration.declaration import OWN_PACKAGE
from keras_actx.initializers.axes import Layout, checked_axes
from keras_actx.initializers.init_spec import LayerContext
from keras_actx.initializers.kernels import LEAST_CENTRED, at_centre, centre, join_halves, mirror, orthogonal
from keras_actx.names.resolve import ResolvedActivation, resolve
from keras_actx.plain_numbers import takes_numpy_scalars
from keras_actx.saved_configs import in_todays_form
from keras_actx.seeds import checked_seed, saved_seed

if TYPE_CHECKING:
    from keras_actx.initializers.pairing import Pairing

#: Layers with kernels of shape `(..., inputs, units)`.
_CONVOLUTIONS = (keras.layers.Conv1D, keras.layers.Conv2D, keras.layers.Conv3D)


@keras.saving.register_keras_serializable(OWN_PACKAGE)
class Paired(keras.initializers.VarianceScaling):  # so that EinsumDense passes the axes of its kernel
    """Initializes a kernel for an activation, for any Keras layer with a kernel.

    The schemes:

    - "glorot": Keras's own default, for any activation.
    - "published": He, LeCun, Glorot or SIREN if published for the activation, the exact forward gain otherwise.
    - "critical": preserves the second moments of signal and gradient through any number of layers. The columns of the
      kernel have mean 0 (if fan_in is 16 or more). The scheme requires its bias: set
      `bias_initializer=paired.pairing.bias_initializer()` in the layer, as `DenseBlock` does.
    - "looks_linear": exact at any depth, for activations where f(x) - f(-x) is a multiple of x. All layers must use
      it, the first with `first_layer=True`, and have even sizes.
    - "auto": "published"; "glorot" for a callable without a forward gain. In `layers.DenseBlock` in a model and in
      `layers.DenseStack`, "auto" also depends on the context of the layer.

    Args:
        activation: the layer's activation: a name, an `Activation`, or any elementwise callable that Keras can save.
        scheme: one of those above.
        distribution: None for the scheme's default ("orthogonal" for "critical" and "looks_linear"), or
            "truncated_normal", "untruncated_normal", "uniform", "orthogonal".
        seed: None, a whole number from 0 to 2**31 - 1 for the same draw after every restart, or a
            `keras.random.SeedGenerator` for different numbers at each call.
        first_layer: whether the layer's input is the network's, of mean 0 and variance 1. Under `published`, only
            `sine` uses it.
        input_activation: the activation before the layer, for "critical" and "looks_linear", which scale the kernel for
            its output. They require it or `first_layer=True`.
        depth: None, or the number of layers of the network; "critical" chooses a sufficiently linear point for it.
        use_bias: whether the bias is initialized by the scheme; without it, "critical" preserves only the signal.
        normalized: whether there is a normalization between kernel and activation.
        standardize: whether the layer's output is shifted and scaled to mean 0 and variance 1 by `pairing.output_mean`
            and `pairing.output_std`; "published" then ensures z ~ N(0, 1).
        input_standardized: whether the layer's input was standardized.
        depthwise: True for the kernel of a depthwise convolution, `(..., channels, multiplier)`, in which nothing is
            summed over channels. None raises an error if a kernel may be either.
        input_axes, output_axes: the axes of the kernel that are summed over, and those of the output, such as `(0,)`
            and `(1, 2)` of `(features, heads, size)`; all others are the receptive field of a convolution. None to use
            the axes provided by the layer: Keras's `EinsumDense`, and with it `MultiHeadAttention`, does so since Keras
            3.15; for other layers, they are `(-2,)` and `(-1,)`.

    Shape of the kernel: `(..., fan_in, fan_out)`, with the receptive field of a convolution in front. "published"
    initializes all of it; "critical" and "looks_linear" only its centre (delta-orthogonal: Xiao et al. 2018,
    arXiv:1806.05393), so that padding, strides and dilation have no effect, and fan_in is the number of channels. In a
    grouped convolution, fan_in is that of a group. A depthwise kernel cannot be centred: under "critical" it preserves
    the signal, and the gradient only if `input_standardized`. For a kernel of three axes or more in a layer other than
    `Conv1D`, `Conv2D` or `Conv3D`, "critical" and "looks_linear" require the axes; "glorot" and "published" treat them
    as those of a convolution, as Keras's own initializers do. Transposed convolutions store `(..., fan_out, fan_in)`:
    write `input_axes=(-1,), output_axes=(-2,)` for "glorot" and "published". The centre does not reach all of their
    pixels, so for the other schemes use an `UpSampling` layer and a convolution instead.

    For a gated activation, the kernel has twice the units: values in the first half of its last axis, gates in the
    last, as `layers.GatedLinearUnit` splits them (if it is given as the activation, its `interleaved` is used).

    Raises:
        ValueError: for an unknown activation, scheme or distribution, or an activation that the scheme has no rule for;
            and on a kernel of fewer than two dimensions, of odd size if looks-linear or gated, or with unknown axes.

    Example:

    >>> import keras, keras_actx as actx
    >>> layer = keras.layers.Conv2D(8, 3, activation="mish", kernel_initializer=actx.initializers.Paired("mish"))
    """

    # The fields of `LayerContext`.
    first_layer: bool
    input_activation: Any
    depth: int | None
    use_bias: bool
    normalized: bool
    standardize: bool
    input_standardized: bool

    @takes_numpy_scalars
    def __init__(
        self,
        activation: Any,
        scheme: Scheme = "auto",
        *,
        distribution: Distribution | None = None,
        seed: Any = None,
        first_layer: bool = False,
        input_activation: Any = None,
        depth: int | None = None,
        use_bias: bool = True,
        normalized: bool = False,
        standardize: bool = False,
        input_standardized: bool = False,
        depthwise: bool | None = None,
        input_axes: Sequence[int] | None = None,
        output_axes: Sequence[int] | None = None,
    ) -> None:
        # Imported at first use, since it takes a third of the import time of the package.
        from keras_actx.initializers.pairing import check_input_is_known, check_scheme, choose

        check_scheme(scheme)
        check_input_is_known(scheme, "Paired", activation, first_layer, input_activation)
        seed = checked_seed(seed, "Paired")
        if not (depthwise is None or isinstance(depthwise, bool)):
            raise ValueError(f"depthwise={quote(depthwise)} is not allowed; use None, True or False")
        if depthwise and scheme == "looks_linear":
            raise ValueError("scheme='looks_linear' subtracts channels from each other, which depthwise=True cannot do")
        self.activation = checked_activation("Paired", "activation", activation).given
        self.scheme = scheme
        self.distribution = distribution
        self.seed = seed
        context = LayerContext(
            first_layer=first_layer,
            input_activation=checked_input_activation(input_activation, "Paired"),
            depth=depth,
            use_bias=use_bias,
            normalized=normalized,
            standardize=standardize,
            input_standardized=input_standardized,
        )
        for name, value in vars(context).items():
            setattr(self, name, value)
        self.depthwise = depthwise
        # The attributes of VarianceScaling.
        self.input_axes, self.output_axes = checked_axes(input_axes, output_axes)
        if depthwise and self.input_axes is not None:
            raise ValueError("depthwise=True determines the axes; leave out input_axes and output_axes")
        self.pairing: Pairing = choose(self.activation, scheme, distribution, context)
        # Keras's own initializer, created once: without a seed, it draws one here, as all initializers of Keras do.
        if self.pairing.distribution == "orthogonal":
            self._draw: Any = keras.initializers.RandomNormal(stddev=1.0, seed=seed)
        else:
            self._draw = keras.initializers.VarianceScaling(
                scale=self.pairing.gain**2,
                mode="fan_in" if self.pairing.mode == "fan_in_squared" else self.pairing.mode,
                distribution=self.pairing.distribution,
                seed=seed,
            )
        self.scale, self.mode = self.pairing.gain**2, self.pairing.mode

    def __call__(self, shape: Any, dtype: Any = None, **kwargs: Any) -> Any:
        """A kernel of `shape`. Raises `ValueError` for fewer than two dimensions, and for odd sizes if looks-linear."""
        layout = self._layout(shape)
        chosen, sizes = self.pairing, layout.sizes
        if 0 in sizes and chosen.form != "looks_linear":
            return keras.ops.zeros(layout.shape, dtype=dtype)
        if self.depthwise:
            # Every output depends on one channel.
            *taps, inputs, units = sizes
            each = self._filled((*taps, 1, inputs * units), dtype, 1.0, kwargs)
            spread = math.sqrt((1 + inputs * units) / (1 + units)) if chosen.mode == "fan_avg" else 1.0
            return spread * keras.ops.reshape(each, sizes)
        if chosen.form == "looks_linear":
            return self._looks_linear(layout, dtype, kwargs)
        if chosen.halves:
            self._require_even_units(layout)
        return layout.arranged(self._filled(sizes, dtype, 1.0, kwargs, layout.units))

    def _layout(self, shape: Any) -> "Layout":
        """The layout of a kernel's axes. Raises `ValueError` if it is required and unknown."""
        given = shape
        try:
            shape = tuple(operator.index(one) for one in shape)
        except TypeError:
            shape = ()
        if len(shape) < 2 or min(shape) < 0:
            raise ValueError(
                f"Paired draws kernels, of shape (..., fan_in, fan_out); it received {quote(given)}. "
                "Use 'zeros' for a bias, or `pairing.bias_initializer()`."
            )
        inputs, outputs = self.input_axes, self.output_axes
        if inputs is not None and outputs is not None:
            return Layout.of(shape, inputs, outputs)
        if self.pairing.taps == "centre" and self.depthwise is None and len(shape) > 2:
            layer = layer_that_draws()
            if layer is not None and not isinstance(layer, _CONVOLUTIONS):
                raise ValueError(
                    f"{layer.name}: scheme={self.scheme!r} initializes only the centre of a convolution's kernel, but "
                    f"{type(layer).__name__} does not define the axes of this kernel of shape {shape}: write "
                    f"Paired(..., input_axes=..., output_axes=...), as input_axes=(0,), output_axes=(1, 2) for "
                    "(features, heads, size); depthwise=True for a depthwise convolution, depthwise=False for another; "
                    "or use scheme='published'"
                )
            if shape[-1] == 1 < shape[-2]:
                raise ValueError(
                    f"a kernel of shape {shape} may be that of a depthwise convolution, or of one with a single "
                    "filter: write depthwise=True or depthwise=False"
                )
        return Layout.of(shape, (-2,), (-1,))

    def _looks_linear(self, layout: "Layout", dtype: Any, kwargs: dict[str, Any]) -> Any:
        # The pairs are along the last axis of the inputs, and of the units.
        *more, inputs = layout.inputs or (0,)
        *before, units = layout.units or (0,)
        if units % 2 or (inputs % 2 and not self.first_layer) or 0 in (units, inputs):
            raise ValueError(
                f"scheme='looks_linear' pairs the units, so their number must be even, and that of the inputs too "
                f"except with first_layer=True; the kernel is {layout.shape}"
            )
        inputs = inputs if self.first_layer else inputs // 2
        halves = Layout(layout.shape, layout.taps, (*more, inputs) * bool(layout.inputs), (*before, units // 2))
        # Each unit depends on half of the inputs, so VarianceScaling's fan_in is halved.
        factor = 1.0 if self.first_layer else math.sqrt(0.5)
        block = keras.ops.reshape(self._filled(halves.sizes, dtype, factor, kwargs), halves.spread)
        return layout.arranged(mirror(block, None if self.first_layer else -1 - len(halves.units)))

    def _require_even_units(self, layout: "Layout") -> None:
        units = layout.units[-1] if layout.units else 1
        if units % 2:
            raise ValueError(
                f"{self.pairing.activation} halves its input into value and gate, so the kernel needs an even number "
                f"of columns, not {units}"
            )

    def _filled(
        self, shape: tuple[int, ...], dtype: Any, factor: float, kwargs: dict[str, Any], units: tuple[int, ...] = ()
    ) -> Any:
        """A kernel with all its taps, or only the centre; `units` are the axes flattened into the last one."""
        if self.pairing.taps == "all" or len(shape) == 2:
            return self._drawn(shape, dtype, factor, kwargs, units)
        return at_centre(self._drawn(shape[-2:], dtype, factor, kwargs, units), shape[:-2])

    def _drawn(
        self, shape: tuple[int, ...], dtype: Any, factor: float, kwargs: dict[str, Any], units: tuple[int, ...]
    ) -> Any:
        chosen = self.pairing
        fan_in, fan_out = math.prod(shape[:-1]), shape[-1]
        centred = chosen.form == "centred" and fan_in >= LEAST_CENTRED
        if chosen.form == "centred" and not centred:
            factor *= chosen.small_gain / chosen.gain  # pyright: ignore[reportOptionalOperand]  (set if centred)
        if chosen.mode == "fan_in_squared":
            factor /= math.sqrt(fan_in)
        if chosen.distribution == "orthogonal":
            wanted = keras.backend.standardize_dtype(dtype)
            full = wanted if wanted == "float64" else "float32"  # few backends decompose 16-bit matrices
            fan = (fan_in + fan_out) / 2 if chosen.mode == "fan_avg" else fan_in
            normal = self._draw((fan_in, fan_out), dtype=full)
            kernel = self._orthogonal(normal, factor * chosen.gain / math.sqrt(fan), centred, units)
            return keras.ops.cast(keras.ops.reshape(kernel, shape), wanted)
        kernel = self._draw(shape, dtype=dtype, **kwargs)
        if centred:
            flat = centre(keras.ops.reshape(kernel, (fan_in, fan_out)))
            kernel, factor = keras.ops.reshape(flat, shape), factor * math.sqrt(fan_in / (fan_in - 1))
        return kernel * factor if factor != 1.0 else kernel

    def _orthogonal(self, normal: Any, stddev: float, centred: bool, units: tuple[int, ...]) -> Any:
        if self.depthwise and normal.shape[0] == 1:
            return stddev * keras.ops.where(normal < 0, -1.0, 1.0)  # orthogonal matrices of size 1
        if not self.pairing.halves or self.depthwise:
            return orthogonal(normal, stddev, centred)
        halves = (orthogonal(one, stddev, centred) for one in keras.ops.split(normal, 2, axis=-1))
        if len(units) > 1:  # value and gate are halves of the last axis
            halves = (keras.ops.reshape(one, (-1, *units[:-1], units[-1] // 2)) for one in halves)
        return join_halves(*halves, interleaved=getattr(self.activation, "interleaved", False))

    def clone(self) -> "Paired":
        return type(self).from_config(self.get_config())

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Paired":
        return cls(**in_todays_form(config))

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(in_todays_form(state))

    def get_config(self) -> dict[str, Any]:
        return {
            "activation": saved(self.activation),
            "scheme": self.scheme,
            "distribution": self.distribution,
            "seed": saved_seed(self.seed),
            **{one.name: getattr(self, one.name) for one in fields(LayerContext)},
            "input_activation": saved(self.input_activation),
            "depthwise": self.depthwise,
            "input_axes": self.input_axes,
            "output_axes": self.output_axes,
        }


def layer_that_draws() -> keras.Layer | None:
    """The layer whose `add_weight` called the initializer; None for a direct call or a deferred weight creation.

    Keras does not pass the layer to an initializer, and a shape such as (16, 4, 8) is ambiguous.
    """
    frame = inspect.currentframe()
    while frame is not None:
        owner = frame.f_locals.get("self") if frame.f_code.co_name == "add_weight" else None
        if isinstance(owner, keras.Layer):
            return owner
        frame = frame.f_back
    return None


def checked_activation(owner: str, argument: str, given: Any) -> ResolvedActivation:
    """An activation, resolved. Raises `ValueError` that names the argument for one that does not exist."""
    try:
        return resolve(given)
    except Exception as error:
        reason = error if isinstance(given, str) else "give the name of an activation, or a callable"
        raise ValueError(f"{owner}: {argument}={quote(given)} is not allowed: {reason}") from error


def checked_input_activation(given: Any, owner: str) -> Any:
    """The activation of the layer before, in its saved form; None for None.

    A layer is replaced by its activation, without weights, which Keras would otherwise track in the layer that holds
    it.
    """
    if given is None:
        return None
    resolved = checked_activation(owner, "input_activation", given)
    return resolved.subject if isinstance(resolved.function, keras.layers.Layer) else resolved.given


def saved(activation: Any) -> Any:
    """The saved form of an activation; None for None."""
    return activation if activation is None or isinstance(activation, str) else keras.activations.serialize(activation)
