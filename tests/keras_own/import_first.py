"""A pytest plugin that imports keras_actx before anything else: `-p import_first`."""

import keras_actx  # noqa: F401
