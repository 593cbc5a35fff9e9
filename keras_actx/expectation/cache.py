"""What is computed from an activation once: it follows the declaration, and keeps no function of a user alive."""

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
    """`compute(subject, *rest)`, whose results are kept for equal arguments.

    Those of an `Activation` belong to its declaration: another declaration of the same name has others. Those of a
    function belong to the function, and go with it. Layers and other objects may change, and nothing is kept for them.

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
        key = (getattr(formula, "__code__", None), *key)  # which reloading a notebook's module replaces in place
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
