"""`Audit`: the result of `audit`, as a table, a list of dicts and a picture."""

import io
from dataclasses import dataclass
from typing import Any

from keras_actx.models.findings import Finding, Row

_MANY = 10_000  # columns: no line is wrapped


@dataclass(frozen=True)
class Audit:
    """What `keras_actx.audit` found.

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
        from rich.console import Console

        stream = io.StringIO()
        Console(file=stream, width=_MANY, color_system=None, markup=False, highlight=False).print(self)
        return "\n".join(line.rstrip() for line in stream.getvalue().splitlines())

    __repr__ = __str__

    def __rich__(self) -> Any:
        from rich.console import Group
        from rich.text import Text

        lines = [Text(f"{self.model}: {self.verdict}")]
        lines += [Text(f"- {one}") for one in self.findings]
        return Group(self._table(), *lines)

    def _table(self) -> Any:
        from rich import box
        from rich.table import Table

        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
        table.add_column("layer", no_wrap=True, min_width=8)
        table.add_column("activation", no_wrap=True, max_width=24, min_width=4)
        # Of the weights, and of the sample.
        columns = (
            ["gain", "rule", "E[z²]", "grad"] if self.sample is None else ["gain", "rule", "E[z²]", "data", "grad"]
        )
        columns += [] if self.sample is None else ["dead", "sat."]
        for column in columns:
            table.add_column(column, justify="right", no_wrap=True, min_width=4)
        table.add_column("verdict", no_wrap=True, min_width=9)
        for row in self.layers:
            finding = self._finding(row)
            numbers = [row.gain, "norm." if row.is_normalized else row.rule_gain, row.expected]
            numbers += [row.expected_gradient] if self.sample is None else [row.measured, row.gradient]
            of_units = [] if self.sample is None else [_share(row.dead, row), _share(row.saturated, row)]
            verdict = "ok" if finding is None else finding.verdict
            table.add_row(row.layer, row.activation or "?", *map(_short, numbers), *of_units, verdict)
        return table


def _short(number: float | str | None) -> str:
    if number is None or isinstance(number, str):
        return number or "-"
    return f"{number:.2f}" if number == 0 or 0.01 <= abs(number) < 100 else f"{number:.0e}"


def _share(units: tuple[int, ...], row: Row) -> str:
    return "-" if row.units is None else f"{len(units)}/{row.units}" if units else "0"
