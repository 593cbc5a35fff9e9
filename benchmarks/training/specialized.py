"""Starts that were published for some activations, and claim more than the scheme "published": from the papers.

They are not from the authors' code. All have zero biases. In a convolution they fill the tap in the centre of the
kernel.
"""

import numpy as np

#: What each is for; None for all activations.
_FOR = {
    "tanh-init": ("tanh",),  # Lee et al. 2025, arXiv:2410.02242: identity and noise of 0.085 / sqrt(fan_in)
    "ones": ("relu", "leaky_relu"),  # after Lee, Kim & Choi 2025, arXiv:2509.00362, see `_ones`
    "sine fixed point": ("sine(w0=1.0)",),  # Combette et al. 2025, arXiv:2512.06427: gradients of variance 1
    "siren x2": ("sine(w0=1.0)",),  # Yeom et al. 2024, arXiv:2410.04779: SIREN's weights times a constant
    "idinit": None,  # Pan et al. 2025, arXiv:2503.04626: the identity, repeated
}
STARTS = tuple(_FOR)


def exists(start: str, activation: str) -> bool:
    """Whether it was published for the activation."""
    return _FOR[start] is None or activation in _FOR[start]


def kernel(start: str, shape: tuple[int, ...], first: bool, seed: int) -> np.ndarray:
    """A kernel of inputs by outputs, or of a convolution."""
    inputs, outputs = shape[-2:]
    rng = np.random.default_rng(seed)
    found = {
        "tanh-init": lambda: _identity(inputs, outputs) + rng.normal(size=shape[-2:]) * 0.085 / inputs**0.5,
        "ones": lambda: _ones(inputs, outputs, rng),
        "sine fixed point": lambda: _siren(inputs, outputs, 3.0, first, rng),
        "siren x2": lambda: 2.0 * _siren(inputs, outputs, 6.0, first, rng),
        "idinit": lambda: _identity(inputs, outputs) + rng.normal(size=shape[-2:]) * 1e-6,
    }[start]()
    if len(shape) == 2:
        return found.astype("float32")
    whole = np.zeros(shape, "float32")
    whole[tuple(size // 2 for size in shape[:-2])] = found
    return whole


def _identity(inputs: int, outputs: int) -> np.ndarray:
    """1 where the numbers of input and output are the same, modulo the fewer of them for more outputs than inputs."""
    rows, columns = np.arange(inputs)[:, None], np.arange(outputs)[None]
    return (rows == columns % inputs).astype("float64")


def _ones(inputs: int, outputs: int, rng: np.random.Generator) -> np.ndarray:
    """Semi-orthogonal, and equal inputs give equal outputs of their size.

    The abstract asks for an orthogonal kernel of the largest mean before relu, so that no unit starts dead; that is the
    one that maps the vector of ones to a multiple of it.
    """
    bases = []
    for size in (inputs, outputs):
        random = np.concatenate([np.ones((size, 1)), rng.normal(size=(size, min(inputs, outputs) - 1))], axis=1)
        basis, triangle = np.linalg.qr(random)
        bases.append(basis * np.sign(np.diag(triangle)))
    return bases[0] @ bases[1].T


def _siren(inputs: int, outputs: int, constant: float, first: bool, rng: np.random.Generator) -> np.ndarray:
    """U(-1/n, 1/n) for the network's input, else U(-sqrt(c/n), sqrt(c/n)); w0 is 1."""
    end = 1.0 / inputs if first else (constant / inputs) ** 0.5
    return rng.uniform(-end, end, (inputs, outputs))
