"""Whether the large sweeps run whole."""

import os

WHOLE = os.environ.get("KERAS_ACTX_TESTS") == "all"
