"""`config.set_memory_efficient` for a while."""

import contextlib

from keras_actx import config


@contextlib.contextmanager
def memory_efficient(value):
    """The switch, put back afterwards."""
    before = config.memory_efficient()
    config.set_memory_efficient(value)
    try:
        yield
    finally:
        config.set_memory_efficient(before)
