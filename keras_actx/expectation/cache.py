"""Caches of results for an activation, stored with its declaration, without references to users' functions."""

import threading
import types
import weakref
from collections.abc import Callable
from functools import wraps
from typing import Any

from keras_actx.declaration.activation import Activation

_MOST = 256  # results for each declaration, and each function
_lock = threading.RLock()


def cached_by_activation(compute: Callable[..., Any]) -> Callable[..., Any]:
    """`compute(subject, *rest)`, with results cached for equal arguments.

    The results for an `Activation` are stored with its declaration, separately from other declarations of the same
    name. The results for a function are stored with the function and freed with it. Layers and other objects are
    mutable, so their results are not cached.

    Args:
        compute: of a `ResolvedActivation.subject`, and of hashable arguments; its results must not hold the subject.
    """
    kept: weakref.WeakKeyDictionary[Any, dict] = weakref.WeakKeyDictionary()

    @wraps(compute)
    def cached(subject: Any, *rest: Any) -> Any:
        if isinstance(subject, Activation):
            owner, formula, key = subject.declaration, subject.declaration.formula, (subject.params, *rest)
        elif isinstance(subject, types.FunctionType):
            owner, formula, key = subject, subject, rest
        else:
            return compute(subject, *rest)
        key = (getattr(formula, "__code__", None), *key)  # replaced in place when a notebook reloads the module
        with _lock:
            results = kept.setdefault(owner, {})
            if key in results:
                return results[key]
        found = compute(subject, *rest)
        with _lock:
            if len(results) >= _MOST:
                del results[next(iter(results))]
            results[key] = found
        return found

    return cached
