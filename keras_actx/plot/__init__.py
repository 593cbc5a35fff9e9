"""Plots, with matplotlib (the extra `plot`), which is imported when a plot is drawn."""

from typing import TYPE_CHECKING

from keras_actx.lazy_imports import lazy_imports as _lazy_imports

if TYPE_CHECKING:
    from keras_actx.plot.scores import comparison as comparison
    from keras_actx.plot.through_depth import propagation as propagation

__all__ = ["comparison", "propagation"]

if not TYPE_CHECKING:  # otherwise a type checker would accept any name in this package
    __getattr__, __dir__ = _lazy_imports(
        globals(), {"comparison": "keras_actx.plot.scores", "propagation": "keras_actx.plot.through_depth"}
    )
