"""What a stack of many blocks makes of signal and gradient at the start, in decades from first layer to last."""

import contextlib

import keras
import numpy as np

from keras_actx.testing.backend import gradient


def as_numpy(x):
    return keras.ops.convert_to_numpy(x)


@contextlib.contextmanager
def one_thread():
    """Threads of several processes that wait for each other's cores take fifty times as long for these matrices."""
    if keras.backend.backend() != "torch":
        yield
        return
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@one_thread()
def decades(stack, seed=1, batch=64):
    """log10 of last / first: the signal's second moment, the gradient's, and the signal's variance across inputs."""
    draw = np.random.default_rng(seed)
    width, columns = stack.blocks[0].units, stack.blocks[0].dense.units
    x, direction = (keras.ops.convert_to_tensor(draw.normal(size=(batch, width)), "float32") for _ in range(2))
    if not stack.built:
        stack.build((None, width))
    signals = []

    def run(moved):
        """The sum whose gradient with respect to `moved`, which is 0, is that with respect to every pre-activation."""
        signals.clear()
        h = x
        for block, move in zip(stack.blocks, keras.ops.unstack(moved, len(stack.blocks)), strict=True):
            z = block.dense(h) + move
            signals.append(z)
            h = block.activate(z)
        return h * direction

    still = keras.ops.zeros((len(stack.blocks), batch, columns))
    with np.errstate(all="ignore"):
        gradients = as_numpy(gradient(run, still)).astype("float64")
        run(still)
        first, last = (as_numpy(keras.ops.stop_gradient(signals[i])).astype("float64") for i in (0, -1))
        pairs = (
            ((first**2).mean(), (last**2).mean()),
            ((gradients[-1] ** 2).mean(), (gradients[0] ** 2).mean()),
            (first.var(axis=0).mean(), last.var(axis=0).mean()),
        )
        return [float(np.log10(after / before)) for before, after in pairs]
