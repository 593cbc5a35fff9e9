"""keras_actx: a hundred activations by name in every Keras layer, and layers that are initialized to match them."""

import typing as _typing

from keras_actx import versions as _versions

__version__ = "0.1.0"

_versions.require_keras()

from keras_actx import activations as activations  # noqa: E402  (Keras is checked first)
from keras_actx import config as config  # noqa: E402
from keras_actx import constraints as constraints  # noqa: E402
from keras_actx import initializers as initializers  # noqa: E402
from keras_actx import layers as layers  # noqa: E402
from keras_actx import pickling as _pickling  # noqa: E402
from keras_actx import ranges as ranges  # noqa: E402
from keras_actx.declaration.activation import Activation as Activation  # noqa: E402
from keras_actx.declaration.decorator import register_activation as register_activation  # noqa: E402
from keras_actx.names import keras_table as _keras_table  # noqa: E402
from keras_actx.names import public as _names  # noqa: E402
from keras_actx.names.public import describe as describe  # noqa: E402
from keras_actx.names.public import deserialize as deserialize  # noqa: E402
from keras_actx.names.public import get as get  # noqa: E402
from keras_actx.names.public import names as names  # noqa: E402
from keras_actx.names.public import serialize as serialize  # noqa: E402

_keras_table.install(_names.from_string, _names.get_for)
_pickling.install()

if _typing.TYPE_CHECKING:
    from keras_actx import callbacks as callbacks
    from keras_actx import plot as plot
    from keras_actx.expectation.moments import Moments as Moments
    from keras_actx.expectation.moments import gain as gain
    from keras_actx.expectation.moments import moments as moments
    from keras_actx.initializers.pairing import pairing as pairing
    from keras_actx.models.audit.audit import audit as audit
    from keras_actx.models.compare.compare import compare as compare
    from keras_actx.models.pair.pair import pair as pair
    from keras_actx.models.replace import replace_activations as replace_activations

from keras_actx.lazy_imports import lazy_imports as _lazy_imports  # noqa: E402

__all__ = [
    "Activation", "Moments", "__version__", "activations", "audit", "callbacks", "compare", "config", "constraints",
    "describe", "deserialize", "gain", "get", "initializers", "layers", "moments", "names", "pair", "pairing", "plot",
    "ranges", "register_activation", "replace_activations", "serialize",
]  # fmt: skip

if not _typing.TYPE_CHECKING:  # otherwise a type checker would accept any name in this package
    __getattr__, __dir__ = _lazy_imports(
        globals(),
        {
            **dict.fromkeys(("Moments", "gain", "moments"), "keras_actx.expectation.moments"),
            "audit": "keras_actx.models.audit.audit",
            "callbacks": "keras_actx.callbacks",
            "compare": "keras_actx.models.compare.compare",
            "pair": "keras_actx.models.pair.pair",
            "pairing": "keras_actx.initializers.pairing",
            "plot": "keras_actx.plot",
            "replace_activations": "keras_actx.models.replace",
        },
    )
