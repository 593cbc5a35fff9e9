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
    width = stack.blocks[0].units
    x, direction = (keras.ops.convert_to_tensor(draw.normal(size=(batch, width)), "float32") for _ in range(2))
    if not stack.built:
        stack.build((None, width))
    with np.errstate(all="ignore"):
        # Layer by layer: of a hundred in one gradient, JAX's compiler takes a minute.
        # And without the graph of what came before, of which torch would keep twice as much at every layer.
        alone = keras.ops.stop_gradient
        inputs, signals, slopes = [x], [], []
        for block in stack.blocks:
            signals.append(alone(block.dense(inputs[-1])))
            inputs.append(alone(block.activate(signals[-1])))
        for block, h, z in zip(reversed(stack.blocks), inputs[-2::-1], reversed(signals), strict=True):
            slopes.append(alone(gradient(lambda z, block=block, to=direction: block.activate(z) * to, z)))
            direction = alone(gradient(lambda h, block=block, to=slopes[-1]: block.dense(h) * to, h))
        first, last = (as_numpy(signals[i]).astype("float64") for i in (0, -1))
        late, early = (as_numpy(slopes[i]).astype("float64") for i in (0, -1))
        pairs = (
            ((first**2).mean(), (last**2).mean()),
            ((late**2).mean(), (early**2).mean()),
            (first.var(axis=0).mean(), last.var(axis=0).mean()),
        )
        return [float(np.log10(after / before)) for before, after in pairs]
