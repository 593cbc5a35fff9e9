"""`ActivationMonitor`: dead and saturated units, variances and gradients of a model's activations during training."""

import math
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np

from keras_actx import backend
from keras_actx._messages import did_you_mean, quote
from keras_actx.models import parts as model_parts
from keras_actx.models.activity import MOST, Activity
from keras_actx.models.instances import called
from keras_actx.models.sample import arrays, row_count
from keras_actx.plain_numbers import takes_numpy_scalars

#: What is reported of the units of an activation.
_MEASURED = ("dead", "variance", "saturated", "finite")


class ActivationMonitor(keras.callbacks.Callback):
    r"""Measures the activations of a model on a small sample during training, and adds the results to `logs`.

    At the start of training, which checks the sample, and at the end of an epoch, the model is called on the sample in
    inference mode. For an activation $y = f(z)$ of a layer, over all values of a unit (a channel of an image):

    - `<layer>/dead`: the fraction of units with $y = 0$ or $f'(z) = 0$ for the whole sample, as in a dying ReLU;
    - `<layer>/saturated`: the fraction of units with $|f'(z)| < 0.005 \max_{|u| \le 3} |f'(u)|$ for at least 95 % of
      the values; dead units of a ReLU are saturated, too;
    - `<layer>/variance`: the variance of $y$ over the sample, averaged over the units;
    - `<layer>/gradient_norm`: with `y=`, $\lVert \partial L / \partial W \rVert_2$ of the compiled loss of the sample
      with respect to the layer's kernel;
    - `<layer>/<parameter>`: the current value of a learned parameter; of several values, their mean, and with
      `_min` and `_max` at the end of the name, their range;
    - `dead`, `saturated`: the largest of the layers, for a callback that ends a run of which units died.
      `EarlyStopping(monitor="dead")` is not one: it ends a run in which `dead` stays at 0, too.

    $f$ is the declared activation with its initial parameters in $\max |f'|$, and the current ones in $f'(z)$; a
    function of Keras is used as the declaration of the same name. `saturated` and the derivative of `dead` are left out
    for activations that are not elementwise (`softmax`, gated ones, `Maxout`) and for piecewise constant ones. The
    values are NaN where $y$ is not finite, with one warning.

    All activations are observed that layers apply as their `activation`, and all activation layers, also in nested
    models, blocks and subclassed models; except `linear`, `Softmax` layers, activations inside recurrent cells,
    `TimeDistributed` and `keras.RematScope`, and operations that are called directly (`keras.ops.relu`). Learned
    parameters and gradients of kernels are reported for all layers. The call changes no weight, seed, metric or
    optimizer state, so that training is the same with and without the monitor.

    Callbacks behind the monitor in `callbacks=`, and always `History`, receive the results: put `CSVLogger`,
    `EarlyStopping` and Keras's `TensorBoard`, which writes `epoch_<name>`, after it.

    Args:
        x: inputs, as in `fit`: an array, or a list or dict of arrays. The first `max_rows` rows are used.
        y: None, or the targets of these inputs, for the gradients of a compiled loss.
        frequency: the number of epochs between two measurements; the epochs between them repeat the last results.
        layers: None for all, or the names of layers as in the logs; the name of a nested model selects all its layers.
        max_rows: the largest size of the sample.

    Raises:
        ValueError: for an argument out of range, data with NaN or infinity; and when training starts, for a model
            that is not built, has no activation or, with `y`, no compiled loss, and for unknown layers.

    Example:

    >>> import keras, numpy as np
    >>> import keras_actx as actx
    >>> x = np.random.default_rng(1).normal(size=(256, 8)).astype("float32")
    >>> dense = keras.layers.Dense(16, "relu", bias_initializer=keras.initializers.Constant(-100.0), name="hidden")
    >>> model = keras.Sequential([keras.Input((8,)), dense, keras.layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> history = model.fit(x, x[:, :1], epochs=2, verbose=0, callbacks=[actx.callbacks.ActivationMonitor(x)])
    >>> history.history["hidden/dead"]
    [1.0, 1.0]
    """

    @takes_numpy_scalars
    def __init__(
        self,
        x: Any,
        y: Any = None,
        *,
        frequency: int = 1,
        layers: Sequence[str] | None = None,
        max_rows: int = 256,
    ) -> None:
        super().__init__()
        for name, value in (("frequency", frequency), ("max_rows", max_rows)):
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ValueError(f"ActivationMonitor: {name}={quote(value)} is not allowed; use a whole number above 0")
        if isinstance(layers, str) or not (layers is None or all(isinstance(one, str) for one in layers)):
            raise ValueError(f"ActivationMonitor: layers={quote(layers)} is not allowed; use a list of names, or None")
        self.frequency = frequency
        self.max_rows = max_rows
        self.layers = None if layers is None else list(layers)
        self.x = arrays(x, "x", "ActivationMonitor", max_rows)
        self.y = None if y is None else arrays(y, "y", "ActivationMonitor", max_rows)
        row_count([one for one in (self.x, self.y) if one is not None], "x and y", "ActivationMonitor")
        self._measured: _Measurement | None = None
        self._last: dict[str, float] = {}
        self._warned = False

    def measure(self, model: Any) -> dict[str, float]:
        """The results for a built model, by their names in the logs.

        Raises:
            ValueError: as the class does when training starts.

        Example:

        >>> import keras, numpy as np
        >>> import keras_actx as actx
        >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, "tanh", name="hidden")])
        >>> sorted(actx.callbacks.ActivationMonitor(np.eye(4)).measure(model))
        ['dead', 'hidden/dead', 'hidden/saturated', 'hidden/variance', 'saturated']
        """
        if not getattr(model, "built", False):
            raise ValueError(
                f"ActivationMonitor: {model.name} is not built; call it on data, or build(input_shape), first"
            )
        found = _Measurement(model, self.x, self.y, self.layers)
        if self._measured is None or not self._measured.is_like(found):
            self._measured = found
        results, not_finite = self._measured()
        if not_finite and not self._warned:
            self._warned = True
            warnings.warn(
                f"ActivationMonitor: the outputs of {not_finite[0]} are not finite for the sample; its results are NaN",
                stacklevel=2,
            )
        return results

    def on_train_begin(self, logs: Any = None) -> None:
        """Measure once, so that errors are raised before training."""
        self._warned = False
        model: Any = self.model
        self._last = self.measure(model) if model.built else {}  # otherwise the first batch builds it

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Add the results to the logs."""
        if epoch % self.frequency == 0 or not self._last:
            self._last = self.measure(self.model)
        if logs is not None:
            logs.update(self._last)


class _Measurement:
    """The measurement of one model; it keeps the compiled functions."""

    def __init__(self, model: Any, x: Any, y: Any, layers: list[str] | None) -> None:
        self.model, self.x, self.y = model, x, y
        parts = model_parts.parts_of(model)
        observed = model_parts.observed(parts)
        if not observed:
            raise ValueError(
                f"ActivationMonitor: {model.name} has no activation that can be observed: no layer with activation=, "
                "other than linear, and no activation layer; operations and recurrent cells are not observed"
            )
        kernels = {} if y is None else model_parts.kernels(parts)
        if y is not None and getattr(model, "loss", None) is None:
            raise ValueError(f"ActivationMonitor: y= needs {model.name} to be compiled with a loss; leave out y=")
        known = [*(one.name for one in observed), *kernels, *(one.name for one in parts if one.layer is not model)]
        for name in layers or ():
            if name not in known:
                has = ", ".join([*(repr(one.name) for one in observed[:10]), *(["..."] if observed[10:] else [])])
                raise ValueError(
                    f"ActivationMonitor: {model.name} has no layer {quote(name)} in layers=; it observes {has}."
                    f"{did_you_mean(name, known)}"
                )

        def is_chosen(name: str) -> bool:
            return layers is None or any(f"{name}/".startswith(f"{one}/") for one in layers)

        self.parts = [one for one in parts if is_chosen(one.name)]
        self.observed = [one for one in observed if is_chosen(one.name)]
        self.kernels = {name: one for name, one in kernels.items() if is_chosen(name)}
        self._activity = Activity()
        self._states: list[Any] = []
        self._gradients: Callable[..., Any] | None = None

    def is_like(self, other: "_Measurement") -> bool:
        """Whether the other is of the same layers, activations and kernels."""
        same = self.model is other.model and self.model.loss is other.model.loss
        kernels = [list(map(id, one.kernels.values())) for one in (self, other)]
        return same and self.observed == other.observed and self.parts == other.parts and kernels[0] == kernels[1]

    def __call__(self) -> tuple[dict[str, float], list[str]]:
        """The results, and the names of activations whose outputs are not finite."""
        seen: dict[str, list[dict[str, np.ndarray]]] = {one.name: [] for one in self.observed}

        def receive(one: model_parts.Observed, units: dict[str, Any]) -> None:
            results = {key: _numpy(value) for key, value in units.items()}
            if "flat" in results:
                results["saturated"] = results["flat"] >= MOST
            seen[one.name].append({key: results[key] for key in _MEASURED if key in results})

        # The scope discards all changes of variables.
        with self._activity.watched(self.observed, receive), keras.StatelessScope():
            called(self.model, keras.tree.map_structure(keras.ops.convert_to_tensor, self.x))
        results, not_finite = {}, []
        for name, calls in seen.items():
            if not calls:
                continue
            joined = {key: np.concatenate([call[key] for call in calls]) for key in calls[0]}
            finite = bool(joined.pop("finite").all())
            if not finite:
                not_finite.append(name)
            results |= {f"{name}/{key}": float(one.mean()) if finite else math.nan for key, one in joined.items()}
        largest = {
            key: float(np.max([value for name, value in results.items() if name.endswith(f"/{key}")]))
            for key in ("dead", "saturated")
            if any(name.endswith(f"/{key}") for name in results)
        }
        results |= self._gradient_norms()
        for name, value in model_parts.learned_values(self.parts).items():
            results |= _summarized(name, _numpy(value))
        return {**results, **largest}, not_finite

    def _gradient_norms(self) -> dict[str, float]:
        if not self.kernels:
            return {}
        kernels = list(self.kernels.values())
        if self._gradients is None:
            of_kernels = set(map(id, kernels))
            self._states = [one for one in self.model.variables if id(one) not in of_kernels]
            self._gradients = backend.forward_and_vjp(self._loss)[1]
        data = [keras.ops.convert_to_tensor(one) for one in keras.tree.flatten((self.x, self.y))]
        state = [keras.ops.convert_to_tensor(one) for one in self._states]
        one = keras.ops.ones((), dtype="float32")
        values = [keras.ops.convert_to_tensor(kernel) for kernel in kernels]
        gradients = self._gradients([*state, *data], values, one)
        squares = [keras.ops.square(keras.ops.cast(gradient, "float32")) for gradient in gradients]
        norms = [_numpy(keras.ops.sqrt(keras.ops.sum(one))) for one in squares]
        return {f"{name}/gradient_norm": float(norm) for name, norm in zip(self.kernels, norms, strict=True)}

    def _loss(self, given: Any, kernels: Any) -> Any:
        """The compiled loss of the sample, in inference mode."""
        count = len(self._states)
        x, y = keras.tree.pack_sequence_as((self.x, self.y), given[count:])
        values = [*zip(self._states, given[:count], strict=True), *zip(self.kernels.values(), kernels, strict=True)]
        with keras.StatelessScope(state_mapping=values, collect_losses=True):
            loss = self.model.compute_loss(x=x, y=y, y_pred=called(self.model, x), sample_weight=None)
        return keras.ops.cast(loss, "float32")


def _summarized(name: str, values: np.ndarray) -> dict[str, float]:
    found = {name: float(values.mean())}
    if values.size > 1:
        found |= {f"{name}_min": float(values.min()), f"{name}_max": float(values.max())}
    return found


def _numpy(x: Any) -> np.ndarray:
    return np.asarray(keras.ops.convert_to_numpy(x))
