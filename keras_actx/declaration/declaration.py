"""`Declaration`: the formula and metadata of one activation, from which everything else is derived."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from keras_actx._messages import did_you_mean, quote
from keras_actx.declaration.parameters import Parameter

#: "elementwise": one number in, one number out. "vector": keeps the shape, mixes an axis (softmax).
#: "gated": halves the last axis (value and gate).
Kind = Literal["elementwise", "vector", "gated"]

OWN_PACKAGE = "keras_actx"


def call_text(name: str, settings: Mapping[str, Any]) -> str:
    """`name(key=value, ...)`; the name alone without settings."""
    inside = ", ".join(f"{key}={value!r}" for key, value in settings.items())
    return f"{name}({inside})" if inside else name


@dataclass(frozen=True, eq=False)
class Declaration:
    """One activation: its formula, parameters with ranges and defaults, references, kinks, aliases and kind.

    Compared by identity: a function that is declared again with another body is a new declaration. A pickled
    declaration is looked up by its name when it is loaded.
    """

    name: str
    package: str
    formula: Callable[..., Any]
    parameters: tuple[Parameter, ...]
    kind: Kind = "elementwise"
    tex: str = ""
    cites: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    learnable: bool = False  # its plain name is learnable, as in its paper
    stochastic: bool = False  # draws random numbers in training
    exact: Callable[..., Any] | None = field(default=None, repr=False)
    kinks: Mapping[float, float] | Callable[..., Mapping[float, float]] = field(default_factory=dict)

    @property
    def identifier(self) -> str:
        """The name for look-ups: plain for this package's own, `package>name` for those of other packages."""
        return self.name if self.package == OWN_PACKAGE else self.qualified_name

    @property
    def qualified_name(self) -> str:
        return f"{self.package}>{self.name}"

    @property
    def summary(self) -> str:
        """The first sentence of its docstring."""
        return (inspect.getdoc(self.formula) or "").split("\n\n")[0].replace("\n", " ")

    @property
    def defaults(self) -> dict[str, Any]:
        return {one.name: one.default for one in self.parameters}

    @property
    def learnable_parameters(self) -> tuple[str, ...]:
        """The parameters that are learned by default."""
        return tuple(one.name for one in self.parameters if one.learnable)

    def complete(self, given: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
        """All parameters in declared order: `given` checked, defaults filled in.

        Raises:
            ValueError: for an unknown parameter or a value out of range.
        """
        known = [one.name for one in self.parameters]
        for key in given:
            if key not in known:
                accepted = ", ".join(known) if known else "no parameters"
                hint = did_you_mean(key, known) if isinstance(key, str) else ""
                raise ValueError(f"{self.identifier} has no parameter {quote(key)}; it accepts {accepted}.{hint}")
        return tuple(
            (one.name, one.check(given[one.name], self.identifier) if one.name in given else one.default)
            for one in self.parameters
        )

    def by_name(self, values: Sequence[Any], settings: Mapping[str, Any]) -> dict[str, Any]:
        """`settings`, and a positional value under the name of the only parameter.

        Raises:
            ValueError: if the parameter is ambiguous.
        """
        if not values:
            return dict(settings)
        known = [one.name for one in self.parameters]
        if not known:
            raise ValueError(f"{self.identifier} has no parameters; it was given {quote(values[0])}")
        if len(known) > 1:
            names = ", ".join(f"{name}=..." for name in known)
            raise ValueError(f"{self.identifier} has {len(known)} parameters: write them by name, {names}")
        if len(values) > 1 or known[0] in settings:
            raise ValueError(f"{self.identifier} has one parameter, {known[0]}, and it is given twice")
        return {known[0]: values[0], **settings}

    def __copy__(self) -> "Declaration":
        return self

    def __deepcopy__(self, memo: dict) -> "Declaration":
        return self

    def kinks_at(self, params: Mapping[str, Any]) -> dict[float, float]:
        """The points where a derivative is discontinuous, with the declared first derivative there."""
        return dict(self.kinks(**params) if callable(self.kinks) else self.kinks)
