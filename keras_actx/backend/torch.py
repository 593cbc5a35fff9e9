"""torch: no autograd, and the CPU instead of the `meta` device on which Keras traces shapes."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import keras
import torch

tanh, sin, cos, arctan = keras.ops.tanh, keras.ops.sin, keras.ops.cos, keras.ops.arctan


@contextmanager
def eager_float64() -> Iterator[None]:
    """See `keras_actx.backend.eager_float64`."""
    with torch.no_grad(), keras.device("cpu"), torch.device("cpu"):
        yield


def there_and_back(function: Callable[..., Any]) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """See `keras_actx.backend.there_and_back`."""

    def there(weights: Any, x: Any) -> Any:
        with torch.no_grad():
            return function(weights, x)

    def back(weights: Any, x: Any, cotangent: Any) -> Any:
        x = x.detach().requires_grad_()
        with torch.enable_grad():
            y = function([one.detach() for one in weights], x)
        if not y.requires_grad:  # nothing of x reached it, as with a step function
            return torch.zeros_like(x)
        (result,) = torch.autograd.grad(y, x, cotangent, materialize_grads=True)
        return result

    return there, back
