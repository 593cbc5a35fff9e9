"""Writes the ledger of the tests, tests/known_errors/BACKEND.toml, from the results of benchmarks/numerics.py.

    python benchmarks/make_ledger.py

An entry is written for every activation, quantity and dtype that exceeds its bar, with the region and the largest
error, both a little widened, and the points where it was worst. Why it does is for a person to say, in
tests/known_errors/reasons.toml; without a reason the tests fail. Derivatives that are right in units of their largest
term only are listed as cancelling, with that term. The same results give the same bytes.
"""

import json
import math
from pathlib import Path

from keras_actx.testing import derivatives, values

HERE = Path(__file__).resolve().parent
LEDGER = HERE.parent / "tests" / "known_errors"
_WITNESSES = 3  # of an entry: the worst points, each of another way to call or other parameters
_WIDER = 1.1  # than measured: another grid, or a processor with other vector instructions, comes out a little worse


def main() -> None:
    """Write one file a backend."""
    for path in sorted((HERE / "results").glob("numerics-*.json")):
        result = json.loads(path.read_text())
        entries = [one for name, row in result["activations"].items() for one in entries_of(name, row)]
        text = "# Written by benchmarks/make_ledger.py; the reasons are in reasons.toml.\n" + "".join(entries)
        (LEDGER / f"{result['backend']}.toml").write_text(text, encoding="utf-8")
        print(f"{result['backend']}: {len(entries)} entries")


def entries_of(name: str, row: dict) -> list[str]:
    """The entries of one activation, as text."""
    entries = []
    for dtype, bar in values.BARS.items():
        ours = {way: found for way, found in row["value"][dtype].items() if way not in ("keras", "native")}
        found = {(name, way): one for way, one in ours.items()}
        found |= {(of, "ours"): one for of, one in row["parameters"][dtype].items()}
        entries += _entry(name, "value", dtype, bar, found)
    for dtype in row["derivative_of_term"]:
        found = {(name, "ours"): row["derivative_of_term"][dtype]}
        found |= {(of, "ours"): one for of, one in row["parameters"][f"derivative {dtype}"].items()}
        entries += _entry(name, "derivative", dtype, derivatives.BAR, found)
        own = row["derivative"][dtype]
        if "cancels" in own:
            entries += _cancelling(name, dtype, own)
    return entries


def _cancelling(name: str, dtype: str, own: dict) -> list[str]:
    lines = (
        "[[cancelling]]",
        f'name = "{name}"',
        f'dtype = "{dtype}"',
        f'term = "{own["cancels"]}"',
        f"ulps = {own['ulps']!r}",
        f"at = {own['at']!r}",
    )
    return ["\n" + "\n".join(lines) + "\n"]


def _entry(name: str, quantity: str, dtype: str, bar: float, found: dict) -> list[str]:
    over = {key: one for key, one in found.items() if "over" in one or "lost" in one}
    if not over:
        return []
    regions = [one[kind][1:] for one in over.values() for kind in ("over", "lost") if kind in one]
    low, high = min(low for low, _ in regions), max(high for _, high in regions)
    lost = any("lost" in one for one in over.values())
    largest = math.inf if lost else max(one.get("steep_ulps", one["ulps"]) for one in over.values())
    worst = sorted(over.items(), key=lambda item: (-("lost" in item[1]), -item[1]["ulps"]))[:_WITNESSES]
    lines = [
        "[[entry]]",
        f'name = "{name}"',
        f'quantity = "{quantity}"',
        f'dtype = "{dtype}"',
        f"low = {_outward(low, -1)!r}",
        f"high = {_outward(high, 1)!r}",
        f"ulps = {max(bar, _outward(largest, 1))!r}",
        "witnesses = [",
        *(f'    ["{of}", "{way}", {one["lost"][1] if "lost" in one else one["at"]!r}],' for (of, way), one in worst),
        "]",
    ]
    return ["\n" + "\n".join(lines) + "\n"]


def _outward(number: float, sign: int) -> float:
    """The number widened in the direction of `sign`, with two digits."""
    if not math.isfinite(number) or number == 0 or abs(number) > 1e300:
        return number
    away = number * sign > 0
    wide = number * (_WIDER if away else 1 / _WIDER)
    step = 10.0 ** (math.floor(math.log10(abs(wide))) - 1)
    return float(f"{(math.ceil if sign > 0 else math.floor)(wide / step) * step:.2g}")


if __name__ == "__main__":
    main()
