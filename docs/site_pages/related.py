"""Which activations are near to which: the file they are declared in, and the distance of their curves."""

from functools import cached_property

import numpy as np

import keras_actx as actx
from keras_actx.declaration.declaration import OWN_PACKAGE
from site_pages import curves

NEAREST = 3
_ROWS, _COLUMNS = 256, 8  # of the sample for activations along an axis


class Family:
    """The activations that one file declares, by name."""

    def __init__(self, module: str, names: tuple[str, ...]) -> None:
        self.key = module.rpartition(".")[2]
        self.title = self.key.replace("_", " ").capitalize()
        self.names = names


class Relations:
    """The relations of this package's activations, all with default parameters."""

    def __init__(self) -> None:
        self.declarations = {name: one for name in actx.names() if (one := actx.describe(name)).package == OWN_PACKAGE}
        self._values: dict[str, np.ndarray] = {}

    @cached_property
    def families(self) -> tuple[Family, ...]:
        """The families by title, each sorted by name."""
        found: dict[str, list[str]] = {}
        for name, declaration in self.declarations.items():
            found.setdefault(declaration.formula.__module__, []).append(name)
        return tuple(Family(module, tuple(names)) for module, names in sorted(found.items()))

    def family(self, name: str) -> Family:
        return next(one for one in self.families if name in one.names)

    @cached_property
    def order(self) -> tuple[str, ...]:
        """All names, family by family: the order of "previous" and "next"."""
        return tuple(name for family in self.families for name in family.names)

    def _value(self, name: str) -> np.ndarray:
        if name not in self._values:
            vector = self.declarations[name].kind == "vector"
            z = np.random.default_rng(0).normal(size=(_ROWS, _COLUMNS)) if vector else curves.normal_sample()
            self._values[name] = curves.evaluate(self.declarations[name], z).reshape(-1)
        return self._values[name]

    def distance(self, name: str, other: str) -> float:
        """√E[(f(z) - g(z))²] for z ~ N(0, 1); of gated activations, the distance of their gates."""
        difference = self._value(name) - self._value(other)
        return round(float(np.sqrt(np.mean(difference**2))), 6)  # without rounding errors, so that equals stay in order

    def nearest(self, name: str) -> list[tuple[float, str]]:
        """The nearest activations of the same kind, with their distances."""
        kind = self.declarations[name].kind
        others = (one for one, it in self.declarations.items() if it.kind == kind and one != name)
        return sorted((self.distance(name, one), one) for one in others)[:NEAREST]

    def gates(self, name: str) -> list[str]:
        """Of an elementwise activation, the gated ones whose gate it is; of a gated one, the functions of its gate."""
        kinds = {"elementwise": "gated", "gated": "elementwise"}
        wanted = kinds.get(self.declarations[name].kind)
        others = (one for one, it in self.declarations.items() if it.kind == wanted)
        return [one for one in others if self.distance(name, one) == 0.0]
