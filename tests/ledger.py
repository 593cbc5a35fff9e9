"""The ledger of this package's own activations on the backend in use: known_errors/BACKEND.toml and its reasons."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

import keras

from keras_actx.testing.ledger import Entry

FOLDER = Path(__file__).with_name("known_errors")


@dataclass(frozen=True)
class Known:
    """An entry, and where it was measured: activation, way of calling ("ours", or a compiler's name), x."""

    entry: Entry
    witnesses: tuple[tuple[str, str, float], ...]

    def __str__(self) -> str:
        return str(self.entry)


@dataclass(frozen=True)
class Cancelling:
    """A derivative whose error is beyond the bar in its own units, and within it in those of its largest term.

    Args:
        name: the activation.
        dtype: of its input.
        term: the largest term, one of `derivatives.terms`.
        ulps: the largest error of the derivative in its own units.
        at: where.
    """

    name: str
    dtype: str
    term: str
    ulps: float
    at: float

    @property
    def reason(self) -> str:
        """Why the term counts."""
        return _TERMS[self.term]


_TERMS = {
    "f / x": "a term of the product rule cancels with the rest",
    "x f''": "steep, or beside a zero of f': rounding x moves f' by as much",
    "f": "saturates: backends differentiate sigmoid, tanh and expm1 as y (1 - y), 1 - y² and 1 + y of their result y",
    "f'": "beyond the bar in its largest term too: see there",
}


def cancelling(backend: str) -> list[Cancelling]:
    """The derivatives that cancel on a backend."""
    return [Cancelling(**one) for one in _toml(backend).get("cancelling", [])]


def read(backend: str) -> list[Known]:
    """The entries of a backend.

    Raises:
        ValueError: if one has no reason.
    """
    every = reasons()
    return [_read(one, backend, every) for one in _toml(backend).get("entry", [])]


def reasons() -> dict[tuple[str, str], str]:
    """Why, by activation and quantity."""
    return {(name, quantity): why for name, both in _toml("reasons").items() for quantity, why in both.items()}


def _toml(name: str) -> dict:
    return tomllib.loads((FOLDER / f"{name}.toml").read_text(encoding="utf-8"))


def _read(one: dict, backend: str, every: dict) -> Known:
    measured = {key: value for key, value in one.items() if key not in ("witnesses", "dtype")}
    name, quantity = one["name"], one["quantity"]
    if (name, quantity) not in every:
        raise ValueError(f"known_errors/reasons.toml does not say why the {quantity} of {name} exceeds its bar")
    entry = Entry(**measured, dtypes=one["dtype"], backends=backend, reason=every[name, quantity])
    return Known(entry, tuple((of, way, float(x)) for of, way, x in one["witnesses"]))


KNOWN = read(keras.backend.backend())
LEDGER = tuple(one.entry for one in KNOWN)
