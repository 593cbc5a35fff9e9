"""Timing by turns: what is compared runs in the same moments, so that what else the machine does cancels."""

import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

#: On torch, what is called often is recorded at its sixteenth call.
ROUNDS, WARM_UP = 15, 20
#: A shorter sample is repeated; the clock and what surrounds a call would be measured otherwise.
SHORTEST = 2e-3


def about() -> dict[str, Any]:
    """What the times were measured with."""
    backend = keras.backend.backend()
    versions = {"python": platform.python_version(), "keras": keras.__version__, "numpy": np.__version__}
    return {
        "backend": backend,
        "versions": {**versions, backend: sys.modules[backend].__version__},
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, one thread",
    }


def compared(calls: dict[str, Callable[[], None]]) -> dict[str, Any]:
    """Median and quartiles of the ratios of ours to each other, over rounds in which all take turns."""
    repeats = 1
    for call in calls.values():
        for _ in range(WARM_UP):
            call()
    once = min(seconds(call, 1) for call in calls.values())
    repeats = max(1, round(SHORTEST / once))
    rounds = []
    for i in range(ROUNDS):
        order = list(calls) if i % 2 else list(reversed(calls))
        rounds.append({one: seconds(calls[one], repeats) for one in order})
    found: dict[str, Any] = {"ms": _rounded(1e3 * statistics.median(one["ours"] for one in rounds))}
    for other in calls:
        if other != "ours":
            found[other] = quartiles([one["ours"] / one[other] for one in rounds])
    return found


def quartiles(values: list[float]) -> list[float]:
    """The median, then the lower and the upper quartile."""
    low, middle, high = statistics.quantiles(values, n=4)
    return [_rounded(middle), _rounded(low), _rounded(high)]


def seconds(call: Callable[[], None], repeats: int) -> float:
    """The processor's time of one call."""
    started = time.process_time()
    for _ in range(repeats):
        call()
    return (time.process_time() - started) / repeats


def _rounded(value: float) -> float:
    return float(f"{value:.3g}")
