"""Seeds as arguments: one rule for all layers and initializers."""

from typing import Any

import keras

from keras_actx._messages import quote
from keras_actx.plain_numbers import plain

#: The range that all random operations accept on all backends: torch stores the state of a `SeedGenerator` in int32,
#: JAX rejects negative numbers.
LARGEST_SEED = 2**31 - 1


def checked_seed(seed: Any, owner: str) -> Any:
    """The seed of an initializer: None, a whole number, or a `SeedGenerator`, which may be given by its config.

    Raises:
        ValueError: for anything else, and for a number that some backend or random operation would reject.
    """
    seed = plain(seed)
    if seed is None or isinstance(seed, keras.random.SeedGenerator):
        return seed
    if isinstance(seed, dict):
        try:
            made = keras.saving.deserialize_keras_object(seed)
        except Exception:  # for arbitrary contents of a file
            made = None
        if isinstance(made, keras.random.SeedGenerator):
            return made
    if isinstance(seed, int) and not isinstance(seed, bool) and 0 <= seed <= LARGEST_SEED:
        return seed
    raise ValueError(
        f"{owner}: seed={quote(seed)} is not allowed; use None, a whole number from 0 to 2**31 - 1, or a "
        "keras.random.SeedGenerator"
    )


def checked_seed_number(seed: Any, owner: str) -> int | None:
    """The seed of a layer as a number, which is saved; of a `SeedGenerator`, its next number."""
    seed = checked_seed(seed, owner)
    if not isinstance(seed, keras.random.SeedGenerator):
        return seed
    start, count = (int(one) % 2**32 for one in keras.ops.convert_to_numpy(seed.next()))
    return (start * 1000003 + count * 2654435761) % 2**31


def saved_seed(seed: Any) -> Any:
    """A seed in the form stored in a config."""
    return keras.saving.serialize_keras_object(seed) if isinstance(seed, keras.random.SeedGenerator) else seed
