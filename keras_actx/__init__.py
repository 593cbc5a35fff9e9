"""keras_actx: every Keras layer understands a hundred activations by name, and DenseBlock starts them right."""

from keras_actx import versions as _versions

__version__ = "0.1.0"

_versions.require_keras()

from keras_actx import activations as activations  # noqa: E402  (Keras is checked first)
from keras_actx import config as config  # noqa: E402
from keras_actx import constraints as constraints  # noqa: E402
from keras_actx import initializers as initializers  # noqa: E402
from keras_actx import layers as layers  # noqa: E402
from keras_actx.declaration.activation import Activation as Activation  # noqa: E402
from keras_actx.declaration.decorator import activation as activation  # noqa: E402
from keras_actx.declaration.parameters import NonNegative as NonNegative  # noqa: E402
from keras_actx.declaration.parameters import Positive as Positive  # noqa: E402
from keras_actx.declaration.parameters import Range as Range  # noqa: E402
from keras_actx.declaration.parameters import Real as Real  # noqa: E402
from keras_actx.expectation import Moments as Moments  # noqa: E402
from keras_actx.expectation import gain as gain  # noqa: E402
from keras_actx.expectation import moments as moments  # noqa: E402
from keras_actx.initializers.pairing import pairing as pairing  # noqa: E402
from keras_actx.names import keras_table as _keras_table  # noqa: E402
from keras_actx.names.resolve import describe as describe  # noqa: E402
from keras_actx.names.resolve import deserialize as deserialize  # noqa: E402
from keras_actx.names.resolve import get as get  # noqa: E402
from keras_actx.names.resolve import names as names  # noqa: E402
from keras_actx.names.resolve import serialize as serialize  # noqa: E402

_keras_table.install()


def __getattr__(name: str) -> object:
    if name == "plot":  # only those who draw pay for its import
        import importlib

        return importlib.import_module("keras_actx.plot")
    raise AttributeError(f"module 'keras_actx' has no attribute {name!r}")
