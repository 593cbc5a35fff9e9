"""The known errors of this package's own activations, tests/known_errors.toml."""

import tomllib
from pathlib import Path

from keras_actx.testing import KnownError

FILE = Path(__file__).with_name("known_errors.toml")
ERRORS = tuple(KnownError(**one) for one in tomllib.loads(FILE.read_text(encoding="utf-8"))["error"])


def excused():
    """The activations, each with a quantity or dtype in which it is known to exceed a bound."""
    return {(one.name, what) for one in ERRORS for what in (one.quantity, *one.dtypes.split())}
