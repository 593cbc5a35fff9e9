"""The Keras versions that this package supports."""

import os

try:
    import keras
except ModuleNotFoundError as error:
    from keras_actx import _missing_backend

    missing = _missing_backend.missing_backend(error)
    if missing is None:
        raise
else:
    missing = None
if missing:  # outside of the block, so that an error shows no chained traceback
    keras = _missing_backend.keras_without(missing)  # pyright: ignore[reportPossiblyUnboundVariable]  (bound where something is missing)

OLDEST_KERAS = (3, 10)


def require_keras() -> None:
    """Raise `ImportError` with a remedy for a Keras version that does not support this package.

    Also if `tf.keras` is Keras 2: its layers would treat a learnable activation as a function and never train it.
    """
    version = getattr(keras, "__version__", "unknown")
    numbers = version.split(".")[:2]
    if not all(part.isdigit() for part in numbers) or tuple(map(int, numbers)) < OLDEST_KERAS:
        oldest = ".".join(map(str, OLDEST_KERAS))
        raise ImportError(f"keras_actx needs keras>={oldest}, and found keras {version}: pip install --upgrade keras")
    # The values are those that TensorFlow checks for.
    if keras.backend.backend() == "tensorflow" and os.environ.get("TF_USE_LEGACY_KERAS") in ("1", "true", "True"):
        raise ImportError(
            "keras_actx: TF_USE_LEGACY_KERAS is set, which makes tf.keras Keras 2 (tf_keras). Its layers do not "
            "support the names of keras_actx and never train a learnable activation. Unset TF_USE_LEGACY_KERAS before "
            "TensorFlow is imported, and build models with `import keras` (Keras 3)."
        )
