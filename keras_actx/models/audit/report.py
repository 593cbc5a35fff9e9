"""`Audit`: the result of `audit`, as a table, a list of dicts and a picture."""

from dataclasses import dataclass
from typing import Any

from keras_actx.models.audit.findings import Finding, Row
from keras_actx.models.table import new_table, plain_text

_MANY = 10_000  # columns: no line is wrapped
_WIDTH = 5  # of a number
_NARROW = 60  # columns, for one number only


@dataclass(frozen=True)
class Audit:
    """What `keras_actx.audit` found.

    The table has a row for each layer, in the order of execution: `gain` is sqrt(fan_in E[w²]) of the kernel, `rule`
    that of the rule for its activation ("norm." if a normalization follows, which makes it irrelevant), `E[z²]` the
    second moment of its result, `grad` the norm of the gradient there over that at the last kernel, `dead` and `sat.`
    the parts of the units that are dead or saturated. Moment and gradient are those of the sample, if there is one.

    Args:
        model: the name of the model.
        layers: a `Row` for each layer, in the order of execution.
        findings: what is wrong, the worst first.
        sample: how many rows of data were used; None without data.

    Example:

    >>> import keras, keras_actx as actx
    >>> model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(8, "relu"), keras.layers.Dense(1)])
    >>> found = actx.audit(model)
    >>> found.findings, found.verdict
    ((), 'no findings in 2 layers')
    """

    model: str
    layers: tuple[Row, ...]
    findings: tuple[Finding, ...]
    sample: int | None = None

    @property
    def verdict(self) -> str:
        """The findings in one line."""
        count = f"{len(self.layers)} layer{'s' * (len(self.layers) != 1)}"
        if not self.findings:
            return f"no findings in {count}"
        named = "; ".join(f"{one.verdict} ({one.layer})" for one in self.findings[:3])
        more = "; ..." if len(self.findings) > 3 else ""
        return f"{len(self.findings)} finding{'s' * (len(self.findings) != 1)} in {count}: {named}{more}"

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The layers as dicts, with the verdict and the remedy of each: `pandas.DataFrame(audit.rows)`."""
        found = []
        for row in self.layers:
            finding = self._finding(row)
            found.append(
                {
                    **vars(row),
                    "verdict": "ok" if finding is None else finding.verdict,
                    "remedy": "" if finding is None else finding.remedy,
                }
            )
        return found

    def _finding(self, row: Row) -> Finding | None:
        return next((one for one in self.findings if row.layer in one.layers), None)

    def plot(self) -> Any:
        """Signal, gradient and dead units by layer, as a `matplotlib.figure.Figure`.

        Raises:
            ImportError: without matplotlib.
        """
        from keras_actx.plot.by_layer import by_layer

        return by_layer(self.rows, self.model)

    def __str__(self) -> str:
        return plain_text(self, _MANY)

    __repr__ = __str__

    def __rich_console__(self, console: Any, options: Any) -> Any:
        yield self._table(options.max_width)
        yield self._line(f"{self.model}: {self.verdict}")
        yield from (self._line(f"- {one}") for one in self.findings)

    def _line(self, text: str) -> Any:
        from rich.text import Text

        return Text(text)

    def _table(self, width: int) -> Any:
        table = new_table(collapse_padding=True)
        names = [(row.layer, row.activation or "?") for row in self.layers]
        numbers = ("gain", "rule", "E[z²]", "grad", *(() if self.sample is None else ("dead", "sat.")))
        if width < _NARROW:
            numbers = ("grad",)
        # One row is one line: what is left of it is for the names.
        room = width - sum(_WIDTH + 2 for _ in numbers) - len("input scale") - 6
        longest = [max(map(len, column)) for column in zip(*names, ("layer", "activation"), strict=True)]
        of_activation = min(longest[1], max(8, room // 3, room - longest[0]))
        for title, most in (("layer", max(8, room - of_activation)), ("activation", of_activation)):
            table.add_column(title, no_wrap=True, max_width=most)
        for title in numbers:
            table.add_column(title, justify="right", no_wrap=True, max_width=_WIDTH)
        table.add_column("verdict", no_wrap=True)
        for row, name in zip(self.layers, names, strict=True):
            finding = self._finding(row)
            known = self.sample is not None
            values = {
                "gain": row.gain,
                "rule": "norm." if row.is_normalized else row.rule_gain,
                "E[z²]": row.measured if known else row.expected,
                "grad": row.gradient if known else row.expected_gradient,
                "dead": _share(row.dead, row),
                "sat.": _share(row.saturated, row),
            }
            shown = (_short(values[title]) for title in numbers)
            table.add_row(*name, *shown, "ok" if finding is None else finding.verdict)
        return table


def _short(number: float | str | None) -> str:
    if number is None or isinstance(number, str):
        return number or "-"
    return f"{number:.2f}" if number == 0 or 0.01 <= abs(number) < 100 else f"{number:.0e}"


def _share(units: tuple[int, ...], row: Row) -> str | None:
    if not row.units or not units:
        return None if row.units is None else "0"
    return f"{max(1, round(100 * len(units) / row.units))}%"
