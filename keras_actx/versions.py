"""Which Keras this package works with."""

try:
    import keras
except ModuleNotFoundError as error:
    from keras_actx.commands import backend_choice

    missing = backend_choice.missing_backend(error)
    if missing is None:
        raise
else:
    missing = None
if missing:  # out of the block, so that an error shows no other error's traceback
    keras = backend_choice.keras_without(missing)

OLDEST_KERAS = (3, 10)


def require_keras() -> None:
    """Raise `ImportError` on a Keras that cannot hold this package's objects, naming the remedy."""
    version = getattr(keras, "__version__", "unknown")
    numbers = version.split(".")[:2]
    if not all(part.isdigit() for part in numbers) or tuple(map(int, numbers)) < OLDEST_KERAS:
        oldest = ".".join(map(str, OLDEST_KERAS))
        raise ImportError(f"keras_actx needs keras>={oldest}, and found keras {version}: pip install --upgrade keras")
