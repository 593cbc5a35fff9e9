"""Properties of an activation at its defaults, computed from its declaration, for the filters of the gallery."""

import functools
import math
import re
from typing import Any

import keras
import make_libraries
import numpy as np
from site_pages.curves import BLOCK
from site_pages.index_page import section

import keras_actx as actx
from keras_actx.backend import eager_float64
from keras_actx.declaration.declaration import Declaration

#: Where a bound that is not reached at 10^6 is none.
_FAR = np.geomspace(1e6, 1e100, 200)
_NEAR = np.concatenate([np.linspace(0.0, 30.0, 12001), np.geomspace(1e-9, 1e6, 2000)])
#: A mean of at most this part of the root of the second moment, for z ~ N(0, 1), is zero-centred.
CENTRED = 0.01


def properties(declaration: Declaration) -> dict[str, Any]:
    """What the gallery shows and filters by; a property of curves is None for an activation along an axis."""
    known = {
        "name": declaration.name,
        "aliases": list(declaration.aliases),
        "summary": declaration.summary,
        "kind": section(declaration),
        "learnable": _learnable(declaration),
        "libraries": _libraries().get(declaration.name, []),
        "year": _year(declaration),
    }
    if declaration.kind == "vector":
        return known | dict.fromkeys(("bounded", "monotone", "smooth", "centred", "mean", "gain"))
    value = getattr(actx.activations, declaration.name)
    found = actx.moments(value)
    return known | {
        "bounded": _bounded(declaration),
        "monotone": _is_monotone(declaration),
        "smooth": _smooth(declaration),
        "centred": abs(found.mean) <= CENTRED * math.sqrt(found.second_moment),
        "mean": found.mean,
        "gain": actx.gain(value),
    }


def _learnable(declaration: Declaration) -> str:
    if declaration.learnable:
        return "by default"
    by_request = declaration.learnable_parameters and declaration.kind != "gated" and not declaration.stochastic
    return "on request" if by_request else "no"


@functools.cache
def _libraries() -> dict[str, list[str]]:
    """The titles of the libraries that have an activation, by its name here."""
    found: dict[str, list[str]] = {}
    for library in make_libraries.read():
        for name in dict.fromkeys(actx.describe(row.plain_name).name for row in library.rows if row.plain_name):
            found.setdefault(name, []).append(library.title)
    return found


def _year(declaration: Declaration) -> int | None:
    """The year of the first source; None for a textbook function."""
    found = re.search(r"\b(?:19|20)\d\d\b", re.sub(r"arXiv:\S+", "", declaration.cites[0]))
    return int(found[0]) if found else None


@functools.cache
def _curves(declaration: Declaration) -> tuple[np.ndarray, list[np.ndarray]]:
    """The function on a wide grid; of a gated activation, of the gate and of the value, with 1 and -1 for the other."""
    size = np.unique(np.concatenate([_NEAR, _FAR]))
    x = np.concatenate([-size[::-1], size])
    if declaration.kind == "elementwise":
        return x, [_evaluate(declaration, x)]
    ones = np.ones_like(x)
    pairs = [(ones, x), (-ones, x), (x, ones), (x, -ones)]
    return x, [_evaluate(declaration, np.stack(pair, axis=-1)) for pair in pairs]


def _evaluate(declaration: Declaration, inputs: np.ndarray) -> np.ndarray:
    value = getattr(actx.activations, declaration.name)
    # In blocks of one size: JAX compiles for every other.
    blocks = np.resize(inputs, (-(-len(inputs) // BLOCK), BLOCK, *inputs.shape[1:]))
    with eager_float64():
        found = [value(keras.ops.convert_to_tensor(one, dtype="float64")) for one in blocks]
        return np.concatenate([np.array(keras.ops.convert_to_numpy(one)).ravel() for one in found])[: len(inputs)]


def _bounded(declaration: Declaration) -> str:
    x, curves = _curves(declaration)
    is_far = np.abs(x) >= _FAR[0]
    below = all(_stays(-one[is_far], -one[~is_far]) for one in curves)
    above = all(_stays(one[is_far], one[~is_far]) for one in curves)
    return "both sides" if below and above else "below" if below else "above" if above else "no"


def _stays(far: np.ndarray, near: np.ndarray) -> bool:
    """Whether the values far from 0 are hardly above those near it."""
    highest = near.max()
    return bool(np.isfinite(highest) and far.max() <= highest + 0.01 * (1.0 + abs(highest)))


def _is_monotone(declaration: Declaration) -> bool | None:
    if declaration.kind == "gated":
        return None
    _, (y,) = _curves(declaration)
    y = y[np.isfinite(y)]
    steps, rounding = np.diff(y), 1e-12 * np.abs(y[1:])
    return bool((steps >= -rounding).all() or (steps <= rounding).all())


def _smooth(declaration: Declaration) -> str:
    """How often it can be differentiated: by comparing values and slopes on both sides of each declared kink."""
    kinks = np.array(list(declaration.kinks_at(declaration.defaults)))
    if not kinks.size:
        return "all derivatives"
    step = 1e-5 * np.maximum(1.0, np.abs(kinks))
    beside = [kinks + many * step for many in (-2, -1, 1, 2)]
    points = np.concatenate(beside)
    if declaration.kind == "gated":
        points = np.stack([np.ones_like(points), points], axis=-1)
    first, left, right, last = _evaluate(declaration, points).reshape(4, -1)
    if (np.abs(right - left) > 1e-3).any():
        return "no: jumps"
    bends = np.abs((last - right) - (left - first)) / step
    return "no: kinks" if (bends > 1e-3).any() else "at least the first derivative"
